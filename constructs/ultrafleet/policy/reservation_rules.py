"""Rules of groups of nodes and the reservations that they launch into: what is targeted, and by how many."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from ultrafleet.catalog import capacity_blocks
from ultrafleet.catalog.source import Source
from ultrafleet.errors import FleetError
from ultrafleet.policy.rule import PolicyRule, Problem, Severity
from ultrafleet.rules.zones import is_local_zone
from ultrafleet.templates.launch import as_int
from ultrafleet.templates.node_group import AUTO_SCALING_GROUP, NODE_GROUP, NodeGroup, groups
from ultrafleet.templates.reservations import TARGET, reserved_instances, target_name
from ultrafleet.templates.template import Template
from ultrafleet.templates.unknown import Unknown


def _block_target(template: Template) -> Iterator[Problem]:
    """A group of reservations behind a node group of EKS, or in a Local Zone."""
    for group in groups(template, NODE_GROUP, AUTO_SCALING_GROUP):
        if group.launch is None or not group.is_for_block:
            continue
        holder = group.launch.resource.logical_id
        target = group.launch.get(*TARGET, "CapacityReservationResourceGroupArn")
        if target is None or group.launch.targets_twice:
            continue
        if isinstance(target, Unknown) and target.may_be_absent:
            continue  # said of the market
        if group.is_managed:
            yield Problem(
                holder,
                f"CapacityReservationTarget names a group of reservations for the managed node group "
                f"{group.logical_id}, expected CapacityReservationId: EKS rejects a node group on a capacity block "
                "without it, make a launch template and a node group for each block",
            )
        elif _is_in_local_zone(group):
            yield Problem(
                holder,
                "CapacityReservationTarget names a group of reservations in a Local Zone, expected "
                "CapacityReservationId: EC2 has no such groups there, name the block's reservation",
            )


def _is_in_local_zone(group: NodeGroup) -> bool:
    """True if its subnet, or every zone in which its type is offered, is in a Local Zone."""
    zones = group.zones or [zone for kind in group.types for zone in kind.zones or ()]
    try:
        return bool(zones) and all(map(is_local_zone, zones))
    except FleetError:
        return False  # it names no zone


def _shared(template: Template) -> Iterator[Problem]:
    """Groups of nodes that together, or alone, want more than a reservation has."""
    users: dict[str, list[NodeGroup]] = defaultdict(list)
    for group in groups(template):
        target = target_name(template, group.launch)
        if target is not None:
            users[target].append(group)
    for target, own in users.items():
        if own[0].is_for_block and len(own) > 1 and target not in template.resources:
            others = ", ".join(group.logical_id for group in own[:-1])
            yield Problem(
                own[-1].logical_id,
                f"it launches into {target}, and so does {others}, expected one node group for a block: each takes the "
                "other's instances, give each block its own",
            )
            continue
        reserved = reserved_instances(template, own)
        sizes = [as_int(group.max_size) for group in own]
        wanted = sum(size for size in sizes if size is not None)
        if reserved is not None and wanted > reserved:
            yield Problem(
                own[-1].logical_id,
                f"node groups may have {wanted} nodes on {target}, which has {reserved} instances, expected at most "
                "that: launches above it fail, or run on demand beside a group of reservations, lower MaxSize",
            )


RULES: Final = (
    PolicyRule(
        id="block-target",
        number=51,
        severity=Severity.ERROR,
        protects_from="a node group that EKS rejects, in front of a block that is paid for",
        source=replace(
            capacity_blocks.source("capacity-block/eks-target"),
            also=(
                capacity_blocks.source("capacity-block/eks-target-group-arn-refused"),
                capacity_blocks.source("capacity-block/groups-in-local-zones"),
            ),
        ),
        remedy="CapacityReservationId of the one block; a launch template and a node group for each block",
        check=_block_target,
    ),
    PolicyRule(
        id="shared-reservation",
        number=52,
        severity=Severity.ERROR,
        protects_from="launches that fail because others have the instances of the reservation",
        source=Source("EC2 user guide, Capacity Reservations: a targeted launch fails without capacity left"),
        remedy="one node group for each block, and as many nodes as are reserved",
        check=_shared,
    ),
)
