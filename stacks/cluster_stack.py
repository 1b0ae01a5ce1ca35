"""The environment's EKS cluster, its add-ons, its system nodes and the role of all its nodes."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks import exports
from stacks.environment_stack import EnvironmentStack
from ultrafleet.capacity import PlacementGroup, PlacementStrategy
from ultrafleet.cluster import ClusterAddons, FleetCluster, ManagedAddon, SystemPool, create_node_role
from ultrafleet.environment import Environment


class ClusterStack(EnvironmentStack):
    """Cluster of one environment, named after it.

    Args:
        scope: the environment's stage.
        environment: the environment.
    """

    node_role: iam.Role
    """Role of every node of the environment."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(
            scope,
            "cluster",
            environment=environment,
            description=f"{environment.name}: EKS {environment.cluster.kubernetes_version}, add-ons, system nodes",
            holds_state=True,
        )
        settings = environment.cluster
        keep = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if environment.production else cdk.RemovalPolicy.DESTROY
        vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=self.exports.read(exports.VPC_ID),
            availability_zones=sorted({s.availability_zone for s in environment.network.subnets}),
        )
        cluster = FleetCluster(
            self,
            "Cluster",
            cluster_name=environment.name,
            kubernetes_version=settings.kubernetes_version,
            vpc=vpc,
            control_plane_subnets=self._subnets(environment, "control_plane"),
            api_access_cidrs=settings.api_access_cidrs,
            admin_role_arns=settings.admin_role_arns,
            control_plane_scaling_tier=settings.control_plane_scaling_tier,
            deletion_protection=environment.production,
            removal_policy=keep,
        )
        self.node_role = node_role = create_node_role(
            self, "NodeRole", ssm_sessions=settings.ssm_sessions, removal_policy=keep
        )
        system = settings.system_nodes
        system_pool = SystemPool(
            self,
            "SystemPool",
            cluster=cluster.cluster,
            subnets=self._subnets(environment, "system"),
            node_role=node_role,
            min_size=system.min_size,
            max_size=system.max_size,
            desired_size=system.desired_size,
            placement_group_name=self._system_placement(system.placement_group),
            instance_types=system.instance_types,
        )
        names = [*settings.addons, *(name for name in settings.addon_versions if name not in settings.addons)]
        ClusterAddons(
            self,
            "Addons",
            cluster=cluster.cluster,
            system_pool=system_pool,
            addons=[ManagedAddon(name=name, version=settings.addon_versions.get(name)) for name in names],
        )
        publish = self.exports.publish
        publish(
            self,
            exports.CLUSTER_SECURITY_GROUP_ID,
            cluster.cluster_security_group_id,
            "security group that EKS made for the cluster and its nodes",
        )
        publish(self, exports.NODE_ROLE_ARN, node_role.role_arn, "role of every node of the environment")

    def _system_placement(self, strategy: str | None) -> str | None:
        if strategy is None:
            return None
        return PlacementGroup(self, "SystemPlacement", strategy=PlacementStrategy(strategy)).group_name

    def _subnets(self, environment: Environment, kind: str) -> list[ec2.ISubnet]:
        return [
            ec2.Subnet.from_subnet_attributes(
                self,
                f"Subnet-{subnet.name}",
                subnet_id=self.exports.read(exports.subnet_id(subnet.name)),
                availability_zone=subnet.availability_zone,
            )
            # By name: in another order of the file they would be other properties, some of them create-only.
            for subnet in sorted(environment.network.subnets, key=lambda subnet: subnet.name)
            if subnet.kind == kind
        ]
