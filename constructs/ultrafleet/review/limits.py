"""Limits of CloudFormation, EKS and subnets: how much of each is used, before and after."""

import base64
import binascii
import ipaddress
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.errors import FleetError
from ultrafleet.policy.limit_rules import MAX_BYTES, MAX_NODE_GROUPS, MAX_NODES, MAX_RESOURCES, MOST_NODE_GROUPS
from ultrafleet.review.fleet import Fleet, Key, Pool
from ultrafleet.review.fleet_reading import cluster_name
from ultrafleet.review.totals import at_peak
from ultrafleet.rules.ip_budget import RESERVED_ADDRESSES, NodeIpDemand, PoolIpDemand, node_ip_demand, subnet_ip_budget
from ultrafleet.templates.block_metadata import BlockWindow
from ultrafleet.templates.launch import as_int
from ultrafleet.templates.node_group import NODE_GROUP, NodeGroup, groups
from ultrafleet.templates.revision import Revision
from ultrafleet.templates.template import Resource
from ultrafleet.templates.unknown import text_of

_NEAR: Final = 0.8
"""From which share on an unchanged limit is worth a line."""
_MAX_PODS: Final = re.compile(r'"?maxPods"?\s*:\s*(\d+)|--max-pods[= ](\d+)')

Usage = dict[tuple[str, str], tuple[int, int]]
"""Used and limit, by what is limited and where."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A limit that changes or is near.

    Attributes:
        name: what is limited.
        where: stack, cluster, pool or subnet.
        before: used; None where it is new.
        after: used; None where it goes.
        most: the limit, as it will be.
        is_changed: whether its use, or the limit, changes.
    """

    name: str
    where: str
    before: int | None
    after: int | None
    most: int
    is_changed: bool

    @property
    def left(self) -> int:
        """Remainder of the limit."""
        return self.most - (self.after or 0)

    @property
    def is_near(self) -> bool:
        """True if most of it is used."""
        return (self.after or 0) >= self.most * _NEAR


def limits(base: Revision, base_fleet: Fleet, head: Revision, head_fleet: Fleet) -> list[Limit]:
    """Limits whose use changes, or of which most is used: the nearest first."""
    before, after = dict(_usage(base, base_fleet, base)), dict(_usage(head, head_fleet, base))
    found = []
    for name, where in dict.fromkeys((*after, *before)):
        was, now = before.get((name, where)), after.get((name, where))
        limit = Limit(
            name=name,
            where=where,
            before=was[0] if was else None,
            after=now[0] if now else None,
            most=(now or was or (0, 0))[1],
            is_changed=was != now,
        )
        if limit.is_changed or limit.is_near:
            found.append(limit)
    return sorted(found, key=lambda limit: (-(limit.after or 0) / max(1, limit.most), limit.name, limit.where))


def _usage(revision: Revision, fleet: Fleet, earlier: Revision) -> Iterator[tuple[tuple[str, str], tuple[int, int]]]:
    node_groups = Counter(pool.cluster for pool in fleet.pools if pool.is_elsewhere)
    of_groups: dict[str, int] = {}
    for stack, template in revision.stacks.items():
        for group in template.of_type(NODE_GROUP):
            cluster = cluster_name(template, group.get("ClusterName")) or stack
            node_groups[cluster] += 1
            named = group.get("NodegroupName")
            name = named if isinstance(named, str) else group.logical_id
            of_groups[f"{cluster}/{name}"] = as_int(group.get("ScalingConfig", "MaxSize")) or 0
    resources = {stack: len(template.resources) for stack, template in revision.stacks.items()}
    sizes = {stack: template.size_bytes for stack, template in revision.stacks.items()}
    yield from _largest("resources", "stack", resources, MAX_RESOURCES)
    yield from _largest("bytes", "stack", sizes, MAX_BYTES)
    yield from _largest("nodes", "node group", of_groups, MAX_NODES)
    for cluster, count in node_groups.items():
        yield ("node groups", cluster), (count, MAX_NODE_GROUPS)
        if count > MAX_NODE_GROUPS:
            yield ("node groups, whatever the quota", cluster), (count, MOST_NODE_GROUPS)
    single = sum(
        fleet.totals[identity].nodes or 0
        for identity, groups_ in fleet.whole_pools.items()
        if any(group.on_blocks and group.ultraserver_type is None for group in groups_)
    )
    if single:
        most = CapacityBlockRules.MAX_INSTANCES_ON_A_DATE
        yield ("instances on blocks on one date", "the organisation"), (single, most)
    yield from _addresses(revision, fleet, earlier)


def _largest(
    name: str, kind: str, used: Mapping[str, int], most: int
) -> Iterator[tuple[tuple[str, str], tuple[int, int]]]:
    """The most that any has, and each that is near the limit."""
    if used:
        yield (f"{name} of the largest {kind}", ""), (max(used.values()), most)
    for where, count in used.items():
        if count >= most * _NEAR:
            yield (name, where), (count, most)


@dataclass(frozen=True)
class _Use:
    """Use of a subnet by a group of nodes at full size.

    Attributes:
        pool: the pool that the group is of.
        windows: when its blocks run; none for a group that always may.
        demand: addresses that it takes.
        pods: pods that a node takes; None where no template says it.
    """

    pool: object
    windows: tuple[BlockWindow, ...]
    demand: PoolIpDemand
    pods: int | None


