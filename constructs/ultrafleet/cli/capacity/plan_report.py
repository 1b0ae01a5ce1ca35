"""A plan as tables, and as JSON."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

from ultrafleet.catalog import capacity_blocks
from ultrafleet.plain_text import visible
from ultrafleet.planning import Plan, Problem, Purchase, Span

_MOST_ROWS: Final = 40
_SHOWN_DUE: Final = 20
_WIDTH: Final = 160


def print_plan(plan: Plan, problem: Problem) -> None:
    """Print a plan.

    Args:
        plan: the plan.
        problem: what it solves.
    """
    console = Console(width=max(_WIDTH, Console().width), highlight=False, markup=False)
    units = {demand.name: demand.unit for demand in problem.demands}
    types = {demand.name: demand.type for demand in problem.demands}
    console.print(_steps(plan, types, units))
    for line in _shortfalls(plan, units):
        console.print(line, soft_wrap=True)
    console.print(_timeline(plan, units))
    if plan.purchases:
        console.print(_purchases(plan, units))
        _print_cut(console, plan)
    for line in (*_money(plan), *_slip(plan), *_solving(plan)):
        console.print(line, soft_wrap=True)
    _print_list(console, "next commands", [command for item in plan.purchases for command in item.commands])
    _print_list(console, "assumptions", [visible(text) for text in plan.assumptions])
    _print_list(console, "notes", [visible(text) for text in (*plan.notes, *_alternatives(plan))])
    console.print(_verdict(plan))


def plan_as_json(plan: Plan) -> dict[str, Any]:
    """A plan for programs: the records of `ultrafleet.planning.Plan` by their attributes, dates in ISO 8601."""
    found = _plain(plan)
    found["met"] = plan.is_met
    if plan.slip_value is not None:
        found["slip_value"]["extra_usd"] = plan.slip_value.extra_usd
        found["slip_value"]["avoided_unit_days"] = plan.slip_value.avoided_unit_days
        found["slip_value"]["break_even_usd_per_unit_hour"] = plan.slip_value.break_even_usd_per_unit_hour
    return found  # type: ignore[no-any-return]


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return value.value if isinstance(value, StrEnum) else value


def _table(title: str, *columns: str) -> Table:
    """Table whose columns are left-aligned, or right-aligned where their name ends in `>`."""
    table = Table(box=box.SIMPLE, title=title, title_justify="left", title_style="bold")
    for name in columns:
        table.add_column(name.removesuffix(">"), justify="right" if name.endswith(">") else "left", no_wrap=True)
    return table


def _steps(plan: Plan, types: Mapping[str, str], units: Mapping[str, str]) -> Table:
    sampled = plan.slip_value is not None
    more = ("met in>", "in further>", "without slip>") if sampled else ()
    table = _table(
        f"targets of {plan.name} from {plan.today}", "target", "type", "from", "to", "wanted>", "level>", *more, ""
    )
    for step in plan.steps:
        shares = [_share(step.probability), _share(step.checked), _share(step.without_slip)] if sampled else []
        table.add_row(
            step.demand,
            types[step.demand],
            str(step.start),
            str(step.end),
            _number(step.units, units[step.demand]),
            f"{step.level:.1%}",
            *shares,
            "met" if step.is_met else "NOT MET",
        )
    return table


def _number(count: int, unit: str) -> str:
    return f"{count:,} {unit.removesuffix('s') if count == 1 else unit}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _shortfalls(plan: Plan, units: Mapping[str, str]) -> Iterator[str]:
    for step in plan.steps:
        if step.is_met:
            continue
        for item in step.shortfalls:
            when = f"{item.start} to {item.end}" if item.end > item.start else f"across {item.start}"
            yield f"uncovered: {step.demand}: {_number(item.units, units[step.demand])} {when}: {item.reason}"
        if not step.shortfalls:
            yield f"uncovered: {step.demand}: the step from {step.start} misses its level in further futures alone"


def _timeline(plan: Plan, units: Mapping[str, str]) -> Table:
    contracts = any(span.contracted or span.delivered_high for spans in plan.timeline.values() for span in spans)
    more = ("contracted>", "delivered 5-95 %>") if contracts else ()
    table = _table("what there is", "target", "from", "to", "wanted>", "owned>", *more, "bought>", "enough in>")
    for name, spans in plan.timeline.items():
        for span in _shortened(spans):
            delivered = [f"{span.contracted:,}", f"{span.delivered_low:,}-{span.delivered_high:,}"] if contracts else []
            table.add_row(
                name,
                str(span.start),
                str(span.end),
                _number(span.needed, units[name]),
                f"{span.owned:,}",
                *delivered,
                f"{span.planned:,}",
                f"{span.probability:.1%}",
            )
    return table


def _shortened(spans: Sequence[Span]) -> Iterator[Span]:
    """Spans, or where they are many one for each quarter: the largest need and the least of everything else."""
    if len(spans) <= _MOST_ROWS:
        yield from spans
        return
    for _, group in itertools.groupby(spans, key=lambda span: (span.start.year, (span.start.month - 1) // 3)):
        found = list(group)
        yield Span(
            start=found[0].start,
            end=found[-1].end,
            needed=max(span.needed for span in found),
            owned=min(span.owned for span in found),
            planned=max(span.planned for span in found),
            delivered=min(span.delivered for span in found),
            delivered_low=min(span.delivered_low for span in found),
            delivered_high=min(span.delivered_high for span in found),
            contracted=min(span.contracted for span in found),
            probability=min(span.probability for span in found),
        )


def _purchases(plan: Plan, units: Mapping[str, str]) -> Table:
    table = _table("purchases", "target", "what", "where", "from", "days>", "number>", "USD>", "price", "")
    for item in _shown(plan):
        table.add_row(
            item.demand,
            str(item.kind),
            item.pool or item.place or item.name,
            str(item.start),
            str(item.days),
            _number(item.units, units[item.demand]),
            f"{item.usd:,.0f}",
            "offered" if item.assumption is None else "assumed",
            "today" if item.is_due else "later",
        )
    return table


def _shown(plan: Plan) -> Sequence[Purchase]:
    if len(plan.purchases) <= _MOST_ROWS:
        return plan.purchases
    due = [item for item in plan.purchases if item.is_due][:_SHOWN_DUE]
    later = [item for item in plan.purchases if not item.is_due]
    return [*due, *later[: _MOST_ROWS - len(due)]]


def _print_cut(console: Console, plan: Plan) -> None:
    hidden = len(plan.purchases) - len(_shown(plan))
    if hidden:
        usd = plan.usd - sum(item.usd for item in _shown(plan))
        console.print(f"{hidden} more purchases of {usd:,.0f} USD: --json has all of them", soft_wrap=True)


def _money(plan: Plan) -> Iterator[str]:
    due = sum(item.usd for item in plan.purchases if item.is_due)
    assumed = sum(item.usd for item in plan.purchases if item.assumption is not None)
    yield f"cost of the purchases: {plan.usd:,.0f} USD, of which {due:,.0f} can be bought today"
    if assumed:
        yield f"  {assumed:,.0f} USD of it are at assumed prices"
    if plan.slip_value is not None and plan.expected_usd < plan.usd:
        yield (
            f"  mean {plan.expected_usd:,.0f} USD if what can't be bought today is bought only when a delivery is late"
        )
    if plan.delivery_usd:
        yield f"mean cost of the contracted deliveries: {plan.delivery_usd:,.0f} USD"
    elif plan.delivery_usd is None:
        yield "cost of the contracted deliveries: unknown, some state no usd_per_hour"
    if plan.budget_usd is not None:
        total = plan.usd + (plan.delivery_usd or 0.0)
        yield f"in all {total:,.0f} USD, {total / plan.budget_usd:.1%} of the budget of {plan.budget_usd:,.0f} USD"


def _slip(plan: Plan) -> Iterator[str]:
    value = plan.slip_value
    if value is None:
        return
    steps = len(plan.steps)
    yield (
        f"value of planning with slip: {value.with_slip.steps_met} of {steps} steps reach their level instead of "
        f"{value.without_slip.steps_met}, for {value.extra_usd:,.0f} USD more"
    )
    even = value.break_even_usd_per_unit_hour
    if even is not None:
        yield (
            f"  it avoids {value.avoided_unit_days:,.1f} missing unit-days in the mean: it pays where a missing "
            f"unit-hour costs more than {max(0.0, even):,.2f} USD"
        )


def _solving(plan: Plan) -> Iterator[str]:
    how = plan.solving
    if how.solver is None:
        yield "owned capacity covers every target: no solver was needed"
        return
    yield (
        f"lower bound {how.lower_bound_usd:,.0f} USD, gap {how.gap:.2%}; {how.solver}, {how.seconds:.1f} s"
        + (f", {how.scenarios} futures and {how.checked} further ones, seed {how.seed}" if how.scenarios else "")
    )
    if how.aimed_higher:
        yield f"  it aims higher in {how.aimed_higher} steps, whose level it would miss in the further futures"


def _alternatives(plan: Plan) -> Iterator[str]:
    if not plan.is_met:
        for fact_id in ("capacity-block/sagemaker-training-plans", "capacity-block/future-dated-reservation-families"):
            fact = capacity_blocks.fact(fact_id)
            yield f"not planned: {fact.value}"


def _print_list(console: Console, title: str, lines: Sequence[str]) -> None:
    if lines:
        console.print(f"\n{title}:")
    for line in lines:
        console.print(f"  {line}", soft_wrap=True)


def _verdict(plan: Plan) -> str:
    missed = [step for step in plan.steps if not step.is_met]
    if not missed:
        return f"\nevery step of {plan.name} is met"
    return f"\n{len(missed)} of {len(plan.steps)} steps of {plan.name} miss their level"
