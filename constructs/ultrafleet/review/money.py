"""Cost of a fleet: per hour, and until its blocks end."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ultrafleet.review.fleet import Fleet, Pool
from ultrafleet.templates.block_metadata import BlockWindow


@dataclass(frozen=True, kw_only=True)
class BlockCost:
    """Sums of the prices that are known.

    Attributes:
        usd_per_hour: of the blocks of each pool that run at the same time, at most, at the dates of the prices.
        usd_remaining: from a day to the end of each block.
        price_dates: days or months of the prices.
        without_price: pools without a known price: those that aren't on blocks, and types without a public price.
        unpriced_blocks: those of them that are on blocks.
        without_end: pools on blocks whose templates don't say when the blocks end.
    """

    usd_per_hour: float
    usd_remaining: float
    price_dates: tuple[str, ...]
    without_price: tuple[str, ...]
    unpriced_blocks: tuple[str, ...]
    without_end: tuple[str, ...]


def cost(fleet: Fleet, as_of: datetime) -> BlockCost:
    """Cost of a fleet from a day on."""
    return BlockCost(
        usd_per_hour=sum(one.usd_per_hour or 0.0 for one in fleet.totals.values()),
        usd_remaining=sum(usd_remaining(pool, as_of) or 0.0 for pool in fleet.pools),
        price_dates=tuple(sorted({pool.price_date for pool in fleet.pools if pool.price_date})),
        without_price=tuple(title for (_, title), one in fleet.totals.items() if one.usd_per_hour is None),
        unpriced_blocks=tuple(
            title
            for (place, title), one in fleet.totals.items()
            if one.usd_per_hour is None and any(group.on_blocks for group in fleet.whole_pools[place, title])
        ),
        without_end=_titles(pool for pool in fleet.pools if pool.usd_per_hour is not None and not pool.windows),
    )


def _titles(pools: Iterable[Pool]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(pool.pool_title for pool in pools))


def usd_remaining(pool: Pool, as_of: datetime) -> float | None:
    """USD from a day to the ends of a pool's blocks; None where price or ends aren't known."""
    if pool.usd_per_hour is None or not pool.windows:
        return None
    return sum(block_usd_remaining(pool, window, as_of) or 0.0 for window in pool.windows)


def block_usd_remaining(pool: Pool, window: BlockWindow, as_of: datetime) -> float | None:
    """USD from a day to the end of one of a pool's blocks; None where the price isn't known."""
    if pool.usd_per_hour is None:
        return None
    largest = max((one.instances for one in pool.windows if one.instances), default=None)
    share = window.instances / largest if window.instances and largest else 1.0
    return pool.usd_per_hour * pool.remaining_hours(window, as_of) * share
