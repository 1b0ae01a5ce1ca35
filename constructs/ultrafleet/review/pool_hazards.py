"""What a change does to pools that run, or may run."""

from collections.abc import Iterator
from typing import Any, Final

from ultrafleet.review.changes import Change
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.fleet import Pool, racks
from ultrafleet.review.hazard import Hazard, Level, of_pool
from ultrafleet.review.iam import text
from ultrafleet.review.launch_hazards import by_policy, launch_hazards, reservation_hazards, will_replace
from ultrafleet.rules.schedule_tags import FOLLOW_BLOCKS, GROUP_TAG, LEAD_TAG, RESERVATION_TAG, SCHEDULE_TAG
from ultrafleet.templates.intrinsics import Unknown
from ultrafleet.templates.launch import as_int
from ultrafleet.templates.node_group import AUTO_SCALING_GROUP, COMPUTE_NODE_GROUP, NODE_GROUP
from ultrafleet.templates.template_changes import ChangeAction
from ultrafleet.templates.update_effects import Effect

_DESIRED: Final = {
    NODE_GROUP: ("ScalingConfig", "DesiredSize"),
    AUTO_SCALING_GROUP: ("DesiredCapacity",),
    COMPUTE_NODE_GROUP: ("ScalingConfiguration", "MinInstanceCount"),
}
_ORDERS: Final = (GROUP_TAG, RESERVATION_TAG, LEAD_TAG)


def pool_hazards(compared: Comparison) -> Iterator[Hazard]:
    """Hazards of pools, in the order of the fleet."""
    for before, after in compared.pools:
        if before is not None and after is None:
            yield from _removed(compared, before)
        elif before is not None and after is not None:
            yield from _changed(compared, before, after)


def size(pool: Pool) -> str:
    """`18 p6e-gb200.36xlarge`."""
    return f"{'?' if pool.nodes is None else pool.nodes} {pool.instance_type_name}"


def _removed(compared: Comparison, pool: Pool) -> Iterator[Hazard]:
    if compared.stack_is_gone(pool.key[0]):
        yield of_pool(
            Level.STOPS,
            "pool-removed",
            pool,
            f"it is removed with its stack, which no deployment deletes: {size(pool)} run on and cost until somebody "
            f"deletes stack {pool.key[0]}, and then they are terminated; drain it first",
        )
        return
    change = compared.changes.get(pool.key)
    if change is not None and change.of.action is ChangeAction.LEFT:
        yield of_pool(
            Level.LOOK, "pool-retained", pool, f"it leaves the stack and is retained: {size(pool)} run on, unmanaged"
        )
        return
    yield of_pool(
        Level.STOPS,
        "pool-removed",
        pool,
        f"it is removed: {size(pool)} are terminated, with what runs on them; drain it first{_paid(pool)}",
    )


def _paid(pool: Pool) -> str:
    """What a pool that goes leaves behind."""
    blocks = [name for name in pool.reservations if pool.on_blocks and name.startswith("cr-")]
    return f"; {', '.join(blocks)} stays paid until its end" if blocks else ""


def _changed(compared: Comparison, before: Pool, after: Pool) -> Iterator[Hazard]:
    if before.key != after.key:
        yield of_pool(
            Level.STOPS,
            "pool-replaced",
            after,
            f"its resource is another one ({_named(before)} → {_named(after)}): a new pool is made and the old one "
            "deleted; EKS and EC2 refuse two of one name, so that the deployment fails while the old one is there",
            before,
        )
    change = compared.changes.get(after.key)
    group_changes = change is not None and change.of.action is ChangeAction.CHANGED
    if change is not None and group_changes:
        yield from _replaced(after, change)
        yield from _rolled(compared, after, change)
        yield from _by_orders(before, after, change)
        unknown = [item.path for item in change.of.properties if item.effect is Effect.UNCLASSIFIED]
        if change.type == COMPUTE_NODE_GROUP and set(unknown) - {"Tags", "ScalingConfiguration"}:
            yield of_pool(
                Level.LOOK,
                "unclassified",
                after,
                f"{_listed(unknown)} changes: whether PCS replaces nodes for it, nobody classified, see its user guide",
            )
        if "Taints" in change.paths:
            yield of_pool(
                Level.LOOK,
                "taints",
                after,
                "its taints change: pods that don't tolerate a NO_EXECUTE one are evicted, and new ones may not fit",
            )
    yield from _smaller(before, after, change)
    yield from launch_hazards(compared, before, after, change)
    yield from reservation_hazards(before, after, change)
    yield from _queues(compared, before, after)


def _replaced(pool: Pool, change: Change) -> Iterator[Hazard]:
    paths = [item.path for item in change.of.properties if item.effect.replaces]
    refused = [item.path for item in change.of.properties if item.effect is Effect.REFUSED]
    if change.of.refused:
        why = f"{_listed(paths)} can't be changed and the pool keeps its name" if paths else _told(refused)
        yield of_pool(
            Level.STOPS,
            "pool-replaced",
            pool,
            f"CloudFormation would have to replace it and refuses: {why}; the stack rolls back, make a pool with a new "
            "name instead",
        )
    elif paths:
        yield of_pool(
            Level.STOPS,
            "pool-replaced",
            pool,
            f"it is replaced: {_listed(paths)} can't be changed in place; its nodes are terminated when the new pool "
            "is there, and one block doesn't hold both",
        )


