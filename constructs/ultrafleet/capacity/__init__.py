"""Capacity: blocks that were bought, reservations on demand, groups of them, and placement."""

from ultrafleet.capacity.block_group import CapacityBlockGroup
from ultrafleet.capacity.on_demand_reservation import OnDemandCapacityReservation, OnDemandReservation
from ultrafleet.capacity.placement_group import PlacementGroup, PlacementStrategy
from ultrafleet.rules.capacity_block import CapacityBlock

__all__ = [
    "CapacityBlock",
    "CapacityBlockGroup",
    "OnDemandCapacityReservation",
    "OnDemandReservation",
    "PlacementGroup",
    "PlacementStrategy",
]
