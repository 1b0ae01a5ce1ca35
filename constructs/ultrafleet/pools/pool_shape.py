"""Shape of a pool: values that the two kinds of pool derive differently."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ultrafleet.catalog import InstanceType, PurchaseOption, UltraServerType
from ultrafleet.pools.node_group import NodeGroupShape, block_node_groups
from ultrafleet.rules.block_clock import lead_or_default
from ultrafleet.rules.block_overlap import peak_instances
from ultrafleet.rules.capacity_block import CapacityBlock


@dataclass(frozen=True, kw_only=True)
class PoolShape:
    """Values that the two kinds of pool derive differently.

    Attributes:
        instance_type: type of the nodes.
        nodes: nodes at once, at most.
        nodes_per_group: nodes of its largest node group.
        availability_zone: zone of its capacity, or None for any.
        workload: what it is for.
        ultraserver_type: the UltraServer, or None for single instances.
        node_groups: its node groups.
        node_group_sizes: nodes at full size by name of the node group, also of node groups made elsewhere.
    """

    instance_type: InstanceType
    nodes: int
    nodes_per_group: int
    availability_zone: str | None
    workload: str
    ultraserver_type: UltraServerType | None
    node_groups: Sequence[NodeGroupShape]
    node_group_sizes: Mapping[str, int]

    @property
    def purchase_option(self) -> PurchaseOption:
        """Way in which its capacity is bought."""
        on_demand = any(group.capacity_type == "ON_DEMAND" for group in self.node_groups)
        return PurchaseOption.ON_DEMAND if on_demand else PurchaseOption.CAPACITY_BLOCK


def block_pool_shape(
    pool_name: str,
    blocks: Sequence[CapacityBlock],
    *,
    workload: str,
    drain_lead_minutes: int | None,
    hold: bool,
) -> PoolShape:
    """Shape of a pool on capacity blocks: a node group for each block that is made here.

    Args:
        pool_name: name of the pool.
        blocks: its blocks, at least one, of one type and in one zone.
        workload: what it is for.
        drain_lead_minutes: how long before a block's end its node group is emptied. None: the default.
        hold: keep the node groups empty.

    Raises:
        FleetError: the lead is too short or too long.
    """
    first = blocks[0]
    lead = lead_or_default(drain_lead_minutes, ultraserver=first.ultraserver_type is not None)
    return PoolShape(
        instance_type=first.instance_type,
        nodes=peak_instances(blocks),
        nodes_per_group=max(block.instance_count for block in blocks),
        availability_zone=first.availability_zone,
        workload=workload,
        ultraserver_type=first.ultraserver_type,
        node_groups=block_node_groups(pool_name, blocks, drain_lead_minutes=lead, hold=hold),
        node_group_sizes={block.node_group(pool_name): block.instance_count for block in blocks},
    )
