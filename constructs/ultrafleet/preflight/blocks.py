"""Capacity blocks of the file beside EC2's: what the file says of a reservation, and what it is."""

from collections.abc import Iterator
from datetime import UTC, datetime
from shlex import quote
from typing import Final

from ultrafleet.catalog.capacity_blocks import CapacityBlockRules, in_minutes
from ultrafleet.preflight.account import LiveNodeGroup, LiveReservation
from ultrafleet.preflight.deployment import Deployment, PlannedBlock
from ultrafleet.preflight.finding import Finding, hazard, nodes, note, refused
from ultrafleet.rules.schedule_tags import LEAD_TAG, RESERVATION_TAG, SCHEDULE_TAG

_BLOCK: Final = "capacity-block"
_OVER: Final = frozenset({"expired", "cancelled", "failed", "payment-failed", "unsupported"})
_QUIET: Final = frozenset({"active", "scheduled"})


def block_findings(deployment: Deployment) -> Iterator[Finding]:
    """Findings of every block: its reservation, and the node group that already runs it."""
    for planned in deployment.blocks:
        live = deployment.account.reservations.get(planned.block.capacity_reservation_id)
        yield from _unknown(deployment, planned) if live is None else _compared(deployment, planned, live)
        if live is not None:
            yield from _occupied(deployment, planned, live)
        if planned.block.existing_node_group is not None:
            yield from _existing(deployment, planned)
    for group in deployment.account.node_groups.values():
        yield from _stale_actions(deployment, group)


def _unknown(deployment: Deployment, planned: PlannedBlock) -> Iterator[Finding]:
    text = f"block {_named(planned)} is not known to EC2 in {deployment.environment.region}"
    if planned.node_group in deployment.account.node_groups:
        yield note(f"{text}, but node group {planned.node_group} is there: if it is over, take it out of the file")
    else:
        yield refused(f"{text}, expected a reservation of the account: correct the id, or buy the block first")


def _compared(deployment: Deployment, planned: PlannedBlock, live: LiveReservation) -> Iterator[Finding]:
    block = planned.block
    stated = {
        "a reservation of type": (_BLOCK, live.kind),
        "of instance type": (str(block.instance_type), live.instance_type),
        "of instance count": (block.instance_count, live.instance_count),
        "in zone": (block.availability_zone, live.availability_zone),
    }
    for what, (ours, theirs) in stated.items():
        if ours != theirs:
            yield refused(
                f"block {_named(planned)} is {what} {theirs} in EC2, expected {ours} as in the file: correct the file"
            )
    if live.state in _OVER:
        text = f"block {_named(planned)} is {live.state} in EC2: take it out of the file"
        is_there = planned.node_group in deployment.account.node_groups
        yield note(text) if is_there else refused(f"{text}, its node group could launch nothing")
    elif live.state not in _QUIET:
        yield note(f"block {_named(planned)} is {live.state} in EC2: no node starts before it is active")
    if live.end is not None and live.end != block.end:
        yield note(
            f"block {_named(planned)} ends at {_moment(live.end)} in EC2 and at {_moment(block.end)} in the file: the "
            "schedule goes by EC2, queues, reviews and reports by the file; correct the file"
        )


def _occupied(deployment: Deployment, planned: PlannedBlock, live: LiveReservation) -> Iterator[Finding]:
    """Instances that are of no node group of the cluster, in an active block that gets a node group."""
    groups = deployment.account.node_groups
    if live.state != "active" or not live.used or planned.node_group in groups:
        return
    if not any(live.id in group.running_in for group in groups.values()):
        yield hazard(
            f"occupied:{live.id}",
            f"block {_named(planned)} already runs {nodes(live.used)}, none of them of cluster "
            f"{deployment.environment.cluster_name}: of an environment that was renamed, another cluster or started by "
            f"hand; node group {planned.node_group} fails to launch while they run. Keep the environment's name, or "
            "end them first",
        )


def _existing(deployment: Deployment, planned: PlannedBlock) -> Iterator[Finding]:
    """A node group that was made elsewhere has the tags by which the schedule empties it in time."""
    reservation, name = planned.block.capacity_reservation_id, planned.node_group
    live = deployment.account.node_groups.get(name)
    if live is None:
        yield refused(
            f"existing_node_group of block {_named(planned)} is {name}, expected a node group of cluster "
            f"{deployment.environment.cluster_name}: correct the name, or leave it out"
        )
        return
    followed = live.tags.get(RESERVATION_TAG)
    missing = [tag for tag in (SCHEDULE_TAG, LEAD_TAG) if tag not in live.tags]
    if followed != reservation or missing:
        found = followed if followed != reservation else f"without {' and '.join(missing)}"
        yield refused(
            f"node group {name} has the tag {RESERVATION_TAG} {found or '(none)'}, expected {reservation}, its block, "
            f"with {SCHEDULE_TAG} and {LEAD_TAG}: the schedule would not empty it before EC2 takes its nodes, tag it: "
            f"aws eks tag-resource --resource-arn ... --tags {RESERVATION_TAG}={reservation}"
        )


def _stale_actions(deployment: Deployment, group: LiveNodeGroup) -> Iterator[Finding]:
    """EKS's own scale-down that still has the end before an extension."""
    live = deployment.account.reservations.get(group.tags.get(RESERVATION_TAG, ""))
    if live is None or live.end is None:
        return
    for action in group.scheduled_actions:
        early = deployment.now < action.start < live.end - CapacityBlockRules.EKS_SCALE_DOWN
        if early and action.desired_size is not None and action.desired_size < group.desired_size:
            yield note(
                f"EKS's own scheduled action {action.name} takes node group {group.name} to {action.desired_size} at "
                f"{_moment(action.start)}, and {live.id} ends at {_moment(live.end)}: expected "
                f"{in_minutes(CapacityBlockRules.EKS_SCALE_DOWN)} minutes before that, it may be left of an end before "
                f"an extension; if so: aws autoscaling delete-scheduled-action --auto-scaling-group-name "
                f"{action.group} --scheduled-action-name {quote(action.name)}"
            )


def _named(planned: PlannedBlock) -> str:
    return f"{planned.block.capacity_reservation_id} of pool {planned.pool}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
