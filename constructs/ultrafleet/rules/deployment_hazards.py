"""What a deployment of a pool would do to the nodes that run, from what is synthesised and what AWS says."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.rules.schedule_tags import GROUP_TAG, HOLD, LEAD_TAG, RESERVATION_TAG, SCHEDULE_TAG

_CREATE_ONLY: Final = {"AmiType": "amiType", "CapacityType": "capacityType"}
"""Create-only properties of a node group whose values are plain in our templates (CloudFormation schema, high)."""


@dataclass(frozen=True, kw_only=True)
class LivePool:
    """A node group as AWS describes it.

    Attributes:
        node_group: `nodegroup` of `eks:DescribeNodegroup`; None where there is none.
        latest_version: newest version of its launch template; None where there is none.
        running_in: capacity reservations that its nodes run in; empty where nobody asked.
    """

    node_group: Mapping[str, Any] | None
    latest_version: int | None
    running_in: frozenset[str] = frozenset()


def pool_hazards(
    pool_name: str,
    synthesised: Mapping[str, Any],
    live: LivePool,
    *,
    roll_running_nodes: bool,
    blocks: Collection[str] | None = None,
) -> list[str]:
    """What stands against deploying a pool, a line each; none where nothing that runs is touched.

    Args:
        pool_name: name of the pool.
        synthesised: properties of its `AWS::EKS::Nodegroup`.
        live: what AWS says of it.
        roll_running_nodes: the user said that running nodes may be replaced or taken away.
        blocks: reservation ids of the pool's blocks as synthesised. Default: they are not looked at.
    """
    launch_template_version = int(synthesised["LaunchTemplate"]["Version"])
    group = live.node_group
    if group is None:
        if launch_template_version > (live.latest_version or 0) + 1:
            message = (
                f"pool {pool_name} has launch_template_version {launch_template_version}, expected 1: it doesn't exist "
                "yet and its launch template begins at version 1, set launch_template_version to 1"
            )
            return [message]
        return []
    found = [
        f"pool {pool_name} has {theirs} {group.get(theirs)}, expected {synthesised[ours]} as synthesised: EKS can't "
        "change it and CloudFormation can't replace a node group of the same name, make a pool with a new name"
        for ours, theirs in _CREATE_ONLY.items()
        if group.get(theirs) != synthesised[ours]
    ]
    latest = live.latest_version or 0
    if launch_template_version > latest + 1:
        found.append(
            f"pool {pool_name} has launch_template_version {launch_template_version}, expected at most "
            f"{latest + 1}: the newest version of its launch template is {latest} and a deployment makes one "
            "more, lower launch_template_version"
        )
    running = group["scalingConfig"]["desiredSize"]
    if running > 0 and not roll_running_nodes:
        found += _on_running_nodes(pool_name, synthesised, group, running, launch_template_version)
        found += _by_the_schedule(pool_name, synthesised, group, running)
        found += _in_a_block_that_left(pool_name, synthesised, live, running, blocks)
    return found


def _on_running_nodes(
    pool_name: str, synthesised: Mapping[str, Any], group: Mapping[str, Any], running: int, launch_template_version: int
) -> list[str]:
    found = []
    version = int(group["launchTemplate"]["version"])
    if version != launch_template_version:
        found.append(
            f"pool {pool_name} runs {running} nodes of launch template version {version}, expected none while "
            f"launch_template_version becomes {launch_template_version}: set hold and wait until it is empty, or "
            "say roll_running_nodes: true"
        )
    scaling = synthesised["ScalingConfig"]
    theirs = group["scalingConfig"]
    if (scaling["MinSize"], scaling["MaxSize"]) != (theirs["minSize"], theirs["maxSize"]):
        found.append(
            f"pool {pool_name} runs {running} nodes with sizes {theirs['minSize']} to {theirs['maxSize']}, expected "
            f"the same, got {scaling['MinSize']} to {scaling['MaxSize']}: CloudFormation would send the desired size "
            f"{scaling['DesiredSize']} with them, keep the sizes or say roll_running_nodes: true"
        )
    return found


def _by_the_schedule(
    pool_name: str, synthesised: Mapping[str, Any], group: Mapping[str, Any], running: int
) -> list[str]:
    """What the block schedule would do within five minutes, on orders that the deployment changes."""
    if _is_held(synthesised):
        return []  # said so: an order to empty the pool
    ours, theirs = synthesised.get("Tags", {}), group.get("tags", {})
    found = [
        f"pool {pool_name} runs {running} nodes with {tag} {theirs.get(tag, '(none)')}, expected the same, got "
        f"{ours.get(tag, '(none)')}: the schedule would count other blocks and may empty the pool, set hold and wait "
        "until it is empty, or "
        "say roll_running_nodes: true"
        for tag in (GROUP_TAG, RESERVATION_TAG)
        if ours.get(tag) != theirs.get(tag)
    ]
    lead, lead_now = ours.get(LEAD_TAG), theirs.get(LEAD_TAG)
    if lead is not None and lead_now is not None and int(lead) > int(lead_now):
        found.append(
            f"pool {pool_name} runs {running} nodes with a drain lead of {lead_now} minutes, expected no more, got "
            f"{lead}: the schedule would empty it at once if its block ends within {lead} minutes, raise the lead "
            "between two blocks, or say roll_running_nodes: true"
        )
    return found


def _in_a_block_that_left(
    pool_name: str, synthesised: Mapping[str, Any], live: LivePool, running: int, blocks: Collection[str] | None
) -> list[str]:
    if blocks is None or _is_held(synthesised):
        return []
    only = synthesised.get("Tags", {}).get(RESERVATION_TAG)
    counted = set(blocks) if only is None else {only}
    return [
        f"pool {pool_name} runs {running} nodes in {left}, expected it among its blocks, got "
        f"{', '.join(sorted(counted)) or '(none)'}: the schedule would no longer count it and empty the pool, keep the "
        "block until it is over, or say roll_running_nodes: true"
        for left in sorted(live.running_in - counted)
    ]


def _is_held(synthesised: Mapping[str, Any]) -> bool:
    return bool(synthesised.get("Tags", {}).get(SCHEDULE_TAG) == HOLD)
