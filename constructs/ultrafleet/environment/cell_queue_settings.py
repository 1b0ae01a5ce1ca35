"""Queues over cells in an environment's file: the manager's workers, and the manager of a worker."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ultrafleet.cell_queues import (
    CellTimes,
    EksCredentials,
    QueueOverCells,
    SecretCredentials,
    Worker,
)
from ultrafleet.environment.fields import ClusterName, Name, Region, RoleArn, Settings
from ultrafleet.environment.target_settings import SoldTypeName
from ultrafleet.errors import FleetError

JobKind = Literal["JobSet", "Job", "TrainJob"]


class WorkerClusterSettings(Settings):
    """A cluster that runs jobs of a queue: an EKS cluster, or any other by a kubeconfig."""

    name: Name = Field(examples=["dallas-gb200-001"])
    """Name, such as that of its cell."""
    cluster_name: ClusterName | None = Field(default=None, examples=["dallas-gb200-001"])
    """Name of the EKS cluster; with `region` and `role_arn`. Default: `name`, where there is no `kubeconfig_secret`."""
    region: Region | None = Field(default=None, examples=["us-east-1"])
    """Region of the EKS cluster. Default: none."""
    role_arn: RoleArn | None = Field(
        default=None, examples=["arn:aws:iam::444455556666:role/dallas-gb200-001-multikueue"]
    )
    """Role of the worker's account that the manager takes, by ARN. Default: none."""
    kubeconfig_secret: Name | None = Field(default=None, examples=["other-cloud"])
    """Secret in the namespace `kueue-system` whose key `kubeconfig` has the kubeconfig of a cluster that isn't an EKS
    cluster; its owner makes and renews it. Default: none."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        eks = [key for key in ("cluster_name", "region", "role_arn") if getattr(self, key) is not None]
        if self.kubeconfig_secret is not None and eks:
            raise FleetError(
                path=f"worker {self.name}",
                verb="has",
                got=f"kubeconfig_secret and {', '.join(eks)}",
                expected="one of them",
                remedy="leave kubeconfig_secret out for an EKS cluster",
            )
        if self.kubeconfig_secret is None and (self.region is None or self.role_arn is None):
            raise FleetError(
                path=f"worker {self.name}",
                verb="has",
                got="no kubeconfig_secret, and not both region and role_arn",
                expected="region and role_arn of an EKS cluster, or the kubeconfig_secret of another",
                remedy="state them",
            )
        return self

    @property
    def worker(self) -> Worker:
        """The worker."""
        if self.kubeconfig_secret is not None:
            return Worker(name=self.name, credentials=SecretCredentials(secret_name=self.kubeconfig_secret))
        credentials = EksCredentials(
            cluster_name=self.cluster_name or self.name, region=str(self.region), role_arn=str(self.role_arn)
        )
        return Worker(name=self.name, credentials=credentials)


class CellQueueSettings(Settings):
    """A queue over clusters."""

    workload: Name = Field(examples=["training"])
    """Workload: the queue's name here and on every worker."""
    workers: list[WorkerClusterSettings]
    """Clusters, most preferred first; 20 at most."""
    capacity: dict[SoldTypeName, Annotated[int, Field(ge=1)]] = Field(
        default={}, examples=[{"u-p6e-gb200x72": 200}], json_schema_extra={"unit": "UltraServers or instances"}
    )
    """UltraServer or instance type → how many all clusters have together at most: what jobs may ask for, and the
    queue's quota."""
    fabric: Literal["efa", "roce"] | None = Field(default=None, examples=["efa"])
    """Fabric between nodes of types that have two. Default: the only one."""
    elsewhere: dict[str, Annotated[int, Field(ge=0)]] = Field(default={}, examples=[{"nvidia.com/gpu": 512}])
    """Resource → what clusters with nodes of other types have, as Kueue counts it."""

    @model_validator(mode="after")
    def _has_capacity(self) -> Self:
        if not self.capacity and not self.elsewhere:
            raise FleetError(
                path=f"queue {self.workload}",
                verb="has",
                got="neither capacity nor elsewhere",
                expected="one of them",
                remedy="state what the clusters have together",
            )
        return self


class ManagerSettings(Settings):
    """Queues over cells of which this cluster is the manager: it runs no job itself."""

    queues: list[CellQueueSettings]
    """The queues."""
    job_kinds: list[JobKind] = Field(default=["JobSet"], examples=[["JobSet", "Job"]])
    """Kinds of jobs; every worker names the same. What a job refers to isn't brought to the worker: a `TrainJob` needs
    its runtime there."""
    worker_lost_minutes: int = Field(default=15, ge=1, le=1440, examples=[10], json_schema_extra={"unit": "minutes"})
    """Minutes for which jobs of a worker that doesn't answer are kept there, before they are started elsewhere."""
    workers_at_once: int = Field(default=3, ge=1, le=20, examples=[1], json_schema_extra={"unit": "clusters"})
    """Clusters that a job is offered to at once, in their order; five minutes later as many more."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        names = [queue.workload for queue in self.queues]
        for name in names:
            if names.count(name) > 1:
                raise FleetError(path="queues", verb="have", got=f"{name!r} twice", expected="each workload once")
        self.over_cells  # noqa: B018 - refuses
        return self

    @property
    def times(self) -> CellTimes:
        """Times of the queues."""
        return CellTimes(worker_lost_seconds=self.worker_lost_minutes * 60, workers_at_once=self.workers_at_once)

    @property
    def over_cells(self) -> list[QueueOverCells]:
        """The queues.

        Raises:
            FleetError: too many workers, or one twice.
        """
        return [
            QueueOverCells(
                workload=queue.workload,
                workers=tuple(item.worker for item in queue.workers),
                elsewhere=queue.elsewhere,
            )
            for queue in self.queues
        ]


class WorkerOfSettings(Settings):
    """Manager that may run jobs in this cluster."""

    manager_role_arn: RoleArn = Field(examples=["arn:aws:iam::111122223333:role/desk-multikueue"])
    """Role of the manager, by ARN: `ENV-multikueue` of its account. It may take this environment's
    `ENV-multikueue`."""
    job_kinds: list[JobKind] = Field(default=["JobSet"], examples=[["JobSet", "Job"]])
    """Kinds of jobs that it may make; the manager names the same."""
