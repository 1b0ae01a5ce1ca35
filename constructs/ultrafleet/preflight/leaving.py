"""Node groups that leave: deleted by the deployment, or left running although the file no longer names them."""

from collections.abc import Iterator
from typing import Final

from ultrafleet.preflight.account import LiveNodeGroup, node_groups_of
from ultrafleet.preflight.deployment import Deployment, PlannedBlock
from ultrafleet.preflight.finding import Finding, hazard, nodes, note, refused
from ultrafleet.rules.schedule_tags import GROUP_TAG, RESERVATION_TAG, SCHEDULE_TAG
from ultrafleet.templates.template_changes import ChangeAction

_MIGRATION = "docs/migration.md keeps them"
_POOL_TAG = "ultrafleet:pool"

_STACK_TAG: Final = "aws:cloudformation:stack-name"
"""Tag that CloudFormation gives what it makes (CloudFormation user guide, resource tags, high)."""


def leaving_findings(deployment: Deployment) -> Iterator[Finding]:
    """Findings of node groups that are live and that the assembly no longer names."""
    taken_out = set()
    existing = {planned.node_group for planned in deployment.blocks if planned.block.existing_node_group is not None}
    for name, update, change in deployment.removed_node_groups():
        live = deployment.account.node_groups.get(name)
        if change.action is ChangeAction.LEFT:
            continue  # retained: it goes on outside of any stack, and is listed with the others
        taken_out.add(name)
        if live is None:
            continue
        if name in existing:
            yield refused(
                f"node group {name} is in stack {update.name}, expected outside of it: a block names it as "
                f"existing_node_group, and this deployment would delete it with {nodes(live.nodes)}; take it out of "
                "the stack first, as docs/migration.md says"
            )
        else:
            yield _deleted(deployment, live, update.name)
    for live in deployment.account.node_groups.values():
        if live.name not in deployment.node_groups and live.name not in taken_out | existing:
            yield from _left(deployment, live)


def _deleted(deployment: Deployment, live: LiveNodeGroup, stack: str) -> Finding:
    if not live.nodes:
        return note(f"node group {live.name} is deleted from stack {stack}: no node runs on it")
    moved = [
        f"{planned.block.capacity_reservation_id} is now in pool {planned.pool}"
        for planned in deployment.blocks
        if planned.block.capacity_reservation_id in live.reservations
    ]
    if GROUP_TAG in live.tags:
        why = f"it has the old shape, one node group on a group of blocks: {_MIGRATION}"
    elif moved:
        why = f"{', '.join(moved)}, as another node group: keep a block in its pool until it is over"
    elif RESERVATION_TAG in live.tags:
        why = "keep its block in the file until it is over"
    else:
        why = "keep its pool as it is, and give blocks a pool with a new name"
    return hazard(
        f"deleted:{live.name}",
        f"node group {live.name} runs {nodes(live.nodes)} and is no longer in stack {stack}: CloudFormation deletes "
        f"it, and EKS evicts and terminates its nodes; {why}",
    )


def _left(deployment: Deployment, live: LiveNodeGroup) -> Iterator[Finding]:
    stack = next(
        (stack.name for stack in deployment.account.stacks.values() if live.name in node_groups_of(stack.template)),
        None,
    )
    if stack is None and not {SCHEDULE_TAG, GROUP_TAG, _POOL_TAG} & live.tags.keys():
        return  # somebody else's
    owner = live.tags.get(_STACK_TAG, "")
    if stack is None and owner and not owner.startswith(f"{deployment.environment.name}-"):
        return  # another environment's on the same cluster
    for planned in deployment.blocks:
        if planned.block.capacity_reservation_id in live.reservations:
            yield _on_the_same_block(deployment, live, planned)
    cluster = deployment.environment.cluster_name
    command = (
        f"aws cloudformation delete-stack --stack-name {stack}"
        if stack is not None
        else f"aws autoscaling delete-auto-scaling-group --auto-scaling-group-name {cluster}-{live.name}"
        if live.is_self_managed
        else f"aws eks delete-nodegroup --cluster-name {cluster} --nodegroup-name {live.name}"
    )
    shape = " (old shape, on a group of blocks: docs/migration.md)" if GROUP_TAG in live.tags else ""
    undrained = (
        f"; it has no tag {RESERVATION_TAG}, so the schedule doesn't empty it before EC2 takes its nodes"
        if GROUP_TAG in live.tags and RESERVATION_TAG not in live.tags
        else ""
    )
    yield note(
        f"node group {live.name}{shape} is live with {nodes(live.nodes)} and the file no longer names it: a deployment "
        f"leaves it and its nodes as they are, queues and reports don't count them{undrained}; "
        f"when they are done: {command}"
    )


def _on_the_same_block(deployment: Deployment, live: LiveNodeGroup, planned: PlannedBlock) -> Finding:
    reservation, name = planned.block.capacity_reservation_id, planned.node_group
    text = (
        f"node group {live.name} is on {reservation}, and the file has that block in pool {planned.pool}, whose node "
        f"group is {name}"
    )
    if name in deployment.account.node_groups:
        return note(f"{text}: two node groups are on one block, delete {live.name} once its nodes are done")
    then = (
        f"{nodes(live.nodes)} stay in {live.name} and {name} fails to launch while they do"
        if live.nodes
        else f"the schedule asks for the nodes of the block in {live.name} and in {name}, and each gets some"
    )
    return hazard(
        f"shared:{reservation}:{live.name}",
        f"{text}: it looks like a rename, which AWS doesn't know; two node groups would be on one block: {then}; keep "
        f"the name, or set existing_node_group: {live.name} on the block",
    )
