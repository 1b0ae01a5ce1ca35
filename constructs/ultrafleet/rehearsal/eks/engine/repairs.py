"""EKS node auto repair: nodes that are ill, and which of them EKS replaces next."""

from datetime import datetime, timedelta
from typing import Any, Final

from ultrafleet.catalog.eks import (
    NOT_READY_REPAIR_WAIT_MINUTES,
    REPAIR_WAIT_MINUTES,
    AddonName,
    AmiType,
    xid_reason,
)
from ultrafleet.rehearsal.eks.state import ClusterRecord, NodeGroupRecord

_NOT_READY: Final = timedelta(minutes=NOT_READY_REPAIR_WAIT_MINUTES)


def repair_of_a_lost_node(group: NodeGroupRecord, now: datetime) -> datetime | None:
    """Moment at which EKS replaces a node whose kubelet says nothing from now on; None: never."""
    return now + _NOT_READY if _config(group).get("enabled") else None


def repair_of_a_dead_gpu(cluster: ClusterRecord, group: NodeGroupRecord, code: int, now: datetime) -> datetime | None:
    """Moment at which EKS replaces a node with a fatal XID error; None: never.

    The node monitoring agent has no NVIDIA monitor on Arm (the catalog's `eks/node-monitoring/…-on-arm64`).
    """
    arm = AmiType(group.described["amiType"]).architecture == "arm64"
    if arm or AddonName.NODE_MONITORING_AGENT not in cluster.addons or not _config(group).get("enabled"):
        return None
    for override in _config(group).get("nodeRepairConfigOverrides", ()):
        if override["nodeUnhealthyReason"] == xid_reason(code):
            if override["repairAction"] == "NoAction":
                return None
            return now + timedelta(minutes=int(override["minRepairWaitTimeMins"]))
    return now + timedelta(minutes=REPAIR_WAIT_MINUTES)


def next_repaired(group: NodeGroupRecord, running: set[str], now: datetime) -> str | None:
    """Node that EKS replaces now, one at a time; None while none is due, or too many are ill.

    Args:
        group: the node group.
        running: ids of its instances.
        now: the time.
    """
    ill = {instance: due for instance, due in group.ill.items() if instance in running}
    if len(running) < group.desired or len(ill) > _threshold(group):
        return None
    due = [(moment, instance) for instance, moment in ill.items() if moment is not None and moment <= now]
    return min(due)[1] if due else None


def _threshold(group: NodeGroupRecord) -> int:
    config = _config(group)
    if "maxUnhealthyNodeThresholdCount" in config:
        return int(config["maxUnhealthyNodeThresholdCount"])
    return group.desired * int(config.get("maxUnhealthyNodeThresholdPercentage", 100)) // 100


def _config(group: NodeGroupRecord) -> dict[str, Any]:
    return group.described.get("nodeRepairConfig") or {}
