"""Add-ons of a cluster with pools: charts, queues and policies that jobs and models need."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_iam as iam
from constructs import Construct, IValidation

from ultrafleet.accelerator_addons.accelerator_runtime import accelerator_runtime
from ultrafleet.accelerator_addons.version_rules import RuntimeFacts, check_versions
from ultrafleet.accelerator_addons.versions import VersionTable, is_existing, with_existing
from ultrafleet.catalog import eks
from ultrafleet.cell_queues.managed import ManagedQueues
from ultrafleet.cell_queues.manager_manifests import manager_manifests
from ultrafleet.cluster_addons.chart_kinds import chart_kinds_manifests
from ultrafleet.cluster_addons.controllers import (
    LOAD_BALANCER_ACCOUNT,
    LOAD_BALANCER_NAMESPACE,
    inference_controllers,
    keda_endpoint_rights,
    training_controllers,
)
from ultrafleet.cluster_addons.load_balancer_policy import load_balancer_statements
from ultrafleet.cluster_reference import ClusterReference
from ultrafleet.consistency import inconsistencies
from ultrafleet.delivery.delivery import Delivery
from ultrafleet.delivery.pod_identity import pod_identity
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.chart import ChartRelease
from ultrafleet.kubernetes.network_devices import EfaDriver
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.queueing.flavors import Flavor, fleet_flavors
from ultrafleet.queueing.kueue import PodsReady, kueue_release
from ultrafleet.queueing.queues import queue_manifests
from ultrafleet.queueing.team_admission import team_admission_manifests
from ultrafleet.queueing.team_queues import TeamShare
from ultrafleet.rules.kubernetes_version import parse_kubernetes_version

_LOAD_BALANCERS = "aws-load-balancer-controller"
_NETWORK_POLICIES = (
    "that network policies hold for pods of jobs and of model servers is not verified: the EKS user guide names pods "
    "of a Deployment, and none without an owner (high). From a pod of another namespace `curl -m 5 http://POD_IP:PORT` "
    "shows it: it must time out"
)


@jsii.implements(IValidation)
class _Consistency:
    """At synthesis: everything that one delivery was given, against the pools and itself."""

    def __init__(self, pools: Sequence[PoolNodes], delivery: Delivery, existing: Sequence[ChartRelease]) -> None:
        self._pools = pools
        self._delivery = delivery
        self._existing = existing

    def validate(self) -> list[str]:
        releases = [*self._delivery.releases, *self._existing]
        return inconsistencies(pools=self._pools, manifests=self._delivery.manifests, releases=releases)


class FleetPlatform(Construct):
    """Accelerator runtime, queues, and the controllers of jobs and models, all derived from the pools.

    Installs only what some pool needs: NVIDIA's device plugin and DRA driver, the EFA device plugin, Neuron's; Kueue
    with topologies, flavors and a queue for each kind of workload but that of served models; JobSet and Kubeflow
    Trainer, with an admission policy of teams' namespaces; LeaderWorkerSet, KEDA
    and the AWS Load Balancer Controller. Versions come from one table, and the rules between them are checked here. At
    synthesis, everything that the same delivery was given is checked against the pools and against each other.

    Args:
        scope: parent.
        id: construct id.
        delivery: how charts and objects reach the cluster.
        cluster: cluster of `aws_eks` or `aws_eks_v2`, a `FleetCluster`, or an `ImportedCluster` by its name.
        kubernetes_version: "major.minor" of the cluster; a plain value.
        pools: nodes of the pools: `UltraServerPool.kubernetes_nodes`.
        vpc_id: VPC of the cluster, for load balancers. With `inference`, this or `vpc_tags` is needed. Default: none.
        vpc_tags: tags that identify the VPC among all of the region, where its id isn't known before deployment.
            Default: none.
        training: install what training jobs need. Default: True.
        inference: install what served models need. Default: False.
        served_workloads: workloads of the pools that serve models. They have no queue, so that models start while Kueue
            is down; without other pools it isn't installed. Default: none.
        scaled_models: whether models follow their queues, which KEDA does. Default: False.
        teams: teams with a queue of their own, and what each is guaranteed; every `TrainingTeam` needs one. Default:
            none.
        spare_nodes_per_ultraserver: nodes of each UltraServer that jobs leave free. 2 is the 16-of-18 mode. Default: 0.
        ultraserver_network_layers: network layers above UltraServers in their topology. Default: 2; 0 where nodes have
            no labels of them.
        pods_ready: when Kueue takes the nodes back of a job whose pods aren't all ready. Default: after 30 minutes, or
            15 when one was lost.
        efa_driver: what gives EFA devices to pods, for all pools. Default: what EKS recommends for new clusters of
            the version. State the device plugin where it runs already, until the pools are empty.
        versions: versions by chart name, or of "nvidia-driver", instead of the table's. Default: the table's.
        existing_charts: charts that the cluster has already, each with its version: they are not installed, and the
            rules between versions hold for them. `gpu-operator` brings NVIDIA's device plugin. Default: none.
        waived_version_rules: rules between versions that don't apply, by id, each with a reason. Default: none.
        managed: queues over cells of which this cluster is the manager, for `CellQueueManager`; it has no pools then.
            Default: none.

    Raises:
        FleetError: a rule between versions is broken, pools that queues can't count, teams are guaranteed more than
            there is, or inference without a VPC.
    """

    flavors: Sequence[Flavor]
    """The capacity, by workload and kind: what jobs and models are placed on."""
    releases: Sequence[ChartRelease]
    """Charts that the fleet needs: installed here, or existing."""
    pools: Sequence[PoolNodes]
    """The pools, with what gives EFA devices to pods: for `PoolAcceptance`."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        delivery: Delivery,
        cluster: ClusterReference,
        kubernetes_version: str,
        pools: Sequence[PoolNodes],
        vpc_id: str | None = None,
        vpc_tags: Mapping[str, str] | None = None,
        training: bool = True,
        inference: bool = False,
        served_workloads: Sequence[str] = (),
        scaled_models: bool = False,
        teams: Sequence[TeamShare] = (),
        spare_nodes_per_ultraserver: int = 0,
        ultraserver_network_layers: int | None = None,
        pods_ready: PodsReady | None = None,
        efa_driver: EfaDriver | None = None,
        versions: Mapping[str, str] | None = None,
        existing_charts: Mapping[str, str] | None = None,
        waived_version_rules: Mapping[str, str] | None = None,
        managed: ManagedQueues | None = None,
    ) -> None:
        super().__init__(scope, id)
        existing = existing_charts or {}
        table = VersionTable.of(with_existing(versions or {}, existing))
        kubernetes = parse_kubernetes_version(kubernetes_version)
        driver = efa_driver or EfaDriver.recommended(kubernetes)
        self.pools = pools = [replace(pool, efa_driver=driver) for pool in pools]
        _check_manager(managed, pools)
        self.flavors = fleet_flavors(
            [replace(pool, efa_driver=driver) for pool in managed.pools] if managed else pools,
            spare_nodes_per_ultraserver=spare_nodes_per_ultraserver,
            ultraserver_network_layers=ultraserver_network_layers,
        )
        releases = accelerator_runtime(pools, table, kubernetes_version=kubernetes)
        queued = [flavor for flavor in self.flavors if flavor.workload not in served_workloads]
        if queued or managed:
            of_jobs = [pool for flavor in queued for pool in flavor.pools]
            channels = any(pool.has_multi_node_nvlink for pool in of_jobs)
            claimed = {pool.network.device_class for pool in of_jobs if pool.network and pool.network.device_class}
            releases.append(
                kueue_release(
                    table,
                    counts_channels=channels,
                    network_classes=claimed,
                    pods_ready=pods_ready,
                    waits_for_spares=any(flavor.is_ultraserver and flavor.spare_nodes for flavor in queued),
                    frameworks=managed.frameworks if managed else None,
                    multikueue=managed.times.configuration(origin=cluster.cluster_name) if managed else None,
                )
            )
        if training:
            releases += training_controllers(table)
        if inference:
            releases += inference_controllers(
                table,
                cluster_name=cluster.cluster_name,
                region=cdk.Stack.of(self).region,
                vpc=_vpc_values(vpc_id, vpc_tags),
                scaled=scaled_models,
            )
        check_versions(
            RuntimeFacts(
                kubernetes_version=kubernetes,
                versions=table,
                pools=pools,
                installed=frozenset(release.chart.name for release in releases),
            ),
            waived_version_rules,
        )
        self.releases = releases
        installed = [release for release in releases if not is_existing(release.chart.name, existing)]
        others = [release for release in releases if release not in installed]
        self._annotate_existing(others)
        self._install(installed, delivery, cluster.cluster_name)
        if managed:
            manifests = manager_manifests(managed.queues, queued, teams)
        else:
            manifests = queue_manifests(queued, teams) if queued else []
        if training:
            manifests += team_admission_manifests()
        if inference and scaled_models and not is_existing("keda", existing):
            manifests += keda_endpoint_rights()
        if not delivery.updates_kinds:
            manifests += chart_kinds_manifests(installed)
        for manifest in manifests:
            delivery.add_manifest(self, manifest)
        self._annotate_unverified(driver, network_policies=training or inference)
        self.node.add_validation(_Consistency(pools, delivery, others))

    def _annotate_unverified(self, driver: EfaDriver, *, network_policies: bool) -> None:
        on_p6e = [it.pool_name for it in self.pools if it.instance_type.is_grace and it.network and it.efa_interfaces]
        if driver is EfaDriver.DRA and on_p6e:
            cdk.Annotations.of(self).add_info_v2("ultrafleet:efa-driver", _not_verified(on_p6e))
        if network_policies:
            cdk.Annotations.of(self).add_info_v2("ultrafleet:network-policies", _NETWORK_POLICIES)

    def _install(self, releases: Sequence[ChartRelease], delivery: Delivery, cluster_name: str) -> None:
        balances = any(release.chart.name == _LOAD_BALANCERS for release in releases)
        identity = [self._load_balancer_identity(cluster_name)] if balances else []
        for release in releases:
            delivery.add_chart(self, release, after=identity if release.chart.name == _LOAD_BALANCERS else [])

    def _annotate_existing(self, releases: Sequence[ChartRelease]) -> None:
        """Tell what the fleet counts on in charts that exist."""
        for release in releases:
            wanted = json.dumps(release.values, sort_keys=True)
            has = f"; the fleet counts on these values of it: {wanted}" if release.values else ""
            cdk.Annotations.of(self).add_info_v2(
                f"ultrafleet:existing-chart-{release.chart.name}",
                f"chart {release.chart.name} exists in the cluster and stays as it is{has}",
            )

    def _load_balancer_identity(self, cluster_name: str) -> Construct:
        stack = cdk.Stack.of(self)
        statements = load_balancer_statements(
            partition=stack.partition, region=stack.region, account=stack.account, cluster_name=cluster_name
        )
        _, association = pod_identity(
            self,
            "LoadBalancerController",
            cluster_name=cluster_name,
            namespace=LOAD_BALANCER_NAMESPACE,
            service_account=LOAD_BALANCER_ACCOUNT,
            description=f"AWS Load Balancer Controller of {cluster_name}",
            statements=[iam.PolicyStatement.from_json(statement) for statement in statements],
        )
        return association


