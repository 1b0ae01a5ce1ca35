"""Secondary network of nodes on RoCE: its subnets, the subnet of each interface, and room for nodes."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ultrafleet.catalog import limits
from ultrafleet.errors import FleetError
from ultrafleet.layout import Interface
from ultrafleet.rules.zones import is_local_zone, validate_zone

DEFAULT_SUBNETS: Final = 8
"""Subnets of a network by default: one for each interface of a node; the guide names 4 and 8 (high)."""
SUBNET_COUNTS: Final = (1, 2, 4, 8)
"""Numbers of subnets over which the interfaces of a node spread evenly."""
_RESERVED: Final = limits.SECONDARY_SUBNET_RESERVED_ADDRESSES.value
_LARGEST: Final = limits.SECONDARY_CIDR_SHORTEST_PREFIX.value
_SMALLEST: Final = limits.SECONDARY_CIDR_LONGEST_PREFIX.value


@dataclass(frozen=True, kw_only=True)
class SecondaryNetworkPlan:
    """Subnets of a secondary network, all in one zone: equal parts of its CIDR.

    Attributes:
        cidr: IPv4 CIDR of the network, /12 to /28.
        availability_zone: zone of its subnets, in which the nodes are.
        subnets: number of subnets: 1, 2, 4 or 8.

    Raises:
        FleetError: it isn't a CIDR of such a size, or has no room for the subnets; another number; a Local Zone.
    """

    cidr: str
    availability_zone: str
    subnets: int = DEFAULT_SUBNETS

    def __post_init__(self) -> None:
        validate_zone(self.availability_zone)
        if is_local_zone(self.availability_zone):
            raise FleetError(
                path="availability_zone of the secondary network",
                got=f"Local Zone {self.availability_zone}",
                expected="an Availability Zone, in which the guide has secondary subnets",
                remedy="state the zone of the pools on RoCE",
            )
        if self.subnets not in SUBNET_COUNTS:
            raise FleetError(
                path="subnets of the secondary network",
                verb="are",
                got=self.subnets,
                expected=f"{', '.join(map(str, SUBNET_COUNTS[:-1]))} or {SUBNET_COUNTS[-1]}",
                remedy="EC2's guide uses 4 or 8",
            )
        if self._network.prefixlen + self._bits > _SMALLEST:
            raise FleetError(
                path="cidr of the secondary network",
                got=self.cidr,
                expected=f"room for {self.subnets} subnets of /{_SMALLEST} or larger",
                remedy=f"state a CIDR of /{_SMALLEST - self._bits} or larger",
            )

    @property
    def subnet_cidrs(self) -> tuple[str, ...]:
        """CIDRs of the subnets, in their order."""
        return tuple(str(part) for part in self._network.subnets(prefixlen_diff=self._bits))

    @property
    def usable_addresses(self) -> int:
        """Addresses of each subnet that interfaces can have."""
        return (self._network.num_addresses >> self._bits) - _RESERVED

    def subnet_numbers(self, interfaces: Sequence[Interface]) -> dict[Interface, int]:
        """Number of the subnet, from 0, of each secondary interface of a node.

        The order of the cards is that of the subnets, so that neighbouring cards share one where there are fewer
        subnets than cards. EC2's guide says "by GPU"; which cards are of one GPU isn't published (low).
        """
        secondary = sorted(interface for interface in interfaces if interface.is_secondary)
        return {interface: index * self.subnets // len(secondary) for index, interface in enumerate(secondary)}

    def check_room(self, interfaces_by_pool: Iterable[tuple[str, int, int]]) -> None:
        """Refuse pools that take more addresses of a subnet than it has: one for each secondary interface.

        Args:
            interfaces_by_pool: name of a pool, its nodes at once at most, and secondary interfaces of a node.

        Raises:
            FleetError: see the message.
        """
        demands = [(name, nodes * -(-each // self.subnets)) for name, nodes, each in interfaces_by_pool]
        needed = sum(addresses for _, addresses in demands)
        if needed <= self.usable_addresses:
            return
        length = 32 - (needed + _RESERVED - 1).bit_length() - self._bits
        raise FleetError(
            path=f"each subnet of the secondary network ({self.cidr} in {self.subnets})",
            verb="has",
            got=f"{self.usable_addresses:,} usable IPs",
            expected=f"{needed:,} for its pools ({', '.join(f'{name} {count:,}' for name, count in demands)})",
            remedy=f"state a CIDR of /{length} or larger"
            if length >= _LARGEST
            else "spread the pools over environments with secondary networks of their own",
        )

    def check_apart_from(self, vpc_cidrs: Iterable[str]) -> None:
        """Refuse a network that overlaps the VPC: a node has addresses of both, and one route to an address.

        Raises:
            FleetError: it overlaps one of the CIDRs.
        """
        for cidr in vpc_cidrs:
            if self._network.overlaps(ipaddress.IPv4Network(cidr)):
                raise FleetError(
                    path="cidr of the secondary network",
                    got=f"{self.cidr}, which overlaps {cidr} of the VPC",
                    expected="addresses of its own: a node has interfaces in both",
                    remedy="state another CIDR",
                )

    @property
    def _network(self) -> ipaddress.IPv4Network:
        try:
            network = ipaddress.IPv4Network(self.cidr)
        except ValueError as error:
            raise FleetError(
                path="cidr of the secondary network",
                got=repr(self.cidr),
                expected=f"one such as 172.16.0.0/16 ({error})",
                remedy="correct it",
            ) from error
        if not _LARGEST <= network.prefixlen <= _SMALLEST:
            raise FleetError(
                path="cidr of the secondary network",
                got=self.cidr,
                expected=f"a length from /{_LARGEST} to /{_SMALLEST}",
                remedy="change its size",
            )
        return network

    @property
    def _bits(self) -> int:
        return self.subnets.bit_length() - 1


def has_secondary_networks(region: str) -> bool:
    """True if CloudFormation has secondary networks in a region."""
    return region in limits.SECONDARY_NETWORK_REGIONS.value.split()


def check_region_of_secondary_network(region: str) -> None:
    """Refuse to make a secondary network in a region whose CloudFormation hasn't the type.

    Raises:
        FleetError: it hasn't.
    """
    if not has_secondary_networks(region):
        raise FleetError(
            path="secondary network",
            got=f"to be made in {region}",
            expected=f"one of {', '.join(limits.SECONDARY_NETWORK_REGIONS.value.split())}, where CloudFormation has "
            "AWS::EC2::SecondaryNetwork",
            remedy="make it by `aws ec2 create-secondary-network` and state its secondary_network_id",
        )
