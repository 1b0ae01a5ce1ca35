"""Chance that deliveries meet a target, exactly: no sampling."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from ultrafleet.capacity_calendar.model import Bar, Outlook

_TAIL: Final = 0.05
_NOTHING: Final = 1e-12


def outlook(bars: Sequence[Bar], moment: datetime, wanted: int) -> Outlook:
    """Supply at a moment.

    Deliveries of one luck come in the order of their chances: each is there where that luck is at most its chance.
    Different lucks are independent.

    Args:
        bars: the capacity that counts for the target.
        moment: the moment.
        wanted: what is wanted then.
    """
    there = [bar for bar in bars if not bar.is_over(moment)]
    certain = 0
    lucks: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for bar in there:
        chance = bar.chance_at(moment)
        if chance >= 1 - _NOTHING:
            certain += bar.count
        elif chance > _NOTHING:
            lucks[bar.shared_luck or bar.label].append((chance, bar.count))
    found = _distribution(certain, lucks)
    return Outlook(
        moment=moment,
        target=wanted,
        contracted=sum(bar.count for bar in there if bar.start <= moment),
        mean=sum(count * chance for count, chance in found.items()),
        least=_quantile(found, _TAIL),
        most=_quantile(found, 1 - _TAIL),
        chance=min(1.0, sum(chance for count, chance in found.items() if count >= wanted)) if wanted else 1.0,
    )


def _distribution(certain: int, lucks: Mapping[str, Sequence[tuple[float, int]]]) -> dict[int, float]:
    """Probability of each count."""
    found = {certain: 1.0}
    for items in lucks.values():
        one = _of_one_luck(items)
        joined: dict[int, float] = defaultdict(float)
        for count, chance in found.items():
            for more, other in one.items():
                joined[count + more] += chance * other
        found = joined
    return found


def _of_one_luck(items: Sequence[tuple[float, int]]) -> dict[int, float]:
    """Probability of each count of deliveries that slip together."""
    found: dict[int, float] = defaultdict(float)
    # From the luckiest on: with a luck above every chance none is there.
    above, count = 1.0, 0
    for chance, more in sorted(items, reverse=True):
        found[count] += above - chance
        above, count = chance, count + more
    found[count] += above
    return found


def _quantile(found: Mapping[int, float], level: float) -> int:
    reached = 0.0
    for count in sorted(found):
        reached += found[count]
        if reached >= level - _NOTHING:
            return count
    return max(found)
