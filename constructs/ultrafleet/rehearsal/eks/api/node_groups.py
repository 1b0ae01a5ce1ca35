"""Operations on managed node groups."""

import copy
import uuid
from collections.abc import Mapping
from typing import Any

from ultrafleet.rehearsal.assumptions import STARTS_AT_MIN_SIZE
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.eks.api.access import grant_nodes
from ultrafleet.rehearsal.eks.api.operations import operation, page
from ultrafleet.rehearsal.eks.api.service_linked_roles import make_service_linked_roles
from ultrafleet.rehearsal.eks.clock import Nodes
from ultrafleet.rehearsal.eks.engine.scale_down import plan_scale_down
from ultrafleet.rehearsal.eks.rules.node_group_facts import NodeGroupFacts, ami_type_of, sizes_of, template_data
from ultrafleet.rehearsal.eks.rules.node_groups import CONFIG_RULES, VERSION_RULES, check
from ultrafleet.rehearsal.eks.state import ClusterRecord, Eks, NodeConfiguration, NodeGroupRecord
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

_WAITS = "reservation-pending"
"""Refusal of a launch that ends when the block is active."""


def _nodes(eks: Eks) -> Nodes:
    return SIMULATED_ACCOUNT.part(Nodes, eks.account_id, eks.region)


def _reservations(eks: Eks) -> Reservations:
    return SIMULATED_ACCOUNT.part(Reservations, eks.account_id, eks.region)


