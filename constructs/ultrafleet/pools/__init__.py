"""Node pools: whole UltraServers, and single accelerator instances."""

from ultrafleet.cluster_reference import ClusterReference, ImportedCluster
from ultrafleet.kubernetes.labels import POOL_LABEL, ULTRASERVER_LABEL, WORKLOAD_LABEL
from ultrafleet.kubernetes.taint import SPARE_TAINT, UNPROVEN_TAINT, Taint
from ultrafleet.pools.accelerator_pool import AcceleratorPool
from ultrafleet.pools.node_group import PoolNodeGroup
from ultrafleet.pools.node_options import NodeOptions
from ultrafleet.pools.ultraserver_pool import UltraServerPool
from ultrafleet.rules.node_image import NodeImage
from ultrafleet.rules.node_setup import NodeSetup
from ultrafleet.rules.node_volume import NodeVolume

__all__ = [
    "POOL_LABEL",
    "SPARE_TAINT",
    "ULTRASERVER_LABEL",
    "UNPROVEN_TAINT",
    "WORKLOAD_LABEL",
    "AcceleratorPool",
    "ClusterReference",
    "ImportedCluster",
    "NodeImage",
    "NodeOptions",
    "NodeSetup",
    "NodeVolume",
    "PoolNodeGroup",
    "Taint",
    "UltraServerPool",
]