def _told(refused: list[str]) -> str:
    return f"{_listed(refused)} can't be changed" if refused else "its type is another"


def _rolled(compared: Comparison, pool: Pool, change: Change) -> Iterator[Hazard]:
    if change.of.refused:
        return
    paths = [item.path for item in change.of.properties if item.effect is Effect.ROLLS_NODES]
    by_own_policy = by_policy(change)
    if by_own_policy and will_replace(change):
        yield of_pool(
            Level.STOPS,
            "pool-replaced",
            pool,
            f"its UpdatePolicy replaces the whole group ({_listed(by_own_policy)}): a new one is made, and the old one "
            "is deleted with its nodes; one block doesn't hold both",
        )
        return
    paths += by_own_policy
    if paths:
        template = compared.changes.get(pool.launch_template) if pool.launch_template is not None else None
        inside = _differing(template) if template is not None and template.before is not None else []
        changes = "; ".join([*(f"{path}: {_values(change, path)}" for path in paths), *inside])
        yield of_pool(
            Level.STOPS,
            "pool-rolled",
            pool,
            f"every node is restarted ({changes}): EKS or Auto Scaling replaces them, some at a time, and jobs on them "
            "stop; deploy it between two jobs",
        )


def _differing(template: Change) -> list[str]:
    """What a launch template says otherwise."""
    before, after = (side if isinstance(side, dict) else {} for side in template.get("LaunchTemplateData"))
    return [str(key) for key in dict.fromkeys((*before, *after)) if before.get(key) != after.get(key)]


def _by_orders(before: Pool, after: Pool, change: Change) -> Iterator[Hazard]:
    if after.held and not before.held:
        yield of_pool(Level.STOPS, "pool-held", after, "it is put on hold: the schedule empties it within five minutes")
    paths = [tag for tag in _ORDERS if f"Tags/{tag}" in change.paths]
    if paths and not after.held:
        told = ", ".join(f"{tag} {_values(change, f'Tags/{tag}')}" for tag in paths)
        yield of_pool(
            Level.LOOK if paths == [LEAD_TAG] else Level.STOPS,
            "schedule-orders",
            after,
            f"its orders to the block schedule change ({told}): it may be emptied within five minutes",
        )
    orders = change.get("Tags", SCHEDULE_TAG)
    if orders[0] == FOLLOW_BLOCKS and orders[1] is None:
        yield of_pool(
            Level.LOOK, "schedule-orders", after, "the block schedule no longer sizes it: nothing empties it in time"
        )


def _smaller(before: Pool, after: Pool, change: Change | None) -> Iterator[Hazard]:
    if before.nodes is not None and after.nodes is not None and after.nodes < before.nodes:
        yield of_pool(
            Level.STOPS,
            "pool-scaled-down",
            after,
            f"it is scaled down from {before.nodes} to {after.nodes} nodes"
            + (f" ({racks(before)} → {racks(after)})" if before.ultraserver_type or after.ultraserver_type else "")
            + ": nodes above that are terminated, whatever runs on them; drain them first",
        )
        return
    if change is None or change.after is None or change.before is None or change.of.action is not ChangeAction.CHANGED:
        return
    path = _DESIRED[change.type]
    wanted = [as_int(side.get(*path)) for side in (change.before, change.after)]
    if wanted[0] is not None and wanted[1] is not None and wanted[1] < wanted[0]:
        yield of_pool(
            Level.STOPS,
            "pool-scaled-down",
            after,
            f"{'/'.join(path)} goes from {wanted[0]} to {wanted[1]}: nodes above that are terminated",
        )
    elif (
        change.type == NODE_GROUP
        and any(item.effect is Effect.RESIZES for item in _sizes(change))
        # As many as it could have had: none of them goes.
        and (wanted[1] is None or before.nodes is None or wanted[1] < before.nodes)
    ):
        yield of_pool(
            Level.STOPS,
            "pool-resized",
            after,
            f"{_listed([item.path for item in _sizes(change)])} changes, and CloudFormation sends DesiredSize "
            f"{_shown(change.after.get(*path))} with it: what runs more nodes loses them until its schedule acts",
        )


def _sizes(change: Change) -> list[Any]:
    return [item for item in change.of.properties if item.path.startswith("ScalingConfig/")]


def _queues(compared: Comparison, before: Pool, after: Pool) -> Iterator[Hazard]:
    was, is_now = compared.users(before.key)[0], compared.users(after.key)[1]
    lost = sorted(was.queues - is_now.queues)
    if lost:
        yield of_pool(
            Level.LOOK, "queue-lost", after, f"queue {', '.join(lost)} no longer places jobs on it: labels must match"
        )


def _values(change: Change, path: str) -> str:
    before, after = (_shown(value) for value in change.get(*path.split("/")))
    return f"{before} → {after}" if before != after else after


def _shown(value: Any) -> str:  # noqa: ANN401 - JSON
    if value is None:
        return "none"
    if isinstance(value, Unknown):
        return "(the new one)" if value.attribute == "LatestVersionNumber" else "(known at deployment)"
    return "(another)" if isinstance(value, dict | list) else text(value)


def _listed(paths: list[str]) -> str:
    return ", ".join(paths)


def _named(pool: Pool) -> str:
    return "/".join(pool.key)
