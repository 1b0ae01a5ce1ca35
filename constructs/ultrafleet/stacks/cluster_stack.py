"""The environment's EKS cluster and the role of all its nodes."""

from aws_cdk import aws_iam as iam
from constructs import Construct

from ultrafleet.cluster import FleetCluster, SelfManagedNodeAccess, create_node_role
from ultrafleet.environment import Environment
from ultrafleet.environment.layers import makes_node_role
from ultrafleet.environment.self_managed import has_self_managed_pools
from ultrafleet.stacks import exports
from ultrafleet.stacks.environment_stack import EnvironmentStack


class ClusterStack(EnvironmentStack):
    """Cluster of one environment, named after it, and the role of its nodes; on an existing cluster the role alone.

    Args:
        scope: the environment's stage.
        environment: the environment.
    """

    node_role: iam.Role | None = None
    """Role of every node of the environment, where it is made here."""
    self_managed: SelfManagedNodeAccess | None = None
    """Role, instance profile and access entry of self-managed nodes, where a pool has such nodes."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        settings, existing = environment.cluster, environment.cluster.existing
        makes_role = makes_node_role(environment)
        made = [
            *([f"EKS {settings.kubernetes_version}"] if existing is None else []),
            *(["the role of its nodes"] if makes_role else []),
        ]
        of_existing = "" if existing is None else f" in existing EKS cluster {existing.name}"
        super().__init__(
            scope,
            "cluster",
            environment=environment,
            description=f"{environment.name}: {', and '.join(made)}{of_existing}",
        )
        cluster = None if existing is not None else self._make_cluster(environment)
        if makes_role:
            self.node_role = create_node_role(
                self, "NodeRole", ssm_sessions=settings.ssm_sessions, removal_policy=self.removal_policy
            )
        if cluster is not None and has_self_managed_pools(environment):
            self.self_managed = self._make_self_managed(environment, cluster)
        if existing is not None:
            self._uses("EKS cluster", existing.name)
        if cluster is not None:
            if self.node_role is not None:
                # Last in its stack: what comes after a protected cluster, and fails, could not be rolled back.
                cluster.cluster.node.add_dependency(self.node_role)
            self.exports.publish(
                self,
                exports.CLUSTER_SECURITY_GROUP_ID,
                cluster.cluster_security_group_id,
                "security group that EKS made for the cluster and its nodes",
            )
        if self.node_role is not None:
            self.exports.publish(
                self, exports.NODE_ROLE_ARN, self.node_role.role_arn, "role of every node of the environment"
            )

    def _make_self_managed(self, environment: Environment, cluster: FleetCluster) -> SelfManagedNodeAccess:
        access = SelfManagedNodeAccess(
            self,
            "SelfManagedNodes",
            cluster=cluster,
            ssm_sessions=environment.cluster.ssm_sessions,
            removal_policy=self.removal_policy,
        )
        nodes = cluster.self_managed_nodes(access)
        for name, value, description in (
            (exports.SELF_MANAGED_NODE_ROLE_ARN, access.role.role_arn, "role of self-managed nodes"),
            (exports.INSTANCE_PROFILE_ARN, nodes.instance_profile_arn, "instance profile of self-managed nodes"),
            (exports.CLUSTER_ENDPOINT, nodes.api_server_endpoint, "address of the cluster's API server"),
            (exports.CLUSTER_CERTIFICATE, nodes.certificate_authority, "certificate of the cluster's API server"),
        ):
            self.exports.publish(self, name, value, description)
        return access

    def _make_cluster(self, environment: Environment) -> FleetCluster:
        settings = environment.cluster
        return FleetCluster(
            self,
            "Cluster",
            cluster_name=environment.name,
            kubernetes_version=settings.kubernetes_version,
            vpc=self.imported_vpc(),
            control_plane_subnets=self.subnets("control_plane"),
            api_access_cidrs=settings.api_access_cidrs,
            service_ipv4_cidr=settings.service_cidr,
            upgrade_policy=settings.upgrade_policy,
            control_plane_scaling_tier=settings.control_plane_scaling_tier,
            deletion_protection=environment.production,
            removal_policy=self.removal_policy,
        )
