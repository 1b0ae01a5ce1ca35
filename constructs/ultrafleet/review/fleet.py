"""The fleet that templates amount to: its groups of accelerator nodes, and the pools that they make up."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from ultrafleet.catalog import Fact, InstanceType, PurchaseOption, UltraServerType
from ultrafleet.catalog.private_prices import PUBLIC, PriceList, is_private
from ultrafleet.errors import FleetError
from ultrafleet.review.totals import Total, total
from ultrafleet.rules.zones import region_of_zone
from ultrafleet.templates.block_metadata import BlockWindow

_HOUR: Final = 3600

Key = tuple[str, str]
"""Stack and logical id of a resource."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """A group of accelerator nodes: a pool of its own, or the node group of one of a pool's blocks.

    Attributes:
        key: its group.
        name: its name.
        pool_name: the pool that it is of: label `ultrafleet/pool` of its nodes, or else its name.
        is_elsewhere: whether no template makes it: block metadata alone names it (`existing_node_group`).
        place: account and region, where they are known.
        cluster: its cluster's name, or the stack's where it has none.
        instance_type_name: type of its nodes, or "unknown".
        instance_type: the same from the catalog, where that knows it.
        nodes: its largest size; None where only a deployment knows it.
        size_parameter: the parameter without a default that its size comes from, where that is why it isn't known.
        ultraservers: whole UltraServers in it.
        ultraserver_type: their type.
        on_blocks: whether capacity blocks are what it launches into.
        reservations: reservations that it may launch into, as far as they are known.
        by_group: whether a resource group holds them, rather than its launch template one of them.
        windows: when its blocks run, as far as the template says it.
        held: whether it is ordered to be empty.
        labels: labels of its nodes.
        zone: zone of its subnet, where that is known.
        subnets: its subnets, those that templates make.
        launch_template: its launch template.
        launch_version: the version of it that it names; None where it names none.
        prices: prices by which it is counted. Default: the public ones.
    """

    key: Key
    name: str
    pool_name: str
    is_elsewhere: bool = False
    place: str
    cluster: str
    instance_type_name: str
    instance_type: InstanceType | None
    nodes: int | None
    ultraservers: int
    ultraserver_type: UltraServerType | None
    on_blocks: bool
    reservations: tuple[str, ...]
    by_group: bool
    windows: tuple[BlockWindow, ...]
    held: bool
    labels: Mapping[str, str] = field(hash=False)
    zone: str | None
    subnets: tuple[Key, ...]
    launch_template: Key | None
    launch_version: Any = field(hash=False)
    size_parameter: str | None = None
    prices: PriceList = PUBLIC

    @property
    def title(self) -> str:
        """Cluster and name."""
        return f"{self.cluster}/{self.name}"

    @property
    def pool_title(self) -> str:
        """Cluster and name of its pool."""
        return f"{self.cluster}/{self.pool_name}"

    @property
    def identity(self) -> tuple[str, str]:
        """Place and title of its pool: the same for all groups of one."""
        return self.place, self.pool_title

    def is_over(self, as_of: datetime) -> bool:
        """True if templates say when its blocks end, and all of them have ended."""
        return bool(self.windows) and all(window.end <= as_of for window in self.windows)

    def may_run(self, as_of: datetime) -> bool:
        """True if a block of it runs in the day that begins then, or templates don't say when they run."""
        day = as_of + timedelta(days=1)
        return not self.windows or any(window.start < day and window.end > as_of for window in self.windows)

    @property
    def accelerators(self) -> int | None:
        """GPUs or Trainium chips at full size; None where that isn't known."""
        if self.instance_type is None or self.instance_type.accelerator_count is None or self.nodes is None:
            return None
        return self.instance_type.accelerator_count * self.nodes

    @property
    def usd_per_hour(self) -> float | None:
        """Price of the largest of its blocks, which is billed whatever runs; None without a known price.

        Where no template says how many instances a block holds, it is as many as the pool is large.
        """
        if not self.on_blocks or self.nodes is None:
            return None
        sizes = [window.instances for window in self.windows if window.instances]
        per_node = self._usd_per_node_hour
        if sizes and per_node is not None:
            return per_node * max(sizes)
        if self._sold is None:
            return None
        if self._private_node is not None and per_node is not None:
            return per_node * self.nodes
        each = self._price(self._sold).value
        return each * (self.ultraservers or self.nodes) if each is not None else None

    @property
    def _usd_per_node_hour(self) -> float | None:
        """Share of one node in the price of an UltraServer, or its own."""
        if self.instance_type is None:
            return None
        if self._private_node is not None:
            return self._private_node.value
        for item in UltraServerType.with_members(self.instance_type):
            whole = self._price(item).value
            if whole is not None and item.instance_count:
                return whole / item.instance_count
        return self._price(self.instance_type).value

    @property
    def _private_node(self) -> Fact[float | None] | None:
        """Price of the instance in a private file, where that has none of the UltraServer that it is of."""
        if self.instance_type is None or any(
            is_private(self._price(item)) for item in UltraServerType.with_members(self.instance_type)
        ):
            return None
        own = self._price(self.instance_type)
        return own if is_private(own) else None

    @property
    def region(self) -> str | None:
        """Region of its stack or of its zone, where either is known."""
        _, _, region = self.place.partition("/")
        if region or self.zone is None:
            return region or None
        try:
            return region_of_zone(self.zone)
        except FleetError:
            return None

    @property
    def _sold(self) -> UltraServerType | InstanceType | None:
        return self.ultraserver_type or self.instance_type

    def _price(self, sold: UltraServerType | InstanceType) -> Fact[float | None]:
        return self.prices.price(sold, PurchaseOption.CAPACITY_BLOCK, self.region)

    def remaining_hours(self, window: BlockWindow, as_of: datetime) -> float:
        """Hours that a block has left."""
        return max(0.0, (window.end - max(window.start, as_of)).total_seconds() / _HOUR)

    @property
    def price_date(self) -> str | None:
        """Day or month at which the price held; of a private one `your price of DATE`."""
        if self._private_node is not None and self.usd_per_hour is not None:
            return self._private_node.as_of
        return self._price(self._sold).as_of if self._sold is not None and self.usd_per_hour is not None else None


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """All pools of a revision.

    Attributes:
        pools: their groups, in the order of clusters and names.
        as_of: the moment from which blocks count.
        strays: metadata about blocks that names no group, or can't be read.
    """

    pools: tuple[Pool, ...]
    as_of: datetime
    strays: tuple[str, ...] = ()

    @cached_property
    def whole_pools(self) -> dict[tuple[str, str], list[Pool]]:
        """Groups by the pool that they are of."""
        found: dict[tuple[str, str], list[Pool]] = defaultdict(list)
        for group in self.pools:
            found[group.identity].append(group)
        return dict(found)

    @cached_property
    def totals(self) -> dict[tuple[str, str], Total]:
        """Total of each pool: nodes and the like that it has at once, at most."""
        return {identity: total(groups, self.as_of) for identity, groups in self.whole_pools.items()}

    @property
    def ultraservers(self) -> int:
        """Whole UltraServers."""
        return sum(one.ultraservers for one in self.totals.values())

    @property
    def nodes(self) -> int:
        """Accelerator nodes at full size, as far as they are known."""
        return sum(one.nodes or 0 for one in self.totals.values())

    @property
    def accelerators(self) -> int:
        """Accelerators at full size, as far as they are known."""
        return sum(one.accelerators or 0 for one in self.totals.values())

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Pools whose accelerators can't be counted."""
        return tuple(title for (_, title), one in self.totals.items() if one.accelerators is None)

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """Groups that no template makes."""
        return tuple(pool.title for pool in self.pools if pool.is_elsewhere)

    def by_key(self) -> dict[Key, Pool]:
        """Groups by their keys."""
        return {pool.key: pool for pool in self.pools}


