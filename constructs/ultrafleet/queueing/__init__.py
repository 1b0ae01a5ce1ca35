"""Kueue: topologies, flavors, queues and priorities, from the pools."""

from ultrafleet.queueing.flavors import Flavor, fleet_flavors
from ultrafleet.queueing.kueue import PodsReady
from ultrafleet.queueing.queues import local_queue, queue_manifests
from ultrafleet.queueing.team_queues import TeamShare
from ultrafleet.rules.priorities import PRIORITIES

__all__ = ["PRIORITIES", "Flavor", "PodsReady", "TeamShare", "fleet_flavors", "local_queue", "queue_manifests"]
