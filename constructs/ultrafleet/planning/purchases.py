"""Purchases of a plan as they are reported: in the sizes in which they are made."""

from collections.abc import Iterator, Sequence

from ultrafleet.planning.bought import Bought
from ultrafleet.planning.days import date_of
from ultrafleet.planning.plan import Purchase
from ultrafleet.planning.supply import Kind, Option, Problem


def purchases_of(problem: Problem, bought: Sequence[Bought]) -> tuple[Purchase, ...]:
    """Purchases of a plan, without commands.

    Args:
        problem: the problem.
        bought: what is bought.
    """
    return tuple(_purchases(problem, bought))


def _purchases(problem: Problem, bought: Sequence[Bought]) -> Iterator[Purchase]:
    for item in bought:
        start = item.start
        for days in _lengths(problem, item):
            yield Purchase(
                demand=item.demand,
                kind=item.item.kind,
                name=item.item.name,
                type=problem.demand(item.demand).type,
                units=item.units,
                start=date_of(start),
                end=date_of(start + days),
                usd=item.usd * days / (item.end - item.start),
                place=item.item.place,
                pool=item.item.pool if isinstance(item.item, Option) else None,
                times=item.times,
                assumption=item.item.assumption,
                is_due=_is_due(problem, item, start),
            )
            start += days


def _lengths(problem: Problem, item: Bought) -> list[int]:
    """Days of the purchases: an extension of days that aren't sold at once is bought as several."""
    days = item.end - item.start
    if item.item.kind is Kind.EXTENSION and days not in problem.rules.durations:
        return problem.rules.tiling(days)
    return [days]


def _is_due(problem: Problem, item: Bought, start: int) -> bool:
    """True if it can be bought today."""
    match item.item.kind:
        case Kind.EXTENSION:
            return start - problem.today <= problem.rules.extension_horizon
        case Kind.ON_DEMAND:
            return start <= problem.today
        case _:
            return start - problem.today <= problem.rules.horizon
