"""Racks of a cell whose numbers follow one another, in one stack that is cut by their names."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from ultrafleet.environment import Environment, UltraServerPoolSettings
from ultrafleet.environment.self_managed import has_self_managed_pools
from ultrafleet.monitoring.block_alarms import block_alarms
from ultrafleet.pools import UltraServerPool
from ultrafleet.stacks import exports
from ultrafleet.stacks.environment_stack import EnvironmentStack
from ultrafleet.stacks.monitoring_stack import watched_block
from ultrafleet.stacks.pool_stack import newest_version, pool_arguments


class RackStack(EnvironmentStack):
    """Racks of a cell: of each the launch template, the node group and the alarms of its blocks.

    A rack more or less changes this template and no other: the platform is made for the cell's slots, and nothing of
    another rack names it.

    Args:
        scope: the cell's stage.
        id: id of the stack, from `environment.cell.rack_stack_id`.
        environment: the cell.
        racks: the racks in it, by name.
    """

    def __init__(
        self, scope: Construct, id: str, *, environment: Environment, racks: Sequence[UltraServerPoolSettings]
    ) -> None:
        super().__init__(
            scope,
            id,
            environment=environment,
            description=f"{environment.name}: {id}, of each a launch template, a node group and alarms",
        )
        self._subnets: dict[str, ec2.ISubnet] = {}
        self._security_group = ec2.SecurityGroup.from_security_group_id(
            self, "EfaSecurityGroup", self.efa_security_group_id, mutable=False
        )
        own = has_self_managed_pools(environment)
        role_arn = self.exports.read(exports.SELF_MANAGED_NODE_ROLE_ARN) if own else self.node_role_arn
        self._node_role = iam.Role.from_role_arn(self, "NodeRole", role_arn, mutable=False)
        self._self_managed = self.self_managed_nodes if own else None
        # All of them, so that no construct comes or goes with a rack.
        for subnet in environment.network.subnets:
            if subnet.kind == "accelerator":
                self._subnets[subnet.name] = ec2.Subnet.from_subnet_attributes(
                    self,
                    f"Subnet-{subnet.name}",
                    subnet_id=self.subnet_id(subnet.name),
                    availability_zone=subnet.availability_zone,
                )
        self._secondary_network = self.secondary_network
        for rack in racks:
            self._add(environment, rack)

    def _add(self, environment: Environment, rack: UltraServerPoolSettings) -> None:
        scope = Construct(self, rack.name)
        created = UltraServerPool(
            scope,
            "Pool",
            cluster=self.cluster,
            ultraserver_type=rack.ultraserver,
            subnet=self._subnets[rack.subnet],
            security_groups=[self._security_group],
            node_role=self._node_role,
            self_managed=self._self_managed,
            secondary_network=self._secondary_network if rack.is_on_roce else None,
            **pool_arguments(environment, rack),
        )
        for name, group in created.node_groups.items():
            cdk.CfnOutput(
                scope,
                f"LatestLaunchTemplateVersion{name.removeprefix(rack.name)}",
                value=group.latest_launch_template_version,
                description=newest_version(name, group),
            )
        for block in rack.capacity_blocks:
            block_alarms(
                scope,
                cluster_name=environment.cluster_name,
                pool_name=rack.name,
                reservation=block.capacity_reservation_id,
                block=watched_block(rack, block),
                topic_arn=self.alarm_topic_arn,
            )
