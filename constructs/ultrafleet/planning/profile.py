"""A demand over its cells: days on which nothing changes, with what is wanted, owned and delivered on them."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from ultrafleet.planning.futures import Days
from ultrafleet.planning.supply import Demand, Problem

Amounts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Profile:
    """A demand over its cells.

    Args:
        problem: what the demand is of.
        demand: the demand.
        nodes: days at which cells begin and end, rising; from the demand's first planned day to its end.
    """

    demand: Demand
    """The demand."""
    nodes: Amounts
    """Days at which cells begin, and the day after the last."""
    days: Amounts
    """Days of each cell."""
    step: Amounts
    """Number of the step that each cell is in."""
    need: Amounts
    """Units that are wanted in each cell."""
    owned: Amounts
    """Units that are there in each cell."""
    has_no_gap: npt.NDArray[np.bool_]
    """Cells in which not even a hand-over may leave a gap."""
    span_need: Amounts
    """Units that have to run across each inner node: 0 where a hand-over may leave a gap."""
    owned_span: Amounts
    """Units that are there across each inner node."""

    def __init__(self, problem: Problem, demand: Demand, nodes: Iterable[int]) -> None:
        self._deliveries = [
            (place, item) for place, item in enumerate(problem.deliveries) if item.demand == demand.name
        ]
        self.demand = demand
        self.nodes = np.array(sorted(set(nodes)), dtype=np.int64)
        begins, ends = self.nodes[:-1], self.nodes[1:]
        self.days = ends - begins
        starts = np.array([step.start for step in demand.steps])
        self.step = np.maximum(0, np.searchsorted(starts, begins, side="right") - 1)
        self.need = np.array([step.units for step in demand.steps], dtype=np.int64)[self.step]
        self.has_no_gap = np.array([step.has_no_gap for step in demand.steps])[self.step]
        both = self.has_no_gap[:-1] & self.has_no_gap[1:]
        self.span_need = np.where(both, np.minimum(self.need[:-1], self.need[1:]), 0)
        self.owned, self.owned_span = np.zeros_like(self.days), np.zeros_like(self.days[1:])
        for item in problem.held:
            if item.demand == demand.name:
                self.owned += item.units * ((begins >= item.start) & (ends <= item.end))
                inner = self.nodes[1:-1]
                self.owned_span += item.units * ((inner > item.start) & (inner < item.end))

    def delivered(self, days: Days) -> Amounts:
        """Units that are delivered in each cell (columns) of each future (rows)."""
        return self._summed(days, 0)

    def delivered_span(self, days: Days) -> Amounts:
        """Units that are delivered across each inner node of each future."""
        return self._summed(days, 1)[:, : len(self.nodes) - 2]

    def missing(self, days: Days) -> Amounts:
        """Units that are missing in each cell of each future, if nothing is bought."""
        found: Amounts = np.maximum(0, self.need - self.owned - self.delivered(days))
        return found

    def missing_span(self, days: Days) -> Amounts:
        """Units that are missing across each inner node of each future, if nothing is bought."""
        found: Amounts = np.maximum(0, self.span_need - self.owned_span - self.delivered_span(days))
        return found

    def _summed(self, days: Days, before_end: int) -> Amounts:
        change = np.zeros((len(days), len(self.nodes)), dtype=np.int64)
        rows = np.arange(len(days))
        for place, item in self._deliveries:
            first = np.searchsorted(self.nodes, days[:, place], side="left")
            last = max(0, int(np.searchsorted(self.nodes, item.end, side="right")) - 1 - before_end)
            there = first < min(last, len(self.nodes) - 1)
            change[rows[there], first[there]] += item.units
            change[there, last] -= item.units
        return np.cumsum(change, axis=1)[:, :-1]
