"""Kueue: topologies, flavors, queues and priorities, from the pools."""

from ultrafleet.queueing.flavors import Flavor, fleet_flavors
from ultrafleet.queueing.kueue import PodsReady
from ultrafleet.queueing.queues import PRIORITIES, local_queue, queue_manifests

__all__ = ["PRIORITIES", "Flavor", "PodsReady", "fleet_flavors", "local_queue", "queue_manifests"]
