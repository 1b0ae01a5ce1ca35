"""Shares of teams in the cost of pools."""

from fractions import Fraction

from ultrafleet.environment import Environment

NO_TEAM = "(no team)"
"""Pools of a workload without teams, such as served models."""
SHARED = "(shared)"
"""Nodes that no team of several is guaranteed."""


def team_shares(environment: Environment, workload: str | None, sold: str) -> dict[str, Fraction]:
    """Shares in the capacity of a workload and type, by team; their sum is 1.

    A team that is alone in a queue has all of it. Of several each has its guaranteed nodes, and what is
    guaranteed to none is shared; where more is guaranteed than there is, each has its part of the guarantees.

    Args:
        environment: the environment.
        workload: workload of the pool; None without one.
        sold: instance type or UltraServer type.
    """
    teams = [team for team in environment.teams if team.workload == workload]
    if not teams:
        return {NO_TEAM: Fraction(1)}
    if len(teams) == 1:
        return {teams[0].name: Fraction(1)}
    nodes = sum(pool.max_nodes for pool in environment.pools if pool.workload == workload and str(pool.sold) == sold)
    guaranteed = {team.name: team.guaranteed_nodes.get(sold, 0) for team in teams}
    whole = max(nodes, sum(guaranteed.values()))
    if whole == 0:
        return {SHARED: Fraction(1)}
    shares = {name: Fraction(count, whole) for name, count in guaranteed.items() if count}
    rest = 1 - sum(shares.values(), Fraction(0))
    return {**shares, SHARED: rest} if rest else shares
