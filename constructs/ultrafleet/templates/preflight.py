"""Preflight of a pool: problems of deploying it, from the classification of updates and what only AWS knows.

Which properties replace a node group, roll or resize its nodes is `node_group_update`'s answer, as in a review. Only a
live account knows how many nodes run, in which blocks, and which versions of the launch template there are.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.rules.schedule_tags import GROUP_TAG, HOLD, LEAD_TAG, RESERVATION_TAG, SCHEDULE_TAG
from ultrafleet.templates.node_group_update import NodeGroupUpdate, update_of_live_node_group

_VERSION: Final = "LaunchTemplate/Version"
_ROLL: Final = "set hold and wait until it is empty, or say roll_running_nodes: true"


@dataclass(frozen=True, kw_only=True)
class LivePool:
    """A node group as AWS describes it.

    Attributes:
        node_group: `nodegroup` of `eks:DescribeNodegroup`; None where there is none.
        latest_version: newest version of its launch template; None where there is none.
        running_in: capacity reservations that its nodes run in. Default: empty, not looked at.
    """

    node_group: Mapping[str, Any] | None
    latest_version: int | None
    running_in: frozenset[str] = frozenset()


def preflight_problems(
    pool_name: str,
    synthesised: Mapping[str, Any],
    live: LivePool,
    *,
    roll_running_nodes: bool,
    blocks: Collection[str] | None = None,
) -> list[str]:
    """Problems of deploying a pool, a line each; none where no node that runs is taken away and nothing is refused.

    Args:
        pool_name: name of the pool.
        synthesised: properties of its `AWS::EKS::Nodegroup`.
        live: the pool in AWS.
        roll_running_nodes: the user said that running nodes may be replaced or taken away.
        blocks: reservation ids of the pool's blocks as synthesised. Default: they are not looked at.
    """
    launch_template_version = int(synthesised["LaunchTemplate"]["Version"])
    latest = live.latest_version or 0
    group = live.node_group
    if group is None:
        if launch_template_version > latest + 1:
            message = (
                f"pool {pool_name} has launch_template_version {launch_template_version}, expected 1: it doesn't exist "
                "yet and its launch template begins at version 1, set launch_template_version to 1"
            )
            return [message]
        return []
    update = update_of_live_node_group(group, synthesised)
    found = [
        f"pool {pool_name} has {path} {_live(group, path)}, expected {_synthesised(synthesised, path)} as synthesised: "
        "EKS can't change it and CloudFormation can't replace a node group of the same name, make a pool with a new "
        "name"
        for path in (*update.replaced, *update.unchangeable)
    ]
    if launch_template_version > latest + 1:
        found.append(
            f"pool {pool_name} has launch_template_version {launch_template_version}, expected at most "
            f"{latest + 1}: the newest version of its launch template is {latest} and a deployment makes one "
            "more, lower launch_template_version"
        )
    running = group["scalingConfig"]["desiredSize"]
    if running > 0 and not roll_running_nodes:
        nodes = f"pool {pool_name} runs {running} nodes"
        found += _rolled(nodes, synthesised, group, update)
        found += _resized(nodes, synthesised, group, update)
        if not _is_held(synthesised):  # a hold is an order to empty the pool
            found += _sized_by_the_schedule(nodes, synthesised, group, update)
            found += _in_a_block_that_left(nodes, synthesised, live, blocks)
    return found


def _rolled(nodes: str, synthesised: Mapping[str, Any], group: Mapping[str, Any], update: NodeGroupUpdate) -> list[str]:
    found = []
    for path in update.rolled:
        before, after = _live(group, path), _synthesised(synthesised, path)
        if path == _VERSION:
            found.append(
                f"{nodes} of launch template version {before}, expected none while launch_template_version becomes "
                f"{after}: {_ROLL}"
            )
        else:
            found.append(f"{nodes} with {path} {before}, expected none while it becomes {after}: {_ROLL}")
    return found


def _resized(
    nodes: str, synthesised: Mapping[str, Any], group: Mapping[str, Any], update: NodeGroupUpdate
) -> list[str]:
    if not update.sizes:
        return []
    ours, theirs = synthesised["ScalingConfig"], group["scalingConfig"]
    message = (
        f"{nodes} with sizes {theirs['minSize']} to {theirs['maxSize']}, expected the same, got {ours['MinSize']} to "
        f"{ours['MaxSize']}: CloudFormation would send the desired size {ours['DesiredSize']} with them, keep the "
        "sizes or say roll_running_nodes: true"
    )
    return [message]


def _sized_by_the_schedule(
    nodes: str, synthesised: Mapping[str, Any], group: Mapping[str, Any], update: NodeGroupUpdate
) -> list[str]:
    """Orders that change, by which the block schedule may empty the pool within five minutes."""
    ours, theirs = synthesised.get("Tags", {}), group.get("tags", {})
    found = [
        f"{nodes} with {tag} {theirs.get(tag, '(none)')}, expected the same, got {ours.get(tag, '(none)')}: the "
        f"schedule would count other blocks and may empty the pool, {_ROLL}"
        for tag in (GROUP_TAG, RESERVATION_TAG)
        if tag in update.schedule_tags
    ]
    lead, lead_now = ours.get(LEAD_TAG), theirs.get(LEAD_TAG)
    # A shorter lead empties nothing earlier than before.
    if LEAD_TAG in update.schedule_tags and lead is not None and lead_now is not None and int(lead) > int(lead_now):
        found.append(
            f"{nodes} with a drain lead of {lead_now} minutes, expected no more, got {lead}: the schedule would empty "
            f"the pool at once if its block ends within {lead} minutes, raise the lead between two blocks, or say "
            "roll_running_nodes: true"
        )
    return found


def _in_a_block_that_left(
    nodes: str, synthesised: Mapping[str, Any], live: LivePool, blocks: Collection[str] | None
) -> list[str]:
    if blocks is None:
        return []
    only = synthesised.get("Tags", {}).get(RESERVATION_TAG)
    counted = set(blocks) if only is None else {only}
    return [
        f"{nodes} in {left}, expected it among its blocks, got {', '.join(sorted(counted)) or '(none)'}: the schedule "
        "would no longer count it and empty the pool, keep the block until it is over, or say roll_running_nodes: true"
        for left in sorted(live.running_in - counted)
    ]


def _is_held(synthesised: Mapping[str, Any]) -> bool:
    return bool(synthesised.get("Tags", {}).get(SCHEDULE_TAG) == HOLD)


def _live(group: Mapping[str, Any], path: str) -> object:
    """A value of the answer by its path in CloudFormation."""
    return _at(group, [f"{name[:1].lower()}{name[1:]}" for name in path.split("/")])


def _synthesised(properties: Mapping[str, Any], path: str) -> object:
    return _at(properties, path.split("/"))


def _at(value: Any, path: list[str]) -> object:  # noqa: ANN401 - JSON
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return "(none)" if value is None else value
