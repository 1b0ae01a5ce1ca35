"""Placement groups, without tags."""

from enum import StrEnum

import aws_cdk as cdk
from constructs import Construct

from ultrafleet.catalog.limits import PARTITIONS_PER_PLACEMENT_GROUP
from ultrafleet.errors import FleetError
from ultrafleet.removal import apply_removal_policy
from ultrafleet.tokens import is_token


class PlacementStrategy(StrEnum):
    """Placement strategy of EC2 for the group's instances."""

    CLUSTER = "cluster"
    """Close together, for single accelerator instances on on-demand capacity. Never with a capacity block."""
    PARTITION = "partition"
    """On separate racks by partition, for system nodes."""
    SPREAD = "spread"
    """Each on its own rack, for a few system nodes."""


_MAX_PARTITIONS = PARTITIONS_PER_PLACEMENT_GROUP.value


class PlacementGroup(Construct):
    """An `AWS::EC2::PlacementGroup` that can't be replaced by editing a tag.

    Its tags are create-only, and `Tags.of()` would reach them: a changed cost-centre tag would replace the group and
    with it the pool. So this construct takes none. Stack tags (`Stack(tags=…)`, `cdk deploy --tags`) are applied by
    CloudFormation itself and would reach it all the same: keep them off stacks that hold one.

    Args:
        scope: parent.
        id: construct id.
        strategy: how instances are placed.
        partition_count: partitions, 1 to 7; only with `PARTITION`. Default: EC2's.

    Raises:
        FleetError: a partition count out of range or with another strategy.
    """

    group_name: str
    """Name that CloudFormation gives the group (a token)."""
    group_arn: str
    """ARN of the group, as a capacity reservation takes it (a token)."""
    strategy: PlacementStrategy
    """Placement strategy of the group."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        strategy: PlacementStrategy,
        partition_count: int | None = None,
    ) -> None:
        super().__init__(scope, id)
        if partition_count is not None:
            if strategy is not PlacementStrategy.PARTITION:
                raise FleetError(
                    path="partition_count",
                    got=f"{partition_count} with strategy {strategy}",
                    expected="None",
                    remedy="leave it out, or use the partition strategy",
                )
            if not is_token(partition_count) and not 1 <= partition_count <= _MAX_PARTITIONS:
                raise FleetError(
                    path="partition_count",
                    got=partition_count,
                    expected=f"1 to {_MAX_PARTITIONS}",
                    remedy="pass fewer partitions",
                )
        # Without tags of Tags.of(): CloudFormation replaces a placement group whose tags change.
        resource = cdk.CfnResource(
            self,
            "Resource",
            type="AWS::EC2::PlacementGroup",
            properties={
                "Strategy": str(strategy),
                **({"PartitionCount": partition_count} if partition_count is not None else {}),
            },
        )
        stack = cdk.Stack.of(self)
        self.strategy = strategy
        self.group_name = resource.ref
        self.group_arn = f"arn:{stack.partition}:ec2:{stack.region}:{stack.account}:placement-group/{resource.ref}"
        self._resource = resource

    def apply_removal_policy(self, policy: cdk.RemovalPolicy) -> None:
        """Set what becomes of the group when the stack lets go of it; a reservation in it sets its own policy.

        Args:
            policy: `DESTROY`, CloudFormation's default, changes nothing.
        """
        apply_removal_policy(self._resource, policy)
