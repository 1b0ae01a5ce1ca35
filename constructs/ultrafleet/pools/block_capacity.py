"""What a pool on capacity blocks has besides its nodes: the group of its blocks, and its orders to the schedule."""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from constructs import Construct

from ultrafleet.capacity.block_group import GROUP_RESOURCE_TYPE, block_group_properties
from ultrafleet.pools.launch_template import capacity_block_target
from ultrafleet.pools.node_options import CapacityTarget
from ultrafleet.pools.node_pool import PoolShape
from ultrafleet.rules.block_clock import default_drain_lead_minutes, validate_drain_lead_minutes
from ultrafleet.rules.capacity_block import CapacityBlock
from ultrafleet.rules.schedule_tags import block_schedule_tags


def block_pool_shape(
    scope: Construct,
    *,
    cluster_name: str,
    pool_name: str,
    blocks: Sequence[CapacityBlock],
    max_size: int,
    capacity_target: CapacityTarget,
    drain_lead_minutes: int | None,
    hold: bool,
    labels: Mapping[str, str],
) -> PoolShape:
    """Shape of a pool on capacity blocks, which begins empty and is sized by the schedule alone.

    The group holds the blocks that the pool may launch into now. With a resource group as target that is all of them;
    with a reservation it is the first, since the launch template knows no other.

    Raises:
        FleetError: the lead is too short.
    """
    first = blocks[0]
    ultraserver = first.ultraserver_type is not None
    lead = default_drain_lead_minutes(ultraserver=ultraserver) if drain_lead_minutes is None else drain_lead_minutes
    validate_drain_lead_minutes(lead, ultraserver=ultraserver)
    by_group = capacity_target is CapacityTarget.RESOURCE_GROUP
    group_name = f"{cluster_name}-{pool_name}"
    # The resource itself and not CapacityBlockGroup: a construct more for each pool is a tenth of its synthesis.
    group = cdk.CfnResource(
        scope,
        "Blocks",
        type=GROUP_RESOURCE_TYPE,
        properties=block_group_properties(
            group_name=group_name, instance_type=first.instance_type, blocks=blocks if by_group else blocks[:1]
        ),
    )
    target = (
        {"CapacityReservationResourceGroupArn": {"Fn::GetAtt": [group.logical_id, "Arn"]}}
        if by_group
        else {"CapacityReservationId": first.capacity_reservation_id}
    )
    return PoolShape(
        instance_type=first.instance_type,
        max_size=max_size,
        desired_size=0,
        capacity=capacity_block_target(target),
        capacity_type="CAPACITY_BLOCK",
        availability_zone=first.availability_zone,
        labels=labels,
        node_group_tags=block_schedule_tags(capacity_block_group_name=group_name, drain_lead_minutes=lead, hold=hold),
    )
