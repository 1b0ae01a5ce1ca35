"""The fleet that templates amount to: its groups of accelerator nodes, and the pools that they make up."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from ultrafleet.catalog import Fact, InstanceType, PurchaseOption, UltraServerType, price
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.labels import POOL_LABEL
from ultrafleet.review.totals import Total, total
from ultrafleet.rules.schedule_tags import HOLD, SCHEDULE_TAG
from ultrafleet.rules.zones import region_of_zone
from ultrafleet.templates.block_metadata import BLOCKS_PREFIX, BlockWindow, read_block_windows
from ultrafleet.templates.intrinsics import Unknown, text_of
from ultrafleet.templates.launch import as_int
from ultrafleet.templates.node_group import NODE_GROUP, NodeGroup, groups
from ultrafleet.templates.revision import Revision
from ultrafleet.templates.template import Resource, Template, mapping

_RESERVATION: Final = re.compile(r"cr-[0-9a-f]{8,17}")
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
        """Price of the largest of its blocks, which is billed whatever runs; None without a published price.

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
        each = self._price(self._sold).value
        return each * (self.ultraservers or self.nodes) if each is not None else None

    @property
    def _usd_per_node_hour(self) -> float | None:
        """Share of one node in the price of an UltraServer, or its own."""
        if self.instance_type is None:
            return None
        for item in UltraServerType.with_members(self.instance_type):
            whole = self._price(item).value
            if whole is not None and item.instance_count:
                return whole / item.instance_count
        return self._price(self.instance_type).value

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
        return price(sold, PurchaseOption.CAPACITY_BLOCK, self.region)

    def remaining_hours(self, window: BlockWindow, as_of: datetime) -> float:
        """Hours that a block has left."""
        return max(0.0, (window.end - max(window.start, as_of)).total_seconds() / _HOUR)

    @property
    def price_date(self) -> str | None:
        """Day or month at which the price held."""
        return self._price(self._sold).as_of if self._sold is not None and self.usd_per_hour is not None else None


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """All pools of a revision.

    Attributes:
        pools: their groups, in the order of clusters and names.
        as_of: the moment from which blocks count.
        strays: metadata about blocks that name no pool, or can't be read.
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


def fleet_of(revision: Revision, as_of: datetime, known: Sequence[Pool] = ()) -> Fleet:
    """The pools of a revision's templates, in the order of clusters and names.

    Args:
        revision: the templates.
        as_of: the moment from which blocks count.
        known: groups of an earlier revision, which say what a group is that no template makes any more. Default: none.
    """
    stacks = {id(template): stack for stack, template in revision.stacks.items()}
    pools = [
        pool
        for stack, template in revision.stacks.items()
        for pool in _pools(template, stacks, revision.places.get(stack, ""))
    ]
    pools += [
        pool
        for stack, template in revision.stacks.items()
        for pool in _elsewhere(stack, template, [*pools, *known], revision.places.get(stack, ""))
    ]
    return Fleet(
        pools=tuple(sorted(pools, key=_order)),
        as_of=as_of,
        strays=tuple(stray for stack, template in revision.stacks.items() for stray in _strays(stack, template, pools)),
    )


def _block_entries(template: Template) -> Iterator[tuple[str, Any]]:
    """Names of node groups in the metadata about blocks, and what is stated of them."""
    for key, entry in mapping(template.content.get("Metadata")).items():
        if str(key).startswith(BLOCKS_PREFIX):
            yield str(key).removeprefix(BLOCKS_PREFIX), mapping(entry).get("blocks")


def _elsewhere(stack: str, template: Template, pools: Sequence[Pool], place: str) -> Iterator[Pool]:
    """Groups that no template makes, and whose block metadata says so."""
    own = [pool for pool in pools if pool.key[0] == stack]
    for name, _ in _block_entries(template):
        windows = read_block_windows(template.content.get("Metadata"), name)
        named = tuple(window.capacity_reservation_id for window in windows)
        if not windows or not all(window.existing_node_group for window in windows):
            continue
        # Blocks of one stack are of one pool in this library: the others say what its nodes are.
        same = (pool for pool in own if pool.name == name)
        like = next(same, own[0] if own else _unknown(stack, name, place))
        sizes = [window.instances for window in windows if window.instances is not None]
        nodes = max(sizes) if sizes else like.nodes
        ultraserver, count = _ultraservers(like.instance_type, nodes)
        yield replace(
            like,
            key=(stack, f"{BLOCKS_PREFIX}{name}"),
            name=name,
            is_elsewhere=True,
            nodes=nodes,
            ultraservers=count,
            ultraserver_type=ultraserver,
            reservations=named,
            by_group=False,
            windows=windows,
        )


def _unknown(stack: str, name: str, place: str) -> Pool:
    """A group of which nothing but its blocks is known."""
    return Pool(
        key=(stack, name),
        name=name,
        pool_name=name,
        place=place,
        cluster=stack,
        instance_type_name="unknown",
        instance_type=None,
        nodes=None,
        ultraservers=0,
        ultraserver_type=None,
        on_blocks=True,
        reservations=(),
        by_group=False,
        windows=(),
        held=False,
        labels={},
        zone=None,
        subnets=(),
        launch_template=None,
        launch_version=None,
    )


def _strays(stack: str, template: Template, pools: Sequence[Pool]) -> Iterator[str]:
    """Metadata about blocks that says nothing: of no pool here, or of blocks that can't be read or aren't its own."""
    own = [pool for pool in pools if pool.key[0] == stack]
    for name, blocks in _block_entries(template):
        pool = next((pool for pool in own if name in (pool.name, pool.key[1])), None)
        if pool is None or not isinstance(blocks, list) or len(pool.windows) < len(blocks):
            yield f"{stack}: {BLOCKS_PREFIX}{name}"


def matched(base: Fleet, head: Fleet) -> list[tuple[Pool | None, Pool | None]]:
    """Pools before and after: of one resource, or else of one place, cluster and name, in the order of their titles."""
    before, after = base.by_key(), head.by_key()
    pairs: list[tuple[Pool | None, Pool | None]] = [(before[key], after[key]) for key in before.keys() & after.keys()]
    gone = {(pool.place, pool.title): pool for key, pool in before.items() if key not in after}
    for key, pool in after.items():
        if key not in before:
            pairs.append((gone.pop(_same_name(pool, gone), None), pool))
    pairs += [(pool, None) for pool in gone.values()]
    return sorted(pairs, key=lambda pair: _order(pair[1] or pair[0]))


def _same_name(pool: Pool, gone: Mapping[tuple[str, str], Pool]) -> tuple[str, str]:
    """The group of that name; one that no template makes may be known by its stack alone."""
    in_stack = (at for at, other in gone.items() if (other.key[0], other.name) == (pool.key[0], pool.name))
    return next(in_stack, (pool.place, pool.title)) if pool.is_elsewhere else (pool.place, pool.title)


def _order(pool: Pool | None) -> tuple[Any, ...]:
    return (pool.cluster, _natural(pool.pool_name), _natural(pool.name), pool.key) if pool else ()


def _natural(name: str) -> list[tuple[int, str]]:
    """rack-2 before rack-10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _pools(template: Template, stacks: Mapping[int, str], place: str) -> Iterator[Pool]:
    for group in groups(template):
        kinds = [kind for kind in group.types if kind.accelerator_count or kind.is_ultraserver_member]
        if kinds or (group.is_for_block and not group.types):
            yield _pool(group, kinds[0] if kinds else None, stacks, place)


