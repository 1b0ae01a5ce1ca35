"""Stacks of a deployment: updates that CloudFormation refuses, and resources under running nodes that change."""

from collections.abc import Iterator
from typing import Final

from ultrafleet.preflight.account import node_groups_of
from ultrafleet.preflight.deployment import Deployment, StackUpdate
from ultrafleet.preflight.finding import Finding, hazard, nodes, note, refused, unclear
from ultrafleet.templates.node_group import NODE_GROUP
from ultrafleet.templates.template_changes import ChangeAction, ResourceChange, imports
from ultrafleet.templates.update_effects import Effect

_UNDER_NODES: Final = frozenset(
    {
        "AWS::EC2::CapacityReservation",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::Subnet",
        "AWS::EC2::VPC",
        "AWS::EKS::AccessEntry",
        "AWS::EKS::Cluster",
        "AWS::FSx::FileSystem",
        "AWS::IAM::Role",
        "Custom::AWSCDK-EKS-HelmChart",
        "Custom::AWSCDK-EKS-KubernetesResource",
    }
)
"""Types of which a resource that goes, or is made anew, is missed by nodes or by what runs on them."""


def stack_findings(deployment: Deployment) -> Iterator[Finding]:
    """Findings of the environment's stacks as a whole."""
    yield from _unclear(deployment)
    running = sum(group.nodes for group in deployment.account.node_groups.values())
    for update in deployment.updates:
        if update.live is None:
            continue
        yield from _status(update)
        imported = {
            name: other.name
            for other in deployment.account.stacks.values()
            if other.name != update.name
            for name in imports(other.template)
        }
        moved = sorted(update.changes.moved_exports & imported.keys())
        for change in update.changes.resources:
            if change.resource_type != NODE_GROUP:
                yield from _changed(update, change, running, refused_anyway=bool(moved))
        if moved:
            yield refused(_moved(update, {name: imported[name] for name in moved}))


def _unclear(deployment: Deployment) -> Iterator[Finding]:
    """Answers that contradict each other: nodes may run that can't be seen."""
    account, cluster = deployment.account, deployment.environment.name
    has_stack = f"{cluster}-cluster" in account.stacks
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
    if has_stack and account.has_cluster and named and not named & account.node_groups.keys():
        yield unclear(
            f"{len(deployed)} stacks of pools exist and none of their node groups in cluster {cluster}: they were "
            "deleted outside of CloudFormation, or the credentials may not list them"
        )


def _status(update: StackUpdate) -> Iterator[Finding]:
    status = update.live.status if update.live is not None else ""
    if status == "UPDATE_ROLLBACK_FAILED":
        yield refused(f"stack {update.name} is {status}, expected one that can be updated: `cdk rollback` first")
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


def _moved(update: StackUpdate, importers: dict[str, str]) -> str:
    causes = [
        f"{change.resource_type} {change.logical_id} ({', '.join(item.path for item in change.properties)})"
        for change in update.changes.resources
        if any(item.effect.replaces for item in change.properties)
    ]
    exports = ", ".join(f"{name} (imported by {stack})" for name, stack in importers.items())
    why = f" since {', '.join(causes)} would be replaced" if causes else ""
    return (
        f"stack {update.name} would change exports that other stacks import{why}: {exports}; CloudFormation refuses "
        "that and rolls back, add a new resource beside the old one and move pools to it"
    )
