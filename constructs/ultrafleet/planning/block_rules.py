"""Rules of capacity blocks as a plan needs them, in days."""

from dataclasses import dataclass, field
from typing import Final

from ultrafleet.catalog import CapacityBlockRules

DAYS_PER_WEEK: Final = 7


def _sold_durations() -> tuple[int, ...]:
    by_the_day = CapacityBlockRules.MAX_DAILY_DURATION.days
    by_the_week = range(by_the_day + DAYS_PER_WEEK, CapacityBlockRules.MAX_DURATION.days + 1, DAYS_PER_WEEK)
    return (*range(1, by_the_day + 1), *by_the_week)


@dataclass(frozen=True, kw_only=True)
class BlockRules:
    """Rules of capacity blocks.

    Attributes:
        durations: days for which a block or an extension is sold, rising.
        longest: days of a block at most, extensions included.
        horizon: days from today to the start of a block at most.
        extension_horizon: days before its end from which on a block can be extended.
        instances_on_a_date: instances on blocks in the organisation on a date.
        instances_of_a_block: instances of a block of single instances.
    """

    durations: tuple[int, ...] = field(default_factory=_sold_durations)
    longest: int = CapacityBlockRules.MAX_DURATION.days
    horizon: int = CapacityBlockRules.LATEST_START.days
    extension_horizon: int = CapacityBlockRules.EARLIEST_EXTENSION.days
    instances_on_a_date: int = CapacityBlockRules.MAX_INSTANCES_ON_A_DATE
    instances_of_a_block: int = CapacityBlockRules.MAX_INSTANCES

    def tiling(self, length: int) -> list[int]:
        """Durations of blocks that fill a length one after the other, the long ones first.

        Args:
            length: days, 1 or more; 1 has to be among the durations.
        """
        found = []
        while length:
            found.append(next(days for days in reversed(self.durations) if days <= length))
            length -= found[-1]
        return found
