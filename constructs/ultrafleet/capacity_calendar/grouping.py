"""Lanes that are drawn: each of them, or alike ones as one where there are many."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ultrafleet.capacity_calendar.model import Bar, Kind, Lane

MOST_LANES: Final = 26
"""Lanes that are drawn one by one: the most that a page shows legibly (ours)."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Many lanes of one type and workload as one.

    Attributes:
        name: its name.
        sold: their type.
        kind: kind of their capacity.
        levels: count from each moment on, contracted dates; to the last moment.
    """

    name: str
    sold: str
    kind: Kind
    levels: tuple[tuple[datetime, int], ...]


def drawn(lanes: Sequence[Lane], start: datetime, end: datetime) -> list[Lane | Group]:
    """Lanes as they are drawn; those without anything in the time are left out.

    Args:
        lanes: the lanes.
        start: first moment.
        end: the moment after the last.
    """
    seen = [
        lane for lane in lanes if any(bar.start < end and not bar.is_over(start) for bar in lane.bars) or not lane.bars
    ]
    if len(seen) <= MOST_LANES:
        return list(seen)
    alike: dict[tuple[Kind, str, str], list[Bar]] = {}
    members: dict[tuple[Kind, str, str], list[Lane]] = {}
    for lane in seen:
        for kind in dict.fromkeys(bar.kind for bar in lane.bars):
            key = (kind, lane.sold, lane.workload)
            alike.setdefault(key, []).extend(bar for bar in lane.bars if bar.kind is kind)
            members.setdefault(key, []).append(lane)
    return [
        _group(key, len(members[key]), bars, start, end)
        if len(members[key]) > 1
        else replace(members[key][0], bars=tuple(bars))
        for key, bars in alike.items()
    ]


def _group(key: tuple[Kind, str, str], count: int, bars: Sequence[Bar], start: datetime, end: datetime) -> Group:
    kind, sold, workload = key
    what = {Kind.BLOCK: "pools with blocks", Kind.TRANCHE: "deliveries", Kind.ON_DEMAND: "pools on demand"}
    named = f"{count:,} {what.get(kind, 'offers that may be bought')}"
    return Group(
        name=f"{named}, {workload}" if workload else named, sold=sold, kind=kind, levels=_levels(bars, start, end)
    )


def _levels(bars: Sequence[Bar], start: datetime, end: datetime) -> tuple[tuple[datetime, int], ...]:
    changes: dict[datetime, int] = {start: 0, end: 0}
    for bar in bars:
        since, until = max(start, bar.start), min(end, bar.end or end)
        if since < until:
            changes[since] = changes.get(since, 0) + bar.count
            changes[until] = changes.get(until, 0) - bar.count
    level = 0
    levels: list[tuple[datetime, int]] = []
    for moment in sorted(changes):
        level += changes[moment]
        if not levels or levels[-1][1] != level:
            levels.append((moment, level))
    return tuple(levels)
