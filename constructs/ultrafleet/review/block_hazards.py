"""Hazards of capacity blocks: those that end, and those that no other block follows."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.catalog.source import Source
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.fleet import Pool
from ultrafleet.review.hazard import HazardRule, Level, Occurrence, of_pool
from ultrafleet.review.pool_change import PoolChange, of_pools
from ultrafleet.templates.block_metadata import BlockWindow

NOTICE: Final = timedelta(days=14)
"""Days before the end of a pool's last block from which a review reports it (ours: time to find and buy another)."""


def _last_blocks(compared: Comparison) -> Iterator[tuple[Pool, BlockWindow, timedelta]]:
    """Pools that follow blocks, with the last of them and the time until it ends."""
    for pool in compared.head_fleet.pools:
        if pool.windows and not pool.held:
            last = _last(pool)
            yield pool, last, last.end - compared.as_of


def _last(pool: Pool) -> BlockWindow:
    return max(pool.windows, key=lambda window: window.end)


def _end(block: BlockWindow) -> str:
    return f"{block.capacity_reservation_id} ends {block.end:%Y-%m-%d %H:%M} UTC"


def _over(compared: Comparison) -> Iterator[Occurrence]:
    for pool, last, left in _last_blocks(compared):
        if left <= timedelta(0):
            yield of_pool(
                pool, f"its last block has ended ({_end(last)}): it stays empty, add a block or remove the pool"
            )


def _without_successor(compared: Comparison) -> Iterator[Occurrence]:
    lasts = {pool.key: _last(pool).capacity_reservation_id for pool in compared.base_fleet.pools if pool.windows}
    for pool, last, left in _last_blocks(compared):
        known = {window.capacity_reservation_id for window in pool.windows}
        lost = lasts.get(pool.key, last.capacity_reservation_id) not in known
        if left > timedelta(0) and (left <= NOTICE or lost):
            yield of_pool(
                pool,
                f"its last block ends in {left.days} day{'' if left.days == 1 else 's'} and none follows "
                f"({_end(last)}): extend it (EC2 accepts that from {CapacityBlockRules.EARLIEST_EXTENSION.days} days "
                "to one hour before), or add a block",
            )


def _shortened(pool: PoolChange) -> Iterator[Occurrence]:
    before = {item.capacity_reservation_id: item for item in pool.before.windows}
    for window in pool.after.windows:
        was = before.get(window.capacity_reservation_id)
        if was is not None and window.end < was.end:
            yield of_pool(
                pool.after,
                f"the stated end of {window.capacity_reservation_id} is earlier, {was.end:%Y-%m-%d %H:%M} → "
                f"{window.end:%Y-%m-%d %H:%M} UTC: compare it with the reservation's EndDate",
            )


RULES: Final = (
    HazardRule(
        id="block-over",
        level=Level.NOTICE,
        protects_from="a pool that stays empty because all of its blocks have ended",
        source=Source("EC2 user guide, Capacity Blocks for ML: a block ends at its end date"),
        remedy="add a block or remove the pool",
        check=_over,
    ),
    HazardRule(
        id="block-without-successor",
        level=Level.NOTICE,
        protects_from="nodes that are terminated at the end of a block while work remains",
        source=Source("EC2 user guide, extend Capacity Blocks"),
        remedy="extend the block, or add another that follows it",
        check=_without_successor,
    ),
    HazardRule(
        id="block-shortened",
        level=Level.NOTICE,
        protects_from="a block schedule that drains the pool before the block really ends",
        source=Source("decision record 6: the block schedule drains by the stated end"),
        remedy="state the reservation's EndDate",
        check=of_pools(_shortened),
    ),
)
