"""Days within which a block may lie, cut to what EC2 sells."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.errors import FleetError

_FORMAT: Final = "%Y-%m-%d %H:%M UTC"


@dataclass(frozen=True, kw_only=True)
class Window:
    """Range of dates of a search.

    Attributes:
        earliest_start: no block begins before it.
        latest_end: no block ends after it; None: any end.
        notes: what was cut from the range that was asked for, a sentence each.
    """

    earliest_start: datetime
    latest_end: datetime | None
    notes: tuple[str, ...] = ()


def window(
    *, now: datetime, durations: Iterable[int], earliest_start: datetime | None, latest_end: datetime | None
) -> Window:
    """Range of dates, cut to the soonest and the latest blocks that are sold.

    Args:
        now: AWS's time.
        durations: days of the blocks that are looked for.
        earliest_start: of the blocks. Default: the soonest that is sold.
        latest_end: of the blocks. Default: any.

    Raises:
        FleetError: nothing that is sold lies within it.
    """
    soonest, latest = now + CapacityBlockRules.EARLIEST_START, now + CapacityBlockRules.LATEST_START
    weeks = CapacityBlockRules.LATEST_START.days // 7
    shortest, longest = timedelta(days=min(durations)), timedelta(days=max(durations))
    notes = []
    start = earliest_start or soonest
    if start > latest:
        raise FleetError(
            path="--from",
            got=f"{start:{_FORMAT}}",
            expected=f"at most {latest:{_FORMAT}}",
            remedy=f"blocks start within {weeks} weeks: search again then, or from an earlier day",
        )
    if start < soonest:
        notes.append(f"blocks start at the soonest at {soonest:{_FORMAT}}: the range begins there")
        start = soonest
    # A block that starts at another time than 11:30 lasts up to a day longer.
    last_end = latest + longest + timedelta(days=1)
    end = latest_end
    if end is not None and end > last_end:
        notes.append(
            f"blocks start within {weeks} weeks, until {latest:{_FORMAT}}: the range ends at {last_end:{_FORMAT}}"
        )
        end = last_end
    if end is not None and start + shortest > end:
        raise FleetError(
            path="--to",
            got=f"{end:{_FORMAT}}",
            expected=f"{shortest.days} day{'' if shortest.days == 1 else 's'} after {start:{_FORMAT}} or later",
            remedy="ask for a later day or fewer days",
        )
    return Window(earliest_start=start, latest_end=end, notes=tuple(notes))
