"""Capacity that no plan covers, and why: what bounds the purchases on those days."""

from collections.abc import Sequence

import numpy as np

from ultrafleet.planning.bought import Bought
from ultrafleet.planning.days import date_of
from ultrafleet.planning.futures import Days, worst_days
from ultrafleet.planning.outcome import planned_demands, planned_span, planned_units, profile_with
from ultrafleet.planning.plan import Shortfall
from ultrafleet.planning.profile import Profile
from ultrafleet.planning.supply import Market, Option, Problem


def shortfalls_of(
    problem: Problem, bought: Sequence[Bought], futures: Days
) -> dict[tuple[str, int], tuple[Shortfall, ...]]:
    """Shortfalls by demand and number of its step: what is missing in more futures than the level allows.

    Where no gap is allowed, it is what is missing in the worst one.

    Args:
        problem: the problem.
        bought: the purchases.
        futures: sampled futures.
    """
    found: dict[tuple[str, int], tuple[Shortfall, ...]] = {}
    for demand in planned_demands(problem):
        worst = worst_days(problem)
        profile = profile_with(problem, demand, [futures, worst], bought)
        short = np.maximum(0, profile.missing(futures) - planned_units(profile, bought))
        at_worst = np.maximum(0, profile.missing(worst) - planned_units(profile, bought))
        beside = at_worst[:, :-1] + at_worst[:, 1:]
        cut = np.maximum(0, profile.missing_span(worst) - planned_span(profile, bought) - beside)
        for number, step in enumerate(demand.steps):
            may_miss = int((1 - step.level) * len(futures) + 1e-9)
            counted = at_worst if step.has_no_gap else short
            missing = [
                int(np.sort(counted[:, cell])[::-1][min(may_miss, len(counted) - 1)])
                if profile.step[cell] == number
                else 0
                for cell in range(len(profile.days))
            ]
            items = _joined(problem, profile, missing, bought)
            for node in range(len(profile.nodes) - 2):
                if profile.step[node] == number and cut[:, node].max(initial=0):
                    day = int(profile.nodes[node + 1])
                    items.append(
                        Shortfall(
                            start=date_of(day),
                            end=date_of(day),
                            units=int(cut[:, node].max()),
                            reason="a block ends then, and none that can be had overlaps it into the next day",
                        )
                    )
            if items:
                found[demand.name, number] = tuple(items)
    return found


def _joined(problem: Problem, profile: Profile, missing: list[int], bought: Sequence[Bought]) -> list[Shortfall]:
    """Neighbouring cells with the same amount and reason as one shortfall."""
    found: list[Shortfall] = []
    for cell, units in enumerate(missing):
        if not units:
            continue
        start, end = date_of(int(profile.nodes[cell])), date_of(int(profile.nodes[cell + 1]))
        reason = _reason(problem, profile, cell, bought)
        last = found[-1] if found else None
        if last is not None and (last.end, last.units, last.reason) == (start, units, reason):
            found[-1] = Shortfall(start=last.start, end=end, units=units, reason=reason)
        else:
            found.append(Shortfall(start=start, end=end, units=units, reason=reason))
    return found


def _reason(problem: Problem, profile: Profile, cell: int, bought: Sequence[Bought]) -> str:
    demand = profile.demand
    start, end = int(profile.nodes[cell]), int(profile.nodes[cell + 1])
    known: list[Option | Market] = [*problem.options, *problem.markets]
    offers = [item for item in known if item.demand == demand.name and item.start <= start and item.end >= end]
    if not offers:
        return "nothing is on offer for these days, and no price is assumed for later blocks"
    reasons: list[str] = []
    for name in dict.fromkeys(name for item in offers for name in item.caps):
        cap = problem.caps[name]
        weight = demand.instances if cap.weighs_instances else 1
        used = sum(
            item.units_on(start) * (problem.demand(item.demand).instances if cap.weighs_instances else 1)
            for item in bought
            if name in item.item.caps
        )
        if cap.at(start) - used < weight:
            reasons.append(cap.text)
    if reasons:
        return "; ".join(reasons)
    return "everything that is on offer for these days is bought"
