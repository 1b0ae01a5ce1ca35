"""Operation of a fleet: a dashboard and alarms."""

from ultrafleet.monitoring.fleet_alarms import FleetAlarms
from ultrafleet.monitoring.fleet_dashboard import FleetDashboard
from ultrafleet.monitoring.gate_logs import GateLogs
from ultrafleet.monitoring.host_logs import HostLogs

__all__ = ["FleetAlarms", "FleetDashboard", "GateLogs", "HostLogs"]
