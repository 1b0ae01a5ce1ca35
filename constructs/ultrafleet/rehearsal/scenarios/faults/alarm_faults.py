"""Faults that only an alarm tells of: nothing fails when they come.

Texts alone, as in `fault_list.py`.
"""

from typing import Final

from ultrafleet.catalog.eks import NOT_READY_REPAIR_WAIT_MINUTES
from ultrafleet.catalog.source import Source
from ultrafleet.rehearsal.scenarios.faults.fault import Fault

ALARM_FAULTS: Final = (
    Fault(
        name="node-lost",
        summary="the kubelet of a node says nothing any more",
        shows="",
        advice="None needed for one node: the alarm FailedNodes tells of it, and EKS replaces it after "
        f"{NOT_READY_REPAIR_WAIT_MINUTES} minutes within the same reservation, on each architecture.",
        source=Source("EKS user guide, node auto repair: a node that isn't Ready"),
    ),
    Fault(
        name="gpu-dies",
        summary="a GPU of a node falls off the bus: XID error 79, and the node stays Ready",
        shows="",
        advice="The alarm DeadGpu tells of it. On x86_64 EKS replaces the node; on Arm nothing does: cordon, drain and "
        "terminate it as docs/guides/a-rack-fails.md says.",
        source=Source("NVIDIA, Xid errors; aws/eks-node-monitoring-agent 1.7.0, monitors/nvidia"),
    ),
    Fault(
        name="update-stuck",
        summary="an update of a pool's node group makes no progress",
        shows="cannot be updated as it is currently not in Active State",
        advice="EKS cancels no update. Before a block's end empty the Auto Scaling group yourself, as "
        "docs/guides/a-block-ends.md says, and open a case.",
        source=Source("EKS API, UpdateNodegroupConfig: ResourceInUseException; aws/containers-roadmap #1531"),
    ),
    Fault(
        name="tick-lost",
        summary="the next start of the block schedule fails, and Scheduler gives it up after five minutes",
        shows="",
        advice="None needed: the next tick does its work, and the start is in the dead-letter queue.",
        source=Source("EventBridge Scheduler user guide, retry policy and dead-letter queues"),
    ),
)
"""Faults of this module, in the order in which they are listed."""
