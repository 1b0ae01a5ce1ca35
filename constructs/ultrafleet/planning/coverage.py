"""Plan of a problem whose targets are covered by what is owned: it needs no solver."""

import itertools

from ultrafleet.planning.days import date_of
from ultrafleet.planning.plan import Plan, Solving, Span, StepOutcome, joined_spans
from ultrafleet.planning.supply import Demand, Problem


def plan_of_owned(problem: Problem, *, name: str, budget_usd: float | None) -> Plan | None:
    """Plan without purchases; None where something is missing, or deliveries have to be weighed.

    Args:
        problem: the problem.
        name: name of the environment or programme.
        budget_usd: sum that the programme may cost; None where none is stated.
    """
    if problem.deliveries:
        return None
    timeline = {demand.name: _spans(problem, demand) for demand in problem.demands}
    if any(span.owned < span.needed for spans in timeline.values() for span in spans):
        return None
    if any(_is_cut(problem, demand) for demand in problem.demands):
        return None
    steps = [
        StepOutcome(
            demand=demand.name,
            start=date_of(max(step.start, problem.today)),
            end=date_of(step.end),
            units=step.units,
            level=step.level,
            probability=1.0,
            checked=None,
            without_slip=None,
            is_met=True,
        )
        for demand in problem.demands
        for step in demand.steps
        if step.end > problem.today
    ]
    return Plan(
        name=name,
        today=date_of(problem.today),
        purchases=(),
        steps=tuple(steps),
        timeline=timeline,
        usd=0.0,
        expected_usd=0.0,
        delivery_usd=0.0,
        budget_usd=budget_usd,
        slip_value=None,
        solving=Solving(solver=None, seconds=0.0, lower_bound_usd=0.0, gap=0.0, scenarios=0, checked=0, seed=0),
        notes=problem.notes,
        assumptions=(),
    )


def _spans(problem: Problem, demand: Demand) -> tuple[Span, ...]:
    first = max(problem.today, demand.start)
    held = [item for item in problem.held if item.demand == demand.name]
    days = {first, demand.end, *(step.start for step in demand.steps)}
    days |= {day for item in held for day in (item.start, item.end)}
    found = []
    for start, end in itertools.pairwise(sorted(day for day in days if first <= day <= demand.end)):
        needed = next(step.units for step in reversed(demand.steps) if step.start <= start)
        owned = sum(item.units for item in held if item.start <= start < item.end)
        found.append(
            Span(
                start=date_of(start),
                end=date_of(end),
                needed=needed,
                owned=owned,
                planned=0,
                delivered=0.0,
                delivered_low=0,
                delivered_high=0,
                contracted=0,
                probability=float(owned >= needed),
            )
        )
    return tuple(joined_spans(found))


def _is_cut(problem: Problem, demand: Demand) -> bool:
    """True if a hand-over leaves a gap where none is allowed."""
    held = [item for item in problem.held if item.demand == demand.name]
    for day in {item.end for item in held}:
        before, after = (
            next((step for step in demand.steps if step.start <= at < step.end), None) for at in (day - 1, day)
        )
        if before is None or after is None or not (before.has_no_gap and after.has_no_gap) or day <= problem.today:
            continue
        running = sum(item.units for item in held if item.start < day < item.end)
        if running < min(before.units, after.units):
            return True
    return False
