"""Plans against enumeration: the same least price, the same verdict, on small random problems."""

import pytest

from helpers.plan_brute_force import Piece, given_up, least_cost, least_given_up
from helpers.small_plans import small_problem
from ultrafleet.planning import Kind, Problem, Purchase
from ultrafleet.planning.days import day_of
from ultrafleet.planning.futures import sampled_days
from ultrafleet.planning.planner import Options, make_plan
from ultrafleet.planning.solver import Highs

FUTURES = 5
EXACT = Options(scenarios=FUTURES, checked=0, gap=0.0)
FEW, MANY = range(40), range(40, 640)


def agree(problem: Problem) -> bool:
    """Compare both; True if some plan reaches every level."""
    plan = make_plan(problem, Highs(), name="small", options=EXACT)
    futures = sampled_days(problem, number=FUTURES, seed=[EXACT.seed, 0]).tolist()
    least = least_cost(problem, futures, most_blocks=2)
    assert plan.is_met is (least is not None)
    if least is not None:
        assert plan.usd == pytest.approx(least)
        assert plan.solving.lower_bound_usd == pytest.approx(least, rel=1e-6, abs=1e-4)
    assert sum(item.usd for item in plan.purchases) == pytest.approx(plan.usd)
    return least is not None


def agree_on_what_is_given_up(problem: Problem) -> None:
    """Compare what is left uncovered where no plan reaches every level, and the price of the rest."""
    plan = make_plan(problem, Highs(), name="small", options=EXACT)
    fewest, usd = least_given_up(problem, most_blocks=2)
    assert given_up(problem, [piece for item in plan.purchases for piece in pieces(problem, item)]) == fewest
    assert plan.usd == pytest.approx(usd)
    assert all(item.reason and item.units > 0 for step in plan.steps for item in step.shortfalls)
    assert all(step.is_met or step.shortfalls for step in plan.steps)


def pieces(problem: Problem, item: Purchase) -> list[Piece]:
    (option,) = (
        one
        for one in problem.options
        if (one.name, one.demand, one.start, one.kind) == (item.name, item.demand, day_of(item.start), item.kind)
        and (one.kind is not Kind.EXTENSION or one.end == day_of(item.end))
    )
    joins = option.kind is Kind.EXTENSION
    return [Piece(option.demand, option.start, option.end, option.units, joins, option.caps, option.usd)]


def is_small(problem: Problem) -> bool:
    """True if everything that can be bought can be enumerated without a price that cuts it short."""
    return not problem.markets


@pytest.mark.parametrize("number", FEW)
def test_without_slip(number: int) -> None:
    problem = small_problem(number, has_slip=False)
    if not agree(problem) and is_small(problem):
        agree_on_what_is_given_up(problem)


@pytest.mark.parametrize("number", FEW)
def test_with_slip(number: int) -> None:
    agree(small_problem(number, has_slip=True))


@pytest.mark.slow
@pytest.mark.parametrize("has_slip", [False, True])
def test_many(*, has_slip: bool) -> None:
    reached = 0
    for number in MANY:
        problem = small_problem(number, has_slip=has_slip)
        met = agree(problem)
        reached += met
        if not has_slip and not met and is_small(problem):
            agree_on_what_is_given_up(problem)
    assert len(MANY) / 4 < reached < len(MANY) * 0.95, f"{reached} can be met: the problems are one-sided"
