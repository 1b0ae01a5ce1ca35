"""Pools as Kubernetes sees them: labels, taints, nodes. Plain values, without constructs."""

from ultrafleet.kubernetes.labels import CAPACITY_LABEL, POOL_LABEL, ULTRASERVER_LABEL, WORKLOAD_LABEL, pool_labels
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.kubernetes.taint import SPARE_TAINT, UNPROVEN_TAINT, Taint

__all__ = [
    "CAPACITY_LABEL",
    "POOL_LABEL",
    "SPARE_TAINT",
    "ULTRASERVER_LABEL",
    "UNPROVEN_TAINT",
    "WORKLOAD_LABEL",
    "PoolNodes",
    "Taint",
    "pool_labels",
]
