"""The resource group that holds a pool's capacity blocks."""

import re
from collections.abc import Sequence
from typing import Any, Final

import aws_cdk as cdk
from constructs import Construct

from ultrafleet.catalog import InstanceType
from ultrafleet.errors import FleetError
from ultrafleet.rules.capacity_block import CapacityBlock
from ultrafleet.tokens import is_token

# CreateGroup API: letters, digits, hyphens, periods and underscores, up to 300; not beginning with aws (high).
_GROUP_NAME = re.compile(r"(?!aws)[\w.-]{1,300}", re.ASCII | re.IGNORECASE)


GROUP_RESOURCE_TYPE: Final = "AWS::ResourceGroups::Group"


def block_group_properties(
    *, group_name: str, instance_type: InstanceType, blocks: Sequence[CapacityBlock]
) -> dict[str, Any]:
    """Properties of the group, in CloudFormation's words.

    Raises:
        FleetError: a malformed name, or a block of another type.
    """
    if not is_token(group_name) and not _GROUP_NAME.fullmatch(group_name):
        raise FleetError(
            path="group name",
            got=repr(group_name),
            expected="up to 300 letters, digits, '.', '-' and '_', not beginning with 'aws'",
            remedy="pass another group_name",
        )
    for block in blocks:
        if block.instance_type != instance_type:
            raise FleetError(
                f"group {group_name} holds {instance_type}, got {block.capacity_reservation_id} with "
                f"{block.instance_type}: put it in a group of its own",
                path=f"group {group_name}",
                got=block.instance_type,
                expected=instance_type,
                remedy="put it in a group of its own",
            )
    return {
        "Name": group_name,
        "Description": f"capacity blocks of {instance_type}",
        "Configuration": [
            {
                "Type": "AWS::EC2::CapacityReservationPool",
                "Parameters": [
                    {"Name": "instance-type", "Values": [str(instance_type)]},
                    {"Name": "reservation-type", "Values": ["capacity-block"]},
                ],
            },
            {
                "Type": "AWS::ResourceGroups::Generic",
                "Parameters": [{"Name": "allowed-resource-types", "Values": ["AWS::EC2::CapacityReservation"]}],
            },
        ],
        "Resources": [
            {
                "Fn::Sub": "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:capacity-reservation/"
                + block.capacity_reservation_id
            }
            for block in blocks
        ],
    }


class CapacityBlockGroup(Construct):
    """A named `AWS::ResourceGroups::Group` whose members are capacity blocks.

    A launch template that targets the group stays as it is while blocks come and go. As the target of a managed node
    group it is not verified in AWS; see `capacity_target` of the pools.

    Args:
        scope: parent.
        id: construct id.
        group_name: name of the group, unique in account and region; create-only.
        instance_type: type that every member holds.
        blocks: the members. May be empty. The group doesn't look at their times.

    Raises:
        FleetError: a malformed name, or a block of another type.
    """

    group_name: str
    """Name of the group."""
    group_arn: str
    """ARN of the group (a token)."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        group_name: str,
        instance_type: InstanceType,
        blocks: Sequence[CapacityBlock],
    ) -> None:
        super().__init__(scope, id)
        resource = cdk.CfnResource(
            self,
            "Resource",
            type=GROUP_RESOURCE_TYPE,
            properties=block_group_properties(group_name=group_name, instance_type=instance_type, blocks=blocks),
        )
        self.group_name = group_name
        self.group_arn = resource.get_att("Arn").to_string()
