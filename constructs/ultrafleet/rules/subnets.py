"""Subnets of a fleet's VPC, checked together."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ultrafleet.catalog.limits import CONTROL_PLANE_ZONES
from ultrafleet.errors import FleetError
from ultrafleet.rules.ip_budget import parse_cidr
from ultrafleet.rules.zones import is_local_zone, region_of_zone, validate_zone

_CONTROL_PLANE_ZONES: Final = CONTROL_PLANE_ZONES.value


class SubnetKind(StrEnum):
    """Purpose of a subnet."""

    CONTROL_PLANE = "control_plane"
    """Network interfaces of the EKS control plane, interface endpoints, Lambda functions. Regular zones only."""
    SYSTEM = "system"
    """Nodes of controllers. Regular zones only."""
    ACCELERATOR = "accelerator"
    """Accelerator nodes, in an Availability Zone or a Local Zone."""
    NAT = "nat"
    """A zonal NAT gateway and nothing else: the only subnet with a route to the internet. Regular zones only."""


@dataclass(frozen=True, kw_only=True)
class SubnetSpec:
    """A subnet, stated in full: CloudFormation replaces a subnet whose zone or CIDR changes.

    Attributes:
        name: unique in the VPC; logical ids are made of it.
        kind: what it is for.
        availability_zone: Availability Zone or Local Zone.
        cidr: IPv4 CIDR, /16 to /28.
    """

    name: str
    kind: SubnetKind
    availability_zone: str
    cidr: str

    def __post_init__(self) -> None:
        parse_cidr(self.cidr, of=f"subnet {self.name}")
        validate_zone(self.availability_zone)
        if self.kind is not SubnetKind.ACCELERATOR and is_local_zone(self.availability_zone):
            raise FleetError(
                path=f"subnet {self.name} of kind {self.kind.value}",
                got=f"in Local Zone {self.availability_zone}",
                expected="an Availability Zone",
                remedy="an EKS cluster can't be created with a Local Zone, only accelerators go there",
            )


def validate_subnets(cidrs: Sequence[str], subnets: Sequence[SubnetSpec]) -> None:
    """Refuse subnets that can't make one VPC for a cluster.

    Args:
        cidrs: CIDRs of the VPC.
        subnets: of the VPC.

    Raises:
        FleetError: two of one name, a CIDR outside the VPC's or overlapping another's, zones of several regions, or
            control-plane subnets in fewer than two zones.
    """
    validate_places(subnets, cidrs)
    zones = {subnet.availability_zone for subnet in subnets if subnet.kind is SubnetKind.CONTROL_PLANE}
    if len(zones) < _CONTROL_PLANE_ZONES:
        raise FleetError(
            path="control_plane subnets",
            verb="are",
            got=f"in {', '.join(sorted(zones)) or 'no zone'}",
            expected="at least two Availability Zones, as EKS does",
            remedy="add one",
        )


def validate_places(subnets: Sequence[SubnetSpec], cidrs: Sequence[str]) -> None:
    """Refuse subnets that can't be in one VPC together.

    Args:
        subnets: of the VPC.
        cidrs: its CIDRs; none where they aren't known.

    Raises:
        FleetError: two of one name, a CIDR outside the VPC's or overlapping another's, or zones of several regions.
    """
    ranges = [parse_cidr(cidr, of="the VPC") for cidr in cidrs]
    names = [subnet.name for subnet in subnets]
    for name in names:
        if names.count(name) > 1:
            raise FleetError(
                path=f"subnet name {name}",
                got=f"used {names.count(name)} times",
                expected="once",
                remedy="rename the others",
            )
    for subnet in subnets:
        network = parse_cidr(subnet.cidr, of=f"subnet {subnet.name}")
        if ranges and not any(network.subnet_of(one) for one in ranges):
            raise FleetError(
                path=f"subnet {subnet.name}",
                verb="has",
                got=subnet.cidr,
                expected=f"a part of the VPC's {' or '.join(cidrs)}",
                remedy="move it",
            )
    for one, other in itertools.combinations(subnets, 2):
        if parse_cidr(one.cidr, of=one.name).overlaps(parse_cidr(other.cidr, of=other.name)):
            raise FleetError(
                path=f"subnets {one.name} ({one.cidr})",
                verb="and",
                got=f"{other.name} ({other.cidr}) overlap",
                expected="separate CIDRs",
                remedy="move one of them",
            )
    regions = {region_of_zone(subnet.availability_zone) for subnet in subnets}
    if len(regions) > 1:
        raise FleetError(
            path="subnets",
            verb="are",
            got=f"in zones of {', '.join(sorted(regions))}",
            expected="one region",
            remedy="move some",
        )
