"""CPU and memory that a pod asks for beside its accelerators."""

from ultrafleet.kubernetes.pool_nodes import PoolNodes

_PART = 0.5
"""Half of what falls to the accelerators. The number is ours: the other half is for whoever needs it, for DaemonSets
and for the kubelet's reservations."""


def node_share(node: PoolNodes, accelerators: int) -> dict[str, str]:
    """Requests of `cpu` and `memory` for a pod with some of a node's accelerators: half of their share of the node.

    A pod without any is BestEffort: killed first when memory is short, and last for CPU (Kubernetes documentation, pod
    quality of service classes, high). There are no limits. vCPUs and memory are the catalog's; what it doesn't know
    isn't asked for.

    Args:
        node: node of the pool.
        accelerators: accelerators of the pod.
    """
    part = _PART * accelerators / node.accelerators_per_node
    facts, found = node.instance_type, {}
    if facts.vcpus is not None:
        found["cpu"] = f"{int(facts.vcpus * 1000 * part)}m"
    if facts.memory_gib is not None:
        found["memory"] = f"{int(facts.memory_gib * 1024 * part)}Mi"
    return found