def _check_manager(managed: ManagedQueues | None, pools: Sequence[PoolNodes]) -> None:
    if managed and pools:
        raise FleetError(
            path="pools",
            got=", ".join(pool.pool_name for pool in pools),
            expected="none in the manager of queues over cells",
            remedy="a manager runs no job of them (Kueue, MultiKueue): put the pools into a worker",
        )


def _not_verified(pool_names: Sequence[str]) -> str:
    fact = eks.fact("eks/efa-dra-driver/on-p6e")
    return (
        f"EFA's DRA driver on nodes of {', '.join(pool_names)} is not verified: {fact.note}. `ultrafleet job accept` "
        "shows whether traffic goes over EFA; the device plugin (kubernetes.efa, efa_driver) is the other way"
    )


def _vpc_values(vpc_id: str | None, vpc_tags: Mapping[str, str] | None) -> dict[str, Any]:
    if (vpc_id is None) is (vpc_tags is None):
        raise FleetError(
            path="vpc_id",
            got=f"{vpc_id} and vpc_tags {vpc_tags}",
            expected="exactly one with inference",
            remedy="the AWS Load Balancer Controller needs the VPC, pass its id or its tags",
        )
    return {"vpcId": vpc_id} if vpc_tags is None else {"vpcTags": dict(vpc_tags)}
