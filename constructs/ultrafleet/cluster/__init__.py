"""The cluster: control plane, managed add-ons, system nodes, and the nodes' role."""

from ultrafleet.cluster.access import ClusterAccess, access_entries, add_access_entry
from ultrafleet.cluster.addons import ClusterAddons
from ultrafleet.cluster.fleet_cluster import FleetCluster
from ultrafleet.cluster.node_role import create_node_role
from ultrafleet.cluster.self_managed_access import SelfManagedNodeAccess
from ultrafleet.cluster.system_pool import SystemPool
from ultrafleet.cluster_reference import ClusterReference, ImportedCluster
from ultrafleet.rules.managed_addons import ManagedAddon

__all__ = [
    "ClusterAccess",
    "ClusterAddons",
    "ClusterReference",
    "FleetCluster",
    "ImportedCluster",
    "ManagedAddon",
    "SelfManagedNodeAccess",
    "SystemPool",
    "access_entries",
    "add_access_entry",
    "create_node_role",
]
