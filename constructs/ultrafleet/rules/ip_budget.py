"""IP addresses of a subnet that its pools take at full size. The formula is explained in decision record 3.

Everything is counted in /28 blocks of 16 addresses, because the VPC CNI takes whole ones (prefix delegation). A node
takes `ceil(max_pods / 16) + 1` of them: the prefixes of its pods and one warm. Each of its IP-bearing interfaces has
one address more, which may lie anywhere and so spoil one block for prefixes. AWS keeps five addresses, in the first
and in the last block, and neither block can be a prefix.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from ultrafleet.catalog import InstanceType, limits
from ultrafleet.errors import FleetError

PREFIX_ADDRESSES: Final = limits.ADDRESSES_PER_PREFIX.value
"""Addresses of a delegated prefix, a /28."""
WARM_PREFIXES: Final = 1
"""`WARM_PREFIX_TARGET` of the VPC CNI, as the cluster's add-on sets it (VPC CNI documents, high)."""
RESERVED_ADDRESSES: Final = limits.RESERVED_ADDRESSES_PER_SUBNET.value
"""The first four and the last address of every subnet."""

_UNUSABLE_BLOCKS: Final = 2
_SMALLEST_SUBNET: Final = limits.SUBNET_LONGEST_PREFIX.value
_LARGEST_SUBNET: Final = limits.SUBNET_SHORTEST_PREFIX.value


@dataclass(frozen=True, kw_only=True)
class NodeIpDemand:
    """IP addresses that one node takes.

    Attributes:
        ip_interfaces: interfaces with an address: `interface` and `efa`, not `efa-only`.
        prefixes: /28 prefixes that the VPC CNI delegates to it.
    """

    ip_interfaces: int
    prefixes: int

    @property
    def blocks(self) -> int:
        """/28 blocks that it can occupy, at worst."""
        return self.ip_interfaces + self.prefixes


@dataclass(frozen=True, kw_only=True)
class PoolIpDemand:
    """IP addresses that a pool takes at full size.

    Attributes:
        pool_name: name of the pool.
        nodes: its nodes.
        per_node: what each takes.
    """

    pool_name: str
    nodes: int
    per_node: NodeIpDemand

    @classmethod
    def of(
        cls, *, pool_name: str, nodes: int, instance_type: InstanceType, ip_interfaces: int, max_pods: int
    ) -> "PoolIpDemand":
        """Demand of a pool whose nodes have one layout.

        Args:
            pool_name: name of the pool.
            nodes: its nodes.
            instance_type: their type.
            ip_interfaces: interfaces of a node with an address.
            max_pods: pods of a node at most.
        """
        per_node = node_ip_demand(
            ip_interfaces=ip_interfaces, max_pods=max_pods, ipv4_per_interface=instance_type.ipv4_per_interface
        )
        return cls(pool_name=pool_name, nodes=nodes, per_node=per_node)

    @property
    def addresses(self) -> int:
        """Addresses, counted in whole blocks."""
        return self.nodes * self.per_node.blocks * PREFIX_ADDRESSES


@dataclass(frozen=True, kw_only=True)
class SubnetIpBudget:
    """Addresses of a subnet.

    Attributes:
        subnet_name: name of the subnet.
        cidr: its CIDR.
        usable: addresses in whole blocks that pools can have.
        by_pool: demands, in the order of the pools' names.
    """

    subnet_name: str
    cidr: str
    usable: int
    by_pool: tuple[PoolIpDemand, ...]

    @property
    def used(self) -> int:
        """Addresses that the pools take."""
        return sum(demand.addresses for demand in self.by_pool)

    @property
    def free(self) -> int:
        """Addresses left; negative where they don't fit."""
        return self.usable - self.used

    def check(self) -> None:
        """Refuse pools that don't fit.

        Raises:
            FleetError: names the addresses needed and free, and a subnet size that fits.
        """
        if self.free >= 0:
            return
        needs = ", ".join(f"{demand.pool_name} {demand.addresses:,}" for demand in self.by_pool)
        raise FleetError(
            path=f"subnet {self.subnet_name} ({self.cidr})",
            verb="has",
            got=f"{self.usable:,} usable IPs",
            expected=f"{self.used:,} for its pools ({needs})",
            remedy=(
                f"state a subnet of /{smallest_prefix_length(self.by_pool)} or larger, lower max_pods, "
                "or move a pool to another subnet"
            ),
        )


