"""Labels that every pool puts on its nodes: queues, claims and selectors are written against them."""

from ultrafleet.catalog import InstanceType

POOL_LABEL = "ultrafleet/pool"
WORKLOAD_LABEL = "ultrafleet/workload"
ULTRASERVER_LABEL = "ultrafleet/ultraserver"
"""Names the UltraServer on plain EKS, where no label of AWS does, and stays the same from block to block."""


def pool_labels(pool_name: str, instance_type: InstanceType, *, workload: str, ultraserver: bool) -> dict[str, str]:
    """Labels of a pool's nodes.

    `nvidia.com/gpu.present` is set by the AMI only from kubelet 1.35 (EKS user guide, high), so the node group sets it.
    """
    return {
        POOL_LABEL: pool_name,
        WORKLOAD_LABEL: workload,
        **({ULTRASERVER_LABEL: pool_name} if ultraserver else {}),
        **({"nvidia.com/gpu.present": "true"} if instance_type.accelerator_kind == "nvidia" else {}),
    }
