"""Operations on managed node groups."""

import copy
import uuid
from collections.abc import Mapping
from typing import Any

from ultrafleet.catalog.eks import AmiType
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.eks.api.access import grant_nodes
from ultrafleet.rehearsal.eks.api.operations import operation, page
from ultrafleet.rehearsal.eks.clock import Nodes
from ultrafleet.rehearsal.eks.rules.node_groups import NodeGroupFacts, check, template_data
from ultrafleet.rehearsal.eks.state import ClusterRecord, Eks, NodeGroupRecord
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal


def _nodes(eks: Eks) -> Nodes:
    return SIMULATED_ACCOUNT.part(Nodes, eks.account_id, eks.region)


@operation
def create_nodegroup(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """CreateNodegroup. Nodes are launched at once; where that fails, the group's creation has failed."""
    cluster = eks.cluster(params["name"])
    call = Calls(account_id=eks.account_id, region=eks.region)
    template, problem = template_data(call, params.get("launchTemplate"))
    wanted = params.get("subnets") or []
    subnets = [s for s in call("ec2", "describe_subnets")["Subnets"] if s["SubnetId"] in wanted]
    check(
        NodeGroupFacts(
            eks=eks, cluster=cluster, params=params, template=template, template_problem=problem, subnets=subnets
        )
    )
    group = NodeGroupRecord(described=_description(eks, cluster, params))
    cluster.node_groups[params["nodegroupName"]] = group
    grant_nodes(eks, cluster, params["nodeRole"])
    _nodes(eks).fill(cluster, group)
    if group.described["health"]["issues"]:
        group.described["status"] = "CREATE_FAILED"
        group.next_try = None
    return {"nodegroup": group.described}


def _description(eks: Eks, cluster: ClusterRecord, params: Mapping[str, Any]) -> dict[str, Any]:
    kept = (
        "instanceTypes", "subnets", "nodeRole", "labels", "taints", "updateConfig", "nodeRepairConfig",
        "launchTemplate", "diskSize", "tags",
    )  # fmt: skip
    name = params["nodegroupName"]
    stated = params.get("scalingConfig") or {"minSize": 1, "maxSize": 2, "desiredSize": 2}
    scaling = {"desiredSize": stated.get("minSize", 1), **stated}
    return {
        **{key: copy.deepcopy(params[key]) for key in kept if params.get(key) is not None},
        "nodegroupName": name,
        "nodegroupArn": eks.arn("nodegroup", cluster.described["name"], name, str(uuid.uuid4())),
        "clusterName": cluster.described["name"],
        "version": params.get("version") or cluster.described["version"],
        "releaseVersion": params.get("releaseVersion") or f"{cluster.described['version']}.0-20261101",
        "createdAt": SIMULATED_ACCOUNT.now,
        "modifiedAt": SIMULATED_ACCOUNT.now,
        "status": "ACTIVE",
        "capacityType": params.get("capacityType") or "ON_DEMAND",
        "amiType": params.get("amiType") or str(AmiType.AL2023_X86_64_STANDARD),
        "scalingConfig": scaling,
        "health": {"issues": []},
        "resources": {"autoScalingGroups": [{"name": f"eks-{name}-{uuid.uuid4()}"}]},
    }


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
    """UpdateNodegroupConfig: sizes, labels, taints, how updates and repairs go. It restarts no node."""
    cluster, group = eks.cluster(params["name"]), eks.node_group(params["name"], params["nodegroupName"])
    _check_free(group)
    scaling = params.get("scalingConfig")
    if scaling:
        wanted = {**group.described["scalingConfig"], **scaling}
        if not 0 <= wanted["minSize"] <= wanted["desiredSize"] <= wanted["maxSize"]:
            raise Refusal("InvalidParameterException", f"desired size {wanted['desiredSize']} is not between the sizes")
    labels = params.get("labels") or {}
    if labels:
        described = group.described.setdefault("labels", {})
        described.update(labels.get("addOrUpdateLabels") or {})
        for key in labels.get("removeLabels") or []:
            described.pop(key, None)
    taints = params.get("taints") or {}
    if taints:
        changed = [*(taints.get("addOrUpdateTaints") or []), *(taints.get("removeTaints") or [])]
        keys = {(taint["key"], taint["effect"]) for taint in changed}
        kept = [taint for taint in group.described.get("taints", []) if (taint["key"], taint["effect"]) not in keys]
        group.described["taints"] = [*kept, *(taints.get("addOrUpdateTaints") or [])]
    for key in ("updateConfig", "nodeRepairConfig"):
        if params.get(key):
            group.described[key] = params[key]
    group.described["modifiedAt"] = SIMULATED_ACCOUNT.now
    if scaling:
        group.next_try = None
        _nodes(eks).resize(cluster, group, scaling)
    return {"update": cluster.update("ConfigUpdate", status="InProgress" if group.draining else "Successful")}


@operation
def update_nodegroup_version(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateNodegroupVersion: replaces every node."""
    cluster, group = eks.cluster(params["name"]), eks.node_group(params["name"], params["nodegroupName"])
    _check_free(group)
    call = Calls(account_id=eks.account_id, region=eks.region)
    template = params.get("launchTemplate")
    if template:
        _, problem = template_data(call, template)
        if problem:
            raise Refusal("InvalidParameterException", problem)
        if template.get("id", group.described["launchTemplate"].get("id")) != group.described["launchTemplate"].get(
            "id"
        ):
            raise Refusal("InvalidParameterException", "You cannot change the launch template of a node group")
        group.described["launchTemplate"] = {**group.described["launchTemplate"], **template}
    for key in ("version", "releaseVersion"):
        if params.get(key):
            group.described[key] = params[key]
    group.described["modifiedAt"] = SIMULATED_ACCOUNT.now
    _nodes(eks).roll(cluster, group)
    return {"update": cluster.update("VersionUpdate")}


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
