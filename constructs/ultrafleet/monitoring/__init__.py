"""Operation of a fleet: a dashboard and alarms."""

from ultrafleet.monitoring.fleet_alarms import FleetAlarms
from ultrafleet.monitoring.fleet_dashboard import FleetDashboard
from ultrafleet.monitoring.host_logs import HostLogs
from ultrafleet.monitoring.pod_logs import PodLogs
from ultrafleet.rules.block_dates import WatchedBlock

__all__ = ["FleetAlarms", "FleetDashboard", "HostLogs", "PodLogs", "WatchedBlock"]
