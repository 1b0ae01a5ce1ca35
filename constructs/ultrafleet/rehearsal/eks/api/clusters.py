"""Operations on clusters."""

import copy
import hashlib
from collections.abc import Mapping
from typing import Any, Final

from ultrafleet.catalog.eks import KUBERNETES_VERSIONS
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.eks.api.operations import operation, page
from ultrafleet.rehearsal.eks.api.service_linked_roles import make_service_linked_roles
from ultrafleet.rehearsal.eks.rules.clusters import ClusterFacts, check
from ultrafleet.rehearsal.eks.rules.versions import VERSIONS
from ultrafleet.rehearsal.eks.state import ClusterRecord, Eks
from ultrafleet.rehearsal.refusals.eks_updates import MODE_STEP, STANDARD_TOO_LATE, VERSION_STEP
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal, refused

_CONFIGS: Final = (
    "accessConfig", "computeConfig", "controlPlaneScalingConfig", "deletionProtection", "kubernetesNetworkConfig",
    "logging", "remoteNetworkConfig", "resourcesVpcConfig", "storageConfig", "upgradePolicy", "zonalShiftConfig",
)  # fmt: skip
_MODES: Final = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")
"""Authentication modes in the order in which they can be changed; the first is the default of EKS's API."""


@operation
def create_cluster(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """CreateCluster; it is active at once."""
    call = Calls(account_id=eks.account_id, region=eks.region)
    vpc_config = params.get("resourcesVpcConfig") or {}
    subnets = call("ec2", "describe_subnets", SubnetIds=vpc_config.get("subnetIds") or [])["Subnets"]
    facts = ClusterFacts(eks=eks, params=params, subnets=subnets, call=call)
    check(facts)
    name = params["name"]
    vpc_id = subnets[0]["VpcId"]
    unique = hashlib.sha256(f"{eks.account_id}/{eks.region}/{name}".encode()).hexdigest()[:32].upper()
    described: dict[str, Any] = {
        **{key: copy.deepcopy(params[key]) for key in (*_CONFIGS, "roleArn", "encryptionConfig") if key in params},
        "name": name,
        "arn": eks.arn("cluster", name),
        "createdAt": SIMULATED_ACCOUNT.now,
        "version": params.get("version") or VERSIONS[-1],
        "endpoint": f"https://{unique}.gr7.{eks.region}.eks.amazonaws.com",
        "identity": {"oidc": {"issuer": f"https://oidc.eks.{eks.region}.amazonaws.com/id/{unique}"}},
        "status": "ACTIVE",
        "certificateAuthority": {"data": "LS0tLS1CRUdJTi0="},
        "platformVersion": "eks.1",
        "tags": params.get("tags") or {},
        "health": {"issues": []},
        "resourcesVpcConfig": {
            **vpc_config,
            "vpcId": vpc_id,
            "clusterSecurityGroupId": _cluster_security_group(call, name, vpc_id),
        },
    }
    described.setdefault("deletionProtection", False)
    described.setdefault("upgradePolicy", {"supportType": "EXTENDED"})  # default of the API (EKS API reference, high)
    eks.clusters[name] = ClusterRecord(described=described)
    make_service_linked_roles(eks, "eks.amazonaws.com")
    return {"cluster": described}


def _cluster_security_group(call: Calls, name: str, vpc_id: str) -> str:
    """Cluster security group: its members reach one another, and everything outside (EKS user guide, high)."""
    group_id: str = call(
        "ec2",
        "create_security_group",
        GroupName=f"eks-cluster-sg-{name}-{hashlib.sha256(name.encode()).hexdigest()[:9]}",
        Description="EKS created security group applied to ENI that is attached to EKS Control Plane master nodes",
        VpcId=vpc_id,
    )["GroupId"]
    permission = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group_id}]}]
    call("ec2", "authorize_security_group_ingress", GroupId=group_id, IpPermissions=permission)
    return group_id


