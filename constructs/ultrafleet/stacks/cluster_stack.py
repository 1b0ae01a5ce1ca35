"""The environment's EKS cluster and the role of all its nodes."""

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from ultrafleet.cluster import FleetCluster, create_node_role
from ultrafleet.environment import Environment
from ultrafleet.stacks import exports
from ultrafleet.stacks.environment_stack import EnvironmentStack


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
            description=f"{environment.name}: EKS {environment.cluster.kubernetes_version}, and the role of its nodes",
        )
        settings = environment.cluster
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
            control_plane_subnets=self.subnets("control_plane"),
            api_access_cidrs=settings.api_access_cidrs,
            upgrade_policy=settings.upgrade_policy,
            control_plane_scaling_tier=settings.control_plane_scaling_tier,
            deletion_protection=environment.production,
            removal_policy=self.removal_policy,
        )
        self.node_role = node_role = create_node_role(
            self, "NodeRole", ssm_sessions=settings.ssm_sessions, removal_policy=self.removal_policy
        )
        # Last in its stack: what comes after a protected cluster, and fails, could not be rolled back.
        cluster.cluster.node.add_dependency(node_role)
        publish = self.exports.publish
        publish(
            self,
            exports.CLUSTER_SECURITY_GROUP_ID,
            cluster.cluster_security_group_id,
            "security group that EKS made for the cluster and its nodes",
        )
        publish(self, exports.NODE_ROLE_ARN, node_role.role_arn, "role of every node of the environment")
