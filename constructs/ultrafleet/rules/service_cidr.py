"""Addresses of a cluster's services: what EKS takes for them, and that they are none of the VPC's."""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

from ultrafleet.catalog import limits
from ultrafleet.errors import FleetError

DEFAULT_SERVICE_CIDRS: Final = tuple(map(ipaddress.IPv4Network, limits.DEFAULT_SERVICE_CIDRS.value.split()))
"""Addresses of which EKS takes one range where none is stated."""
_PRIVATE_BLOCKS: Final = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
_PREFIXES: Final = range(limits.SERVICE_CIDR_SHORTEST_PREFIX.value, limits.SERVICE_CIDR_LONGEST_PREFIX.value + 1)


def validate_service_cidr(name: str, cidr: str) -> None:
    """Refuse a service range that EKS refuses.

    Args:
        name: of the value, for the error.
        cidr: the range.

    Raises:
        FleetError: it is no CIDR, none of that size, or not private.
    """
    try:
        network = ipaddress.IPv4Network(cidr)
    except ValueError as error:
        raise FleetError(
            path=name,
            verb="has",
            got=repr(cidr),
            expected="an IPv4 CIDR such as 10.8.0.0/16",
            remedy=f"correct it: {error}",
        ) from error
    if network.prefixlen not in _PREFIXES or not any(network.subnet_of(block) for block in _PRIVATE_BLOCKS):
        raise FleetError(
            path=name,
            got=repr(cidr),
            expected=f"a /{_PREFIXES[0]} to /{_PREFIXES[-1]} inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16",
            remedy="choose a private block that is not part of the VPC",
        )


def validate_apart_from(name: str, cidr: str, vpc_cidrs: Iterable[str]) -> None:
    """Refuse a service range that overlaps the VPC: EKS takes none that overlaps one of its CIDRs.

    Args:
        name: of the value, for the error.
        cidr: the range, one that EKS takes.
        vpc_cidrs: CIDRs of the VPC.

    Raises:
        FleetError: it overlaps one of them.
    """
    overlapped = _overlapped(ipaddress.IPv4Network(cidr), vpc_cidrs)
    if overlapped:
        raise FleetError(
            path=name,
            got=f"{cidr}, which overlaps {overlapped[0]} of the VPC",
            expected="addresses outside of the VPC",
            remedy=_other_range(vpc_cidrs),
        )


def overlapped_defaults(vpc_cidrs: Sequence[str]) -> list[str]:
    """Ranges of which EKS takes one, that overlap the VPC.

    Args:
        vpc_cidrs: CIDRs of the VPC.
    """
    return [str(network) for network in DEFAULT_SERVICE_CIDRS if _overlapped(network, vpc_cidrs)]


def validate_room_for_services(name: str, vpc_cidrs: Sequence[str]) -> None:
    """Refuse a cluster that states no service range where the VPC overlaps each of which EKS would take one.

    Args:
        name: of the value that isn't stated, for the error.
        vpc_cidrs: CIDRs of the VPC.

    Raises:
        FleetError: there is none left.
    """
    overlapped = overlapped_defaults(vpc_cidrs)
    if len(overlapped) == len(DEFAULT_SERVICE_CIDRS):
        raise FleetError(
            path=name,
            got="not stated",
            expected=f"one, because the VPC overlaps {' and '.join(overlapped)}, of which EKS would take one",
            remedy=_other_range(vpc_cidrs),
        )


def _other_range(vpc_cidrs: Iterable[str]) -> str:
    free = [str(network) for network in DEFAULT_SERVICE_CIDRS if not _overlapped(network, vpc_cidrs)]
    return f"state {free[0]}" if free else f"state a private block outside of it, /{_PREFIXES[0]} to /{_PREFIXES[-1]}"


def _overlapped(network: ipaddress.IPv4Network, cidrs: Iterable[str]) -> list[str]:
    return [cidr for cidr in cidrs if network.overlaps(ipaddress.IPv4Network(cidr))]
