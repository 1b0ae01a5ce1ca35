"""Checks of subnets together: the region of their zones, Local Zones, and their CIDRs."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from ultrafleet.environment.collected import Found, attempted, known
from ultrafleet.environment.parts import Parts, StatedSubnet, name_of
from ultrafleet.errors import FleetError
from ultrafleet.rules.ip_budget import parse_cidr
from ultrafleet.rules.zones import is_local_zone, region_of_zone

if TYPE_CHECKING:
    from ipaddress import IPv4Network

    from ultrafleet.environment.document import KeyPath

_SUBNETS: Final = ("network", "subnets")


def region_faults(parts: Parts) -> Iterator[Found]:
    """Faults of zones of another region; where all are in one other, the region is what is wrong.

    Args:
        parts: parts of the environment.
    """
    if parts.region is None:
        return
    stated = [
        (index, zone)
        for index, item in enumerate(parts.subnets)
        if (zone := known(partial(getattr, item, "availability_zone"), None)) is not None
    ]
    regions = {region_of_zone(zone) for _, zone in stated}
    if len(regions) == 1 and parts.region not in regions and len(stated) > 1:
        (region,) = regions
        yield (
            ("region",),
            FleetError(
                path="region", got=repr(parts.region), expected=f"{region}, in which every subnet's zone is",
                remedy=f"write {region}, or zones of {parts.region}",
            ),
        )  # fmt: skip
        return
    for index, zone in stated:
        if region_of_zone(zone) != parts.region:
            yield (
                (*_SUBNETS, index, "availability_zone"),
                FleetError(
                    path=f"subnet {name_of(parts.subnets[index]) or index}", got=f"in {zone}",
                    expected=f"a zone of {parts.region}", remedy="correct the zone, or the region",
                ),
            )  # fmt: skip


def local_zone_faults(parts: Parts) -> Iterator[Found]:
    """Faults of subnets in a Local Zone that is none for their kind.

    Args:
        parts: parts of the environment.
    """
    for index, subnet in enumerate(parts.subnets):
        yield from attempted(_local_zone_fault(index, subnet))


def _local_zone_fault(index: int, subnet: StatedSubnet) -> Iterator[Found]:
    if subnet.kind != "accelerator" and is_local_zone(subnet.availability_zone):
        yield (
            (*_SUBNETS, index, "availability_zone"),
            FleetError(
                path=f"subnet {subnet.name} of kind {subnet.kind}",
                got=f"in Local Zone {subnet.availability_zone}",
                expected="an Availability Zone",
                remedy="an EKS cluster can't be created with a Local Zone, only accelerators go there",
            ),
        )


def cidr_faults(parts: Parts) -> Iterator[Found]:
    """Faults of the CIDRs of the VPC and of its subnets.

    Args:
        parts: parts of the environment.
    """
    networks: list[IPv4Network] = []
    for index, cidr in enumerate(parts.vpc_cidrs):
        try:
            networks.append(parse_cidr(cidr, of="the VPC"))
        except FleetError as error:
            yield ("network", "cidr") if index == 0 else ("network", "secondary_cidrs", index - 1), error
    for index, network in enumerate(networks[1:] if len(networks) == len(parts.vpc_cidrs) else []):
        taken = [str(other) for other in networks[: index + 1] if network.overlaps(other)]
        if taken:
            yield (
                ("network", "secondary_cidrs", index),
                FleetError(
                    path="secondary CIDR", got=f"{network}, which overlaps {taken[0]}", expected="addresses of its own",
                    remedy="move it, or remove it",
                ),
            )  # fmt: skip
    yield from _subnet_cidr_faults(parts, networks if len(networks) == len(parts.vpc_cidrs) else [])


def _subnet_cidr_faults(parts: Parts, vpc: "Sequence[IPv4Network]") -> Iterator[Found]:
    known_networks: list[tuple[str, str, IPv4Network]] = []
    for index, subnet in enumerate(parts.subnets):
        cidr = known(partial(getattr, subnet, "cidr"), None)
        if cidr is None:
            continue
        path: KeyPath = (*_SUBNETS, index, "cidr")
        name = name_of(subnet) or str(index)
        try:
            network = parse_cidr(cidr, of=f"subnet {name}")
        except FleetError as error:
            yield path, error
            continue
        if vpc and not any(network.subnet_of(whole) for whole in vpc):
            of_vpc = " or ".join(parts.vpc_cidrs)
            yield (
                path,
                FleetError(
                    path=f"subnet {name}", verb="has", got=cidr, expected=f"a part of the VPC's {of_vpc}",
                    remedy="move it",
                ),
            )  # fmt: skip
        for other, stated, taken in known_networks:
            if network.overlaps(taken):
                yield (
                    path,
                    FleetError(
                        path=f"subnets {other} ({stated})", verb="and",
                        got=f"{name} ({cidr}) overlap", expected="separate CIDRs", remedy="move one of them",
                    ),
                )  # fmt: skip
                break
        known_networks.append((name, cidr, network))
