"""Capacity that an environment has: its blocks, and its on-demand reservations."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ultrafleet.catalog import UltraServerType
from ultrafleet.environment import Environment
from ultrafleet.environment.facts import PoolSettings
from ultrafleet.planning.days import day_after, first_whole_day
from ultrafleet.planning.supply import Held
from ultrafleet.rules.capacity_block import CapacityBlock

_FOR_GOOD = 36_500
"""Days of a reservation without end: a hundred years."""
_HAND_OVER = 1
"""Days for which a block runs beside its successor at most, as `ultrafleet capacity extend` allows by default."""


def held_of(
    environment: Environment, serving: Mapping[tuple[str, str], str], today: int, notes: list[str]
) -> list[Held]:
    """Capacity of an environment that isn't over; UltraServers of the same days are one record.

    Args:
        environment: the environment.
        serving: name of the demand that capacity serves, by workload and type.
        today: first day that is planned.
        notes: takes sentences on what isn't counted.
    """
    found: dict[tuple[object, ...], list[Held]] = {}
    for pool in environment.pools:
        demand = serving.get((pool.workload, str(pool.sold)))
        for item in _of_pool(environment, pool, demand, today, notes):
            alone = item.name if not isinstance(pool.sold, UltraServerType) else ""
            key = (item.demand, item.type, item.start, item.end, item.place, item.last_end, alone)
            found.setdefault(key, []).append(item)
    return [_joined(items) for items in found.values()]


def _of_pool(
    environment: Environment, pool: PoolSettings, demand: str | None, today: int, notes: list[str]
) -> Iterator[Held]:
    where = f"{environment.name}/{pool.name}"
    blocks = [_of_block(block, where, demand, environment.name) for block in pool.capacity_blocks]
    for item in blocks:
        if item.end > today:
            # Nodes of a pool hand over: a block that goes on beside its successor is paid for nothing.
            following = [other.start + _HAND_OVER for other in blocks if other.end > item.end]
            yield replace(item, last_end=max(item.end, min(following))) if following else item
    if pool.blocks:
        return
    name = getattr(pool, "capacity_reservation", None)
    if name is None:
        notes.append(f"pool {where} has neither blocks nor a reservation: its nodes are not guaranteed, nor counted")
        return
    reservation = environment.capacity_reservation(name)
    end = today + _FOR_GOOD if reservation.end is None else day_after(reservation.end)
    if end > today:
        yield Held(
            name=name,
            demand=demand,
            type=str(pool.sold),
            environment=environment.name,
            start=today,
            first_start=today,
            end=end,
            units=min(reservation.instance_count, pool.max_nodes),
            block_instances=0,
            place=reservation.availability_zone,
            pool=where,
        )


def _of_block(block: CapacityBlock, where: str, demand: str | None, environment: str) -> Held:
    whole = block.ultraserver_type is not None
    return Held(
        name=block.capacity_reservation_id,
        demand=demand,
        type=block.holds if whole else str(block.instance_type),
        environment=environment,
        start=first_whole_day(block.start),
        first_start=first_whole_day(block.start),
        end=day_after(block.end),
        units=1 if whole else block.instance_count,
        block_instances=block.instance_count,
        place=block.availability_zone,
        pool=where,
    )


def _joined(items: list[Held]) -> Held:
    first = items[0]
    if len(items) == 1:
        return first
    return Held(
        name=", ".join(item.name for item in items),
        demand=first.demand,
        type=first.type,
        environment=first.environment,
        start=first.start,
        first_start=max(item.first_start for item in items),
        last_end=first.last_end,
        end=first.end,
        units=sum(item.units for item in items),
        block_instances=sum(item.block_instances for item in items),
        place=first.place,
        pool=", ".join(item.pool or "" for item in items),
        times=len(items),
    )
