"""Operation of a fleet: a dashboard and alarms."""

from ultrafleet.monitoring.fleet_alarms import FleetAlarms
from ultrafleet.monitoring.fleet_dashboard import FleetDashboard

__all__ = ["FleetAlarms", "FleetDashboard"]
