"""A proposal for the CIDRs that an environment doesn't state yet.

CIDRs that are stated are facts: nothing moves them. The others are sized from the pools in them and packed into the
free space of the VPC, the largest first and then by name, each into the smallest free block that holds it. Where they
don't fit with the headroom that is wished for, the largest give theirs up, one halving after the other, down to what
their pools take: more headroom never fails where less succeeds.
"""

import ipaddress
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ultrafleet.errors import FleetError
from ultrafleet.rules.ip_budget import PoolIpDemand, parse_cidr, prefix_length_of, smallest_prefix_length
from ultrafleet.rules.subnets import SubnetKind, SubnetSpec

HEADROOM: Final = 2.0
"""Room for as many nodes again: a subnet never grows, because its CIDR is create-only."""

_LARGEST_LENGTH: Final = 16
_SUBNET_ADDRESSES: Final = 2 ** (32 - _LARGEST_LENGTH)
_FIXED_LENGTHS: Final = {
    # EKS asks for 6 addresses and recommends 16 (EKS user guide, medium); endpoints and Lambda functions are here too.
    SubnetKind.CONTROL_PLANE: 26,
    # The least that EC2 allows; a NAT gateway takes one address.
    SubnetKind.NAT: 28,
}


@dataclass(frozen=True, kw_only=True)
class SubnetRequest:
    """A subnet that may lack its CIDR.

    Attributes:
        name: unique in the VPC.
        kind: what it is for.
        availability_zone: Availability Zone or Local Zone.
        cidr: as stated, or None for a proposal.
        demands: pools in it, at full size; what a proposal for a system or accelerator subnet is made from.
    """

    name: str
    kind: SubnetKind
    availability_zone: str
    cidr: str | None = None
    demands: tuple[PoolIpDemand, ...] = ()


def propose_subnets(
    *,
    vpc_cidr: str,
    subnets: Sequence[SubnetRequest],
    headroom: float = HEADROOM,
    secondary_cidrs: Sequence[str] = (),
) -> list[SubnetSpec]:
    """Every subnet with a CIDR: the stated ones as they are, proposals for the others.

    The same requests give the same proposals, in whatever order they come.

    Args:
        vpc_cidr: IPv4 CIDR of the VPC.
        subnets: all subnets of the VPC.
        headroom: addresses for each one that the pools take now. Less where the VPC would not hold it.
        secondary_cidrs: further CIDRs of the VPC. Default: none.

    Raises:
        FleetError: a stated CIDR outside the VPC or overlapping another, two subnets of one name, a subnet to size with
            no pools, pools that no subnet holds, a VPC without room, or headroom below 1.
    """
    if headroom < 1:
        raise FleetError(
            path="headroom",
            got=headroom,
            expected="1 or more",
            remedy="pools must fit",
        )
    _check_names(subnets)
    free = [parse_cidr(cidr, of="the VPC") for cidr in (vpc_cidr, *secondary_cidrs)]
    for request in subnets:
        if request.cidr is not None:
            free = _take(free, parse_cidr(request.cidr, of=f"subnet {request.name}"), request.name, vpc_cidr)
    wanted = [request for request in subnets if request.cidr is None]
    lengths = {request.name: _length(request, headroom) for request in wanted}
    least = {request.name: _length(request, 1) for request in wanted}
    accelerated = {request.name for request in wanted if request.kind is SubnetKind.ACCELERATOR}
    while True:
        try:
            placed = _placed(free, lengths, vpc_cidr, accelerated)
            break
        except NoRoomError:
            roomy = [name for name, length in lengths.items() if length < least[name]]
            if not roomy:
                raise
            largest = min(roomy, key=lambda name: (lengths[name], name))
            lengths[largest] += 1
    return [
        SubnetSpec(
            name=request.name,
            kind=request.kind,
            availability_zone=request.availability_zone,
            cidr=request.cidr or placed[request.name],
        )
        for request in subnets
    ]


class NoRoomError(FleetError):
    """Subnets that don't fit into the VPC, whatever headroom they give up."""


def _placed(
    free: Sequence[ipaddress.IPv4Network], lengths: Mapping[str, int], vpc_cidr: str, accelerated: Collection[str]
) -> dict[str, str]:
    """CIDRs of subnets by name. Accelerators take those of a further CIDR, the others those of the first, if they can.

    Raises:
        NoRoomError: one of them has no room.
    """
    left = list(free)
    first = parse_cidr(vpc_cidr, of="the VPC")
    placed: dict[str, str] = {}
    for name, length in sorted(lengths.items(), key=lambda item: (item[1], item[0])):
        roomy = [block for block in left if block.prefixlen <= length]
        if not roomy:
            raise _no_room(name, length, vpc_cidr, left)
        further = {block for block in roomy if not block.subnet_of(first)}
        preferred = [block for block in roomy if (block in further) is (name in accelerated)] or roomy
        block = min(preferred if further else roomy, key=lambda block: (-block.prefixlen, block))
        chosen = next(block.subnets(new_prefix=length))
        left = _take(left, chosen, name, vpc_cidr)
        placed[name] = str(chosen)
    return placed


def _check_names(subnets: Sequence[SubnetRequest]) -> None:
    names = [request.name for request in subnets]
    for name in names:
        if names.count(name) > 1:
            raise FleetError(
                path=f"subnet name {name}",
                got=f"used {names.count(name)} times",
                expected="once",
                remedy="rename the others",
            )


def _length(request: SubnetRequest, headroom: float) -> int:
    if request.kind in _FIXED_LENGTHS:
        return _FIXED_LENGTHS[request.kind]
    if not request.demands:
        raise FleetError(
            path=f"subnet {request.name}",
            verb="has",
            got="neither a cidr nor pools to size it by",
            expected="one of them",
            remedy="state its cidr, name it in a pool, or remove it",
        )
    least = smallest_prefix_length(request.demands)
    needed = sum(demand.addresses for demand in request.demands)
    # No subnet is larger than a /16, so more headroom than it has addresses is none that counts.
    roomy = prefix_length_of(round(needed * min(headroom, _SUBNET_ADDRESSES)))
    return _LARGEST_LENGTH if roomy is None else min(least, roomy)


def _take(
    free: Sequence[ipaddress.IPv4Network], taken: ipaddress.IPv4Network, name: str, vpc_cidr: str
) -> list[ipaddress.IPv4Network]:
    holder = next((block for block in free if taken.subnet_of(block)), None)
    if holder is None:
        raise FleetError(
            path=f"subnet {name}",
            verb="has",
            got=taken,
            expected=f"a free part of the VPC's {vpc_cidr}",
            remedy="it lies outside, or overlaps another subnet, correct it",
        )
    return sorted([block for block in free if block != holder] + list(holder.address_exclude(taken)))


def _no_room(name: str, length: int, vpc_cidr: str, free: Sequence[ipaddress.IPv4Network]) -> NoRoomError:
    total = sum(block.num_addresses for block in free)
    largest = f", the largest block a /{min(block.prefixlen for block in free)}" if free else ""
    needed = f"a /{length} ({2 ** (32 - length):,} IPs)"
    remedy = "state a larger VPC or network.secondary_cidrs, lower max_pods, or spread the pools over other subnets"
    return NoRoomError(
        f"subnet {name} needs {needed}, and the VPC's {vpc_cidr} has {total:,} free{largest}: {remedy}",
        path=f"subnet {name}",
        got=f"{total:,} free{largest} in {vpc_cidr}",
        expected=needed,
        remedy=remedy,
    )
