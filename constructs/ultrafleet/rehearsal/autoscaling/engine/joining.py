"""Reasons for which an instance of an Auto Scaling group joins no cluster as the node that its group means."""

import base64
import email
import json
from collections.abc import Mapping
from typing import Any, Final

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.simulated_account import Refusal

_NODEADM: Final = "application/node.eks.aws"
_ENTRY: Final = "EC2_LINUX"


def never_joins(call: Calls, template: Mapping[str, Any]) -> str | None:
    """Reason for which nodes of a launch template never join; None: they join.

    nodeadm needs name, address, certificate and service addresses of the cluster (nodeadm documentation, high), and the
    role an access entry of type EC2_LINUX (EKS user guide, access entries, high).

    Args:
        call: calls of the account.
        template: data of the launch template.
    """
    told = _cluster_of(template)
    if told is None:
        return "the user data has no NodeConfig with a cluster"
    name = str(told.get("name"))
    try:
        cluster = call("eks", "describe_cluster", name=name)["cluster"]
    except Refusal:
        return f"the user data names cluster {name}, which does not exist"
    known = {
        "apiServerEndpoint": cluster["endpoint"],
        "certificateAuthority": cluster["certificateAuthority"]["data"],
        "cidr": (cluster.get("kubernetesNetworkConfig") or {}).get("serviceIpv4Cidr"),
    }
    for key, value in known.items():
        if told.get(key) != value:
            return f"{key} in the user data is {told.get(key)!r}, and that of cluster {name} is {value!r}"
    return _without_access(call, template, name)


def _without_access(call: Calls, template: Mapping[str, Any], name: str) -> str | None:
    """Reason for which the role of a launch template has no access to a cluster; None: it has."""
    role = _role_of(call, template)
    if role is None:
        return "the launch template has no instance profile with a role"
    try:
        entry = call("eks", "describe_access_entry", clusterName=name, principalArn=role)["accessEntry"]
    except Refusal:
        return f"{role} has no access entry in cluster {name}"
    if entry["type"] != _ENTRY:
        return f"the access entry of {role} is of type {entry['type']}, expected {_ENTRY}"
    return None


def _cluster_of(template: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Cluster that the user data tells nodeadm of; None without one."""
    text = base64.b64decode(template.get("UserData") or "").decode(errors="replace")
    for part in email.message_from_string(text).walk() if text else ():
        if part.get_content_type() == _NODEADM:
            try:
                found = json.loads(str(part.get_payload()))
            except ValueError:
                return None
            cluster = found.get("spec", {}).get("cluster")
            return cluster if isinstance(cluster, Mapping) else None
    return None


def _role_of(call: Calls, template: Mapping[str, Any]) -> str | None:
    """Role of the instance profile; None without one."""
    profile = template.get("IamInstanceProfile") or {}
    name = profile.get("Name") or str(profile.get("Arn") or "").rpartition("/")[2]
    if not name:
        return None
    try:
        roles = call("iam", "get_instance_profile", InstanceProfileName=name)["InstanceProfile"]["Roles"]
    except Refusal:
        return None
    return str(roles[0]["Arn"]) if roles else None
