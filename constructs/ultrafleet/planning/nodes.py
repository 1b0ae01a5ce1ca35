"""Days on which something of a demand may change: between them nothing has to."""

from collections.abc import Collection, Iterable

import numpy as np

from ultrafleet.planning.futures import Days
from ultrafleet.planning.profile import Profile
from ultrafleet.planning.supply import Cap, Demand, Held, Market, Option, Problem, Step


def first_day(problem: Problem, demand: Demand) -> int:
    """First day of a demand that is planned: today, or its own."""
    return max(problem.today, demand.start)


def change_days(problem: Problem, demand: Demand, futures: Iterable[Days]) -> set[int]:
    """Days from the first to the last of a demand on which what is wanted, there or buyable may change.

    Args:
        problem: what the demand is of.
        demand: the demand.
        futures: sampled futures whose deliveries count.
    """
    first = first_day(problem, demand)
    found = {first, demand.end, *_days_of_futures(problem, demand, futures)}
    lasting: list[Held | Market | Step] = [*problem.held, *problem.markets, *demand.steps]
    of_demand = [item for item in lasting if _is_of(item, demand)]
    found |= {day for item in of_demand for day in (item.start, item.end)}
    for option in problem.options:
        if option.demand == demand.name:
            found |= {day for start, end, _ in option.parts for day in (start, end)}
    for cap in caps_of(problem, demand):
        found |= {day for start, end, _ in cap.changes for day in (start, end)}
    return {day for day in found if first <= day <= demand.end}


def _is_of(item: Held | Market | Step, demand: Demand) -> bool:
    """True if it is a step, or something of the demand."""
    return isinstance(item, Step) or item.demand == demand.name


def _days_of_futures(problem: Problem, demand: Demand, futures: Iterable[Days]) -> set[int]:
    """Days on which something is delivered for a demand in some future, or ends."""
    found: set[int] = set()
    for place, delivery in enumerate(problem.deliveries):
        if delivery.demand == demand.name:
            found.add(delivery.end)
            for days in futures:
                found.update(int(day) for day in np.unique(days[:, place]))
    return found


def caps_of(problem: Problem, demand: Demand) -> list[Cap]:
    """Caps that something counts against that can be bought for a demand."""
    offered: list[Option | Market] = [*problem.options, *problem.markets]
    names = {name for item in offered if item.demand == demand.name for name in item.caps}
    return [problem.caps[name] for name in sorted(names)]


def needs_whole_days(problem: Problem, demand: Demand) -> bool:
    """True if blocks of any days are bought for a demand whose hand-overs may leave no gap: each day may be one."""
    return any(step.has_no_gap and step.end > problem.today for step in demand.steps) and any(
        is_chained(market, demand) for market in problem.markets if market.demand == demand.name
    )


def is_chained(market: Market, demand: Demand) -> bool:
    """True if its purchases are blocks that have to overlap somewhere."""
    return market.kind.is_block and any(step.has_no_gap for step in demand.steps)


def nodes_of_all(problem: Problem, futures: Iterable[Days], binding: Collection[str]) -> dict[str, list[int]]:
    """Nodes of every demand, by its name; demands that share a cap which may bind have theirs in common.

    Args:
        problem: the problem.
        futures: sampled futures whose deliveries count.
        binding: names of the caps that may bind.
    """
    futures = list(futures)
    own = {demand.name: change_days(problem, demand, futures) for demand in problem.demands}
    for demand in problem.demands:
        if needs_whole_days(problem, demand):
            own[demand.name] |= set(range(first_day(problem, demand), demand.end))
    groups = {demand.name: {demand.name} for demand in problem.demands}
    for cap in map(problem.caps.__getitem__, binding):
        users = [item.name for item in problem.demands if cap in caps_of(problem, item)]
        joined = set().union(*(groups[user] for user in users)) if users else set()
        groups.update(dict.fromkeys(joined, joined))
    return {
        demand.name: sorted(
            day for name in groups[demand.name] for day in own[name] if first_day(problem, demand) <= day <= demand.end
        )
        for demand in problem.demands
    }


def likely_caps(problem: Problem, futures: Iterable[Days]) -> set[str]:
    """Names of the caps that purchases of what is missing might reach; the others need no row at first."""
    futures = list(futures)
    most: dict[str, int] = {}
    for demand in problem.demands:
        if first_day(problem, demand) >= demand.end:
            continue
        profile = Profile(problem, demand, change_days(problem, demand, futures))
        need = max(int(profile.missing(days).max(initial=0)) for days in futures)
        for cap in caps_of(problem, demand):
            weight = demand.instances if cap.weighs_instances else 1
            fixed = sum(
                item.units * item.most
                for item in problem.options
                if item.demand == demand.name and cap.name in item.caps
            )
            overlap = 2 if needs_whole_days(problem, demand) else 1
            most[cap.name] = most.get(cap.name, 0) + weight * (need * overlap + fixed)
    return {
        name
        for name, cap in problem.caps.items()
        if most.get(name, 0) > min([cap.at(day) for day in _days(cap)], default=cap.capacity)
    }


def _days(cap: Cap) -> list[int]:
    return [day for start, end, _ in cap.changes for day in (start, end)]
