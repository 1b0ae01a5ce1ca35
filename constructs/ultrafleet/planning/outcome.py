"""Purchases judged on futures: how often each step is met, what is missing, what is spent."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ultrafleet.planning.bought import Bought
from ultrafleet.planning.futures import Days
from ultrafleet.planning.nodes import change_days, first_day
from ultrafleet.planning.profile import Amounts, Profile
from ultrafleet.planning.supply import Demand, Market, Problem

_CHUNK = 1000
"""Futures that are judged at once: it bounds the memory."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Purchases on futures.

    Attributes:
        met: by demand and number of its step, share of the futures in which it is met.
        missing_unit_days: mean of the missing unit-days of all demands.
        used_usd: mean price of the flexible purchases if they are made only when something is missing.
    """

    met: dict[tuple[str, int], float] = field(default_factory=dict)
    missing_unit_days: float = 0.0
    used_usd: float = 0.0


def planned_demands(problem: Problem) -> Iterator[Demand]:
    """Demands of which some days are still to come."""
    return (demand for demand in problem.demands if first_day(problem, demand) < demand.end)


def profile_with(problem: Problem, demand: Demand, futures: Iterable[Days], bought: Sequence[Bought]) -> Profile:
    """Profile of a demand whose cells are cut by purchases, too."""
    first = first_day(problem, demand)
    days = {
        day for item in bought if item.demand == demand.name for start, end, _ in item.parts for day in (start, end)
    }
    cut = {day for day in days if first <= day <= demand.end}
    return Profile(problem, demand, change_days(problem, demand, futures) | cut)


def planned_units(profile: Profile, bought: Sequence[Bought]) -> Amounts:
    """Units that purchases give in each cell."""
    found = np.zeros_like(profile.days)
    begins, ends = profile.nodes[:-1], profile.nodes[1:]
    for item in bought:
        if item.demand == profile.demand.name:
            for start, end, units in item.parts:
                found += units * ((begins >= start) & (ends <= end))
    return found


def planned_span(profile: Profile, bought: Sequence[Bought]) -> Amounts:
    """Units that purchases give across each inner node."""
    found = np.zeros_like(profile.span_need)
    inner = profile.nodes[1:-1]
    for item in bought:
        if item.demand == profile.demand.name:
            for start, end, units in item.parts:
                after_start = (inner >= start) if item.runs_across_start else (inner > start)
                found += units * (after_start & (inner < end))
    return found


def outcome_of(problem: Problem, bought: Sequence[Bought], futures: Days, *, due: int) -> Outcome:
    """Judge purchases.

    Args:
        problem: the problem.
        bought: the purchases.
        futures: the futures.
        due: day until which purchases have to be made before it is known what is late; later ones of any days are
            flexible.
    """
    met: dict[tuple[str, int], float] = {}
    missing_unit_days = used_usd = 0.0
    flexible = [item for item in bought if is_flexible(problem, item, due)]
    fixed = [item for item in bought if not is_flexible(problem, item, due)]
    for demand in planned_demands(problem):
        profile = profile_with(problem, demand, [futures], bought)
        firm, later = planned_units(profile, fixed), planned_units(profile, flexible)
        span = planned_span(profile, bought)
        prices = _prices(profile, flexible)
        is_met = np.zeros(len(demand.steps), dtype=np.int64)
        for start in range(0, len(futures), _CHUNK):
            chunk = futures[start : start + _CHUNK]
            without = np.maximum(0, profile.missing(chunk) - firm)
            short = np.maximum(0, without - later)
            missing_unit_days += float((short * profile.days).sum()) / len(futures)
            used_usd += float((np.minimum(without, later) * prices * profile.days).sum()) / len(futures)
            beside = short[:, :-1] + short[:, 1:]  # what isn't there on a day doesn't have to run across its end
            cut = profile.missing_span(chunk) > span + beside
            cut_after = np.hstack([cut, np.zeros((len(chunk), 1), dtype=bool)])
            is_short = (short > 0) | cut_after
            for number in range(len(demand.steps)):
                is_met[number] += int((~is_short[:, profile.step == number].any(axis=1)).sum())
        met.update({(demand.name, number): float(count) / len(futures) for number, count in enumerate(is_met)})
    return Outcome(met=met, missing_unit_days=missing_unit_days, used_usd=used_usd)


def is_flexible(problem: Problem, item: Bought, due: int) -> bool:
    """True if it can wait until it is known what is late: it begins after a day, and no hand-over depends on it."""
    has_no_gap = any(step.has_no_gap for step in problem.demand(item.demand).steps)
    return not has_no_gap and isinstance(item.item, Market) and item.start > due


def _prices(profile: Profile, bought: Sequence[Bought]) -> npt.NDArray[np.float64]:
    """Mean price of a unit-day of purchases in each cell."""
    begins, ends = profile.nodes[:-1], profile.nodes[1:]
    usd, units = np.zeros(len(begins)), np.zeros(len(begins))
    for item in bought:
        if item.demand == profile.demand.name:
            there = (begins >= item.start) & (ends <= item.end)
            usd += there * item.usd / (item.end - item.start)
            units += there * item.units
    return np.divide(usd, units, out=np.zeros_like(usd), where=units > 0)
