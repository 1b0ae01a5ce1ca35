"""System stack: add-ons of the environment's cluster, its system nodes, its administrators."""

from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from constructs import Construct

from ultrafleet.capacity import PlacementGroup, PlacementStrategy
from ultrafleet.catalog.eks import AddonName
from ultrafleet.cluster import ClusterAddons, SystemPool, access_entries, add_access_entry
from ultrafleet.environment import Environment
from ultrafleet.environment.addons import managed_addons
from ultrafleet.monitoring import HostLogs, PodLogs
from ultrafleet.stacks import exports
from ultrafleet.stacks.environment_stack import EnvironmentStack


class SystemStack(EnvironmentStack):
    """Add-ons, system nodes and access entries of the cluster.

    A stack of its own: nodes may fail to come up, and then the rollback must not meet a cluster that is protected from
    deletion.

    Args:
        scope: the environment's stage.
        environment: the environment.
    """

    addons: ClusterAddons
    """Add-ons of the cluster."""
    host_logs: HostLogs | None = None
    """Log group of the nodes' kernel lines, where the CloudWatch add-on is installed."""
    pod_logs: PodLogs | None = None
    """Log group of the pods, where the CloudWatch add-on is installed."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(
            scope,
            "system",
            environment=environment,
            description=f"{environment.name}: add-ons, system nodes and administrators of the cluster",
        )
        settings = environment.cluster
        system = settings.system_nodes
        cluster = eks.Cluster.from_cluster_attributes(self, "Cluster", cluster_name=environment.name)
        system_pool = SystemPool(
            self,
            "SystemPool",
            cluster=cluster,
            subnets=self.subnets("system"),
            node_role=iam.Role.from_role_arn(self, "NodeRole", self.exports.read(exports.NODE_ROLE_ARN), mutable=False),
            min_size=system.min_size,
            max_size=system.max_size,
            desired_size=system.desired_size,
            placement_group=self._placement(system.placement_group),
            instance_types=system.instance_types,
            metadata_hop_limit=system.metadata_hop_limit,
        )
        for name, entry in access_entries(settings.admin_role_arns, {}).items():
            add_access_entry(self, name, entry, cluster_name=environment.name)
        self.addons = ClusterAddons(
            self,
            "Addons",
            cluster=cluster,
            system_pool=system_pool,
            addons=managed_addons(environment),
            kubernetes_version=settings.kubernetes_version,
        )
        observability = self.addons.addons.get(AddonName.CLOUDWATCH_OBSERVABILITY)
        if observability is not None:
            # Before the add-on, which would make the log group itself.
            self.host_logs = HostLogs(self, "HostLogs", cluster=cluster)
            observability.node.add_dependency(self.host_logs)
            # In every cluster: once the add-on has made the group, acceptance could not be turned on.
            self.pod_logs = PodLogs(self, "PodLogs", cluster=cluster)
            observability.node.add_dependency(self.pod_logs)

    def _placement(self, strategy: str | None) -> PlacementGroup | None:
        if strategy is None:
            return None
        return PlacementGroup(self, "SystemPlacement", strategy=PlacementStrategy(strategy))
