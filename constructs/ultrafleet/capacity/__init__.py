"""Capacity: blocks that were bought, reservations on demand, and placement."""

from typing import TYPE_CHECKING

from ultrafleet.lazy_package import lazy_names
from ultrafleet.rules.capacity_block import CapacityBlock

if TYPE_CHECKING:
    from ultrafleet.capacity.on_demand_reservation import OnDemandCapacityReservation, OnDemandReservation
    from ultrafleet.capacity.placement_group import PlacementGroup, PlacementStrategy

__all__ = [
    "CapacityBlock",
    "OnDemandCapacityReservation",
    "OnDemandReservation",
    "PlacementGroup",
    "PlacementStrategy",
]

__getattr__ = lazy_names(
    __name__,
    {
        "OnDemandCapacityReservation": "ultrafleet.capacity.on_demand_reservation",
        "OnDemandReservation": "ultrafleet.capacity.on_demand_reservation",
        "PlacementGroup": "ultrafleet.capacity.placement_group",
        "PlacementStrategy": "ultrafleet.capacity.placement_group",
    },
)
