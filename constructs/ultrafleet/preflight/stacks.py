"""Stacks of a deployment: updates that CloudFormation refuses, and resources under running nodes that change."""

from collections.abc import Iterator
from typing import Final

from ultrafleet.preflight.account import node_groups_of
from ultrafleet.preflight.deployment import Deployment, StackUpdate
from ultrafleet.preflight.finding import Finding, hazard, nodes, note, refused, unclear
from ultrafleet.templates.node_group import NODE_GROUP
from ultrafleet.templates.template_changes import ChangeAction, ResourceChange, imports
from ultrafleet.templates.update_effects import Effect

_CLUSTER: Final = "AWS::EKS::Cluster"
_UNDER_NODES: Final = frozenset(
    {
        "AWS::EC2::CapacityReservation",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::Subnet",
        "AWS::EC2::VPC",
        _CLUSTER,
        "AWS::FSx::FileSystem",
    }
)
"""Types of which a resource that goes, or is made anew, is missed by nodes or by what runs on them."""
_NAMED: Final = 3
"""Resources that a message names."""
_DELIVERED: Final = "Custom::AWSCDK-EKS-"
"""Begins the types of CDK that bring objects and charts into a cluster: deleting one deletes what it brought."""


def stack_findings(deployment: Deployment) -> Iterator[Finding]:
    """Findings of the environment's stacks as a whole."""
    yield from _unclear(deployment)
    yield from _other_cluster(deployment)
    yield from _held_back(deployment)
    running = sum(group.nodes for group in deployment.account.node_groups.values())
    for update in deployment.updates:
        if update.live is None:
            continue
        yield from _status(update)
        imported: dict[str, list[str]] = {}
        for other in deployment.account.stacks.values():
            if other.name != update.name:
                for name in imports(other.template):
                    imported.setdefault(name, []).append(other.name)
        moved = sorted(update.changes.moved_exports & imported.keys())
        for change in update.changes.resources:
            if change.resource_type != NODE_GROUP:
                yield from _changed(update, change, running, refused_anyway=bool(moved))
            elif not _is_named(update, change.logical_id):
                yield from _system_nodes(update, change)
        yield from _undelivered(update, running)
        if moved:
            yield refused(_moved(update, {name: imported[name] for name in moved}))


def _unclear(deployment: Deployment) -> Iterator[Finding]:
    """Answers that contradict each other: nodes may run that can't be seen."""
    account, cluster = deployment.account, deployment.environment.cluster_name
    if deployment.environment.cluster.existing is not None:
        if not account.has_cluster:
            yield unclear(
                f"EKS has no cluster {cluster}, which cluster.existing names: correct the name, or the credentials may "
                "not see it"
            )
        return
    has_stack = any(update.name == f"{cluster}-cluster" and update.live for update in deployment.updates)
    if has_stack and not account.has_cluster:
        yield unclear(
            f"stack {cluster}-cluster exists and EKS has no cluster {cluster}: were it deleted, its stack would have "
            "to be; otherwise the credentials may not see it"
        )
    if account.has_cluster and not has_stack:
        yield refused(
            f"cluster {cluster} exists without a stack {cluster}-cluster, expected both or neither: CloudFormation "
            "can't make a second one of that name"
        )
    deployed = [
        update.name for update in deployment.updates if update.name.startswith(f"{cluster}-pool-") and update.live
    ]
    named = {name for update in deployment.updates if update.name in deployed for name in node_groups_of(update.old)}
    missing = sorted(named - account.node_groups.keys())
    if not (has_stack and account.has_cluster and missing):
        return
    if len(missing) == len(named):
        yield unclear(
            f"{len(deployed)} stacks of pools exist and none of their node groups in cluster {cluster}: they were "
            "deleted outside of CloudFormation, or the credentials may not list them"
        )
    else:
        yield note(
            f"node groups {', '.join(missing)} are in stacks and not in cluster {cluster}: deleted outside of "
            "CloudFormation, which a deployment doesn't repair"
        )


def _other_cluster(deployment: Deployment) -> Iterator[Finding]:
    """Another cluster for pools that are there: the block schedule would leave them, and then their stacks fail."""
    wanted = deployment.environment.cluster_name
    for update in deployment.updates:
        groups = node_groups_of(update.old).values()
        names = sorted({str(properties.get("ClusterName")) for _, properties in groups})
        others = [name for name in names if name != wanted]
        if others and update.new:
            yield refused(
                f"stack {update.name} has node groups in cluster {', '.join(others)}, and the file has {wanted}: they "
                f"can't move, and a block schedule that is made here would leave them unsized; keep cluster "
                f"{others[0]}, and use another environment for the other cluster"
            )


