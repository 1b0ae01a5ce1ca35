"""Node faults that EKS repairs, and those that it leaves to operators: pure logic."""

from typing import Any

from ultrafleet.catalog.eks import ACCELERATED_HARDWARE_READY, FABRIC_REASONS, REPAIR_WAIT_MINUTES, xid_reason

_WAIT_MINUTES = REPAIR_WAIT_MINUTES

_REBOOT = (48, 63, 64, 94, 95, 119, 120)
"""Memory errors that a reset of the GPU clears, and a hung GPU System Processor (NVIDIA, XID errors, high; that a
reboot is the way to reset them here: ours)."""

_REPLACE = (79,)
"""The GPU has fallen off the bus (NVIDIA, XID errors, high)."""

_FABRIC = FABRIC_REASONS
"""Faults of hardware that the nodes of an UltraServer share. Replacing the node that reports one repairs nothing, and
the next node reports it then: operators decide (ours)."""


def node_repair_config(*, ultraserver: bool) -> dict[str, Any]:
    """EKS `NodeRepairConfig` with CloudFormation's property names.

    One node at a time, and none while more than a fifth of the pool is unhealthy: then the rack is at fault, not the
    node. On a full block a replaced node comes back only where EC2 gives its place back.

    Source of the names: EKS API, NodeRepairConfig, and EKS user guide, node monitoring agent (high).

    Args:
        ultraserver: whether NVLink joins the pool's nodes.
    """
    overrides = [(xid_reason(code), "Reboot") for code in _REBOOT]
    overrides += [(xid_reason(code), "Replace") for code in _REPLACE]
    if ultraserver:
        overrides += [(reason, "NoAction") for reason in _FABRIC]
    return {
        "Enabled": True,
        "MaxParallelNodesRepairedCount": 1,
        "MaxUnhealthyNodeThresholdPercentage": 20,
        "NodeRepairConfigOverrides": [
            {
                "NodeMonitoringCondition": ACCELERATED_HARDWARE_READY,
                "NodeUnhealthyReason": reason,
                "MinRepairWaitTimeMins": _WAIT_MINUTES,
                "RepairAction": action,
            }
            for reason, action in sorted(overrides)
        ],
    }
