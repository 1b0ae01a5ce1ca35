"""Node groups of a pool: one for each capacity block, or one for the whole pool without blocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk

from ultrafleet.pools.launch_template import capacity_block_target
from ultrafleet.rules.capacity_block import CapacityBlock
from ultrafleet.rules.names import node_group_name
from ultrafleet.rules.schedule_tags import schedule_tags


@dataclass(frozen=True, kw_only=True)
class NodeGroupShape:
    """Values of a node group that depend on its capacity.

    Attributes:
        name: name of the node group, and of its launch template after the cluster's name.
        scope_id: construct id between the pool and its resources. Default: none, they are the pool's own.
        size: nodes at full size.
        desired_size: size that the template states, or None to state none.
        capacity: properties of the launch template that say what capacity is launched into.
        capacity_type: EKS capacity type.
        launch_template_version: version of the launch template that the nodes run.
        tags: tags for the block schedule.
    """

    name: str
    scope_id: str | None = None
    size: int
    desired_size: int | None
    capacity: Mapping[str, Any]
    capacity_type: str
    launch_template_version: int = 1
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class PoolNodeGroup:
    """Launch template and node group of one block, or of a pool without blocks.

    Attributes:
        name: name of the node group.
        launch_template: `AWS::EC2::LaunchTemplate`.
        node_group: `AWS::EKS::Nodegroup`, or `AWS::AutoScaling::AutoScalingGroup` of self-managed nodes.
        launch_template_version: version of the launch template that the nodes run.
    """

    name: str
    launch_template: cdk.CfnResource
    node_group: cdk.CfnResource
    launch_template_version: int

    @property
    def latest_launch_template_version(self) -> str:
        """Number of the newest version of the launch template (a token): what the nodes can be moved to."""
        return self.launch_template.get_att("LatestVersionNumber").to_string()


def block_node_groups(
    pool_name: str, blocks: Sequence[CapacityBlock], *, drain_lead_minutes: int, hold: bool
) -> list[NodeGroupShape]:
    """A node group for each block that is made here, in the order of the blocks.

    Args:
        pool_name: name of the pool.
        blocks: its blocks; one with an existing node group gets none.
        drain_lead_minutes: how long before a block's end its node group is emptied.
        hold: keep them empty, whatever their blocks do.
    """
    return [
        NodeGroupShape(
            name=node_group_name(pool_name, block.capacity_reservation_id),
            scope_id=block.capacity_reservation_id,
            size=block.instance_count,
            desired_size=block.initial_desired_size,
            capacity=capacity_block_target(block.capacity_reservation_id),
            capacity_type="CAPACITY_BLOCK",
            launch_template_version=block.launch_template_version,
            tags=schedule_tags(
                capacity_reservation_id=block.capacity_reservation_id,
                drain_lead_minutes=drain_lead_minutes,
                hold=hold,
            ),
        )
        for block in blocks
        if block.existing_node_group is None
    ]
