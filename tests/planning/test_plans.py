"""Properties of plans: never worse than planning without slip, deterministic, within limits, bounded in time."""

from dataclasses import fields, replace

import pytest

from helpers.small_plans import small_problem
from ultrafleet.errors import FleetError
from ultrafleet.planning import Cap, Delivery, Demand, Held, Kind, Market, Option, Problem, Step
from ultrafleet.planning.block_rules import BlockRules
from ultrafleet.planning.futures import NEVER, sampled_days, worst_days
from ultrafleet.planning.linear_model import INFINITY, LinearModel
from ultrafleet.planning.planner import Options, make_plan
from ultrafleet.planning.solver import Highs, Solution
from ultrafleet.planning.solving import digest

TODAY = 740_000
SAMPLED = Options(scenarios=40, checked=400, gap=0.0)
SLIPS = ((0, 0.5), (2, 0.3), (6, 0.2))


def demand(*steps: tuple[int, int, float], until: int, **changes: object) -> Demand:
    """Demand of steps (first day after today, units, level)."""
    ends = [start for start, _, _ in steps[1:]] + [until]
    found = Demand(
        name="a",
        workload="training",
        type="u-p6e-gb200x72",
        unit="UltraServers",
        instances=18,
        accelerators=72,
        steps=tuple(
            Step(start=TODAY + start, end=TODAY + end, units=units, level=level)
            for (start, units, level), end in zip(steps, ends, strict=True)
        ),
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def market(usd_per_day: float = 10.0, *caps: str, end: int = 400) -> Market:
    return Market(
        name="later", kind=Kind.LATER_BLOCK, demand="a", start=TODAY, end=TODAY + end, usd_per_day=usd_per_day,
        caps=caps, assumption="a price",
    )  # fmt: skip


def delivery(day: int, units: int, **changes: object) -> Delivery:
    found = Delivery(
        name=f"t{day}", demand="a", day=TODAY + day, end=TODAY + 1000, units=units, slip=SLIPS, luck=f"t{day}"
    )
    return replace(found, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", range(40))
def test_planning_with_slip_is_never_worse_on_the_same_futures(number: int) -> None:
    value = make_plan(small_problem(number, has_slip=True), Highs(), name="small", options=SAMPLED).slip_value
    if value is None:
        return
    one, other = value.with_slip, value.without_slip
    assert one.steps_met >= other.steps_met
    if one.steps_met == other.steps_met:
        assert one.usd <= other.usd + 1e-6 or one.missing_unit_days <= other.missing_unit_days + 1e-9


@pytest.mark.parametrize("number", range(40))
def test_the_bound_is_below_and_limits_hold(number: int) -> None:
    problem = small_problem(number, has_slip=True)
    plan = make_plan(problem, Highs(), name="small", options=SAMPLED)
    assert plan.solving.lower_bound_usd <= plan.usd + 1e-6
    for cap in problem.caps.values():
        for day in range(TODAY, TODAY + 6):
            used = sum(item.units for item in plan.purchases if item.start.toordinal() <= day < item.end.toordinal())
            assert used <= cap.at(day)


def test_a_level_that_a_sample_only_seems_to_reach_is_aimed_at_higher() -> None:
    problem = Problem(
        today=TODAY,
        demands=(demand((30, 20, 0.8), until=120),),
        markets=(market(),),
        deliveries=tuple(delivery(day, 2) for day in range(10, 30, 2)),
    )
    sampled_alone = make_plan(problem, Highs(), name="x", options=Options(scenarios=20, checked=0, seed=3))
    checked = make_plan(problem, Highs(), name="x", options=Options(scenarios=20, checked=5000, seed=3))
    assert checked.solving.aimed_higher == 1
    assert checked.usd > sampled_alone.usd
    assert checked.steps[0].is_met
    assert checked.steps[0].checked is not None
    assert checked.steps[0].checked >= 0.8 - 2 * (0.16 / 5000) ** 0.5


def test_deliveries_that_share_their_luck_slip_together() -> None:
    problem = Problem(
        today=TODAY,
        demands=(demand((30, 4, 0.9), until=60),),
        deliveries=(delivery(1, 1), delivery(2, 1, luck="t1"), delivery(3, 1)),
    )
    days = sampled_days(problem, number=500, seed=[1])
    assert ((days[:, 0] + 1) == days[:, 1]).all()
    assert ((days[:, 0] + 2) != days[:, 2]).any()
    assert ((days[:, 0] == TODAY + 1).mean()) == pytest.approx(0.5, abs=0.07)
    assert worst_days(problem).tolist() == [[TODAY + 43, TODAY + 44, TODAY + 45]]


def test_what_never_comes_is_never_counted() -> None:
    slips: tuple[tuple[int | None, float], ...] = ((0, 0.6), (None, 0.4))
    problem = Problem(today=TODAY, demands=(demand((30, 1, 0.9), until=60),), deliveries=(delivery(1, 1, slip=slips),))
    assert worst_days(problem).tolist() == [[NEVER]]
    plan = make_plan(problem, Highs(), name="x", options=Options())
    assert plan.steps[0].probability == pytest.approx(0.6, abs=0.08)
    assert [item.reason for item in plan.steps[0].shortfalls] == [
        "nothing is on offer for these days, and no price is assumed for later blocks"
    ]


def test_blocks_without_a_gap_overlap_by_a_day_and_last_no_longer_than_they_may() -> None:
    """400 days of two racks.

    Three blocks in a row last 402 days with their two hand-overs, but 402 isn't sold in three: 406 is. Four last 403.
    """
    problem = Problem(today=TODAY, demands=(demand((0, 2, 1.0), until=400),), markets=(market(),))
    plan = make_plan(problem, Highs(), name="x", options=Options(gap=0.0))
    assert plan.is_met
    assert plan.usd == pytest.approx(2 * 403 * 10.0)
    assert all(item.days in BlockRules().durations for item in plan.purchases)


def test_hand_overs_under_a_limit_are_staggered_or_refused() -> None:
    """A limit of three racks lets two hand over one after the other; a limit of two lets none."""
    for capacity, is_met in ((3, True), (2, False)):
        caps = {"limit": Cap(name="limit", text="the limit", capacity=capacity * 18, weighs_instances=True)}
        problem = Problem(
            today=TODAY, demands=(demand((0, 2, 1.0), until=250),), markets=(market(10.0, "limit"),), caps=caps
        )
        plan = make_plan(problem, Highs(), name="x", options=Options(gap=0.0))
        assert plan.is_met is is_met
        if not is_met:
            assert plan.steps[0].shortfalls


def test_two_targets_share_one_limit() -> None:
    caps = {"limit": Cap(name="limit", text="the limit", capacity=54, weighs_instances=True)}
    other = demand((0, 2, 0.9), until=30, name="b")
    problem = Problem(
        today=TODAY,
        demands=(demand((0, 2, 0.9), until=30), other),
        markets=(market(10.0, "limit"), replace(market(30.0, "limit"), demand="b")),
        caps=caps,
    )
    plan = make_plan(problem, Highs(), name="x", options=Options(gap=0.0))
    assert plan.usd == pytest.approx(30 * (2 * 10 + 30))  # the cheaper target has both of its racks
    assert [step.is_met for step in plan.steps] == [True, False]
    assert plan.steps[1].shortfalls[0].reason == "the limit"


def test_an_offer_of_two_segments_counts_on_the_days_of_each() -> None:
    segments = ((TODAY, TODAY + 5, 1), (TODAY + 5, TODAY + 10, 2))
    offer = Option(
        name="cbo", kind=Kind.OFFER, demand="a", start=TODAY, end=TODAY + 10, units=2, usd=70.0, segments=segments
    )
    problem = Problem(today=TODAY, demands=(demand((0, 1, 0.9), (5, 2, 0.9), until=10),), options=(offer,))
    plan = make_plan(problem, Highs(), name="x", options=Options())
    assert plan.is_met
    assert plan.usd == 70.0
    assert [(span.needed, span.planned) for span in plan.timeline["a"]] == [(1, 1), (2, 2)]


def test_later_blocks_are_bought_only_when_something_is_late() -> None:
    held = Held(name="cr", demand="a", start=TODAY, end=TODAY + 100, units=1, block_instances=18)
    problem = Problem(
        today=TODAY,
        demands=(demand((100, 1, 0.95), until=200),),
        held=(held,),
        markets=(market(10.0),),
        deliveries=(delivery(100, 1),),
    )
    plan = make_plan(problem, Highs(), name="x", options=Options(scenarios=400))
    assert plan.usd == pytest.approx(42 * 10.0)  # until it is six weeks late
    assert plan.expected_usd == pytest.approx((0.3 * 14 + 0.2 * 42) * 10, rel=0.15)


def test_parts_that_differ_anywhere_have_digests_of_their_own() -> None:
    def model(**changes: object) -> LinearModel:
        given = {"cost": [1.0, 0.0], "lower": [0.0, 0.0], "upper": [INFINITY, 2.0], "integer": [True, False]}
        rows = {"rows": [[(0, 1.0)], [(0, 1.0), (1, 2.0)]], "row_lower": [1.0, 0.0], "row_upper": [INFINITY, 4.0]}
        return LinearModel(**{**given, **rows, **changes})  # type: ignore[arg-type]

    changed: dict[str, list[object]] = {
        "cost": [[1.0, 0.5], [0.0, 1.0]],
        "lower": [[0.0, 1.0]],
        "upper": [[INFINITY, 3.0]],
        "integer": [[False, False]],
        "rows": [
            [[(0, 1.0), (0, 1.0)], [(1, 2.0)]],
            [[(0, 1.0)], [(0, 1.0), (1, 3.0)]],
            [[(0, 1.0)], [(1, 1.0), (1, 2.0)]],
        ],
        "row_lower": [[1.0, 0.5]],
        "row_upper": [[INFINITY, 5.0]],
    }
    assert changed.keys() == {field.name for field in fields(LinearModel)}
    digests = [digest(model()), *(digest(model(**{name: value})) for name in changed for value in changed[name])]
    assert digest(model()) == digests[0]
    assert len(set(digests)) == len(digests)


def test_fails_when_the_time_is_over_before_any_plan() -> None:
    class Late(Highs):
        def solve(self, model: LinearModel, *, gap: float, seconds: float) -> Solution:
            del model, gap, seconds
            return Solution(None, float("inf"), 0.0, is_infeasible=False)

    problem = Problem(
        today=TODAY,
        demands=(demand((0, 2, 1.0), until=20),),
        markets=(market(),),
    )
    with pytest.raises(FleetError, match="pass a higher --time-limit"):
        make_plan(problem, Late(), name="x", options=Options())
