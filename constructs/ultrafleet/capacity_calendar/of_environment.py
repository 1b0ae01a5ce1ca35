"""Calendar of an environment file."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from ultrafleet.capacity_calendar.model import Bar, Calendar, Kind, Lane
from ultrafleet.capacity_calendar.targets import on_day, target_line
from ultrafleet.environment import AcceleratorPoolSettings, Environment, UltraServerPoolSettings
from ultrafleet.errors import FleetError

_MARGIN: Final = timedelta(days=3)


def environment_calendar(
    environment: Environment, *, start: datetime | None = None, end: datetime | None = None
) -> Calendar:
    """Calendar of an environment: a lane for each pool, a line for each target.

    Args:
        environment: the environment.
        start: first moment. Default: three days before the first block or target.
        end: the moment after the last. Default: three days after the last one's end.

    Raises:
        FleetError: nothing in the file has a date, and none is passed; or the end isn't after the start.
    """
    lanes = environment_lanes(environment)
    dates = [bar.start for lane in lanes for bar in lane.bars if bar.kind is Kind.BLOCK]
    ends = [bar.end for lane in lanes for bar in lane.bars if bar.end is not None]
    dates += [on_day(target.steps[0].start) for target in environment.targets]
    ends += [on_day(target.end) for target in environment.targets]
    first, last = window(
        start or (min(dates) - _MARGIN if dates else None), end or (max(ends) + _MARGIN if ends else None)
    )
    return Calendar(
        title=f"{environment.name}, {environment.region}",
        start=first,
        end=last,
        lanes=lanes,
        targets=tuple(target_line(item, lanes, start=first, end=last) for item in environment.targets),
    )


def environment_lanes(environment: Environment) -> tuple[Lane, ...]:
    """Lanes of an environment's pools, in the file's order.

    Args:
        environment: the environment.
    """
    return tuple(
        Lane(name=pool.name, sold=str(pool.sold), workload=pool.workload, bars=tuple(_bars(environment, pool)))
        for pool in environment.pools
    )


def window(start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    """Both ends of a calendar.

    Args:
        start: first moment; None where nothing says it.
        end: the moment after the last, likewise.

    Raises:
        FleetError: one of them is missing, or the end isn't after the start.
    """
    if start is None or end is None:
        raise FleetError(
            path="calendar", verb="has", got="no block and no target", expected="dates", remedy="pass --from and --to"
        )
    if end <= start:
        raise FleetError(
            path="--to", got=f"{end:%Y-%m-%d}", expected=f"a day after {start:%Y-%m-%d}", remedy="pass another --to"
        )
    return start, end


def _bars(environment: Environment, pool: UltraServerPoolSettings | AcceleratorPoolSettings) -> Iterator[Bar]:
    whole = isinstance(pool, UltraServerPoolSettings)
    for block in sorted(pool.capacity_blocks, key=lambda item: item.start):
        yield Bar(
            kind=Kind.BLOCK,
            label=block.capacity_reservation_id,
            count=1 if whole else block.instance_count,
            start=block.start,
            end=block.end,
        )
    if not pool.blocks:
        reservation = getattr(pool, "capacity_reservation", None)
        until = environment.capacity_reservation(reservation).end if reservation is not None else None
        yield Bar(
            kind=Kind.ON_DEMAND,
            label=reservation or "on demand",
            count=pool.max_nodes,
            start=_ALWAYS,
            end=until,
        )


_ALWAYS: Final = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
"""Beginning of what no file dates."""
