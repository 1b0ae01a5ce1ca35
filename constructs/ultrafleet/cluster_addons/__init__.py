"""A cluster with pools as a place for jobs and models: runtime, queues and controllers in one construct."""

from ultrafleet.cluster_addons.fleet_platform import FleetPlatform

__all__ = ["FleetPlatform"]
