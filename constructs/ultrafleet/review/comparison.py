"""Comparison of two revisions: stacks, resources and pools that change, and which pools depend on them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property

from ultrafleet.catalog.private_prices import PUBLIC, PriceList
from ultrafleet.review.changes import Change, StackChange, changes_between
from ultrafleet.review.fleet import Fleet, Key, Pool, matched
from ultrafleet.review.fleet_reading import fleet_of
from ultrafleet.review.graph import Dependents
from ultrafleet.review.workloads import Users, users_of_pools
from ultrafleet.templates.revision import Revision
from ultrafleet.templates.template import Resource

_NO_USERS = Users(queues=frozenset(), teams=frozenset())


@dataclass(frozen=True, kw_only=True, eq=False)
class ChangedResource:
    """A resource that changes and is no node group of a pool.

    Attributes:
        change: what happens to it.
        pools: pools of the head that depend on it, in the order of the fleet.
    """

    change: Change
    pools: tuple[Pool, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Two revisions.

    `pools` and what is named after it are groups of nodes: a pool of several blocks has a group for each.

    Attributes:
        base: as it is.
        head: as it will be.
        day: the day that the review is of.
        prices: prices by which pools are counted. Default: the public ones.
    """

    base: Revision
    head: Revision
    day: date
    prices: PriceList = PUBLIC

    @property
    def as_of(self) -> datetime:
        """The beginning of the day, UTC."""
        return datetime.combine(self.day, time(), UTC)

    @cached_property
    def base_fleet(self) -> Fleet:
        """Pools as they are."""
        return fleet_of(self.base, self.as_of, prices=self.prices)

    @cached_property
    def head_fleet(self) -> Fleet:
        """Pools as they will be."""
        return fleet_of(self.head, self.as_of, known=self.base_fleet.pools, prices=self.prices)

    @cached_property
    def stacks(self) -> list[StackChange]:
        """Stacks that change."""
        return changes_between(self.base, self.head)

    @cached_property
    def changes(self) -> dict[Key, Change]:
        """Resources that change."""
        return {change.key: change for stack in self.stacks for change in stack.changes}

    @cached_property
    def changed_resources(self) -> tuple[ChangedResource, ...]:
        """Resources that change in stacks of the head, but for groups of pools, by stack and logical id."""
        staying = self.head_fleet.by_key()
        return tuple(
            ChangedResource(
                change=change, pools=tuple(pool for pool in self.pools_on(change.key) if pool.key in staying)
            )
            for stack in self.stacks
            if not stack.is_gone
            for change in stack.changes
            if change.key not in self.titles
        )

    @cached_property
    def pools(self) -> list[tuple[Pool | None, Pool | None]]:
        """Pools before and after."""
        return matched(self.base_fleet, self.head_fleet)

    @cached_property
    def users_of_reservations(self) -> dict[str, list[Pool]]:
        """Groups of the head by the reservations that they launch into."""
        found: dict[str, list[Pool]] = defaultdict(list)
        for pool in self.head_fleet.pools:
            for reservation in pool.reservations:
                found[reservation].append(pool)
        return dict(found)

    @cached_property
    def titles(self) -> dict[Key, Pool]:
        """Pools of either side by their groups; those of the head where both have one."""
        return self.base_fleet.by_key() | self.head_fleet.by_key()

    @cached_property
    def _dependents(self) -> tuple[Dependents, Dependents]:
        return Dependents(self.base, self.base_fleet), Dependents(self.head, self.head_fleet)

    def pools_on(self, *keys: Key) -> list[Pool]:
        """Pools of either side that depend on any of some resources, in the order of the fleet."""
        before, after = self._dependents
        return self.in_order(before.pools_on(keys) | after.pools_on(keys))

    @cached_property
    def _places(self) -> dict[Key, int]:
        return {key: place for place, key in enumerate(self.titles)}

    def in_order(self, keys: Iterable[Key]) -> list[Pool]:
        """Pools of some groups, in the order of the fleet."""
        found = {}
        for key in sorted(keys, key=self._places.__getitem__):
            pool = self.titles[key]
            found[pool.place, pool.title] = pool  # one that moves to another resource is one pool
        return list(found.values())

    @cached_property
    def pools_of_stacks(self) -> dict[str, list[Pool]]:
        """Pools by the stack that they are in."""
        found: dict[str, list[Pool]] = defaultdict(list)
        for pool in self.titles.values():
            found[pool.key[0]].append(pool)
        return found

    def owner(self, change: Change) -> Pool | None:
        """The one pool that depends on a resource that changes, or else the only one of its stack."""
        pools = self.pools_on(change.key) or self.pools_of_stacks.get(change.key[0], [])
        return pools[0] if len({pool.pool_title for pool in pools}) == 1 else None

    @cached_property
    def _users(self) -> tuple[dict[Key, Users], dict[Key, Users]]:
        return users_of_pools(self.base, self.base_fleet), users_of_pools(self.head, self.head_fleet)

    def users(self, key: Key) -> tuple[Users, Users]:
        """Queues and teams of a pool, before and after."""
        before, after = self._users
        return before.get(key, _NO_USERS), after.get(key, _NO_USERS)

    def resources(self) -> Iterator[tuple[Key, Resource, Resource]]:
        """Resources that are on both sides."""
        for stack, before in self.base.stacks.items():
            after = self.head.stacks.get(stack)
            for logical_id in before.resources if after is not None else ():
                if after is not None and logical_id in after.resources:
                    yield (stack, logical_id), before.resources[logical_id], after.resources[logical_id]

    def stack_is_gone(self, stack: str) -> bool:
        """True if a stack of the base isn't in the head."""
        return stack in self.base.stacks and stack not in self.head.stacks
