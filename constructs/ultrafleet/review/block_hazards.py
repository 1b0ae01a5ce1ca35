"""Blocks that end, with nothing that follows them."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.fleet import Fleet, Pool, names
from ultrafleet.review.hazard import Hazard, Level, of_pool
from ultrafleet.templates.block_metadata import BlockWindow

NOTICE: Final = timedelta(days=14)
"""How long before a pool's last block ends a review speaks of it (ours: time to find and pay another)."""


def block_hazards(compared: Comparison) -> Iterator[Hazard]:
    """Pools whose last block ends soon or is over, as far as templates say when blocks run."""
    lasts = {pool.key: _last(pool).capacity_reservation_id for pool in compared.base_fleet.pools if pool.windows}
    for pool in compared.head_fleet.pools:
        if not pool.windows or pool.held:
            continue
        last = _last(pool)
        left = last.end - compared.as_of
        until = f"{last.capacity_reservation_id} ends {last.end:%Y-%m-%d %H:%M} UTC"
        known = {window.capacity_reservation_id for window in pool.windows}
        lost = lasts.get(pool.key, last.capacity_reservation_id) not in known
        if left <= timedelta(0):
            message = f"its last block is over ({until}): it stays empty, add a block or remove it"
            yield of_pool(Level.LOOK, "block-over", pool, message)
        elif left <= NOTICE or lost:
            yield of_pool(
                Level.LOOK,
                "block-without-successor",
                pool,
                f"its last block ends in {left.days} day{'' if left.days == 1 else 's'} without successor ({until}): "
                f"extend it (EC2 takes that from {CapacityBlockRules.EARLIEST_EXTENSION.days} days to "
                "one hour before), or add one",
            )
    yield from _shared(compared)


def _last(pool: Pool) -> BlockWindow:
    return max(pool.windows, key=lambda window: window.end)


def _shared(compared: Comparison) -> Iterator[Hazard]:
    """Reservations that several pools name: a block doesn't hold them all."""
    before, after = (_users(fleet) for fleet in (compared.base_fleet, compared.head_fleet))
    for reservation, pools in after.items():
        if len(pools) > max(1, len(before.get(reservation, ()))):
            message = f"{reservation} is named by {names(pools)}: a block holds one of them, give each its own"
            yield of_pool(Level.LOOK, "reservation-shared", pools[0], message, *pools[1:])


def _users(fleet: Fleet) -> dict[str, list[Pool]]:
    found: dict[str, list[Pool]] = defaultdict(list)
    for pool in fleet.pools:
        for reservation in pool.reservations:
            if pool.on_blocks and reservation.startswith("cr-"):
                found[reservation].append(pool)
    return found
