"""Probe of EKS's own scale-down of a node group on a capacity block."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any, Final

from ultrafleet.catalog import CapacityBlockRules, capacity_blocks
from ultrafleet.catalog.capacity_blocks import in_minutes
from ultrafleet.doctor.account import Account, AwsRefusalError
from ultrafleet.doctor.probe import Answer, Permission, Probe, Question, no, unclear, yes
from ultrafleet.environment import Environment
from ultrafleet.rules.capacity_block import CapacityBlock

_LEAD: Final = CapacityBlockRules.EKS_SCALE_DOWN
_ACTION: Final = str(capacity_blocks.fact("capacity-block/eks-scale-down-action").value)
_PAID: Final = "payment-succeeded"
_NO_GROUP: Final = "ResourceNotFoundException"
_NO_RESERVATION: Final = "InvalidCapacityReservationId.NotFound"


def _node_groups(environment: Environment) -> Iterator[tuple[str, str, CapacityBlock]]:
    """Pool and node group of each block."""
    for pool in environment.pools:
        for block in pool.capacity_blocks:
            yield pool.name, block.node_group(pool.name), block


def _made_questions(environment: Environment) -> Iterator[Question]:
    for pool, group, block in _node_groups(environment):
        yield Question(
            subject=group,
            expected=f"a scheduled action, {in_minutes(_LEAD)} minutes before an end of the block",
            ask=partial(_ask_made, environment.cluster_name, group, block),
            path=f"pool {pool}",
            settles=("capacity-block/eks-scale-down-action", "capacity-block/eks-scale-down-minutes"),
        )


def _extension_questions(environment: Environment) -> Iterator[Question]:
    for pool, group, block in _node_groups(environment):
        yield Question(
            subject=group,
            expected="a scheduled action that an extension of the block leaves at its old time",
            ask=partial(_ask_extension, environment.cluster_name, group, block),
            path=f"pool {pool}",
            settles=("assumption/scale-down-keeps-its-time",),
        )


def _live_end(block: CapacityBlock, account: Account) -> datetime | None:
    """End of a block whose scale-down is still to come; None of others."""
    try:
        answer = account.call(
            "ec2", "describe_capacity_reservations", CapacityReservationIds=[block.capacity_reservation_id]
        )
    except AwsRefusalError as refusal:
        if refusal.code == _NO_RESERVATION:
            return None
        raise
    end: datetime | None = answer["CapacityReservations"][0].get("EndDate")
    return end if end is not None and account.now() < end - _LEAD else None


def _actions(cluster: str, group: str, account: Account) -> list[datetime] | None:
    """Moments of EKS's own scale-downs of a node group; None where there is no such node group."""
    try:
        described = account.call("eks", "describe_nodegroup", clusterName=cluster, nodegroupName=group)["nodegroup"]
    except AwsRefusalError as refusal:
        if refusal.code == _NO_GROUP:
            return None
        raise
    found: list[Any] = []
    for item in (described.get("resources") or {}).get("autoScalingGroups") or []:
        found += account.pages(
            "autoscaling",
            "describe_scheduled_actions",
            "ScheduledUpdateGroupActions",
            AutoScalingGroupName=item["name"],
        )
    return [item["StartTime"] for item in found if item["ScheduledActionName"] == _ACTION and "StartTime" in item]


def _old_ends(block: CapacityBlock, account: Account) -> set[datetime]:
    """Ends that the block had before extensions that are paid."""
    history = account.pages(
        "ec2",
        "describe_capacity_block_extension_history",
        "CapacityBlockExtensions",
        CapacityReservationIds=[block.capacity_reservation_id],
    )
    return {
        item["CapacityBlockExtensionStartDate"] for item in history if item["CapacityBlockExtensionStatus"] == _PAID
    }


def _ask_made(cluster: str, group: str, block: CapacityBlock, account: Account) -> Answer | None:
    actions = _actions(cluster, group, account)
    end = _live_end(block, account) if actions is not None else None
    if actions is None or end is None:
        return None
    if not actions:
        return no(f"node group {group} has no action of that name", "nothing: the block schedule alone drains it")
    ends = {end, *_old_ends(block, account)}
    if actions[0] + _LEAD in ends:
        return yes(f"at {actions[0]:%Y-%m-%d %H:%M} UTC")
    return no(f"at {actions[0]:%Y-%m-%d %H:%M} UTC, the block ends at {end:%Y-%m-%d %H:%M}", "tell the maintainers")


def _ask_extension(cluster: str, group: str, block: CapacityBlock, account: Account) -> Answer | None:
    actions = _actions(cluster, group, account)
    end = _live_end(block, account) if actions else None
    olds = _old_ends(block, account) if end is not None else set()
    if not actions or end is None or not olds:
        return None
    if actions[0] + _LEAD == end:
        return no(f"it moved to {actions[0]:%Y-%m-%d %H:%M} UTC with the extension", "nothing: that is the better way")
    if actions[0] + _LEAD in olds:
        return Answer(
            verdict=yes("").verdict,
            observed=f"it is still at {actions[0]:%Y-%m-%d %H:%M} UTC, the block ends at {end:%Y-%m-%d %H:%M}",
            remedy=f"delete it before it empties the rack: `ultrafleet preflight {cluster}` prints the command",
        )
    return unclear(f"it is at {actions[0]:%Y-%m-%d %H:%M} UTC, before no known end", "tell the maintainers")


_PERMISSIONS: Final = (
    Permission(action="autoscaling:DescribeScheduledActions"),
    Permission(action="ec2:DescribeCapacityBlockExtensionHistory"),
    Permission(action="ec2:DescribeCapacityReservations"),
    Permission(
        action="eks:DescribeNodegroup",
        resources=("arn:{partition}:eks:{region}:{account}:nodegroup/{cluster}/*/*",),
    ),
)
SCALE_DOWN: Final = Probe(
    id="scale-down",
    asks="Does EKS make its own scale-down of the block's node group, at the time that its guide says?",
    permissions=_PERMISSIONS,
    questions=_made_questions,
    later="no node group runs on the block, or its end is near",
)
SCALE_DOWN_EXTENSION: Final = Probe(
    id="scale-down-extension",
    asks="Does an extension of the block leave EKS's own scale-down at its old time?",
    permissions=_PERMISSIONS,
    questions=_extension_questions,
    later="the block wasn't extended since its node group was made",
)