def node_ip_demand(*, ip_interfaces: int, max_pods: int, ipv4_per_interface: int | None) -> NodeIpDemand:
    """IP addresses that a node takes with prefix delegation.

    Args:
        ip_interfaces: its interfaces with an address.
        max_pods: pods that its kubelet accepts.
        ipv4_per_interface: addresses an interface takes, each of which may be a prefix instead; caps the prefixes where
            it is known.
    """
    prefixes = -(-max_pods // PREFIX_ADDRESSES) + WARM_PREFIXES
    if ipv4_per_interface is not None:
        prefixes = min(prefixes, ip_interfaces * (ipv4_per_interface - 1))
    return NodeIpDemand(ip_interfaces=ip_interfaces, prefixes=prefixes)


def subnet_ip_budget(*, subnet_name: str, cidr: str, demands: Sequence[PoolIpDemand]) -> SubnetIpBudget:
    """Budget of a subnet.

    Args:
        subnet_name: for messages.
        cidr: IPv4 CIDR of the subnet.
        demands: pools in it.

    Raises:
        FleetError: the CIDR is none of a subnet.
    """
    return SubnetIpBudget(
        subnet_name=subnet_name,
        cidr=cidr,
        usable=_usable(parse_cidr(cidr, of=f"subnet {subnet_name}")),
        by_pool=tuple(sorted(demands, key=lambda demand: demand.pool_name)),
    )


def smallest_prefix_length(demands: Sequence[PoolIpDemand]) -> int:
    """Length of the smallest subnet that the pools fit into, such as 21.

    Raises:
        FleetError: not even a /16, the largest subnet, holds them.
    """
    needed = sum(demand.addresses for demand in demands)
    length = prefix_length_of(needed)
    if length is not None:
        return length
    raise FleetError(
        path="pools",
        verb="need",
        got=f"{needed:,} IPs",
        expected=f"at most {_usable(ipaddress.IPv4Network((0, _LARGEST_SUBNET))):,} in the largest subnet (/16)",
        remedy="spread them over several subnets",
    )


def prefix_length_of(addresses: int) -> int | None:
    """Length of the smallest subnet with that many addresses in whole blocks, or None where a /16 has fewer."""
    for length in range(_SMALLEST_SUBNET, _LARGEST_SUBNET - 1, -1):
        if usable_addresses(length) >= addresses:
            return length
    return None


@cache
def usable_addresses(prefix_length: int) -> int:
    """Addresses in whole blocks that pools can have in a subnet.

    Args:
        prefix_length: length of the subnet's prefix, such as 21.
    """
    return _usable(ipaddress.IPv4Network((0, prefix_length)))


def parse_cidr(cidr: str, *, of: str) -> ipaddress.IPv4Network:
    """An IPv4 CIDR of a subnet or VPC.

    Args:
        cidr: such as `10.0.0.0/20`.
        of: what it belongs to, for messages.

    Raises:
        FleetError: it is no CIDR, has host bits, or is not from /16 to /28.
    """
    try:
        network = ipaddress.IPv4Network(cidr)
    except ValueError as error:
        raise FleetError(
            path=f"CIDR of {of}",
            got=repr(cidr),
            expected=f"one such as 10.0.0.0/20 ({error})",
            remedy="correct it",
        ) from error
    if not _LARGEST_SUBNET <= network.prefixlen <= _SMALLEST_SUBNET:
        raise FleetError(
            path=f"CIDR of {of}",
            got=cidr,
            expected="a length from /16 to /28",
            remedy="change its size",
        )
    return network


def _usable(network: ipaddress.IPv4Network) -> int:
    blocks = network.num_addresses // PREFIX_ADDRESSES - _UNUSABLE_BLOCKS
    return max(0, blocks) * PREFIX_ADDRESSES
