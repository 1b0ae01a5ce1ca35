"""Node pools: whole UltraServers, and single accelerator instances."""

from typing import TYPE_CHECKING

from ultrafleet.cluster_reference import ClusterReference, ImportedCluster
from ultrafleet.kubernetes.labels import POOL_LABEL, ULTRASERVER_LABEL, WORKLOAD_LABEL
from ultrafleet.kubernetes.taint import SPARE_TAINT, UNPROVEN_TAINT, Taint
from ultrafleet.lazy_package import lazy_names
from ultrafleet.pools.node_group import PoolNodeGroup
from ultrafleet.pools.node_options import NodeOptions
from ultrafleet.pools.resolved_references import ImportedSubnet
from ultrafleet.pools.ultraserver_pools import UltraServerPools
from ultrafleet.rules.node_image import NodeImage
from ultrafleet.rules.node_setup import NodeSetup
from ultrafleet.rules.node_volume import NodeVolume
from ultrafleet.rules.self_managed import SelfManagedNodes

if TYPE_CHECKING:
    from ultrafleet.pools.accelerator_pool import AcceleratorPool
    from ultrafleet.pools.ultraserver_pool import UltraServerPool

__all__ = [
    "POOL_LABEL",
    "SPARE_TAINT",
    "ULTRASERVER_LABEL",
    "UNPROVEN_TAINT",
    "WORKLOAD_LABEL",
    "AcceleratorPool",
    "ClusterReference",
    "ImportedCluster",
    "ImportedSubnet",
    "NodeImage",
    "NodeOptions",
    "NodeSetup",
    "NodeVolume",
    "PoolNodeGroup",
    "SelfManagedNodes",
    "Taint",
    "UltraServerPool",
    "UltraServerPools",
]

__getattr__ = lazy_names(
    __name__,
    {
        "AcceleratorPool": "ultrafleet.pools.accelerator_pool",
        "UltraServerPool": "ultrafleet.pools.ultraserver_pool",
    },
)