def _addresses(
    revision: Revision, fleet: Fleet, earlier: Revision
) -> Iterator[tuple[tuple[str, str], tuple[int, int]]]:
    """Addresses of the subnets that templates make, at full size of the groups in them that run at the same time."""
    stacks = {id(template): stack for stack, template in revision.stacks.items()}
    pools = fleet.by_key()
    uses: dict[Key, list[_Use]] = defaultdict(list)
    for stack, group in _groups(revision):
        subnet = group.template.referred(group.subnets[0]) if len(group.subnets) == 1 else None
        demand = _demand(group)
        if demand is not None and subnet is not None:
            pool = pools.get((stack, group.logical_id))
            of_pool = (pool.identity, pool.windows) if pool is not None else ((stack, group.logical_id), ())
            uses[stacks[id(subnet.template)], subnet.logical_id].append(_Use(*of_pool, *demand))
    for pool in fleet.pools:
        if pool.is_elsewhere and len(pool.subnets) == 1 and (demand := _demand_like(pool, revision, earlier)):
            whole = replace(demand[0], nodes=pool.nodes or 0)
            uses[pool.subnets[0]].append(_Use(pool.identity, pool.windows, whole, demand[1]))
    for (stack, logical_id), own in uses.items():
        subnet = revision.stacks[stack].resources.get(logical_id) if stack in revision.stacks else None
        if subnet is not None:
            yield from _of_subnet(stack, subnet, _at_once(own, fleet.as_of))


def _groups(revision: Revision) -> Iterator[tuple[str, NodeGroup]]:
    return ((stack, group) for stack, template in revision.stacks.items() for group in groups(template))


def _demand_like(pool: Pool, *revisions: Revision) -> tuple[PoolIpDemand, int | None] | None:
    """Demand of a group that no template makes: that of one with its launch template, here or before."""
    for stack, group in (found for revision in revisions for found in _groups(revision)):
        launch = group.launch.resource.logical_id if group.launch is not None else None
        if pool.launch_template == (stack, launch):
            return _demand(group)
    return None


def _of_subnet(
    stack: str, subnet: Resource, together: Sequence[_Use]
) -> Iterator[tuple[tuple[str, str], tuple[int, int]]]:
    name, cidr = f"{stack}/{_name(subnet)}", str(subnet.get("CidrBlock"))
    try:
        if all(use.pods is not None for use in together):
            demands = tuple(use.demand for use in together)
            budget = subnet_ip_budget(subnet_name=name, cidr=cidr, demands=demands)
            yield ("IPs", name), (budget.used, budget.usable)
        else:  # the pods that a node takes aren't stated: at least its interfaces have an address
            used = sum(use.demand.nodes * use.demand.per_node.ip_interfaces for use in together)
            usable = ipaddress.IPv4Network(cidr).num_addresses - RESERVED_ADDRESSES
            yield ("IPs, without pods", name), (used, usable)
    except (FleetError, ValueError):
        return  # known at deployment, or IPv6


def _at_once(uses: Sequence[_Use], as_of: datetime) -> list[_Use]:
    """Of each pool the groups that run at the same time and take the most addresses."""
    of_pools: dict[object, list[_Use]] = defaultdict(list)
    for use in uses:
        of_pools[use.pool].append(use)
    return [
        use
        for together in of_pools.values()
        for use in at_peak(
            together, windows=lambda use: use.windows, amount=lambda use: use.demand.addresses, as_of=as_of
        )
    ]


def _name(subnet: Resource) -> str:
    tags = [tag for tag in subnet.items("Tags") if isinstance(tag, Mapping) and tag.get("Key") == "Name"]
    named = text_of(tags[0].get("Value")) if tags else None
    return named if named and "${" not in named else subnet.logical_id


def _demand(group: NodeGroup) -> tuple[PoolIpDemand, int | None] | None:
    """Addresses that a group takes at full size, and the pods of a node; None where that isn't known."""
    nodes = as_int(group.max_size)
    layout = group.launch.layout if group.launch is not None else None
    if nodes is None or not isinstance(layout, list):
        return None
    with_address = sum(interface.interface_type != "efa-only" for interface in layout)
    pods = _max_pods(group.launch.get("UserData") if group.launch is not None else None)
    kind = group.types[0] if group.types else None
    per_node = (
        node_ip_demand(
            ip_interfaces=with_address,
            max_pods=pods,
            ipv4_per_interface=kind.ipv4_per_interface if kind is not None else None,
        )
        if pods is not None
        else NodeIpDemand(ip_interfaces=with_address, prefixes=0)
    )
    return PoolIpDemand(pool_name=group.name, nodes=nodes, per_node=per_node), pods


def _max_pods(user_data: object) -> int | None:
    """Pods that nodes accept, where their user data says it."""
    encoded = text_of(user_data) if user_data is not None else None
    try:
        text = base64.b64decode(encoded or "", validate=True).decode(errors="replace")
    except (binascii.Error, ValueError):
        text = encoded or ""
    found = _MAX_PODS.search(text)
    return as_int(found.group(1) or found.group(2)) if found else None
