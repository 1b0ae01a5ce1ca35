"""Targets of a file as lines of a calendar."""

import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from ultrafleet.capacity_calendar.chance import outlook
from ultrafleet.capacity_calendar.model import Bar, Lane, Step, TargetLine
from ultrafleet.catalog import UltraServerType
from ultrafleet.catalog.capacity_blocks import CapacityBlockRules
from ultrafleet.environment.target_settings import TargetSettings

_WEEK: Final = timedelta(days=7)
_MOMENT: Final = timedelta(microseconds=1)


def on_day(day: date) -> datetime:
    """Moment of a day at which blocks end and the next ones have begun.

    Args:
        day: the day.
    """
    return datetime.combine(day, CapacityBlockRules.END_TIME_UTC, tzinfo=UTC)


def target_line(target: TargetSettings, lanes: Sequence[Lane], *, start: datetime, end: datetime) -> TargetLine:
    """Line of a target, by the lanes of its workload and type; what isn't bought or contracted doesn't count.

    Args:
        target: the target.
        lanes: the calendar's lanes.
        start: first moment of the calendar.
        end: the moment after its last.
    """
    bars = [
        bar
        for lane in lanes
        if (lane.workload, lane.sold) == (target.workload, target.type)
        for bar in lane.bars
        if bar.kind != "may be bought"
    ]
    starts = [on_day(step.start) for step in target.steps]
    ends = [*starts[1:], on_day(target.end)]
    wanted = [step.units(target.sold) for step in target.steps]

    def wanted_at(moment: datetime) -> int:
        return next((n for n, a, b in zip(wanted, starts, ends, strict=True) if a <= moment < b), 0)

    moments = sorted(set(_moments(bars, [*starts, *ends], start, end)))
    seen = tuple(outlook(bars, moment, wanted_at(moment)) for moment in moments)
    steps = tuple(
        Step(
            start=a,
            end=b,
            wanted=n,
            service_level=target.level_of(step),
            chance=min((item.chance for item in seen if a <= item.moment < b), default=1.0),
        )
        for step, n, a, b in zip(target.steps, wanted, starts, ends, strict=True)
        if a < end and b > start
    )
    return TargetLine(
        name=target.name,
        sold=target.type,
        workload=target.workload,
        unit="UltraServers" if isinstance(target.sold, UltraServerType) else "instances",
        accelerators=target.sold.accelerator_count,
        steps=steps,
        outlook=seen,
        assumed=target.assumption is not None,
    )


def _moments(bars: Iterable[Bar], edges: Iterable[datetime], start: datetime, end: datetime) -> Iterable[datetime]:
    """Moments at which something changes, and weeks."""
    weeks = itertools.takewhile(lambda moment: moment < end, (start + index * _WEEK for index in itertools.count()))
    found = [*weeks, end - _MOMENT, *edges]
    for bar in bars:
        found += [bar.start, *(since for since, _ in bar.arrivals), *([bar.end] if bar.end else [])]
    return (moment for moment in found if start <= moment < end)
