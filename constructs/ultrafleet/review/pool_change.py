"""Pool before and after a change, with what happens to its group: the subject of the rules about pools."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ultrafleet.review.changes import Change
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.fleet import Pool
from ultrafleet.review.hazard import Check, Level, Occurrence
from ultrafleet.review.iam import text
from ultrafleet.templates.launch import is_true
from ultrafleet.templates.node_group import AUTO_SCALING_GROUP
from ultrafleet.templates.node_group_update import NodeGroupUpdate, node_group_update
from ultrafleet.templates.template_changes import ChangeAction
from ultrafleet.templates.unknown import Unknown

_ROLLED_BY_POLICY = ("LaunchTemplate", "LaunchConfigurationName", "MixedInstancesPolicy", "VPCZoneIdentifier")
"""Properties on which an Auto Scaling group's UpdatePolicy acts (CloudFormation user guide, UpdatePolicy, high)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PoolChange:
    """A pool that is in both revisions.

    Attributes:
        compared: both revisions.
        before: the pool of the base.
        after: the pool of the head.
        change: what happens to its group; None where that stays as it is.
    """

    compared: Comparison
    before: Pool
    after: Pool
    change: Change | None

    @cached_property
    def updated(self) -> Change | None:
        """The change, where the group is updated in its stack."""
        change = self.change
        return change if change is not None and change.of.action is ChangeAction.CHANGED else None

    @cached_property
    def update(self) -> NodeGroupUpdate:
        """Update of the group and of its nodes."""
        return node_group_update(self.updated.of) if self.updated is not None else NodeGroupUpdate()

    @cached_property
    def by_update_policy(self) -> tuple[str, ...]:
        """Properties of an Auto Scaling group whose change its UpdatePolicy carries to the instances."""
        change = self.change
        if change is None or change.type != AUTO_SCALING_GROUP:
            return ()
        if not (self.will_replace or "AutoScalingRollingUpdate" in self._update_policy):
            return ()
        return tuple(path for path in change.paths if path.startswith(_ROLLED_BY_POLICY))

    @property
    def will_replace(self) -> bool:
        """True if an Auto Scaling group's UpdatePolicy creates a new group."""
        replacing = self._update_policy.get("AutoScalingReplacingUpdate")
        return isinstance(replacing, dict) and is_true(replacing.get("WillReplace"))

    @property
    def keeps_sizes(self) -> bool:
        """True if an update of an Auto Scaling group sends no size that the templates leave as it is."""
        action = self._update_policy.get("AutoScalingScheduledAction")
        ignores = isinstance(action, dict) and is_true(action.get("IgnoreUnmodifiedGroupSizeProperties"))
        return ignores and self.change is not None and "DesiredCapacity" not in self.change.paths

    @property
    def _update_policy(self) -> dict[str, Any]:
        after = self.change.after if self.change is not None else None
        policy = after.raw.get("UpdatePolicy") if after is not None else None
        return policy if isinstance(policy, dict) else {}

    @property
    def replaces_nodes(self) -> bool:
        """True if the update replaces or rolls the group, or is refused because it would."""
        update = self.update
        return update.refused or bool(update.replaced or update.rolled or self.by_update_policy)

    def values(self, path: str) -> str:
        """`1 → 2`: a property of the group before and after."""
        if self.change is None:
            return ""
        before, after = (shown(value) for value in self.change.get(*path.split("/")))
        return f"{before} → {after}" if before != after else after


def of_pools(check: Callable[[PoolChange], Iterator[Occurrence]]) -> Check:
    """Check of a comparison from one of a pool: every pool in both revisions, in the order of the fleet."""

    def of_all(compared: Comparison) -> Iterator[Occurrence]:
        for before, after in compared.pools:
            if before is not None and after is not None:
                change = compared.changes.get(after.key)
                yield from check(PoolChange(compared=compared, before=before, after=after, change=change))

    return of_all


def of_running_pools(check: Callable[[PoolChange], Iterator[Occurrence]]) -> Check:
    """Check of what takes running nodes: a notice for a pool whose blocks are over, on which none runs."""

    def of_one(pool: PoolChange) -> Iterator[Occurrence]:
        is_over = pool.before.is_over(pool.compared.as_of)
        for found in check(pool):
            if is_over:
                message = f"{found.message}; its blocks are over, so that no node runs"
                yield replace(found, message=message, level=Level.NOTICE)
            else:
                yield found

    return of_pools(of_one)


def shown(value: Any) -> str:  # noqa: ANN401 - JSON
    """A value for people."""
    if value is None:
        return "none"
    if isinstance(value, Unknown):
        return "(the new one)" if value.attribute == "LatestVersionNumber" else "(known at deployment)"
    return "(another)" if isinstance(value, dict | list) else text(value)
