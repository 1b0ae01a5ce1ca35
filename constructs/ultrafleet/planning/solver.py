"""HiGHS, the exact solver: imported when a plan needs it."""

import time
from dataclasses import dataclass
from typing import Any, Protocol

from ultrafleet.errors import FleetError
from ultrafleet.planning.linear_model import LinearModel


@dataclass(frozen=True)
class Solution:
    """Answer of a solver.

    Attributes:
        values: of each column; None where there are none.
        objective: their cost.
        bound: proven: no values cost less.
        is_infeasible: whether it is proven that there are none.
    """

    values: list[float] | None
    objective: float
    bound: float
    is_infeasible: bool


class Solver(Protocol):
    """Solver of mixed-integer linear models."""

    @property
    def name(self) -> str:
        """Library and version."""

    def solve(self, model: LinearModel, *, gap: float, seconds: float) -> Solution:
        """Minimise the cost.

        Args:
            model: the model.
            gap: share of the cost within which the answer may stop.
            seconds: time after which it stops with what it has.
        """


class Highs:
    """HiGHS by its Python interface, highspy."""

    def __init__(self) -> None:
        self._highspy = solver_library()

    @property
    def name(self) -> str:
        """Library and version."""
        return f"HiGHS {_quiet(self._highspy).version()}"

    def solve(self, model: LinearModel, *, gap: float, seconds: float) -> Solution:
        """Minimise the cost; see `Solver.solve`."""
        highspy = self._highspy
        highs = _quiet(highspy)
        for option, value in {
            "mip_rel_gap": gap,
            "time_limit": max(0.1, seconds),
            "random_seed": 0,
            "threads": 1,  # the answer doesn't depend on the machine
        }.items():
            highs.setOptionValue(option, value)
        highs.passModel(_converted(highspy, model))
        highs.run()
        status, info = highs.getModelStatus(), highs.getInfo()
        if status == highspy.HighsModelStatus.kInfeasible:
            return Solution(None, float("inf"), float("inf"), is_infeasible=True)
        bound = info.mip_dual_bound if any(model.integer) else info.objective_function_value
        if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return Solution(None, float("inf"), bound, is_infeasible=False)
        values = list(highs.getSolution().col_value)
        return Solution(values, info.objective_function_value, bound, is_infeasible=False)


def solver_library() -> Any:  # noqa: ANN401 - highspy has no types
    """highspy, which the extra `plan` installs.

    Raises:
        FleetError: it isn't installed.
    """
    try:
        import highspy  # noqa: PLC0415 - a plan that buys something needs it, and no other command
    except ModuleNotFoundError as error:
        raise FleetError(
            path="highspy", got="not installed", expected="the solver", remedy="pip install 'ultrafleet[plan]'"
        ) from error
    return highspy


def _quiet(highspy: Any) -> Any:  # noqa: ANN401 - highspy has no types
    """HiGHS without a word on stdout: it prints a banner when its callbacks are enabled, before it can be silenced."""

    class Quiet(highspy.Highs):  # type: ignore[misc]
        def enableCallbacks(self) -> None:  # noqa: N802 - highspy's name
            self.silent()
            super().enableCallbacks()

    return Quiet()


def _converted(highspy: Any, model: LinearModel) -> Any:  # noqa: ANN401 - highspy has no types
    import numpy as np  # noqa: PLC0415 - comes with highspy

    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(model.cost), len(model.rows)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = map(np.array, (model.cost, model.lower, model.upper))
    lp.row_lower_, lp.row_upper_ = np.array(model.row_lower), np.array(model.row_upper)
    merged = [_merged(entries) for entries in model.rows]
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.cumsum([0, *(len(entries) for entries in merged)], dtype=np.int32)
    lp.a_matrix_.index_ = np.array([column for entries in merged for column in entries], dtype=np.int32)
    lp.a_matrix_.value_ = np.array([value for entries in merged for value in entries.values()], dtype=np.float64)
    kinds = highspy.HighsVarType
    lp.integrality_ = [kinds.kInteger if whole else kinds.kContinuous for whole in model.integer]
    return lp


def _merged(entries: Any) -> dict[int, float]:  # noqa: ANN401 - a sequence of pairs
    found: dict[int, float] = {}
    for column, value in entries:
        found[column] = found.get(column, 0.0) + value
    return found


class Clock:
    """Time that is left.

    Args:
        seconds: time limit.
    """

    def __init__(self, seconds: float) -> None:
        self._start = time.monotonic()
        self._seconds = seconds

    @property
    def passed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    @property
    def left(self) -> float:
        """Seconds left, 0 or more."""
        return max(0.0, self._seconds - self.passed)
