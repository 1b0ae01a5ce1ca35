"""Hazards of capacity blocks: those that end, and those that no other block follows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True)
class _Last:
    """The last block of a pool.

    Attributes:
        groups: groups of the pool.
        block: the block that ends last.
        left: time until then.
    """

    groups: Sequence[Pool]
    block: BlockWindow
    left: timedelta

    def told(self, message: str) -> Occurrence:
        """An occurrence in the pool."""
        return Occurrence(
            subject=self.groups[0].pool_title, message=message, keys=tuple(group.key for group in self.groups)
        )


def _last_blocks(compared: Comparison) -> Iterator[_Last]:
    """Pools that follow blocks, with the last of them."""
    for groups in compared.head_fleet.whole_pools.values():
        last = _last(groups)
        if last is not None and not any(group.held for group in groups):
            yield _Last(groups=groups, block=last, left=last.end - compared.as_of)


def _last(groups: Sequence[Pool]) -> BlockWindow | None:
    windows = (window for group in groups for window in group.windows)
    return max(windows, key=lambda window: window.end, default=None)


def _end(block: BlockWindow) -> str:
    return f"{block.capacity_reservation_id} ends {block.end:%Y-%m-%d %H:%M} UTC"


def _over(compared: Comparison) -> Iterator[Occurrence]:
    finished = set()
    for last in _last_blocks(compared):
        if last.left <= timedelta(0):
            finished.add(last.groups[0].identity)
            yield last.told(
                f"its last block has ended ({_end(last.block)}): it stays empty, add a block or remove the pool"
            )
    known = {name for pool in compared.base_fleet.pools for name in pool.reservations}
    for pool in compared.head_fleet.pools:
        for window in pool.windows if pool.identity not in finished else ():
            if window.capacity_reservation_id not in known and window.end <= compared.as_of:
                yield of_pool(pool, f"the block that it newly has is over ({_end(window)}): leave it out")


def _without_successor(compared: Comparison) -> Iterator[Occurrence]:
    lasts = {identity: _last(groups) for identity, groups in compared.base_fleet.whole_pools.items()}
    for last in _last_blocks(compared):
        known = {window.capacity_reservation_id for group in last.groups for window in group.windows}
        was = lasts.get(last.groups[0].identity)
        lost = was is not None and was.capacity_reservation_id not in known and was.end > last.block.end
        if last.left > timedelta(0) and (last.left <= NOTICE or lost):
            days = last.left.days
            yield last.told(
                f"its last block ends in {days} day{'' if days == 1 else 's'} and none follows "
                f"({_end(last.block)}): extend it (EC2 accepts that from "
                f"{CapacityBlockRules.EARLIEST_EXTENSION.days} days to one hour before), or add a block"
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
        protects_from="a pool that stays empty because its blocks have ended, and a block that is added too late",
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
        protects_from="queues, costs and reviews that count a block as over while it runs",
        source=Source("decision record 6: the block schedule drains by the EndDate that EC2 tells"),
        remedy="state the reservation's EndDate",
        check=of_pools(_shortened),
    ),
)