@operation
def create_nodegroup(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """CreateNodegroup. Nodes are launched at once; where that fails, the group's creation has failed.

    A group whose block isn't active yet is created, and reports launch errors until it is (EKS user guide,
    ml-node-groups, high).
    """
    cluster = eks.cluster(params["name"])
    call = Calls(account_id=eks.account_id, region=eks.region)
    template, problem = template_data(call, params.get("launchTemplate"))
    wanted = params.get("subnets") or []
    subnets = tuple(s for s in call("ec2", "describe_subnets")["Subnets"] if s["SubnetId"] in wanted)
    check(
        NodeGroupFacts(
            eks=eks, cluster=cluster, params=params, template=template, template_problem=problem, subnets=subnets
        )
    )
    group = NodeGroupRecord(described=_description(eks, cluster, params, template))
    cluster.node_groups[params["nodegroupName"]] = group
    plan_scale_down(group, template, _reservations(eks))
    make_service_linked_roles(eks, "eks-nodegroup.amazonaws.com", "autoscaling.amazonaws.com")
    grant_nodes(eks, cluster, params["nodeRole"])
    refused = _nodes(eks).fill(cluster, group)
    if (refused is not None and refused.rule != _WAITS) or group.not_joined:
        group.described["status"] = "CREATE_FAILED"
        group.next_try = None
    return {"nodegroup": group.described}


def _description(
    eks: Eks, cluster: ClusterRecord, params: Mapping[str, Any], template: Mapping[str, Any]
) -> dict[str, Any]:
    kept = (
        "instanceTypes", "subnets", "nodeRole", "labels", "taints", "updateConfig", "nodeRepairConfig",
        "launchTemplate", "diskSize", "tags",
    )  # fmt: skip
    name = params["nodegroupName"]
    return {
        **{key: copy.deepcopy(params[key]) for key in kept if params.get(key) is not None},
        "nodegroupName": name,
        "nodegroupArn": eks.arn("nodegroup", cluster.described["name"], name, str(uuid.uuid4())),
        "clusterName": cluster.described["name"],
        "version": params.get("version") or cluster.described["version"],
        "releaseVersion": params.get("releaseVersion") or image_release(cluster.described["version"]),
        "createdAt": SIMULATED_ACCOUNT.now,
        "modifiedAt": SIMULATED_ACCOUNT.now,
        "status": "ACTIVE",
        "capacityType": params.get("capacityType") or "ON_DEMAND",
        "amiType": ami_type_of(params, template),
        "scalingConfig": _first_sizes(params.get("scalingConfig")),
        "health": {"issues": []},
        "resources": {"autoScalingGroups": [{"name": f"eks-{name}-{uuid.uuid4()}"}]},
    }


def image_release(kubernetes_version: str) -> str:
    """Newest release of EKS's images for a Kubernetes version.

    Args:
        kubernetes_version: `major.minor`.
    """
    return f"{kubernetes_version}.0-20261101"


def _first_sizes(stated: Mapping[str, int] | None) -> dict[str, int]:
    """Sizes of a new node group."""
    sizes = sizes_of(stated)
    if stated and "desiredSize" not in stated and STARTS_AT_MIN_SIZE.fault in SIMULATED_ACCOUNT.readings:
        sizes["desiredSize"] = min(max(1, sizes["minSize"]), sizes["maxSize"])
    return sizes


@operation
def describe_nodegroup(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeNodegroup."""
    return {"nodegroup": eks.node_group(params["name"], params["nodegroupName"]).described}


@operation
def list_nodegroups(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """ListNodegroups."""
    return page("nodegroups", sorted(eks.cluster(params["name"]).node_groups), params)


@operation
def update_nodegroup_config(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateNodegroupConfig: sizes, labels, taints, how updates and repairs go. It restarts no node.

    Sizes that it doesn't state stay (EKS API, NodegroupScalingConfig, high).
    """
    cluster, group = eks.cluster(params["name"]), eks.node_group(params["name"], params["nodegroupName"])
    _check_free(group)
    scaling = params.get("scalingConfig")
    changed = {
        "labels": _labels(group, params.get("labels") or {}),
        "taints": _taints(group, params.get("taints") or {}),
        "scalingConfig": {**group.described["scalingConfig"], **(scaling or {})},
    }
    check(NodeGroupFacts(eks=eks, cluster=cluster, params=changed, template={}), only=CONFIG_RULES)
    for key in ("labels", "taints"):
        if params.get(key):
            group.described[key] = changed[key]
    for key in ("updateConfig", "nodeRepairConfig"):
        if params.get(key):
            group.described[key] = params[key]
    group.described["modifiedAt"] = SIMULATED_ACCOUNT.now
    if scaling:
        group.next_try = None
        _nodes(eks).resize(cluster, group, scaling)
    shrinks = bool(scaling and group.draining)
    update = cluster.update("ConfigUpdate", status="InProgress" if shrinks else "Successful")
    if shrinks:
        group.update = update
        group.settle_status()
    return {"update": update}


def _labels(group: NodeGroupRecord, change: Mapping[str, Any]) -> dict[str, str]:
    """Labels of a group after an update."""
    kept = {**group.described.get("labels", {}), **(change.get("addOrUpdateLabels") or {})}
    return {key: value for key, value in kept.items() if key not in (change.get("removeLabels") or [])}


def _taints(group: NodeGroupRecord, change: Mapping[str, Any]) -> list[dict[str, str]]:
    """Taints of a group after an update."""
    added, removed = change.get("addOrUpdateTaints") or [], change.get("removeTaints") or []
    keys = {(taint["key"], taint["effect"]) for taint in (*added, *removed)}
    kept = [taint for taint in group.described.get("taints", []) if (taint["key"], taint["effect"]) not in keys]
    return [*kept, *added]


@operation
def update_nodegroup_version(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateNodegroupVersion: replaces the nodes that were launched with another version, in time.

    The group is UPDATING meanwhile; there is no operation that cancels an update (containers-roadmap #1531, high).
    """
    cluster, group = eks.cluster(params["name"]), eks.node_group(params["name"], params["nodegroupName"])
    _check_free(group)
    named = group.described.get("launchTemplate")
    wanted = params.get("launchTemplate")
    if wanted:
        if named is None or wanted.get("id", named.get("id")) != named.get("id"):
            raise Refusal("InvalidParameterException", "You cannot change the launch template of a node group")
        named = {**named, **wanted}
    template, problem = template_data(Calls(account_id=eks.account_id, region=eks.region), named)
    facts = NodeGroupFacts(
        eks=eks, cluster=cluster, params=group.described, template=template, template_problem=problem
    )
    check(facts, only=VERSION_RULES)
    to = NodeConfiguration(
        launch_template=named,
        version=params.get("version") or group.described["version"],
        release=params.get("releaseVersion") or group.described["releaseVersion"],
    )
    group.described["modifiedAt"] = SIMULATED_ACCOUNT.now
    plan_scale_down(group, template, _reservations(eks))
    update = cluster.update("VersionUpdate", status="InProgress")
    _nodes(eks).roll(cluster, group, to, update=update, forced=bool(params.get("force")))
    return {"update": update}


@operation
def delete_nodegroup(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteNodegroup: its nodes are evicted first."""
    cluster, group = eks.cluster(params["name"]), eks.node_group(params["name"], params["nodegroupName"])
    described = {**group.described, "status": "DELETING"}
    _nodes(eks).delete(cluster, group)
    return {"nodegroup": described}


def _check_free(group: NodeGroupRecord) -> None:
    """Refuse a second update while one is in progress."""
    if group.described["status"] in {"UPDATING", "DELETING", "CREATING"}:
        raise Refusal(
            "ResourceInUseException",
            f"Nodegroup cannot be updated as it is currently not in Active State: {group.described['status']}",
        )
