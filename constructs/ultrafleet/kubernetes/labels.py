"""Labels that every pool puts on its nodes: queues, claims and selectors are written against them."""

from ultrafleet.catalog import InstanceType, UltraServerType

POOL_LABEL = "ultrafleet/pool"
WORKLOAD_LABEL = "ultrafleet/workload"
CAPACITY_LABEL = "ultrafleet/capacity"
"""Says what the node is part of: the type of its UltraServer, or its own. Queues count capacity by it."""
ULTRASERVER_LABEL = "ultrafleet/ultraserver"
"""Names the UltraServer on plain EKS, where no label of AWS does: the node group of its block."""
TEAM_LABEL = "ultrafleet/team"
"""On a team's namespace: its name. The admission policy looks at the namespaces that have it."""
RACK_SERVING_LABEL = "ultrafleet/rack-serving"
"""On the pods of a model's share of an UltraServer: the share's name. They work together, by one ComputeDomain."""
NODE_GROUP_LABEL = "eks.amazonaws.com/nodegroup"
"""EKS's own, on every node of a managed node group: its name (EKS user guide, managed node groups, high)."""


def pool_labels(
    pool_name: str, instance_type: InstanceType, *, workload: str, ultraserver_type: UltraServerType | None
) -> dict[str, str]:
    """Labels of all nodes of a pool; the node group of an UltraServer adds `ultrafleet/ultraserver`.

    The AMI of older kubelets doesn't set `nvidia.com/gpu.present` (fact
    `eks/gpu-present-label/minimum-kubernetes-version`), so the node group sets it.
    """
    return {
        POOL_LABEL: pool_name,
        WORKLOAD_LABEL: workload,
        CAPACITY_LABEL: str(ultraserver_type or instance_type),
        **({"nvidia.com/gpu.present": "true"} if instance_type.accelerator_kind == "nvidia" else {}),
    }
