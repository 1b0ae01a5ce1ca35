"""CIDRs for subnets that have none yet, from what their pools need.

The plan is written into the environment file and never made again: CloudFormation replaces a subnet whose CIDR changes,
and the pools on it with it. So a stated CIDR is a fact here, and only subnets without one are placed.
"""

import ipaddress
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ultrafleet.errors import FleetError
from ultrafleet.rules.ip_budget import PoolIpDemand, parse_cidr, smallest_prefix_length
from ultrafleet.rules.subnets import SubnetKind

_DEFAULTS: Final = {
    # EKS asks for 6 addresses and recommends 16 for its interfaces (EKS user guide, high). Seven interface endpoints,
    # Lambda functions and control-plane upgrades, which need new interfaces beside the old ones, come on top.
    SubnetKind.CONTROL_PLANE: (26, "control plane's interfaces twice over during an upgrade, endpoints, functions"),
    # Ordinary nodes take up to eight prefixes of 16 addresses for 110 pods: room for about a hundred of them.
    SubnetKind.SYSTEM: (22, "about a hundred nodes of controllers, and internal load balancers"),
    SubnetKind.ACCELERATOR: (24, "no pool names it yet: room for two or three single instances"),
}


@dataclass(frozen=True, kw_only=True)
class SubnetRequest:
    """A subnet as the environment file has it.

    Attributes:
        name: unique in the VPC.
        kind: what it is for.
        cidr: its CIDR, which is kept; None asks for one.
        demands: what the pools in it take at full size.
    """

    name: str
    kind: SubnetKind
    cidr: str | None
    demands: tuple[PoolIpDemand, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PlannedSubnet:
    """A subnet with its CIDR.

    Attributes:
        name: its name.
        cidr: its CIDR.
        proposed: whether the plan chose it; a stated one is kept.
        reason: why it is this large, or that it was stated.
    """

    name: str
    cidr: str
    proposed: bool
    reason: str


def plan_subnets(*, vpc_cidr: str, subnets: Sequence[SubnetRequest]) -> list[PlannedSubnet]:
    """Give every subnet a CIDR; those that have one keep it.

    A subnet gets the smallest size that its pools fit into at full size. Nothing is added on top: sizes are powers of
    two, so most subnets are left with room, and a pool that comes later can have a subnet of its own. Larger subnets are
    placed before smaller ones and equal ones by name, each at the lowest free address, which leaves the fewest gaps and
    makes the plan independent of the order of the file.

    Args:
        vpc_cidr: IPv4 CIDR of the VPC.
        subnets: all subnets of the VPC, in any order.

    Returns:
        All subnets, by address.

    Raises:
        FleetError: two of one name; stated CIDRs that overlap or lie outside the VPC; pools that need more than the
            largest subnet; subnets that don't fit into what is free, with the addresses needed and free.
    """
    vpc = parse_cidr(vpc_cidr, of="the VPC")
    stated = _stated(vpc, subnets)
    wanted = sorted(
        ((*_size(subnet), subnet.name) for subnet in subnets if subnet.cidr is None),
        key=lambda item: (item[0], item[2]),
    )
    planned = {
        name: PlannedSubnet(name=name, cidr=str(network), proposed=False, reason="stated, kept")
        for name, network in stated.items()
    }
    taken = list(stated.values())
    for length, reason, name in wanted:
        network = _lowest_free(vpc, taken, length)
        if network is None:
            _refuse(vpc, stated.values(), [(size, other) for size, _, other in wanted], at=name)
        taken.append(network)
        planned[name] = PlannedSubnet(name=name, cidr=str(network), proposed=True, reason=reason)
    return sorted(planned.values(), key=lambda subnet: ipaddress.IPv4Network(subnet.cidr))
