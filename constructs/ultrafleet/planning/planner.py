"""Least-cost plan of a problem, with slip and without, the better of both on sampled futures."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from math import sqrt
from typing import Final

import numpy as np

from ultrafleet.planning.bought import Bought, bought_by
from ultrafleet.planning.days import date_of
from ultrafleet.planning.formulation import formulate
from ultrafleet.planning.futures import Days, contracted_days, sampled_days, worst_days
from ultrafleet.planning.nodes import likely_caps
from ultrafleet.planning.outcome import (
    Outcome,
    is_flexible,
    outcome_of,
    planned_demands,
    planned_units,
    profile_with,
)
from ultrafleet.planning.plan import Measure, Plan, Shortfall, SlipValue, Solving, Span, StepOutcome, joined_spans
from ultrafleet.planning.purchases import purchases_of
from ultrafleet.planning.shortfalls import shortfalls_of
from ultrafleet.planning.solver import Clock, Solver
from ultrafleet.planning.solving import Known, Progress, Solved, solve
from ultrafleet.planning.supply import Problem

_ROUNDS: Final = 6
"""Plans that are made at most, until one holds on futures that it didn't see."""
_TOLERANCE: Final = 1e-9


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of a plan.

    Attributes:
        scenarios: sampled futures.
        checked: further futures that the plan is checked on. 0 checks nothing.
        seed: seed of both.
        gap: share of the cost within which the solver may stop.
        seconds: time limit.
    """

    scenarios: int = 200
    checked: int = 5000
    seed: int = 1
    gap: float = 0.001
    seconds: float = 120.0


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    """Purchases with their outcomes on the sampled and the further futures, and in the worst one."""

    bought: list[Bought]
    sampled: Outcome
    worst: Outcome
    checked: Outcome | None
    solved: Solved
    aims: Mapping[tuple[str, int], float] = field(default_factory=dict)

    @property
    def usd(self) -> float:
        return sum(item.usd for item in self.bought)


def make_plan(
    problem: Problem,
    solver: Solver,
    *,
    name: str,
    options: Options,
    budget_usd: float | None = None,
    progress: Progress = lambda _: None,
) -> Plan:
    """Least-cost plan of a problem.

    Args:
        problem: the problem.
        solver: solves its model.
        name: name of the environment or programme.
        options: options.
        budget_usd: sum that the programme may cost. Default: none is stated.
        progress: takes lines on what is done. Default: nothing does.

    Raises:
        FleetError: the time limit is over before any plan was found.
    """
    clock = Clock(options.seconds)
    has_slip = any(len(item.slip) > 1 or item.slip[0][0] != 0 for item in problem.deliveries)
    contracted = contracted_days(problem)
    if has_slip:
        futures = sampled_days(problem, number=options.scenarios, seed=[options.seed, 0])
        checks = sampled_days(problem, number=options.checked, seed=[options.seed, 1]) if options.checked else None
    else:
        futures, checks = contracted, None
    judge = _Judge(problem, solver, futures, checks, options, clock, progress, {})
    if not has_slip:
        best = judge.candidate(problem, futures, is_certain=True)
        return _told(problem, name, options, budget_usd, clock, solver, futures, checks, best, None)
    progress("planning without slip")
    without = judge.candidate(problem, contracted, is_certain=True)
    progress(f"planning with slip, {options.scenarios} futures")
    best = _with_slip(judge, problem, futures)
    if judge.rank(without) < judge.rank(best):  # never worse than planning without slip
        best = replace(without, solved=best.solved, aims=best.aims)
    return _told(problem, name, options, budget_usd, clock, solver, futures, checks, best, without)


def _with_slip(judge: "_Judge", problem: Problem, futures: Days) -> _Candidate:
    """Plan that reaches its levels on futures that it didn't see, by aiming higher where it doesn't."""
    before = judge.clock.passed
    best = judge.candidate(problem, futures, is_certain=False)
    aims: dict[tuple[str, int], float] = {}
    begun = before
    for _ in range(_ROUNDS - 1):
        now = judge.clock.passed
        if judge.clock.left < 1.5 * (now - begun) or best.checked is None:
            break
        begun = now
        missed = {
            key: level - best.checked.met[key]
            for key, level in judge.levels().items()
            if best.sampled.met[key] >= level - _TOLERANCE and best.checked.met[key] < level
        }
        if not missed:
            break
        for key, lack in missed.items():
            level = aims.get(key, judge.levels()[key])
            aims[key] = min(1 - 1e-6, level + max(lack, 1 / judge.options.scenarios))
        judge.progress(f"aiming higher in {len(missed)} steps that {judge.options.checked} further futures miss")
        other = judge.candidate(_aiming(problem, aims), futures, is_certain=False)
        if judge.rank(other) >= judge.rank(best):
            break
        best = replace(other, aims=aims.copy())
    return best


def _aiming(problem: Problem, aims: Mapping[tuple[str, int], float]) -> Problem:
    """The problem with other service levels."""
    return replace(
        problem,
        demands=tuple(
            replace(
                demand,
                steps=tuple(
                    replace(step, level=aims.get((demand.name, number), step.level))
                    for number, step in enumerate(demand.steps)
                ),
            )
            for demand in problem.demands
        ),
    )


@dataclass(frozen=True)
class _Judge:
    """Makes candidates and compares them on the same futures."""

    problem: Problem
    solver: Solver
    futures: Days
    checks: Days | None
    options: Options
    clock: Clock
    progress: Progress
    known: Known

    def candidate(self, problem: Problem, futures: Days, *, is_certain: bool) -> _Candidate:
        binding = likely_caps(problem, [futures])
        while True:
            formulation = formulate(problem, futures, binding=binding, is_certain=is_certain)
            solved = solve(
                formulation,
                self.solver,
                gap=self.options.gap,
                clock=self.clock,
                progress=self.progress,
                known=self.known,
            )
            bought = bought_by(problem, formulation, solved.values)
            exceeded = _exceeded(problem, bought) - binding
            if not exceeded:
                break
            binding |= exceeded
        due = problem.today + problem.rules.horizon
        return _Candidate(
            bought=bought,
            sampled=outcome_of(self.problem, bought, self.futures, due=due),
            worst=outcome_of(self.problem, bought, worst_days(self.problem), due=due),
            checked=None if self.checks is None else outcome_of(self.problem, bought, self.checks, due=due),
            solved=solved,
        )

    def levels(self) -> dict[tuple[str, int], float]:
        return {
            (demand.name, number): step.level
            for demand in planned_demands(self.problem)
            for number, step in enumerate(demand.steps)
            if step.end > self.problem.today
        }

    def is_met(self, candidate: _Candidate, key: tuple[str, int], level: float) -> bool:
        if candidate.sampled.met[key] < level - _TOLERANCE:
            return False
        if level >= 1:  # no sample shows that nothing can go wrong
            return candidate.worst.met[key] >= 1
        if candidate.checked is None:
            return True
        error = 2 * sqrt(level * (1 - level) / self.options.checked)
        return candidate.checked.met[key] >= level - error - _TOLERANCE

    def rank(self, candidate: _Candidate) -> tuple[int, float, int, float]:
        """Missed levels, then how far, then the unit-days that are missing for them, then the price: less is better."""
        missed = [key for key, level in self.levels().items() if not self.is_met(candidate, key, level)]
        levels = self.levels()
        lack = sum(
            max(0.0, levels[key] - item.met[key])
            for key in missed
            for item in (candidate.sampled, candidate.worst if levels[key] >= 1 else candidate.checked)
            if item is not None
        )
        return len(missed), round(lack, 9), self._uncovered(candidate, missed), candidate.usd

    def _uncovered(self, candidate: _Candidate, missed: Collection[tuple[str, int]]) -> int:
        if not missed:
            return 0
        found = shortfalls_of(self.problem, candidate.bought, self.futures)
        return sum(item.units * max(1, (item.end - item.start).days) for key in missed for item in found.get(key, ()))

    def measure(self, candidate: _Candidate) -> Measure:
        met = [key for key, level in self.levels().items() if self.is_met(candidate, key, level)]
        return Measure(steps_met=len(met), usd=candidate.usd, missing_unit_days=candidate.sampled.missing_unit_days)


def _exceeded(problem: Problem, bought: list[Bought]) -> set[str]:
    """Caps that purchases exceed on some day."""
    found = set()
    for name, cap in problem.caps.items():
        counted = [item for item in bought if name in item.item.caps]
        starts = {start for item in counted for start, _, _ in item.parts} | {start for start, _, _ in cap.changes}
        for day in sorted(starts):
            used = sum(
                item.units_on(day) * (problem.demand(item.demand).instances if cap.weighs_instances else 1)
                for item in counted
            )
            if used and used > cap.at(day):
                found.add(name)
    return found


def _told(
    problem: Problem,
    name: str,
    options: Options,
    budget_usd: float | None,
    clock: Clock,
    solver: Solver,
    futures: Days,
    checks: Days | None,
    best: _Candidate,
    without: _Candidate | None,
) -> Plan:
    judge = _Judge(problem, solver, futures, checks, options, clock, lambda _: None, {})
    usd = best.usd
    bound = min(usd, best.solved.bound)
    shortfalls = shortfalls_of(problem, best.bought, futures)
    steps = []
    for demand in planned_demands(problem):
        for number, step in enumerate(demand.steps):
            key = (demand.name, number)
            if step.end <= problem.today:
                continue
            is_met = judge.is_met(best, key, step.level)
            missing: tuple[Shortfall, ...] = () if is_met else shortfalls.get(key, ())
            steps.append(
                StepOutcome(
                    demand=demand.name,
                    start=date_of(max(step.start, problem.today)),
                    end=date_of(step.end),
                    units=step.units,
                    level=step.level,
                    probability=best.sampled.met[key],
                    checked=None if best.checked is None else best.checked.met[key],
                    without_slip=None if without is None else without.sampled.met[key],
                    is_met=is_met,
                    shortfalls=missing,
                )
            )
    priced = [item for item in problem.deliveries if item.usd_per_hour is not None]
    fixed = sum(item.usd for item in best.bought)
    flexible_usd = _flexible_usd(problem, best.bought)
    return Plan(
        name=name,
        today=date_of(problem.today),
        purchases=purchases_of(problem, best.bought),
        steps=tuple(steps),
        timeline={
            demand.name: _spans(problem, demand.name, best.bought, futures) for demand in planned_demands(problem)
        },
        usd=usd,
        expected_usd=fixed - flexible_usd + best.sampled.used_usd,
        delivery_usd=_delivery_usd(problem, futures) if len(priced) == len(problem.deliveries) else None,
        budget_usd=budget_usd,
        slip_value=None
        if without is None
        else SlipValue(with_slip=judge.measure(best), without_slip=judge.measure(without)),
        solving=Solving(
            solver=solver.name,
            seconds=clock.passed,
            lower_bound_usd=bound,
            gap=(usd - bound) / usd if usd > 0 else 0.0,
            scenarios=len(futures) if without is not None else 0,
            checked=0 if checks is None else len(checks),
            seed=options.seed,
            aimed_higher=len(best.aims),
        ),
        notes=problem.notes,
        assumptions=problem.assumptions,
    )


def _flexible_usd(problem: Problem, bought: list[Bought]) -> float:
    due = problem.today + problem.rules.horizon
    return sum(item.usd for item in bought if is_flexible(problem, item, due))


def _delivery_usd(problem: Problem, futures: Days) -> float:
    """Mean price of the deliveries from today to their ends."""
    total = 0.0
    for place, item in enumerate(problem.deliveries):
        days = np.maximum(0, item.end - np.maximum(futures[:, place], problem.today))
        total += float(days.mean()) * 24 * item.units * (item.usd_per_hour or 0.0)
    return total


def _spans(problem: Problem, name: str, bought: list[Bought], futures: Days) -> tuple[Span, ...]:
    demand = problem.demand(name)
    profile = profile_with(problem, demand, [futures, contracted_days(problem)], bought)
    planned = planned_units(profile, bought)
    delivered = profile.delivered(futures)
    contracted = profile.delivered(contracted_days(problem))[0]
    is_enough = (profile.need - profile.owned - planned <= delivered).mean(axis=0)
    low, high = np.quantile(delivered, [0.05, 0.95], axis=0, method="inverted_cdf")
    spans = [
        Span(
            start=date_of(int(profile.nodes[cell])),
            end=date_of(int(profile.nodes[cell + 1])),
            needed=int(profile.need[cell]),
            owned=int(profile.owned[cell]),
            planned=int(planned[cell]),
            delivered=float(delivered[:, cell].mean()),
            delivered_low=int(low[cell]),
            delivered_high=int(high[cell]),
            contracted=int(contracted[cell]),
            probability=float(is_enough[cell]),
        )
        for cell in range(len(profile.days))
    ]
    return tuple(joined_spans(spans))
