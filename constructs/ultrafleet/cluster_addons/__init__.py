"""A cluster with pools as a place for jobs and models: runtime, queues and controllers, and what cares for them."""

from ultrafleet.cluster_addons.cell_queues import CellQueueManager, CellQueueWorker
from ultrafleet.cluster_addons.cluster_care import ClusterCare
from ultrafleet.cluster_addons.fleet_platform import FleetPlatform

__all__ = ["CellQueueManager", "CellQueueWorker", "ClusterCare", "FleetPlatform"]
