"""Operation of a fleet: a dashboard and alarms."""

from ultrafleet.operate.fleet_alarms import FleetAlarms
from ultrafleet.operate.fleet_dashboard import FleetDashboard

__all__ = ["FleetAlarms", "FleetDashboard"]
