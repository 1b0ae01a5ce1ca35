"""EC2 of the embedded AWS: capacity, placement, topology, and launches that are refused as EC2 refuses them."""

from functools import cache

from ultrafleet.rehearsal.ec2 import clock
from ultrafleet.rehearsal.ec2.api import (
    block_extensions,
    blocks,
    capacity_manager,
    placement_groups,
    reservations,
    resource_groups,
    run_instances,
    secondary_networks,
    topology,
)
from ultrafleet.rehearsal.ec2.api import zones as zone_operations
from ultrafleet.rehearsal.ec2.engine import interfaces, template_versions
from ultrafleet.rehearsal.ec2.state import instance_types, instances, subnets, zones


@cache
def install() -> None:
    """Add all of it to moto; a second call does nothing."""
    for part in (
        zones,
        zone_operations,
        instance_types,
        instances,
        subnets,
        interfaces,
        reservations,
        placement_groups,
        blocks,
        block_extensions,
        capacity_manager,
        topology,
        secondary_networks,
        template_versions,
        run_instances,
        resource_groups,
        clock,
    ):
        part.install()


__all__ = ["install"]
