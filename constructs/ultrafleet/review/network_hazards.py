"""Hazards of networks: address ranges of subnets that change, and default routes that go."""

import ipaddress
from collections.abc import Iterator
from typing import Any, Final

from ultrafleet.catalog.source import Source
from ultrafleet.review.comparison import ChangedResource, Comparison
from ultrafleet.review.hazard import HazardRule, Level, Occurrence, of_change, used_by
from ultrafleet.rules.ip_budget import RESERVED_ADDRESSES
from ultrafleet.templates.template_changes import ChangeAction

_SUBNET: Final = "AWS::EC2::Subnet"
_ROUTE: Final = "AWS::EC2::Route"
_EVERYWHERE: Final = frozenset({"0.0.0.0/0", "::/0"})
"""Destinations of default routes."""


def changes_range(item: ChangedResource) -> bool:
    """True for a subnet whose address range changes: its own rules report more than the replacement."""
    change = item.change
    return change.type == _SUBNET and change.of.action is ChangeAction.CHANGED and "CidrBlock" in change.paths


def _shrunk(compared: Comparison) -> Iterator[Occurrence]:
    for item in compared.changed_resources:
        if changes_range(item) and _is_smaller(item):
            yield of_change(item.change, f"{_range(item)}: the subnet gets smaller, and {_advice(item)}")


def _moved(compared: Comparison) -> Iterator[Occurrence]:
    for item in compared.changed_resources:
        if changes_range(item) and not _is_smaller(item):
            level = Level.BLOCKING if item.pools else Level.NOTICE
            yield of_change(item.change, f"{_range(item)}: {_advice(item)}", level=level)


def _egress_lost(compared: Comparison) -> Iterator[Occurrence]:
    for item in compared.changed_resources:
        change = item.change
        destinations = {change.get(name)[0] for name in ("DestinationCidrBlock", "DestinationIpv6CidrBlock")}
        if change.type == _ROUTE and change.of.action is ChangeAction.REMOVED and destinations & _EVERYWHERE:
            yield of_change(
                change,
                "a default route is deleted: what runs in the subnets of its route table reaches nothing outside that "
                "has no endpoint in the VPC, such as registries of images; nodes stay",
            )


def _advice(item: ChangedResource) -> str:
    nodes = sum(pool.nodes or 0 for pool in item.pools if item.change.key in pool.subnets)
    return (
        "a subnet is replaced for another CidrBlock, which fails while a network interface is in it; create a new "
        "subnet beside it" + (f", {nodes} nodes at full size are in this one" if nodes else "") + used_by(item.pools)
    )


def _range(item: ChangedResource) -> str:
    before, after = item.change.get("CidrBlock")
    sizes = [_addresses(value) for value in (before, after)]
    known = f" ({sizes[0]:,} → {sizes[1]:,} addresses)" if None not in sizes else ""
    return f"CidrBlock {before} → {after}{known}"


def _is_smaller(item: ChangedResource) -> bool:
    before, after = (_addresses(value) for value in item.change.get("CidrBlock"))
    return before is not None and after is not None and after < before


def _addresses(cidr: Any) -> int | None:  # noqa: ANN401 - JSON
    try:
        return ipaddress.IPv4Network(cidr).num_addresses - RESERVED_ADDRESSES
    except (ValueError, TypeError):
        return None


RULES: Final = (
    HazardRule(
        id="subnet-shrunk",
        level=Level.BLOCKING,
        protects_from="an update that fails, or nodes that no longer get an address",
        source=Source("CloudFormation template reference, AWS::EC2::Subnet CidrBlock: replacement"),
        remedy="create a new subnet beside it and move the pools one by one",
        check=_shrunk,
    ),
    HazardRule(
        id="subnet-moved",
        level=Level.BLOCKING,
        protects_from="an update that fails because network interfaces are in the subnet",
        source=Source("CloudFormation template reference, AWS::EC2::Subnet CidrBlock: replacement"),
        remedy="create a new subnet beside it and move the pools one by one",
        check=_moved,
    ),
    HazardRule(
        id="egress-lost",
        level=Level.NOTICE,
        protects_from="nodes that no longer pull images, or jobs that no longer reach their data",
        source=Source("VPC user guide, Route tables: the default route is the way to what no other route reaches"),
        remedy="make the endpoints that nodes and jobs need first, and mirror images into ECR",
        check=_egress_lost,
    ),
)
