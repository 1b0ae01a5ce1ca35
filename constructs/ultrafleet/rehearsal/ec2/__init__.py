"""The EC2 of the embedded AWS: capacity, placement, topology, and launches that are refused as EC2 refuses them."""

from ultrafleet.rehearsal.ec2 import (
    blocks,
    instance_types,
    instances,
    interfaces,
    placement_groups,
    reservation_api,
    run_instances,
    topology,
    zones,
)


def install() -> None:
    """Add all of it to moto; a second time changes nothing."""
    for part in (
        zones,
        instance_types,
        instances,
        interfaces,
        reservation_api,
        placement_groups,
        blocks,
        topology,
        run_instances,
    ):
        part.install()


__all__ = ["install"]
