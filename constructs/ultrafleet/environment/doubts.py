"""Doubts about an environment that launches: what is paid for and not used, is over, or is of an unusual size."""

from collections.abc import Iterator
from datetime import datetime

from ultrafleet.catalog.capacity_blocks import SIZES
from ultrafleet.environment.collected import Found
from ultrafleet.environment.models import Environment
from ultrafleet.environment.pool_settings import AcceleratorPoolSettings
from ultrafleet.environment.service_checks import service_doubts
from ultrafleet.errors import FleetError
from ultrafleet.rules.block_clock import block_is_over
from ultrafleet.rules.block_overlap import overlapping


def doubts(environment: Environment, *, now: datetime | None = None) -> list[Found]:
    """Doubts about an environment, each with the path of its key.

    Args:
        environment: the environment.
        now: moment from which ends are looked at, with an offset from UTC. Default: none is.
    """
    return [
        *_unused_reservations(environment),
        *_unusual_sizes(environment),
        *_overlaps(environment),
        *service_doubts(environment),
        *([] if now is None else _ends(environment, now)),
    ]


def _unused_reservations(environment: Environment) -> Iterator[Found]:
    used = {pool.capacity_reservation for pool in environment.pools if isinstance(pool, AcceleratorPoolSettings)}
    for index, reservation in enumerate(environment.capacity_reservations):
        if reservation.name not in used:
            yield (
                ("capacity_reservations", index),
                FleetError(
                    path=f"capacity reservation {reservation.name}",
                    got="used by no pool",
                    expected="a pool that names it",
                    remedy="it is paid for all the same: name it in a pool's capacity_reservation, or remove it",
                ),
            )


def _unusual_sizes(environment: Environment) -> Iterator[Found]:
    for index, pool in enumerate(environment.pools):
        for number, block in enumerate(pool.blocks):
            count = block.instance_count
            if isinstance(pool, AcceleratorPoolSettings) and count is not None and count not in SIZES:
                yield (
                    ("pools", index, "blocks", number, "instance_count"),
                    FleetError(
                        path=f"block {block.capacity_reservation_id}",
                        verb="has",
                        got=f"{count} instances",
                        expected=f"one of {', '.join(map(str, SIZES))}, the sizes that were sold (medium)",
                        remedy="compare it with `aws ec2 describe-capacity-blocks`",
                    ),
                )


def _overlaps(environment: Environment) -> Iterator[Found]:
    for index, pool in enumerate(environment.pools):
        ids = [block.capacity_reservation_id for block in pool.blocks]
        for one, other in overlapping(pool.capacity_blocks):
            yield (
                ("pools", index, "blocks", ids.index(other.capacity_reservation_id)),
                FleetError(
                    path=f"pool {pool.name}",
                    verb="runs",
                    got=f"{one.capacity_reservation_id} and {other.capacity_reservation_id} at the same time",
                    expected="one after the other",
                    remedy="both are up then and both are paid for: correct a date, unless it is meant so",
                ),
            )


def _ends(environment: Environment, now: datetime) -> Iterator[Found]:
    for index, pool in enumerate(environment.pools):
        for number, block in enumerate(pool.blocks):
            if block_is_over(block.end, now):
                yield (
                    ("pools", index, "blocks", number, "end"),
                    FleetError(
                        path=f"block {block.capacity_reservation_id}",
                        verb="ended",
                        got=f"{block.end.isoformat()}, before {now.date()}",
                        expected="an end to come",
                        remedy="remove it from the pool's blocks, or correct its end if it was extended",
                    ),
                )
    for index, reservation in enumerate(environment.capacity_reservations):
        if reservation.end is not None and reservation.end <= now:
            yield (
                ("capacity_reservations", index, "end"),
                FleetError(
                    path=f"capacity reservation {reservation.name}",
                    verb="ended",
                    got=f"{reservation.end.isoformat()}, before {now.date()}",
                    expected="an end to come",
                    remedy="its instances go on, on demand: remove it, or give it a later end",
                ),
            )
