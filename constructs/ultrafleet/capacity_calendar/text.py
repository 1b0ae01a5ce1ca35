"""Calendar as text."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from ultrafleet.capacity_calendar.grouping import Group, drawn
from ultrafleet.capacity_calendar.model import Bar, Calendar, Lane, TargetLine
from ultrafleet.plain_text import visible

_WIDTH: Final = 64
_SURE: Final = 0.995
_LIKELY: Final = 0.5
LEGEND: Final = "# there   + likely there (50 % or more)   - less likely   ? may be bought   . nothing"
"""Signs of a line."""
_ASSUMED: Final = " (assumption)"


def calendar_text(calendar: Calendar) -> str:
    """The calendar in lines of text.

    Args:
        calendar: the calendar.
    """
    return "\n".join(visible(line) if line.isprintable() else line for line in _lines(calendar)) + "\n"


def _lines(calendar: Calendar) -> Iterator[str]:
    yield f"{calendar.title}: {calendar.start:%Y-%m-%d} to {calendar.end:%Y-%m-%d}, a sign is {_sign_length(calendar)}"
    yield LEGEND
    lanes = drawn(calendar.lanes, calendar.start, calendar.end)
    wide = max((len(lane.name) for lane in lanes), default=0)
    for lane in lanes:
        if isinstance(lane, Group):
            most = max(n for _, n in lane.levels)
            yield f"{lane.name:{wide}}  {_of_group(calendar, lane)}  {lane.sold}, at most {most:,}"
        else:
            yield f"{lane.name:{wide}}  {_of_lane(calendar, lane)}  {lane.sold}"
            yield from (f"{'':{wide}}    {_bar(bar)}" for bar in lane.bars)
    for target in calendar.targets:
        yield ""
        yield from _target(target)
    if calendar.notes:
        yield ""
        yield from calendar.notes


def _sign_length(calendar: Calendar) -> str:
    hours = (calendar.end - calendar.start) / _WIDTH / timedelta(hours=1)
    return f"{hours / 24:.1f} days" if hours >= 24 else f"{hours:.0f} hours"  # noqa: PLR2004 - hours of a day


def _moments(calendar: Calendar) -> list[datetime]:
    step = (calendar.end - calendar.start) / _WIDTH
    return [calendar.start + step * (index + 0.5) for index in range(_WIDTH)]


def _of_lane(calendar: Calendar, lane: Lane) -> str:
    return "".join(_sign(lane, moment) for moment in _moments(calendar))


def _sign(lane: Lane, moment: datetime) -> str:
    there = [bar for bar in lane.bars if not bar.is_over(moment)]
    if any(bar.kind == "may be bought" and bar.start <= moment for bar in there):
        return "?"
    chance = max((bar.chance_at(moment) for bar in there), default=0.0)
    if chance >= _SURE:
        return "#"
    return "+" if chance >= _LIKELY else "-" if chance > 0 else "."


def _of_group(calendar: Calendar, group: Group) -> str:
    """A digit for each sign: tenths of the most."""
    most = max(n for _, n in group.levels) or 1
    signs = []
    for moment in _moments(calendar):
        level = next((n for since, n in reversed(group.levels) if since <= moment), 0)
        signs.append("." if level == 0 else str(min(9, level * 10 // most)) if level < most else "#")
    return "".join(signs)


def _bar(bar: Bar) -> str:
    until = f"{bar.end:%Y-%m-%d %H:%M}" if bar.end else "no end"
    since = f"{bar.start:%Y-%m-%d %H:%M}" if bar.kind != "on demand" else "no date"
    told = f"{bar.kind} {bar.label}: {bar.count:,} from {since} to {until}"
    if bar.arrivals:
        likely = next((when for when, chance in bar.arrivals if chance >= _LIKELY), None)
        sure = bar.arrivals[-1]
        told += f", half likely by {likely:%Y-%m-%d}" if likely else ", less than half likely"
        told += f", {sure[1]:.0%} by {sure[0]:%Y-%m-%d}"
    return told + (_ASSUMED if bar.assumed else "")


def _target(target: TargetLine) -> Iterator[str]:
    yield f"target {target.name}, {target.workload}, {target.sold}{_ASSUMED if target.assumed else ''}"
    for step in target.steps:
        accelerators = f" ({step.wanted * target.accelerators:,} accelerators)" if target.accelerators else ""
        met = "" if step.chance >= step.service_level else "  below its level"
        yield (
            f"  from {step.start:%Y-%m-%d}: {step.wanted:,} {target.unit}{accelerators}, "
            f"chance {step.chance:.1%} of {step.service_level:.1%} wanted{met}"
        )
