"""A queue over cells as values, checked: its workers in their order, and what it admits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.manifest import object_name

MOST_WORKERS: Final = 20
"""Workers of one queue at most: `MultiKueueConfig` has no more clusters (kueue 0.19.2, config/components/crd, high)."""

JOB_KINDS: Final = {
    "JobSet": "jobset.x-k8s.io/jobset",
    "Job": "batch/job",
    "TrainJob": "trainer.kubeflow.org/trainjob",
}
"""Kinds of jobs that a queue over cells takes, and Kueue's name of each.

Kueue 0.19.2 has adapters of more: pods, Deployments, StatefulSets, LeaderWorkerSets, jobs of Kubeflow, MPI, Ray and
Spark, AppWrappers (pkg/controller/jobs, high). Those aren't offered: their controllers aren't installed here, and
models are in no queue."""

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/\S+")
_NOT_COUNTED = ("cpu", "memory", "ephemeral-storage")


@dataclass(frozen=True, kw_only=True)
class EksCredentials:
    """Way into a worker that is an EKS cluster: tokens of one day, renewed by a program on the manager.

    Attributes:
        cluster_name: name of the cluster.
        region: its region.
        role_arn: role of the worker's account that the manager takes, `MultiKueueWorker.role`.
    """

    cluster_name: str
    region: str
    role_arn: str

    def __post_init__(self) -> None:
        if not _ROLE.fullmatch(self.role_arn):
            raise FleetError(
                path="role_arn",
                got=repr(self.role_arn),
                expected="the ARN of an IAM role",
                remedy="state the output MultiKueueRole of the worker's Kubernetes stack",
            )


@dataclass(frozen=True, kw_only=True)
class SecretCredentials:
    """Way into any other cluster: a kubeconfig in a secret, which its owner makes and renews.

    Attributes:
        secret_name: secret in Kueue's namespace, whose key `kubeconfig` has the kubeconfig. Kueue 0.19.2 refuses
            kubeconfigs with `exec`, `tokenFile`, files of authorities or without TLS (high): a token or a client
            certificate is in it.
    """

    secret_name: str

    def __post_init__(self) -> None:
        object_name("secret_name", self.secret_name)


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A cluster that runs jobs of a queue.

    Attributes:
        name: name, such as that of its cell.
        credentials: the way into it.
    """

    name: str
    credentials: EksCredentials | SecretCredentials

    def __post_init__(self) -> None:
        object_name("name of the worker", self.name)

    @property
    def secret_name(self) -> str:
        """Secret with its kubeconfig."""
        if isinstance(self.credentials, SecretCredentials):
            return self.credentials.secret_name
        return f"worker-{self.name}"


@dataclass(frozen=True, kw_only=True)
class QueueOverCells:
    """A queue whose jobs run in one of several clusters.

    Attributes:
        workload: the workload, which is the queue's name on the manager and on every worker.
        workers: the clusters, most preferred first.
        elsewhere: what jobs may have in clusters whose nodes aren't of the catalog's types, by resource, as Kueue
            counts it. Default: none.
    """

    workload: str
    workers: tuple[Worker, ...]
    elsewhere: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object_name("workload", self.workload, most=30)
        if not 1 <= len(self.workers) <= MOST_WORKERS:
            raise FleetError(
                path=f"queue {self.workload}",
                verb="has",
                got=f"{len(self.workers)} workers",
                expected=f"1 to {MOST_WORKERS}",
                remedy="Kueue takes no more in one queue: make a second manager for the others",
            )
        names = [worker.name for worker in self.workers]
        for name in names:
            if names.count(name) > 1:
                raise FleetError(
                    path=f"queue {self.workload}", verb="has", got=f"the worker {name!r} twice", expected="each once"
                )
        for resource, count in self.elsewhere.items():
            if resource.startswith(_NOT_COUNTED) or count < 0:
                raise FleetError(
                    path=f"elsewhere of queue {self.workload}",
                    verb="has",
                    got=f"{resource}: {count}",
                    expected="0 or more of accelerators and network devices",
                    remedy="Kueue counts nothing else in this fleet: leave it out",
                )
