"""Node faults that EKS repairs, and those that it leaves to operators: pure logic."""

from typing import Any

from ultrafleet.catalog.eks import ACCELERATED_HARDWARE_READY, FABRIC_REASONS, REPAIR_WAIT_MINUTES, xid_reason

_WAIT_MINUTES = REPAIR_WAIT_MINUTES

_REBOOT = (48, 63, 64, 95, 119, 120)
"""Memory errors that a reset of the GPU clears, and a hung GPU System Processor (NVIDIA, XID errors, high; that a
reboot is the way to reset them here: ours). XID 94 isn't among them: the agent reports it as an event, which repairs
nothing."""

_REPLACE = (79,)
"""The GPU has fallen off the bus (NVIDIA, XID errors, high)."""

_FABRIC = FABRIC_REASONS
"""Faults of hardware that the nodes of an UltraServer share, and a count of GPUs that isn't the type's. Replacing the
node that reports one repairs nothing, and the next node reports it then: operators decide (ours)."""

_UNHEALTHY_PERCENT = 20
"""Part of a node group's nodes above which none is repaired: as EKS's own (EKS user guide, node auto repair, high)."""


def node_repair_config(*, nodes: int, ultraserver: bool) -> dict[str, Any]:
    """EKS `NodeRepairConfig` with CloudFormation's property names.

    One node at a time, and none while more than a fifth of the nodes are unhealthy: then the rack is at fault, not the
    node. Where a fifth is less than a node, one unhealthy node is repaired and two are not: as a percentage the
    threshold would stop every repair there. CloudFormation takes a count or a percentage, not both (schema of
    AWS::EKS::Nodegroup, high). On a full block a replaced node comes back only where EC2 gives its place back.

    On Arm the overrides do nothing while the agent has no NVIDIA monitor there (the catalog's fact
    `eks/node-monitoring/nvidia-monitor-on-arm64`). They stay: on the day that it has one, EKS's default would reboot
    or replace the nodes of a rack for a fault of its NVLink.

    Source of the names: EKS API, NodeRepairConfig, and EKS user guide, node monitoring agent (high).

    Args:
        nodes: nodes of the node group, at most.
        ultraserver: whether NVLink joins the nodes.
    """
    fifth_is_a_node = nodes * _UNHEALTHY_PERCENT >= 100  # noqa: PLR2004 - percent
    threshold = (
        {"MaxUnhealthyNodeThresholdPercentage": _UNHEALTHY_PERCENT}
        if fifth_is_a_node
        else {"MaxUnhealthyNodeThresholdCount": 1}
    )
    overrides = [(xid_reason(code), "Reboot") for code in _REBOOT]
    overrides += [(xid_reason(code), "Replace") for code in _REPLACE]
    if ultraserver:
        overrides += [(reason, "NoAction") for reason in _FABRIC]
    return {
        "Enabled": True,
        "MaxParallelNodesRepairedCount": 1,
        **threshold,
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
