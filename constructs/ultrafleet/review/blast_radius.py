"""Blast radius of a change: pools that depend on it, their UltraServers, queues and teams."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ultrafleet.review.changes import Change
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.fleet import Key, Pool
from ultrafleet.review.totals import total
from ultrafleet.review.workloads import queues_in


@dataclass(frozen=True, kw_only=True)
class Touched:
    """Pools that changes of some resources touch.

    Attributes:
        what: types of the resources, such as `EKS::Nodegroup`.
        pools: groups of nodes that depend on one of them, in the order of the fleet.
        ultraservers: UltraServers of their pools at once, at most.
        queues: queues that may place jobs on those.
        teams: teams behind the queues.
    """

    what: tuple[str, ...]
    pools: tuple[Pool, ...]
    ultraservers: int
    queues: tuple[str, ...]
    teams: tuple[str, ...]

    @property
    def pool_titles(self) -> tuple[str, ...]:
        """Pools of the groups."""
        return tuple(dict.fromkeys(pool.pool_title for pool in self.pools))


def blast_radius(compared: Comparison) -> list[Touched]:
    """Pools, queues and teams by the changed resources, the widest first."""
    by_pools: dict[tuple[Key, ...], set[str]] = defaultdict(set)
    for change in compared.changes.values():
        pools = touched_pools(compared, change)
        if pools:
            by_pools[tuple(pool.key for pool in pools)].add(short_type(change.type))
    together: dict[tuple[str, ...], dict[Key, None]] = defaultdict(dict)
    for keys, types in by_pools.items():
        together[tuple(sorted(types))].update(dict.fromkeys(keys))
    found = [_touched(compared, what, compared.in_order(keys)) for what, keys in together.items()]
    return sorted(found, key=lambda touched: (-len(touched.pool_titles), touched.what))


def touched_pools(compared: Comparison, change: Change) -> list[Pool]:
    """Pools that a change touches: by reference, or by a queue that it is about."""
    found = {pool.key for pool in compared.pools_on(change.key)}
    queues = queues_in(change.before, change.key[0]) | queues_in(change.after, change.key[0])
    for key, pool in compared.titles.items() if queues else ():
        before, after = compared.users(key)
        if queues & {(pool.cluster, queue) for queue in before.queues | after.queues}:
            found.add(key)
    return compared.in_order(found)


def _touched(compared: Comparison, what: tuple[str, ...], pools: Iterable[Pool]) -> Touched:
    own = tuple(pools)
    users = [side for pool in own for side in compared.users(pool.key)]
    return Touched(
        what=what,
        pools=own,
        ultraservers=_ultraservers(compared, own),
        queues=tuple(sorted({queue for side in users for queue in side.queues})),
        teams=tuple(sorted({team for side in users for team in side.teams})),
    )


def _ultraservers(compared: Comparison, groups: Sequence[Pool]) -> int:
    """UltraServers of the pools at once, at most: as they will be, or as they are where the head has none of them."""
    staying = compared.head_fleet.by_key()
    of_pools: dict[tuple[str, str], list[Pool]] = defaultdict(list)
    for group in groups:
        of_pools[group.identity].append(group)
    return sum(
        total([group for group in own if group.key in staying] or own, compared.as_of).ultraservers
        for own in of_pools.values()
    )


def short_type(resource_type: str) -> str:
    """`EKS::Nodegroup` for `AWS::EKS::Nodegroup`."""
    return resource_type.removeprefix("AWS::").removeprefix("Custom::AWSCDK-EKS-")