def _pool(group: NodeGroup, kind: InstanceType | None, stacks: Mapping[int, str], place: str) -> Pool:
    template = group.template
    stack = stacks[id(template)]
    nodes = None if isinstance(group.max_size, Unknown) else as_int(group.max_size)
    ultraserver, count = _ultraservers(kind, nodes)
    named = [name for name in group.type_names if isinstance(name, str)]
    labels = group.resource.get("Labels")
    own_labels = {str(key): str(value) for key, value in labels.items()} if isinstance(labels, Mapping) else {}
    zones = group.zones
    reservations = tuple(_reservations(template, group))
    subnets = [made for made in map(template.referred, group.subnets) if made is not None]
    return Pool(
        key=(stack, group.logical_id),
        name=group.name,
        pool_name=own_labels.get(POOL_LABEL, group.name),
        place=place,
        cluster=_cluster(stack, group),
        instance_type_name=str(kind) if kind else (named[0] if named else "unknown"),
        instance_type=kind,
        nodes=nodes,
        ultraservers=count,
        ultraserver_type=ultraserver,
        on_blocks=group.is_for_block,
        reservations=reservations,
        by_group=_group_of_reservations(template, group) is not None,
        windows=_windows(template, group, reservations),
        held=group.resource.get("Tags", SCHEDULE_TAG) == HOLD if group.resource.type == NODE_GROUP else False,
        labels=own_labels,
        zone=zones[0] if zones else None,
        subnets=tuple((stacks[id(made.template)], made.logical_id) for made in subnets),
        launch_template=_launch_key(group, stacks),
        launch_version=group.launch_version,
    )


