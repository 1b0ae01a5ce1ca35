"""What a change of its launch template or of its reservations means for a pool."""

from collections.abc import Iterator
from typing import Any, Final

from ultrafleet.review.changes import Change, is_removed
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.fleet import Pool
from ultrafleet.review.hazard import Hazard, Level, of_pool
from ultrafleet.templates.intrinsics import Unknown
from ultrafleet.templates.launch import is_true
from ultrafleet.templates.node_group import AUTO_SCALING_GROUP
from ultrafleet.templates.update_effects import Effect

_ROLLED_BY_POLICY: Final = ("LaunchTemplate", "LaunchConfigurationName", "MixedInstancesPolicy", "VPCZoneIdentifier")
"""What an Auto Scaling group's UpdatePolicy acts on (CloudFormation user guide, UpdatePolicy attribute, high)."""


def launch_hazards(compared: Comparison, before: Pool, after: Pool, change: Change | None) -> Iterator[Hazard]:
    """What a change of the launch template means for its pool."""
    replaced = change is not None and (
        change.of.refused
        or any(item.effect is Effect.ROLLS_NODES or item.effect.replaces for item in change.of.properties)
        or bool(by_policy(change))
    )
    if before.instance_type_name != after.instance_type_name:
        yield of_pool(
            Level.STOPS if replaced or before.launch_template != after.launch_template else Level.LOOK,
            "pool-type-changed",
            after,
            f"its instance type changes, {before.instance_type_name} → {after.instance_type_name}: a block, its reservation and "
            "its layout are of one type, make a pool with a new name beside it",
        )
    if after.launch_template is None or before.launch_template != after.launch_template:
        return
    template = compared.changes.get(after.launch_template)
    if template is None or replaced or is_removed(template):
        return
    if any(item.effect is Effect.NEW_VERSION for item in template.of.properties):
        message = _of_version(compared, after, change)
        if message is not None:
            yield of_pool(Level.LOOK, "template-version", after, f"its launch template gets a new version{message}")


def _of_version(compared: Comparison, after: Pool, change: Change | None) -> str | None:
    """When a new version of a launch template comes to a pool that this change doesn't roll; None where it is told."""
    version = after.launch_version
    newest = isinstance(version, str) and version.startswith("$")
    group = compared.head.stacks[after.key[0]].resources[after.key[1]]
    if group.type == AUTO_SCALING_GROUP and (newest or change is not None):
        return ": nodes that run keep the old one, the next that is launched has the new one"
    if newest:
        return (
            f", and {version} is what it was when EKS last updated the pool: nothing changes until that is done again"
        )
    if isinstance(version, str | int):
        return (
            f" and the pool names version {version}: nothing changes until it names the new one, and that restarts its "
            "nodes"
        )
    if isinstance(version, Unknown) and version.attribute == "DefaultVersionNumber":
        return ", and the pool has its default version, which no deployment moves: nothing changes"
    if isinstance(version, Unknown) and change is None:
        return f"; which one the pool has can't be told ({version.reason})"
    return None


def reservation_hazards(before: Pool, after: Pool, change: Change | None) -> Iterator[Hazard]:
    """Reservations that a pool leaves, and blocks that are said to end earlier."""
    dropped = [item for item in before.reservations if item not in after.reservations]
    added = [item for item in after.reservations if item not in before.reservations]
    later = _keeps_its_version(before, after, change)
    level, when = (Level.LOOK, ", once the pool names the new version") if later else (Level.STOPS, "")
    if dropped and added:
        yield of_pool(
            level,
            "reservation-moved",
            after,
            f"its reservation is moved: {', '.join(dropped)} → {', '.join(added)}{when}; what runs in the first is no "
            "longer counted, and its end is no longer watched",
        )
    elif dropped:
        yield of_pool(
            level,
            "reservation-dropped",
            after,
            f"reservation {', '.join(dropped)} is dropped{when}: nothing is launched into it any more, and it is paid "
            "for as long as it is there",
        )
    sooner = {item.capacity_reservation_id: item for item in before.windows}
    for window in after.windows:
        was = sooner.get(window.capacity_reservation_id)
        if was is not None and window.end < was.end:
            yield of_pool(
                Level.LOOK,
                "block-shortened",
                after,
                f"the end of {window.capacity_reservation_id} is stated earlier, {was.end:%Y-%m-%d %H:%M} → "
                f"{window.end:%Y-%m-%d %H:%M} UTC: compare with the reservation",
            )


def _keeps_its_version(before: Pool, after: Pool, change: Change | None) -> bool:
    """Whether the pool goes on with the version that it has, by number, whatever its launch template says now."""
    return (
        change is None
        and not (before.by_group and after.by_group)
        and before.launch_template == after.launch_template
        and str(after.launch_version).isdecimal()
    )


def by_policy(change: Change) -> list[str]:
    """Properties of an Auto Scaling group whose change its UpdatePolicy carries to the instances."""
    policy = _update_policy(change)
    if change.type != AUTO_SCALING_GROUP or not ("AutoScalingRollingUpdate" in policy or will_replace(change)):
        return []
    return [path for path in change.paths if path.startswith(_ROLLED_BY_POLICY)]


def will_replace(change: Change) -> bool:
    """Whether an Auto Scaling group is made anew for such a change."""
    replacing = _update_policy(change).get("AutoScalingReplacingUpdate")
    return isinstance(replacing, dict) and is_true(replacing.get("WillReplace"))


def _update_policy(change: Change) -> dict[str, Any]:
    policy = change.after.raw.get("UpdatePolicy") if change.after is not None else None
    return policy if isinstance(policy, dict) else {}
