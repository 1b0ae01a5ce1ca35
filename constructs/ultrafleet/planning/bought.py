"""Purchases as runs of days, read from the values of a solved model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ultrafleet.planning.formulation import Covering, Formulation, Lane
from ultrafleet.planning.supply import Kind, Market, Option, Problem


@dataclass(frozen=True, kw_only=True)
class Bought:
    """Purchases of the same days.

    Attributes:
        demand: demand that they serve.
        item: option or market that they are of.
        start: first day.
        end: day after the last.
        units: UltraServers or instances of all of them.
        times: number of them.
        usd: price of all of them.
    """

    demand: str
    item: Option | Market
    start: int
    end: int
    units: int
    times: int
    usd: float

    @property
    def runs_across_start(self) -> bool:
        """True for an extension: its block runs already when it begins."""
        return self.item.kind is Kind.EXTENSION

    @property
    def parts(self) -> list[tuple[int, int, int]]:
        """First day, day after the last and units of each part."""
        if isinstance(self.item, Option):
            return [(start, end, units * self.times) for start, end, units in self.item.parts]
        return [(self.start, self.end, self.units)]

    def units_on(self, day: int) -> int:
        """Units that run on a day."""
        return sum(units for start, end, units in self.parts if start <= day < end)


def bought_by(problem: Problem, formulation: Formulation, values: Sequence[float]) -> list[Bought]:
    """Purchases of a solution, in the order of their starts.

    Args:
        problem: the problem.
        formulation: its model.
        values: of the model's columns.
    """
    found: list[Bought] = []
    for name, covering in formulation.coverings.items():
        for column, option in covering.options.items():
            times = round(values[column])
            if times:
                found.append(
                    Bought(
                        demand=name,
                        item=option,
                        start=option.start,
                        end=option.end,
                        units=option.units * times,
                        times=times,
                        usd=option.usd * times,
                    )
                )
        for lane in covering.lanes:
            if lane.market is not None:
                found += _of_market(problem, name, covering, lane, lane.market, values)
    return sorted(found, key=lambda item: (item.start, item.demand, item.end, item.item.name))


def _of_market(
    problem: Problem, name: str, covering: Covering, lane: Lane, market: Market, values: Sequence[float]
) -> Iterable[Bought]:
    runs: dict[tuple[int, int], int] = {}
    for column, (start, days) in lane.blocks.items():
        if count := round(values[column]):
            runs[start, start + days] = runs.get((start, start + days), 0) + count
    if not lane.blocks:
        levels = [round(values[entries[0][0]]) if entries else 0 for entries in lane.use]
        for (start, end), count in runs_of(covering.profile.nodes.tolist(), levels).items():
            day = start
            for days in problem.rules.tiling(end - start) if market.kind.is_block else [end - start]:
                runs[day, day + days] = runs.get((day, day + days), 0) + count
                day += days
    for (start, end), count in runs.items():
        usd = market.usd_per_day * (end - start) * count
        yield Bought(demand=name, item=market, start=start, end=end, units=count, times=count, usd=usd)


def runs_of(nodes: Sequence[int], levels: Sequence[int]) -> dict[tuple[int, int], int]:
    """Amounts by cell as runs of days, from the first to after the last; what began last ends first.

    Args:
        nodes: days at which the cells begin, and the day after the last.
        levels: amount in each cell.
    """
    found: dict[tuple[int, int], int] = {}
    running: list[list[int]] = []
    for day, level in zip(nodes, [*levels, 0], strict=True):
        change = level - sum(count for _, count in running)
        if change > 0:
            running.append([day, change])
        while change < 0:
            start, count = running[-1]
            ended = min(count, -change)
            found[start, day] = found.get((start, day), 0) + ended
            running[-1][1] -= ended
            change += ended
            if not running[-1][1]:
                running.pop()
    return found
