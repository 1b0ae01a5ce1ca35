"""Kubernetes stack: add-ons and queues of the environment's cluster."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import region_info
from constructs import Construct

from ultrafleet.cell_queues.managed import ManagedQueues
from ultrafleet.cluster_addons import CellQueueManager, CellQueueWorker, FleetPlatform
from ultrafleet.cluster_reference import cluster_security_group_id
from ultrafleet.delivery import ArgoCdDelivery, Delivery, GitSource, KubectlAccess
from ultrafleet.environment import Environment
from ultrafleet.environment.facts import node_prices
from ultrafleet.environment.pool_nodes import (
    efa_driver,
    environment_pool_nodes,
    managed_pool_nodes,
    runs_jobs,
)
from ultrafleet.environment.workloads import AcceptanceSettings, ArgoCdSettings
from ultrafleet.kubernetes.manifest import Manifest
from ultrafleet.queueing import PodsReady, TeamShare
from ultrafleet.stacks import exports
from ultrafleet.stacks.environment_stack import EnvironmentStack
from ultrafleet.training import GateSettings, PoolAcceptance

_CAPABILITIES_PRINCIPAL = "capabilities.eks.amazonaws.com"  # EKS user guide, capabilities (high)


class KubernetesStack(EnvironmentStack):
    """Way into the cluster, accelerator runtime, queues and controllers.

    Args:
        scope: the environment's stage.
        environment: the environment.
    """

    delivery: Delivery
    """Way into the cluster, for this stack; with Argo CD for all."""
    training: bool
    """True if JobSet and Trainer are installed."""
    platform: FleetPlatform
    """Runtime, queues and controllers."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(
            scope,
            "kubernetes",
            environment=environment,
            description=f"{environment.name}: accelerator runtime, queues, and controllers of jobs and models",
        )
        settings = environment.kubernetes
        self.training = runs_jobs(environment)
        self._others: list[Delivery] = []
        if settings.argo_cd is None:
            self.delivery = self._kubectl(environment)
        else:
            self.delivery = self._argo_cd(environment, settings.argo_cd)
        self.platform = FleetPlatform(
            self,
            "Platform",
            delivery=self.delivery,
            cluster=self.cluster,
            kubernetes_version=environment.cluster.kubernetes_version,
            pools=environment_pool_nodes(environment),
            vpc_id=environment.network.vpc_id,
            vpc_tags=None if environment.network.vpc_id else {"Name": f"{environment.name}-network-Network"},
            training=self.training,
            inference=bool(environment.models),
            served_workloads=environment.served_workloads,
            scaled_models=any((model.max_replicas or 1) > model.min_replicas for model in environment.models),
            teams=_shares(environment),
            spare_nodes_per_ultraserver=settings.spare_nodes_per_ultraserver,
            ultraserver_network_layers=settings.ultraserver_network_layers,
            pods_ready=PodsReady.of(
                start_minutes=settings.pods_ready_minutes,
                recovery_minutes=settings.pods_recovery_minutes,
                max_requeues=settings.max_requeues,
            ),
            efa_driver=efa_driver(environment),
            versions=settings.chart_versions,
            existing_charts=settings.existing,
            waived_version_rules=settings.waived_version_rules,
            managed=_managed(environment),
        )
        self._over_cells(environment)
        if settings.acceptance is not None:
            PoolAcceptance(
                self,
                "Acceptance",
                delivery=self.delivery,
                pools=self.platform.pools,
                image=settings.acceptance.image,
                images=settings.acceptance.images,
                floors_gbs=settings.acceptance.floors_gbs,
                gate=_gate_settings(settings.acceptance),
                usd_per_node_hour=node_prices(environment),
            )

    def _over_cells(self, environment: Environment) -> None:
        settings = environment.kubernetes
        managed = _managed(environment)
        name = f"{environment.name}-multikueue"
        if managed is not None:
            CellQueueManager(
                self,
                "CellQueues",
                delivery=self.delivery,
                cluster=self.cluster,
                managed=managed,
                role_name=name,
                image=settings.program_image,
            )
        if settings.worker_of is not None:
            worker = CellQueueWorker(
                self,
                "CellQueueWorker",
                delivery=self.delivery,
                cluster=self.cluster,
                manager_role_arn=settings.worker_of.manager_role_arn,
                role_name=name,
                job_kinds=settings.worker_of.job_kinds,
                flavors=self.platform.flavors,
                image=settings.program_image,
            )
            cdk.CfnOutput(
                self,
                "MultiKueueRole",
                value=worker.role.role_arn,
                description="role_arn of this worker in the manager's file",
            )

    def delivery_in(self, stack: EnvironmentStack) -> Delivery:
        """The same way, for another stack of the environment."""
        if isinstance(self.delivery, ArgoCdDelivery):
            return self.delivery
        delivery = KubectlAccess.from_service_token(
            stack,
            "Kubectl",
            cluster=self.cluster,
            service_token=stack.exports.read(exports.KUBECTL_SERVICE_TOKEN),
        )
        self._others.append(delivery)
        return delivery

    @property
    def manifests(self) -> list[Manifest]:
        """Every object of the environment, of this stack and the others."""
        return [manifest for delivery in (self.delivery, *self._others) for manifest in delivery.manifests]

    def _kubectl(self, environment: Environment) -> Delivery:
        group = ec2.SecurityGroup.from_security_group_id(
            self, "ClusterSecurityGroup", cluster_security_group_id(self.cluster), mutable=False
        )
        access = KubectlAccess(
            self,
            "Kubectl",
            cluster=self.cluster,
            kubernetes_version=environment.cluster.kubernetes_version,
            vpc=self.imported_vpc(),
            subnets=self.subnets("system"),
            security_groups=[group],
        )
        self.exports.publish(
            self, exports.KUBECTL_SERVICE_TOKEN, access.service_token, "function that applies objects to the cluster"
        )
        return access.delivery

    def _argo_cd(self, environment: Environment, settings: ArgoCdSettings) -> Delivery:
        role = iam.Role(
            self,
            "ArgoCdRole",
            assumed_by=iam.SessionTagsPrincipal(iam.ServicePrincipal(_CAPABILITIES_PRINCIPAL)),
            description=f"Argo CD of {environment.name}",
        )
        eks.CfnCapability(
            self,
            "ArgoCd",
            cluster_name=environment.cluster_name,
            capability_name="argo-cd",
            type="ARGOCD",
            role_arn=role.role_arn,
            delete_propagation_policy="RETAIN",
            configuration={
                "argoCd": {
                    "awsIdc": {
                        "idcInstanceArn": settings.idc_instance_arn,
                        "idcRegion": settings.idc_region or environment.region,
                    },
                    **(
                        {
                            "rbacRoleMappings": [
                                {
                                    "role": "ADMIN",
                                    "identities": [
                                        {"id": group, "type": "SSO_GROUP"} for group in settings.admin_group_ids
                                    ],
                                }
                            ]
                        }
                        if settings.admin_group_ids
                        else {}
                    ),
                }
            },
        )
        stage = cdk.Stage.of(self)
        folder = Path(stage.asset_outdir if stage is not None else ".") / "argo-cd" / environment.name
        return ArgoCdDelivery(
            folder=folder,
            source=GitSource(repository=settings.repository, path=settings.path, revision=settings.revision),
            cluster_name=environment.cluster_name,
            cluster_arn=_cluster_arn(environment),
        )


def _managed(environment: Environment) -> ManagedQueues | None:
    manages = environment.kubernetes.manages
    if manages is None:
        return None
    return ManagedQueues(
        queues=manages.over_cells,
        pools=managed_pool_nodes(environment),
        job_kinds=manages.job_kinds,
        times=manages.times,
    )


def _shares(environment: Environment) -> list[TeamShare]:
    return [
        TeamShare(
            team_name=team.name,
            workload=team.workload,
            guaranteed_nodes=team.guaranteed_nodes,
            fair_sharing_weight=team.fair_sharing_weight,
        )
        for team in environment.teams
    ]


def _gate_settings(settings: AcceptanceSettings) -> GateSettings:
    stated = {"wait_minutes": settings.wait_minutes, "run_minutes": settings.run_minutes, "image": settings.gate_image}
    return GateSettings(**{name: value for name, value in stated.items() if value is not None})  # type: ignore[arg-type]


def _cluster_arn(environment: Environment) -> str:
    """Plain, so that files can have it."""
    partition = region_info.RegionInfo.get(environment.region).partition or "aws"
    return f"arn:{partition}:eks:{environment.region}:{environment.account}:cluster/{environment.cluster_name}"
