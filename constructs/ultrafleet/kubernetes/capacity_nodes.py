"""Nodes of capacity by its type alone, for queues whose pools are elsewhere."""

from ultrafleet.catalog import Fabric, InstanceType, UltraServerType
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.layout import fabric_layout


def capacity_nodes(workload: str, capacity: str, count: int, *, fabric: str | None = None) -> list[PoolNodes]:
    """A pool for each UltraServer of a type, or one of all instances of a type.

    Args:
        workload: what they are for.
        capacity: UltraServer type or instance type.
        count: UltraServers or instances.
        fabric: fabric between their nodes. Default: the only one of the type.

    Raises:
        FleetError: a type whose network has two fabrics, or that nothing is known of.
        UnknownFactError: a layout is needed that AWS doesn't publish.
    """
    known = {str(item): item for item in UltraServerType.all()}
    ultraserver = known.get(capacity)
    instance = InstanceType.of(capacity) if ultraserver is None else ultraserver.instance_type
    if instance is None:
        raise FleetError(
            path=f"capacity {capacity}",
            got="of instances that are not known",
            expected="a type with known instances",
            remedy="state what it has as elsewhere, by resource",
        )
    layout = fabric_layout(instance, fabric=None if fabric is None else Fabric(fabric))
    nodes = count if ultraserver is None else int(ultraserver.require("instance_count", instead="state elsewhere"))
    names = [capacity.replace(".", "-")] if ultraserver is None else [f"{capacity}-{n:04}" for n in range(1, count + 1)]
    return [
        PoolNodes.of(
            pool_name=name,
            workload=workload,
            instance_type=instance,
            nodes=nodes,
            interfaces=layout,
            labels={},
            ultraserver_type=ultraserver,
        )
        for name in names
    ]
