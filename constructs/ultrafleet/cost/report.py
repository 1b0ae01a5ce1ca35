"""Cost of an environment by pool, team and month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from ultrafleet.catalog.private_prices import PUBLIC, PriceList
from ultrafleet.cost.amount import Amount
from ultrafleet.cost.commitments import Commitment, commitments, exactly
from ultrafleet.cost.months import Month, months_between
from ultrafleet.cost.teams import team_shares
from ultrafleet.environment import Environment

ByMonth = Mapping[Month, Amount]

NO_POOL: Final = "(no pool)"
"""Reservations that no pool uses."""


@dataclass(frozen=True, kw_only=True)
class OverBudget:
    """Month that costs more than its budget.

    Attributes:
        month: the month.
        team: the team; None for the environment.
        cost: what it costs; where a part is unknown, at least that.
        budget: USD that it may cost.
    """

    month: Month
    team: str | None
    cost: Amount
    budget: Fraction


@dataclass(frozen=True, kw_only=True)
class CostReport:
    """Cost of an environment.

    Attributes:
        environment: its name.
        months: the months.
        commitments: what is paid for.
        pools: cost by pool and month, fees spread over the hours of their blocks.
        teams: the same by team.
        over: months above their budget.
        undecided: months with a budget of which the known part doesn't exceed it and a part is unknown.
    """

    environment: str
    months: tuple[Month, ...]
    commitments: tuple[Commitment, ...]
    pools: Mapping[str, ByMonth]
    teams: Mapping[str, ByMonth]
    over: tuple[OverBudget, ...]
    undecided: tuple[OverBudget, ...]

    @property
    def totals(self) -> ByMonth:
        """Cost by month."""
        return {month: Amount.total(item.cost_of(month) for item in self.commitments) for month in self.months}

    @property
    def payments(self) -> ByMonth:
        """Payments by month: blocks when they are bought, the rest by the hour."""
        return {month: Amount.total(item.paid_in(month) for item in self.commitments) for month in self.months}


def cost_report(environment: Environment, *, months: Sequence[Month] = (), prices: PriceList = PUBLIC) -> CostReport:
    """Cost of an environment in months.

    Args:
        environment: the environment.
        months: the months.
        prices: prices by which it is counted where no payment is stated. Default: the public ones.
    """
    held = commitments(environment, prices=prices)
    pools: dict[str, list[Commitment]] = {}
    for item in held:
        pools.setdefault(item.pool or NO_POOL, []).append(item)
    teams: dict[str, list[tuple[Commitment, Fraction]]] = {team.name: [] for team in environment.teams}
    for item in held:
        for team, share in team_shares(environment, item.workload, item.sold).items():
            teams.setdefault(team, []).append((item, share))
    by_team = {
        team: {month: Amount.total(item.cost_of(month).part(share) for item, share in parts) for month in months}
        for team, parts in teams.items()
    }
    report = CostReport(
        environment=environment.name,
        months=tuple(months),
        commitments=held,
        pools={
            pool: {month: Amount.total(item.cost_of(month) for item in parts) for month in months}
            for pool, parts in pools.items()
        },
        teams=by_team,
        over=(),
        undecided=(),
    )
    compared = _compared(environment, report)
    over = tuple(item for item in compared if item.cost.usd is not None and item.cost.usd > item.budget)
    undecided = tuple(item for item in compared if item not in over and not item.cost.complete)
    return replace(report, over=over, undecided=undecided)


def _compared(environment: Environment, report: CostReport) -> list[OverBudget]:
    """Every month with a budget, whether above it or not."""
    budget = environment.budget
    if budget is None:
        return []
    limits: list[tuple[str | None, float, ByMonth]] = [
        (team, usd, report.teams[team]) for team, usd in budget.teams.items()
    ]
    if budget.usd_per_month is not None:
        limits.insert(0, (None, budget.usd_per_month, report.totals))
    return [
        OverBudget(month=month, team=team, cost=cost, budget=exactly(usd))
        for team, usd, by_month in limits
        for month, cost in by_month.items()
    ]


def default_months(environment: Environment) -> tuple[Month, ...]:
    """Months from the first block's start, or a payment before it, to the last block's end; none without a block.

    Args:
        environment: the environment.
    """
    blocks = [block for pool in environment.pools for block in pool.blocks]
    if not blocks:
        return ()
    paid = [Month(item.date.year, item.date.month).start for block in blocks for item in block.payments]
    first = min([*paid, *(block.start for block in blocks)])
    return tuple(months_between(first, max(block.end for block in blocks)))
