"""System stack: add-ons of the environment's cluster, its system nodes, its administrators."""

from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from ultrafleet.capacity import PlacementGroup, PlacementStrategy
from ultrafleet.catalog.eks import AddonName, application_log_group, host_log_group
from ultrafleet.cluster import ClusterAddons, SystemPool, access_entries, add_access_entry
from ultrafleet.environment import Environment
from ultrafleet.environment.addons import managed_addons
from ultrafleet.environment.cluster_settings import ExistingClusterSettings, SystemNodesSettings
from ultrafleet.monitoring import HostLogs, PodLogs
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
            description=f"{environment.name}: add-ons, system nodes and administrators of {_cluster(environment)}",
        )
        settings, nodes = environment.cluster, environment.cluster.made_system_nodes
        cluster = eks.Cluster.from_cluster_attributes(self, "Cluster", cluster_name=self.cluster.cluster_name)
        system_pool = None if nodes is None else self._system_pool(cluster, nodes)
        for name, entry in access_entries(settings.admin_role_arns, {}).items():
            add_access_entry(self, name, entry, cluster_name=environment.cluster_name)
        self.addons = ClusterAddons(
            self,
            "Addons",
            cluster=cluster,
            system_pool=system_pool,
            addons=managed_addons(environment),
            kubernetes_version=settings.kubernetes_version,
            existing_cluster=settings.existing is not None,
        )
        observability = self.addons.addons.get(AddonName.CLOUDWATCH_OBSERVABILITY)
        if observability is not None:
            # Before the add-on, which would make the log group itself.
            self.host_logs = HostLogs(self, "HostLogs", cluster=cluster)
            observability.node.add_dependency(self.host_logs)
            # In every cluster: once the add-on has made the group, acceptance could not be turned on.
            self.pod_logs = PodLogs(self, "PodLogs", cluster=cluster)
            observability.node.add_dependency(self.pod_logs)
        if settings.existing is not None:
            self._filter_existing_logs(settings.existing, cluster)

    def _system_pool(self, cluster: eks.ICluster, nodes: SystemNodesSettings) -> SystemPool:
        return SystemPool(
            self,
            "SystemPool",
            cluster=cluster,
            subnets=self.subnets("system"),
            node_role=iam.Role.from_role_arn(self, "NodeRole", self.node_role_arn, mutable=False),
            min_size=nodes.min_size,
            max_size=nodes.max_size,
            desired_size=nodes.desired_size,
            placement_group=self._placement(nodes.placement_group),
            instance_types=nodes.instance_types,
            metadata_hop_limit=nodes.metadata_hop_limit,
        )

    def _filter_existing_logs(self, existing: ExistingClusterSettings, cluster: eks.ICluster) -> None:
        if "host" in existing.log_groups:
            name = host_log_group(existing.name)
            self._uses("log group of hosts", name)
            HostLogs(
                self,
                "HostLogs",
                cluster=cluster,
                log_group=logs.LogGroup.from_log_group_name(self, "HostLogGroup", name),
            )
        if "application" in existing.log_groups:
            name = application_log_group(existing.name)
            self._uses("log group of pods", name)
            PodLogs(
                self, "PodLogs", cluster=cluster, log_group=logs.LogGroup.from_log_group_name(self, "PodLogGroup", name)
            )

    def _placement(self, strategy: str | None) -> PlacementGroup | None:
        if strategy is None:
            return None
        return PlacementGroup(self, "SystemPlacement", strategy=PlacementStrategy(strategy))


def _cluster(environment: Environment) -> str:
    existing = environment.cluster.existing
    return "the cluster" if existing is None else f"existing EKS cluster {existing.name}"
