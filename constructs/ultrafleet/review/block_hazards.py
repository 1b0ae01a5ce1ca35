"""Blocks that end, with nothing that follows them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.fleet import Pool
from ultrafleet.review.hazard import Hazard, Level

NOTICE: Final = timedelta(days=14)
"""How long before a pool's last block ends a review speaks of it (ours: time to find and pay another)."""


def block_hazards(compared: Comparison) -> Iterator[Hazard]:
    """Pools whose last block ends soon or is over, as far as templates say when blocks run."""
    for pool in compared.head_fleet.pools:
        if not pool.windows or pool.held:
            continue
        last = max(pool.windows, key=lambda window: window.end)
        left = last.end - compared.as_of
        until = f"{last.capacity_reservation_id} ends {last.end:%Y-%m-%d %H:%M} UTC"
        if left <= timedelta(0):
            yield _hazard(
                pool, "block-over", f"its last block is over ({until}): it stays empty, add a block or remove it"
            )
        elif left <= NOTICE:
            yield _hazard(
                pool,
                "block-without-successor",
                f"its last block ends in {left.days} days without successor ({until}): extend it, from "
                f"{CapacityBlockRules.EARLIEST_EXTENSION.days} days to an hour before, or add one",
            )


def _hazard(pool: Pool, kind: str, message: str) -> Hazard:
    return Hazard(level=Level.LOOK, kind=kind, subject=pool.title, message=message, keys=(pool.key,))
