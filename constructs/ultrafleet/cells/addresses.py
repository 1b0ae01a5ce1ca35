"""Addresses of cells: VPC CIDRs that don't overlap, allotted once and never moved."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ultrafleet.catalog import limits
from ultrafleet.cells.model import CellNetwork
from ultrafleet.programme.address_space import PLATFORM_PREFIX
from ultrafleet.rules.ip_budget import NodeIpDemand, PoolIpDemand, prefix_length_of, usable_addresses
from ultrafleet.rules.secondary_network import DEFAULT_SUBNETS
from ultrafleet.rules.service_cidr import DEFAULT_SERVICE_CIDRS

_LARGEST: Final = limits.SUBNET_SHORTEST_PREFIX.value
_UNIT: Final = 2 ** (32 - PLATFORM_PREFIX)


@dataclass(frozen=True, kw_only=True)
class RackSubnets:
    """Subnets of a cell's racks, all of one size.

    Attributes:
        count: subnets.
        prefix: length of their prefix.
        racks_each: racks that each holds.
        secondary_prefix: length of the prefix of a secondary network for their nodes; None on EFA.
    """

    count: int
    prefix: int
    racks_each: int
    secondary_prefix: int | None = None


def racks_of_largest_subnet(per_node: NodeIpDemand, nodes_per_rack: int) -> int:
    """Racks that a /16 holds, the largest subnet and the largest CIDR of a VPC.

    Args:
        per_node: addresses of a node.
        nodes_per_rack: nodes of a rack.
    """
    return usable_addresses(_LARGEST) // _addresses(per_node, nodes_per_rack)


def racks_of_network(network: CellNetwork, per_node: NodeIpDemand, nodes_per_rack: int) -> int:
    """Racks that the smallest subnet of racks holds.

    Args:
        network: network of a cell.
        per_node: addresses of a node.
        nodes_per_rack: nodes of a rack.
    """
    lengths = [ipaddress.IPv4Network(cidr).prefixlen for cidr in network.rack_cidrs]
    return usable_addresses(max(lengths)) // _addresses(per_node, nodes_per_rack)


def _addresses(per_node: NodeIpDemand, nodes: int) -> int:
    return PoolIpDemand(pool_name="racks", nodes=nodes, per_node=per_node).addresses


def rack_subnets(
    *, per_node: NodeIpDemand, nodes_per_rack: int, slots: int, hand_overs: int, roce: bool = False
) -> RackSubnets:
    """Subnets for the slots of a cell: one where they fit, else as many of the largest size as they need.

    Args:
        per_node: addresses of a node.
        nodes_per_rack: nodes of a rack.
        slots: racks that the cell is made for; `cidrs_per_vpc` left it at least one.
        hand_overs: racks that may be on two blocks at once, all of them in one subnet.
        roce: True if their nodes have interfaces of a secondary network, one in each of its subnets.
    """
    most = racks_of_largest_subnet(per_node, nodes_per_rack) - hand_overs
    count = -(-slots // most)
    each = -(-slots // count)
    prefix = prefix_length_of(_addresses(per_node, nodes_per_rack * (each + hand_overs))) or _LARGEST
    secondary = None
    if roce:
        each_subnet = (slots + hand_overs) * nodes_per_rack + limits.SECONDARY_SUBNET_RESERVED_ADDRESSES.value
        addresses = DEFAULT_SUBNETS * 2 ** (each_subnet - 1).bit_length()
        secondary = min(PLATFORM_PREFIX, 33 - addresses.bit_length())
    return RackSubnets(count=count, prefix=min(prefix, PLATFORM_PREFIX), racks_each=each, secondary_prefix=secondary)


class AddressSpace:
    """Address space of a programme: what is taken of it, and what is free.

    First CIDRs of cells are allotted from its begin, those of racks from its end.

    Args:
        networks: IPv4 networks apart from each other, such as those of `fleet.address_space`.
    """

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [ipaddress.IPv4Network(item) for item in networks]
        self._taken = [bytearray(item.num_addresses // _UNIT) for item in self._networks]
        for services in DEFAULT_SERVICE_CIDRS:  # no cell may have them
            self._mark(services)

    def take(self, cidr: str) -> None:
        """Take what a cell has already, whether it lies in the space or not.

        Args:
            cidr: a CIDR of the cell.
        """
        self._mark(ipaddress.IPv4Network(cidr))

    def allot(self, subnets: RackSubnets) -> CellNetwork | None:
        """Network of a new cell, taken from what is free; None where too little is.

        Args:
            subnets: subnets of its racks.
        """
        platform = self._free(PLATFORM_PREFIX, from_end=False)
        if platform is None:
            return None
        self._mark(platform)
        found: list[ipaddress.IPv4Network] = []
        secondary = [] if subnets.secondary_prefix is None else [subnets.secondary_prefix]
        for prefix in (*[subnets.prefix] * subnets.count, *secondary):
            network = self._free(prefix, from_end=True)
            if network is None:
                self._release([platform, *found])
                return None
            self._mark(network)
            found.append(network)
        return CellNetwork(
            platform_cidr=str(platform),
            rack_cidrs=tuple(map(str, found[: subnets.count])),
            racks_per_subnet=subnets.racks_each,
            secondary_cidr=str(found[-1]) if secondary else None,
        )

    def _free(self, prefix: int, *, from_end: bool) -> ipaddress.IPv4Network | None:
        units = 2 ** (32 - prefix) // _UNIT
        empty = bytes(units)
        pairs = list(zip(self._networks, self._taken, strict=True))
        for network, taken in reversed(pairs) if from_end else pairs:
            starts: Iterable[int] = range(0, len(taken) - units + 1, units)
            for start in reversed(list(starts)) if from_end else starts:
                if taken[start : start + units] == empty:
                    return ipaddress.IPv4Network((int(network.network_address) + start * _UNIT, prefix))
        return None

    def _mark(self, cidr: ipaddress.IPv4Network, value: int = 1) -> None:
        for network, taken in zip(self._networks, self._taken, strict=True):
            if not network.overlaps(cidr):
                continue
            first = max(int(cidr.network_address), int(network.network_address)) - int(network.network_address)
            last = min(int(cidr.broadcast_address), int(network.broadcast_address)) - int(network.network_address)
            for unit in range(first // _UNIT, last // _UNIT + 1):
                taken[unit] = value

    def _release(self, cidrs: Iterable[ipaddress.IPv4Network]) -> None:
        for cidr in cidrs:
            self._mark(cidr, 0)
