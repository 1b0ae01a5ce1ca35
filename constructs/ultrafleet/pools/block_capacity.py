"""Resource group of a pool's capacity blocks, and the tags and metadata that the block schedule reads."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from ultrafleet.capacity.block_group import GROUP_RESOURCE_TYPE, block_group_properties
from ultrafleet.pools.launch_template import capacity_block_target
from ultrafleet.pools.node_options import CapacityTarget
from ultrafleet.pools.node_pool import PoolShape
from ultrafleet.rules.block_clock import default_drain_lead_minutes, validate_drain_lead_minutes
from ultrafleet.rules.capacity_block import CapacityBlock
from ultrafleet.rules.schedule_tags import group_schedule_tags, reservation_schedule_tags
from ultrafleet.templates.block_metadata import block_metadata_key


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
    workload: str,
) -> PoolShape:
    """Shape of a pool on capacity blocks, which begins empty and is sized by the schedule alone.

    With a resource group as target the pool may launch into all of its blocks. With a reservation it is the first
    alone, since the launch template knows no other, and there is no group.

    Raises:
        FleetError: the lead is too short.
    """
    first = blocks[0]
    ultraserver = first.ultraserver_type is not None
    lead = default_drain_lead_minutes(ultraserver=ultraserver) if drain_lead_minutes is None else drain_lead_minutes
    validate_drain_lead_minutes(lead, ultraserver=ultraserver)
    capacity: Mapping[str, Any]
    if capacity_target is CapacityTarget.RESERVATION:
        capacity = {"CapacityReservationId": first.capacity_reservation_id}
        tags = reservation_schedule_tags(
            capacity_reservation_id=first.capacity_reservation_id, drain_lead_minutes=lead, hold=hold
        )
    else:
        group_name = f"{cluster_name}-{pool_name}"
        # The resource itself and not CapacityBlockGroup: a construct more for each pool is a tenth of its synthesis.
        group = cdk.CfnResource(
            scope,
            "Blocks",
            type=GROUP_RESOURCE_TYPE,
            properties=block_group_properties(group_name=group_name, instance_type=first.instance_type, blocks=blocks),
        )
        capacity = {"CapacityReservationResourceGroupArn": {"Fn::GetAtt": [group.logical_id, "Arn"]}}
        tags = group_schedule_tags(capacity_block_group_name=group_name, drain_lead_minutes=lead, hold=hold)
    # The template's own metadata: a resource's could be taken for a change of the resource.
    cdk.Stack.of(scope).add_metadata(
        block_metadata_key(pool_name),
        {"blocks": [_metadata(block) for block in blocks]},
    )
    return PoolShape(
        instance_type=first.instance_type,
        max_size=max_size,
        desired_size=0,
        capacity=capacity_block_target(capacity),
        capacity_type="CAPACITY_BLOCK",
        availability_zone=first.availability_zone,
        workload=workload,
        ultraserver_type=first.ultraserver_type,
        node_group_tags=tags,
    )


def _metadata(block: CapacityBlock) -> dict[str, str | int]:
    moments = {"start": block.start, "end": block.end}
    return {
        "id": block.capacity_reservation_id,
        "instances": block.instance_count,
        **{name: moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for name, moment in moments.items()},
    }
