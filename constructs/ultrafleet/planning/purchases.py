"""Purchases of a plan as they are reported: in the sizes in which they are made."""

from collections.abc import Iterator, Sequence

from ultrafleet.planning.bought import Bought
from ultrafleet.planning.days import date_of
from ultrafleet.planning.plan import Purchase
from ultrafleet.planning.supply import Kind, Problem


def purchases_of(problem: Problem, bought: Sequence[Bought]) -> tuple[Purchase, ...]:
    """Purchases of a plan, without commands.

    Args:
        problem: the problem.
        bought: what is bought.
    """
    return tuple(_purchases(problem, bought))


def _purchases(problem: Problem, bought: Sequence[Bought]) -> Iterator[Purchase]:
    for item in bought:
        demand = problem.demand(item.demand)
        yield Purchase(
            demand=item.demand,
            kind=item.item.kind,
            name=item.item.name,
            type=demand.type,
            units=item.units,
            start=date_of(item.start),
            end=date_of(item.end),
            usd=item.usd,
            place=item.item.place,
            assumption=item.item.assumption,
            is_due=_is_due(problem, item),
        )


def _is_due(problem: Problem, item: Bought) -> bool:
    """True if it can be bought today."""
    match item.item.kind:
        case Kind.EXTENSION:
            return item.start - problem.today <= problem.rules.extension_horizon
        case Kind.ON_DEMAND:
            return item.start <= problem.today
        case _:
            return item.start - problem.today <= problem.rules.horizon