def _held_back(deployment: Deployment) -> Iterator[Finding]:
    """Upgrade of a cluster whose node groups are behind (EKS API reference, UpdateClusterVersion, high)."""
    account = deployment.account
    for update in deployment.updates:
        for change in update.changes.resources:
            upgraded = change.resource_type == _CLUSTER and "Version" in {item.path for item in change.properties}
            behind = sorted(
                f"{group.name} ({group.version})"
                for group in account.node_groups.values()
                if group.version and group.version != account.cluster_version
            )
            if upgraded and behind:
                yield refused(
                    f"cluster {deployment.environment.cluster_name} has {account.cluster_version} and node groups "
                    f"another version: {', '.join(behind)}; EKS updates a cluster only when all of them have its "
                    "version: a block's node group gets it with the next block, delete those that are over"
                )


def _status(update: StackUpdate) -> Iterator[Finding]:
    status = update.live.status if update.live is not None else ""
    if status == "UPDATE_ROLLBACK_FAILED":
        yield refused(f"stack {update.name} is {status}, expected one that can be updated: `cdk rollback` first")
    elif status == "DELETE_FAILED":
        yield refused(
            f"stack {update.name} is {status}, expected one that can be updated: `aws cloudformation delete-stack "
            f"--stack-name {update.name}` again when its reason is removed, the deployment then makes it anew"
        )
    elif status.endswith("_IN_PROGRESS"):
        yield refused(f"stack {update.name} is {status}, expected no operation on it: wait until it ends")


def _changed(update: StackUpdate, change: ResourceChange, running: int, *, refused_anyway: bool) -> Iterator[Finding]:
    where = f"stack {update.name}: {change.resource_type} {change.logical_id}"
    paths = ", ".join(item.path for item in change.properties)
    for refusal in change.refusals:
        yield refused(f"{where}: {refusal.reason}: {refusal.remedy}")
    if change.refused and not change.refusals:
        yield refused(f"{where}: {paths or 'its type'} can't be changed while its name stays, so the stack rolls back")
    if change.refused or refused_anyway or change.resource_type not in _UNDER_NODES:
        return
    if change.action is ChangeAction.REMOVED:
        what = "is deleted"
    elif any(item.effect.replaces for item in change.properties):
        what = f"is replaced ({paths})"
    elif any(item.effect is Effect.CHANGES_ACCESS for item in change.properties):
        yield note(f"{where} changes who reaches what ({paths}): nodes stay")
        return
    else:
        return
    if running:
        yield hazard(
            f"{'deleted' if change.action is ChangeAction.REMOVED else 'replaced'}:{update.name}:{change.logical_id}",
            f"{where} {what} while {nodes(running)} run in the cluster: what uses it loses it",
        )
    else:
        yield note(f"{where} {what}: no node runs")


def _undelivered(update: StackUpdate, running: int) -> Iterator[Finding]:
    """Kubernetes objects and charts that leave a stack."""
    taken = [
        change.logical_id
        for change in update.changes.resources
        if change.action is ChangeAction.REMOVED and change.resource_type.startswith(_DELIVERED)
    ]
    if taken and running:
        counted = "1 resource" if len(taken) == 1 else f"{len(taken)} resources"
        named = ", ".join([*taken[:_NAMED], *(["..."] if len(taken) > _NAMED else [])])
        yield hazard(
            f"undelivered:{update.name}:{len(taken)}",
            f"stack {update.name} loses {counted} that brought objects or charts into the cluster "
            f"({named}) while {nodes(running)} run: deleting them deletes what they brought",
        )


def _is_named(update: StackUpdate, logical_id: str) -> bool:
    """True if a node group has a stated name, so that `node_group_changes` and `leaving` tell its changes."""
    return any(logical_id == found for side in (update.old, update.new) for found, _ in node_groups_of(side).values())


def _system_nodes(update: StackUpdate, change: ResourceChange) -> Iterator[Finding]:
    """Findings of a node group that CloudFormation names, as that of the system nodes."""
    where = f"stack {update.name}: node group {change.logical_id}"
    for refusal in change.refusals:
        yield refused(f"{where}: {refusal.reason}: {refusal.remedy}")
    touching = [item.path for item in change.properties if item.effect.touches_nodes]
    if change.action is ChangeAction.REMOVED:
        yield note(f"{where} is deleted with its nodes")
    elif touching and not change.refused:
        yield note(f"{where}: its nodes are replaced or resized ({', '.join(touching)}), controllers run on them")


def _moved(update: StackUpdate, importers: dict[str, list[str]]) -> str:
    replaced = [
        change for change in update.changes.resources if any(item.effect.replaces for item in change.properties)
    ]
    replaced.sort(key=lambda change: change.resource_type not in _UNDER_NODES)  # what the others follow comes first
    causes = [
        f"{change.resource_type} {change.logical_id} ({', '.join(item.path for item in change.properties)})"
        for change in replaced[:_NAMED]
    ] + ([f"{len(replaced) - _NAMED} more"] if len(replaced) > _NAMED else [])
    exports = ", ".join(f"{name} (imported by {', '.join(sorted(stacks))})" for name, stacks in importers.items())
    why = f" since {', '.join(causes)} would be replaced" if causes else ""
    return (
        f"stack {update.name} would change exports that other stacks import{why}: {exports}; CloudFormation refuses "
        "that and rolls back, add a new resource beside the old one and move pools to it"
    )
