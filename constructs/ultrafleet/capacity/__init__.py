"""Capacity: blocks that were bought, reservations on demand, and placement."""

from ultrafleet.capacity.on_demand_reservation import OnDemandCapacityReservation, OnDemandReservation
from ultrafleet.capacity.placement_group import PlacementGroup, PlacementStrategy
from ultrafleet.rules.capacity_block import CapacityBlock

__all__ = [
    "CapacityBlock",
    "OnDemandCapacityReservation",
    "OnDemandReservation",
    "PlacementGroup",
    "PlacementStrategy",
]
