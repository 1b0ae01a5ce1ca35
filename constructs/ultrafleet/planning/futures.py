"""Sampled futures: the day on which each delivery comes."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from ultrafleet.planning.block_rules import DAYS_PER_WEEK
from ultrafleet.planning.supply import Delivery, Problem

Days = npt.NDArray[np.int64]
"""Day of each delivery (columns) in each future (rows)."""
NEVER: Final = 10**7
"""Day of a delivery that never comes."""


def contracted_days(problem: Problem) -> Days:
    """The one future in which nothing slips."""
    return np.array([[item.day for item in problem.deliveries]], dtype=np.int64)


def worst_days(problem: Problem) -> Days:
    """The one future in which everything slips by the most that it can."""
    return np.array([[_day(item, item.slip[-1][0]) for item in problem.deliveries]], dtype=np.int64)


def sampled_days(problem: Problem, *, number: int, seed: Iterable[int]) -> Days:
    """Futures by the distributions of slip; deliveries that share their luck slip together.

    Args:
        problem: whose deliveries.
        number: futures.
        seed: numbers that determine them.
    """
    lucks = list(dict.fromkeys(item.luck for item in problem.deliveries))
    drawn = np.random.default_rng(list(seed)).random((number, len(lucks)))
    days = np.empty((number, len(problem.deliveries)), dtype=np.int64)
    for place, item in enumerate(problem.deliveries):
        reached = np.cumsum([chance for _, chance in item.slip])
        chosen = np.searchsorted(reached, drawn[:, lucks.index(item.luck)], side="right")
        possible = np.array([_day(item, weeks) for weeks, _ in item.slip], dtype=np.int64)
        days[:, place] = possible[np.minimum(chosen, len(possible) - 1)]
    return days


def _day(item: Delivery, weeks: int | None) -> int:
    return NEVER if weeks is None else item.day + weeks * DAYS_PER_WEEK
