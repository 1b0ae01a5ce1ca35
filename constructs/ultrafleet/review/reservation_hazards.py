"""Hazards of capacity reservations: those that pools leave, and those that a change cancels or makes smaller."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import Final

from ultrafleet.catalog.source import Source
from ultrafleet.review.comparison import ChangedResource, Comparison
from ultrafleet.review.fleet import Fleet, Pool, names
from ultrafleet.review.hazard import HazardRule, Level, Occurrence, of_change, of_pool, used_by
from ultrafleet.review.pool_change import PoolChange, of_pools
from ultrafleet.templates.launch import as_int
from ultrafleet.templates.template_changes import ChangeAction

_RESERVATION: Final = "AWS::EC2::CapacityReservation"


def _left(pool: PoolChange) -> tuple[list[str], list[str]]:
    """Reservations that the pool no longer names, but for blocks that are over, and those that it newly names."""
    before, after = pool.before.reservations, pool.after.reservations
    over = {window.capacity_reservation_id for window in pool.before.windows if window.end <= pool.compared.as_of}
    return (
        [item for item in before if item not in after and item not in over and not _of_the_same_pool(pool, item)],
        [item for item in after if item not in before],
    )


def _of_the_same_pool(pool: PoolChange, reservation: str) -> bool:
    """True if another group of the pool launches into it: each block gets a node group of its own."""
    users = pool.compared.users_of_reservations.get(reservation, ())
    return any(other.identity == pool.after.identity for other in users)


def when_named(pool: PoolChange) -> tuple[Level | None, str]:
    """Level and moment: a pool that names its version by number keeps it, whatever its launch template says now."""
    keeps = (
        pool.change is None
        and not (pool.before.by_group and pool.after.by_group)
        and pool.before.launch_template == pool.after.launch_template
        and str(pool.after.launch_version).isdecimal()
    )
    return (Level.NOTICE, ", once the pool names the new version") if keeps else (None, "")


def _moved(pool: PoolChange) -> Iterator[Occurrence]:
    dropped, added = _left(pool)
    if dropped and added:
        level, when = when_named(pool)
        yield of_pool(
            pool.after,
            f"its reservation changes, {', '.join(dropped)} → {', '.join(added)}{when}: the block schedule follows the "
            "second, and no longer drains nodes in the first before its end",
            level=level,
        )


def _dropped(pool: PoolChange) -> Iterator[Occurrence]:
    dropped, added = _left(pool)
    if dropped and not added:
        level, when = when_named(pool)
        yield of_pool(
            pool.after,
            f"it no longer targets reservation {', '.join(dropped)}{when}: no instance is launched into it, and it is "
            "billed for as long as it exists",
            level=level,
        )


def _cancelled(compared: Comparison) -> Iterator[Occurrence]:
    for item in compared.changed_resources:
        change = item.change
        if change.type == _RESERVATION and change.of.action is ChangeAction.REMOVED:
            count, name = (change.get(key)[0] for key in ("InstanceCount", "InstanceType"))
            yield of_change(
                change,
                f"the reservation of {count} {name} is cancelled: its capacity returns to EC2, and a new reservation "
                f"isn't guaranteed to get it{used_by(item.pools)}",
            )


def _lowered(compared: Comparison) -> Iterator[Occurrence]:
    for item in compared.changed_resources:
        if item.change.type == _RESERVATION and item.change.of.action is ChangeAction.CHANGED:
            before, after = (as_int(value) for value in item.change.get("InstanceCount"))
            if before is not None and after is not None and after < before:
                shrinking = _shrinking(compared, item, after)
                first = (
                    f"; {names(shrinking)} shrinks in the same change, but the reservation is updated first, while all "
                    "its instances run, and whether EC2 takes a count below those in use isn't documented: deploy "
                    f"{_deployed(shrinking)} without this, wait until the nodes are gone, and deploy this then"
                    if shrinking
                    else ""
                )
                yield of_change(
                    item.change,
                    f"InstanceCount goes from {before} to {after}: the capacity above that returns to "
                    f"EC2{used_by(item.pools)}{first}",
                )


def _shrinking(compared: Comparison, item: ChangedResource, count: int) -> list[Pool]:
    """Pools on a reservation that had more nodes than it will hold, and that get smaller with it."""
    after = compared.head_fleet.by_key()
    return [
        after[pool.key]
        for pool in compared.base_fleet.pools
        if pool.nodes is not None
        and pool.nodes > count
        and pool.key in after
        and after[pool.key] in item.pools
        and (after[pool.key].nodes or 0) < pool.nodes
    ]


def _deployed(pools: list[Pool]) -> str:
    """Command that deploys pools."""
    return ", ".join(f"`cdk deploy --exclusively {stack}`" for stack in sorted({pool.key[0] for pool in pools}))


def _end(compared: Comparison) -> Iterator[Occurrence]:
    for item in compared.changed_resources:
        change = item.change
        if change.type == _RESERVATION and change.of.action is ChangeAction.CHANGED and "EndDate" in change.paths:
            before, after = change.get("EndDate")
            if after is not None:
                message = f"EndDate of the reservation changes, {before or 'none'} → {after}{used_by(item.pools)}"
                yield of_change(change, message)


def _shared(compared: Comparison) -> Iterator[Occurrence]:
    before, after = (_users(fleet) for fleet in (compared.base_fleet, compared.head_fleet))
    for reservation, pools in after.items():
        if len(pools) > max(1, len(before.get(reservation, ()))):
            message = (
                f"{names(pools)} target the same reservation {reservation}, which has room for one of them: give each "
                "its own"
            )
            yield of_pool(pools[0], message, *pools[1:])


def _users(fleet: Fleet) -> dict[str, list[Pool]]:
    """Pools by the capacity block that they target."""
    found: dict[str, list[Pool]] = defaultdict(list)
    for pool in fleet.pools:
        for reservation in pool.reservations:
            if pool.on_blocks and reservation.startswith("cr-"):
                found[reservation].append(pool)
    return found


RULES: Final = (
    HazardRule(
        id="reservation-moved",
        level=Level.BLOCKING,
        protects_from="nodes in a reservation that the block schedule no longer drains",
        source=Source("decision record 6: the block schedule follows the one reservation that the node group names"),
        remedy="give the new reservation a node group of its own, and keep the old one until its block is over",
        check=of_pools(_moved),
    ),
    HazardRule(
        id="reservation-dropped",
        level=Level.BLOCKING,
        protects_from="reserved capacity that is billed unused, or returned to EC2",
        source=Source(
            "EC2 user guide, Capacity Reservations: billed until cancelled, which releases the capacity",
            address="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-capacity-reservations.html",
        ),
        remedy="keep the reservation until nothing needs its capacity",
        check=lambda compared: chain(of_pools(_dropped)(compared), _cancelled(compared)),
    ),
    HazardRule(
        id="reservation-lowered",
        level=Level.BLOCKING,
        protects_from="capacity that returns to EC2 and may not be available again",
        source=Source("EC2 user guide, modify a Capacity Reservation"),
        remedy="lower the count only when the capacity is no longer needed",
        check=_lowered,
    ),
    HazardRule(
        id="reservation-end",
        level=Level.NOTICE,
        protects_from="a reservation that expires on another day than its users expect",
        source=Source("EC2 user guide, modify a Capacity Reservation"),
        remedy="compare the end with the jobs that are planned",
        check=_end,
    ),
    HazardRule(
        id="reservation-shared",
        level=Level.NOTICE,
        protects_from="pools that compete for the instances of one capacity block",
        source=Source("EC2 user guide, Capacity Blocks for ML: instances launch up to the block's instance count"),
        remedy="give each pool its own block",
        check=_shared,
    ),
)
