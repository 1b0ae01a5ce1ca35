"""A model solved part by part: first without anything uncovered, else with as little of it as can be."""

import hashlib
from array import array
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

from ultrafleet.errors import FleetError
from ultrafleet.planning.formulation import Formulation
from ultrafleet.planning.linear_model import INFINITY, LinearModel
from ultrafleet.planning.solver import Clock, Solution, Solver

Progress = Callable[[str], None]
Known = dict[bytes, tuple[Solution, bool]]
"""Answers to parts by their digests."""
_LEAST: Final = 1e-6
"""Tolerance of a solver: amounts below are none."""


@dataclass(frozen=True, kw_only=True)
class Solved:
    """Values of a model.

    Attributes:
        values: of each column.
        bound: proven: no values with as little uncovered cost less.
        is_proven: whether the least uncovered amount is proven, too.
    """

    values: list[float]
    bound: float
    is_proven: bool


def solve(
    formulation: Formulation,
    solver: Solver,
    *,
    gap: float,
    clock: Clock,
    progress: Progress,
    known: Known,
) -> Solved:
    """Solve a model.

    Args:
        formulation: the model.
        solver: the solver.
        gap: share of the cost within which each part may stop.
        clock: time that is left.
        progress: takes a line for each tenth of the parts.
        known: answers to parts that were solved before; takes those of this model.

    Raises:
        FleetError: the time ended before any plan was found.
    """
    model = formulation.model
    values = [low if cost >= 0 else high for cost, low, high in zip(model.cost, model.lower, model.upper, strict=True)]
    bound, is_proven = 0.0, True
    parts = sorted(model.parts(), key=lambda part: len(part.columns))
    for number, part in enumerate(parts):
        slack = {
            place: formulation.slack_weights[column]
            for place, column in enumerate(part.columns)
            if column in formulation.slack_weights
        }
        key = digest(part.model)
        if key not in known:
            known[key] = _direct(part.model, slack) or _solve_part(part.model, slack, solver, gap, clock)
        found, proven = known[key]
        if found.values is None:
            raise FleetError(
                path="time limit",
                got="over before any plan was found",
                expected="more time",
                remedy="pass a higher --time-limit",
            )
        for column, value in zip(part.columns, found.values, strict=True):
            values[column] = value
        bound += found.bound
        is_proven &= proven
        if (number + 1) % max(1, len(parts) // 10) == 0:
            progress(f"solved {number + 1} of {len(parts)} parts")
    return Solved(values=values, bound=bound, is_proven=is_proven)


def _solve_part(
    model: LinearModel, slack: Mapping[int, float], solver: Solver, gap: float, clock: Clock
) -> tuple[Solution, bool]:
    found = solver.solve(model, gap=gap, seconds=clock.left)
    if not found.is_infeasible:
        return found, True
    cost = model.cost
    for column in slack:
        model.upper[column] = INFINITY
    model.cost = [slack.get(column, 0.0) for column in range(len(cost))]
    least = solver.solve(model, gap=0.0, seconds=clock.left / 2)
    if least.values is None:
        return least, False
    model.cost = cost
    model.row(list(slack.items()), upper=least.objective + _LEAST * max(1.0, least.objective))
    proven = least.objective - least.bound <= _LEAST * max(1.0, least.objective)
    found = solver.solve(model, gap=gap, seconds=clock.left)
    return (least if found.values is None else found), proven


def _direct(model: LinearModel, slack: Collection[int]) -> tuple[Solution, bool] | None:
    """Answer to a part in which each row bounds one column from below; None for every other part."""
    values = list(model.lower)
    for entries, low, high in zip(model.rows, model.row_lower, model.row_upper, strict=True):
        bounded = [(column, value) for column, value in entries if column not in slack]
        if high != INFINITY or len(bounded) != 1 or bounded[0][1] <= 0:
            return None
        column, value = bounded[0]
        values[column] = max(values[column], low / value)
    for column, value in enumerate(values):
        whole = ceil(value - _LEAST) if model.integer[column] else value
        if whole > model.upper[column] or model.cost[column] < 0:
            return None
        values[column] = float(whole)
    usd = sum(cost * value for cost, value in zip(model.cost, values, strict=True))
    return Solution(values, usd, usd, is_infeasible=False), True


def digest(model: LinearModel) -> bytes:
    """Digest of everything in a model: two have the same if nothing differs.

    Args:
        model: the model.
    """
    found = hashlib.sha256()
    lengths = [len(entries) for entries in model.rows]
    for whole in (lengths, [column for entries in model.rows for column, _ in entries], model.integer):
        found.update(array("q", [len(whole), *whole]))
    coefficients = [value for entries in model.rows for _, value in entries]
    for values in (coefficients, model.cost, model.lower, model.upper, model.row_lower, model.row_upper):
        found.update(array("d", [len(values), *values]))
    return found.digest()