@operation
def describe_cluster(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeCluster."""
    return {"cluster": eks.cluster(params["name"]).described}


@operation
def list_clusters(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """ListClusters."""
    return page("clusters", sorted(eks.clusters), params)


@operation
def update_cluster_config(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateClusterConfig: one kind of change in a call."""
    cluster = eks.cluster(params["name"])
    given = [key for key in _CONFIGS if params.get(key) is not None]
    if len(given) != 1:
        raise Refusal(
            "InvalidParameterException", f"Only one type of update can be allowed, got {', '.join(given) or 'none'}"
        )
    key = given[0]
    if key == "accessConfig":
        _check_mode(cluster.described.get(key, {}), params[key])
    if key == "upgradePolicy":
        _check_policy(cluster.described, params[key])
    if isinstance(params[key], dict):
        cluster.described[key] = {**cluster.described.get(key, {}), **params[key]}
    else:
        cluster.described[key] = params[key]
    return {"update": cluster.update("ConfigUpdate")}


def _check_policy(described: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Hold a cluster in extended support to it, where the end of standard support is known."""
    ends = {version.name: version.end_of_standard_support for version in KUBERNETES_VERSIONS}
    end = ends.get(described["version"])
    if wanted.get("supportType") == "STANDARD" and end is not None and SIMULATED_ACCOUNT.now.date() > end:
        # Words of our own: no source has EKS's.
        message = f"Extended support can't be disabled: {described['version']} is in it since {end}"
        raise refused(STANDARD_TOO_LATE, message)


def _check_mode(described: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Hold an authentication mode to its one way, a step at a time."""
    old = described.get("authenticationMode", _MODES[0])
    new = wanted.get("authenticationMode", old)
    if _MODES.index(new) - _MODES.index(old) not in {0, 1}:
        message = f"Unsupported authentication mode update from {old} to {new}"
        raise refused(MODE_STEP, message)


@operation
def update_cluster_version(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateClusterVersion: one minor version at a time."""
    cluster = eks.cluster(params["name"])
    old, new = cluster.described["version"], params["version"]
    if new not in VERSIONS or int(new.split(".")[1]) != int(old.split(".")[1]) + 1:
        message = f"Unsupported Kubernetes minor version update from {old} to {new}"
        raise refused(VERSION_STEP, message)
    cluster.described["version"] = new
    return {"update": cluster.update("VersionUpdate")}


@operation
def delete_cluster(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteCluster, without node groups and unprotected."""
    cluster = eks.cluster(params["name"])
    if cluster.node_groups:
        raise Refusal("ResourceInUseException", "Cluster has nodegroups attached")
    if cluster.described["deletionProtection"]:
        raise Refusal(
            "InvalidRequestException",
            "The cluster cannot be deleted while it has deletion protection enabled. Disable it first.",
        )
    call = Calls(account_id=eks.account_id, region=eks.region)
    call("ec2", "delete_security_group", GroupId=cluster.described["resourcesVpcConfig"]["clusterSecurityGroupId"])
    del eks.clusters[params["name"]]
    return {"cluster": {**cluster.described, "status": "DELETING"}}


@operation
def describe_update(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeUpdate."""
    updates = eks.cluster(params["name"]).updates
    if params["updateId"] not in updates:
        raise Refusal("ResourceNotFoundException", f"No update found for ID: {params['updateId']}")
    return {"update": updates[params["updateId"]]}


@operation
def list_updates(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """ListUpdates."""
    return page("updateIds", list(eks.cluster(params["name"]).updates), params)


def _tagged(eks: Eks, arn: str) -> dict[str, str]:
    """Tags of the resource of an ARN."""
    for cluster in eks.clusters.values():
        tagged = [
            (cluster.described, "arn"),
            *((group.described, "nodegroupArn") for group in cluster.node_groups.values()),
            *((addon, "addonArn") for addon in cluster.addons.values()),
            *((entry, "accessEntryArn") for entry in cluster.access_entries.values()),
            *((association, "associationArn") for association in cluster.associations.values()),
        ]
        for described, key in tagged:
            if described[key] == arn:
                found: dict[str, str] = described.setdefault("tags", {})
                return found
    raise Refusal("NotFoundException", f"No resource found for ARN: {arn}")


@operation
def tag_resource(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """TagResource."""
    _tagged(eks, params["resourceArn"]).update(params["tags"])
    return {}


@operation
def untag_resource(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """UntagResource."""
    tags = _tagged(eks, params["resourceArn"])
    for key in params["tagKeys"]:
        tags.pop(key, None)
    return {}


@operation
def list_tags_for_resource(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """ListTagsForResource."""
    return {"tags": _tagged(eks, params["resourceArn"])}
