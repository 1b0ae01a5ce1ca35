"""Plans by enumeration: every combination of purchases, judged day by day by the rules in words. Shares no code with
the planner but the problem's records.

A step is met in a future if on each of its days as much runs as is wanted. A step of level 1 is met if that holds in
the worst future, and if across each 11:30 UTC between two of its days enough keeps running: blocks that end then don't
count, and those that begin then don't either.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import floor

from ultrafleet.planning.supply import Delivery, Demand, Kind, Problem

NEVER = 10**7


@dataclass(frozen=True)
class Piece:
    """Capacity that runs from a day to another; `joins` if it prolongs what ran before."""

    demand: str
    start: int
    end: int
    units: int
    joins: bool
    caps: tuple[str, ...]
    usd: float

    def runs(self, day: int) -> bool:
        return self.start <= day < self.end

    def runs_across(self, day: int) -> bool:
        return self.end > day and (self.start < day or (self.joins and self.start == day))


def choices(problem: Problem, most_blocks: int) -> list[list[list[Piece]]]:
    """For each thing that can be bought, the purchases that can be made of it."""
    found: list[list[list[Piece]]] = []
    groups: dict[str, list[list[Piece]]] = {}
    for option in problem.options:
        joins = option.kind is Kind.EXTENSION
        piece = Piece(option.demand, option.start, option.end, option.units, joins, option.caps, option.usd)
        many = [[piece] * times for times in range(option.most + 1)]
        if option.exclusive is None:
            found.append(many)
        else:
            assert option.most == 1
            groups.setdefault(option.exclusive, [[]]).append([piece])
    found += groups.values()
    for market in problem.markets:
        demand = problem.demand(market.demand)
        first, last = max(problem.today, demand.start, market.start), min(demand.end, market.end)
        lengths = problem.rules.durations if market.kind is not Kind.ON_DEMAND else range(1, last - first + 1)
        for start in range(first, last):
            for days in lengths:
                if start + days <= last:
                    usd = market.usd_per_day * days
                    piece = Piece(market.demand, start, start + days, 1, False, market.caps, usd)
                    found.append([[piece] * times for times in range(most_blocks + 1)])
    return found


def combinations(
    things: Sequence[list[list[Piece]]], best: list[float], chosen: list[Piece], usd: float
) -> Iterator[list[Piece]]:
    """Every combination that costs less than the best one by then."""
    if usd >= best[0] - 1e-7:
        return
    if not things:
        yield list(chosen)
        return
    for pieces in things[0]:
        more = sum(piece.usd for piece in pieces)
        yield from combinations(things[1:], best, [*chosen, *pieces], usd + more)


def within_caps(problem: Problem, bought: Sequence[Piece]) -> bool:
    days = range(problem.today, max(demand.end for demand in problem.demands))
    for cap in problem.caps.values():
        for day in days:
            used = sum(
                piece.units * (problem.demand(piece.demand).instances if cap.weighs_instances else 1)
                for piece in bought
                if cap.name in piece.caps and piece.runs(day)
            )
            taken = sum(amount for start, end, amount in cap.changes if start <= day < end)
            if used > max(0, cap.capacity - taken):
                return False
    return True


def pieces_of(problem: Problem, demand: Demand, bought: Sequence[Piece], days: Sequence[int]) -> list[Piece]:
    held = [
        Piece(demand.name, item.start, item.end, item.units, False, (), 0.0)
        for item in problem.held
        if item.demand == demand.name
    ]
    delivered = [
        Piece(demand.name, day, item.end, item.units, False, (), 0.0)
        for item, day in zip(problem.deliveries, days, strict=True)
        if item.demand == demand.name and day < item.end
    ]
    return [*held, *delivered, *(piece for piece in bought if piece.demand == demand.name)]


def is_met(problem: Problem, demand: Demand, number: int, bought: Sequence[Piece], days: Sequence[int]) -> bool:
    step = demand.steps[number]
    pieces = pieces_of(problem, demand, bought, days)
    planned = range(max(step.start, problem.today), step.end)
    if any(sum(piece.units for piece in pieces if piece.runs(day)) < step.units for day in planned):
        return False
    return not any(
        sum(piece.units for piece in pieces if piece.runs_across(day)) < need
        for day, need in across(problem, demand, number)
    )


def across(problem: Problem, demand: Demand, number: int) -> Iterator[tuple[int, int]]:
    """Days at whose 11:30 UTC something of a step has to keep running, and how much."""
    step = demand.steps[number]
    if step.level < 1:
        return
    first = max(step.start, problem.today)
    for day in range(first + 1, step.end):
        yield day, step.units
    following = demand.steps[number + 1] if number + 1 < len(demand.steps) else None
    if following is not None and following.level >= 1 and step.end > problem.today:
        yield step.end, min(step.units, following.units)


def worst(item: Delivery) -> int:
    weeks = [week for week, chance in item.slip if chance > 0]
    return NEVER if None in weeks else item.day + 7 * max(week for week in weeks if week is not None)


def reaches_levels(problem: Problem, bought: Sequence[Piece], futures: Sequence[Sequence[int]]) -> bool:
    at_worst = [worst(item) for item in problem.deliveries]
    for demand in problem.demands:
        for number, step in enumerate(demand.steps):
            if step.end <= problem.today:
                continue
            if step.level >= 1:
                if not is_met(problem, demand, number, bought, at_worst):
                    return False
                continue
            may_miss = floor((1 - step.level) * len(futures) + 1e-9)
            missed = sum(not is_met(problem, demand, number, bought, days) for days in futures)
            if missed > may_miss:
                return False
    return True


def least_cost(problem: Problem, futures: Sequence[Sequence[int]], *, most_blocks: int) -> float | None:
    """Least price of purchases that reach every level; None if none do."""
    best = [float("inf")]
    for bought in combinations(choices(problem, most_blocks), best, [], 0.0):
        usd = sum(piece.usd for piece in bought)
        if usd < best[0] - 1e-7 and within_caps(problem, bought) and reaches_levels(problem, bought, futures):
            best[0] = usd
    return None if best[0] == float("inf") else best[0]


def given_up(problem: Problem, bought: Sequence[Piece]) -> int:
    """Fewest unit-days that have to be taken off the targets for purchases to meet the rest, if nothing slips."""
    days = [item.day for item in problem.deliveries]
    return sum(_given_up_of(problem, demand, pieces_of(problem, demand, bought, days)) for demand in problem.demands)


def _given_up_of(problem: Problem, demand: Demand, pieces: Sequence[Piece]) -> int:
    need = {day: step.units for step in demand.steps for day in range(max(step.start, problem.today), step.end)}
    lacks = dict(itertools.chain.from_iterable(across_with_lack(problem, demand, pieces)))
    choices_of_day = [
        range(max(0, units - sum(piece.units for piece in pieces if piece.runs(day))), units + 1)
        for day, units in need.items()
    ]
    fewest = sum(need.values())
    for taken in itertools.product(*choices_of_day):
        off = dict(zip(need, taken, strict=True))
        if all(off[day - 1] + off[day] >= lack for day, lack in lacks.items()):
            fewest = min(fewest, sum(taken))
    return fewest


def across_with_lack(problem: Problem, demand: Demand, pieces: Sequence[Piece]) -> Iterator[list[tuple[int, int]]]:
    for number in range(len(demand.steps)):
        yield [
            (day, need - sum(piece.units for piece in pieces if piece.runs_across(day)))
            for day, need in across(problem, demand, number)
        ]


def least_given_up(problem: Problem, *, most_blocks: int) -> tuple[float, float]:
    """Fewest unit-days that any purchases give up, and the least price of such purchases."""
    found = (float("inf"), float("inf"))
    for bought in combinations(choices(problem, most_blocks), [float("inf")], [], 0.0):
        if within_caps(problem, bought):
            found = min(found, (given_up(problem, bought), sum(piece.usd for piece in bought)))
    return found
