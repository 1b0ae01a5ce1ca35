"""Lanes that are drawn: each of them, or alike ones as one where there are many."""

from collections.abc import Sequence
from dataclasses import dataclass
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
    names: dict[tuple[Kind, str, str], int] = {}
    for lane in seen:
        for kind in dict.fromkeys(bar.kind for bar in lane.bars):
            key = (kind, lane.sold, lane.workload)
            alike.setdefault(key, []).extend(bar for bar in lane.bars if bar.kind is kind)
            names[key] = names.get(key, 0) + 1
    what = {Kind.BLOCK: "pools with blocks", Kind.TRANCHE: "deliveries", Kind.ON_DEMAND: "pools on demand"}
    return [
        Group(
            name=f"{names[key]:,} {what.get(key[0], 'offers that may be bought')}{f', {key[2]}' if key[2] else ''}",
            sold=key[1],
            kind=key[0],
            levels=_levels(bars, start, end),
        )
        for key, bars in alike.items()
    ]


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