def matched(base: Fleet, head: Fleet) -> list[tuple[Pool | None, Pool | None]]:
    """Pools before and after: of one resource, or else of one place, cluster and name, in the order of their titles."""
    before, after = base.by_key(), head.by_key()
    pairs: list[tuple[Pool | None, Pool | None]] = [(before[key], after[key]) for key in before.keys() & after.keys()]
    gone = {(pool.place, pool.title): pool for key, pool in before.items() if key not in after}
    for key, pool in after.items():
        if key not in before:
            pairs.append((gone.pop(_same_name(pool, gone), None), pool))
    pairs += [(pool, None) for pool in gone.values()]
    return sorted(pairs, key=lambda pair: order_of(pair[1] or pair[0]))


def _same_name(pool: Pool, gone: Mapping[tuple[str, str], Pool]) -> tuple[str, str]:
    """The group of that name; one that no template makes may be known by its stack alone."""
    in_stack = (at for at, other in gone.items() if (other.key[0], other.name) == (pool.key[0], pool.name))
    return next(in_stack, (pool.place, pool.title)) if pool.is_elsewhere else (pool.place, pool.title)


def order_of(pool: Pool | None) -> tuple[Any, ...]:
    """Place of a group in the order of clusters, pools and names."""
    return (pool.cluster, _natural(pool.pool_name), _natural(pool.name), pool.key) if pool else ()


def _natural(name: str) -> list[tuple[int, str]]:
    """rack-2 before rack-10: of digits the longer are the more, however many."""
    parts = ((part, part.lstrip("0")) for part in re.split(r"(\d+)", name))
    return [(len(digits), digits) if part.isdecimal() else (-1, part) for part, digits in parts]


def racks(pool: Pool) -> str:
    """`1 u-p6e-gb200x72`, or that there is no whole one."""
    if pool.ultraserver_type is None:
        return "no whole UltraServer"
    return f"{pool.ultraservers} {pool.ultraserver_type}"


def names(pools: Sequence[Pool], most: int = 6) -> str:
    """Pools for people, cut where there are many."""
    shown = ", ".join(f"`{pool.title}`" for pool in pools[:most])
    return shown if len(pools) <= most else f"{shown} and {len(pools) - most} more"