def _ultraservers(kind: InstanceType | None, nodes: int | None) -> tuple[UltraServerType | None, int]:
    """The largest UltraServer that the nodes are whole ones of."""
    if kind is None or not nodes:
        return None, 0
    counts = sorted(
        ((item.instance_count, item) for item in UltraServerType.with_members(kind) if item.instance_count),
        key=lambda pair: -pair[0],
    )
    for count, ultraserver in counts:
        if nodes % count == 0:
            return ultraserver, nodes // count
    return None, 0


def _cluster(stack: str, group: NodeGroup) -> str:
    stated = group.resource.get("ClusterName") or group.resource.get("ClusterId")
    return cluster_name(group.template, stated) or stack


def cluster_name(template: Template, stated: Any) -> str | None:  # noqa: ANN401 - JSON
    """Name of a cluster that a resource refers to."""
    if isinstance(stated, str):
        return stated
    cluster = template.referred(stated)
    if cluster is None:
        return None
    return text_of(cluster.get("Name")) if cluster.get("Name") is not None else cluster.logical_id


def _group_of_reservations(template: Template, group: NodeGroup) -> Resource | None:
    resource = template.referred(group.launch.reservation) if group.launch is not None else None
    return resource if resource is not None and resource.type == "AWS::ResourceGroups::Group" else None


def _reservations(template: Template, group: NodeGroup) -> Iterator[str]:
    target = group.launch.reservation if group.launch is not None else None
    holder = _group_of_reservations(template, group)
    if holder is not None:
        found = (_RESERVATION.search(text_of(member) or "") for member in holder.items("Resources"))
        yield from (match.group() for match in found if match)
    elif isinstance(target, str):
        yield target
    elif isinstance(target, Unknown):
        resource = template.referred(target)
        yield resource.logical_id if resource is not None else "(known at deployment)"


def _windows(template: Template, group: NodeGroup, reservations: Sequence[str]) -> tuple[BlockWindow, ...]:
    """Windows of its blocks: of those that it launches into, where they are known."""
    metadata = template.content.get("Metadata")
    stated = read_block_windows(metadata, group.name) or read_block_windows(metadata, group.logical_id)
    if not any(_RESERVATION.fullmatch(name) for name in reservations):
        return stated
    return tuple(window for window in stated if window.capacity_reservation_id in reservations)


def _launch_key(group: NodeGroup, stacks: Mapping[int, str]) -> Key | None:
    if group.launch is None:
        return None
    resource = group.launch.resource
    return (stacks[id(resource.template)], resource.logical_id)


def racks(pool: Pool) -> str:
    """`1 u-p6e-gb200x72`, or that there is no whole one."""
    if pool.ultraserver_type is None:
        return "no whole UltraServer"
    return f"{pool.ultraservers} {pool.ultraserver_type}"


def names(pools: Sequence[Pool], most: int = 6) -> str:
    """Pools for people, cut where there are many."""
    shown = ", ".join(f"`{pool.title}`" for pool in pools[:most])
    return shown if len(pools) <= most else f"{shown} and {len(pools) - most} more"
