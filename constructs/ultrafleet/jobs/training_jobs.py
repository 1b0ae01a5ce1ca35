"""Training jobs as objects: a JobSet, or a TrainJob of Kubeflow Trainer, with a ComputeDomain on whole UltraServers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ultrafleet.in_cluster.stale_domains import JOB_LABEL
from ultrafleet.jobs.neuron import ultraserver_command
from ultrafleet.jobs.pod import TrainingJob, compute_domain, pod_spec
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object

JOBSET_API = "jobset.x-k8s.io/v1alpha2"
TRAINER_API = "trainer.kubeflow.org/v1alpha1"
_QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
_PRIORITY_LABEL = "kueue.x-k8s.io/priority-class"
_WORKER = "worker"
_TRAINER_STEP = "node"
"""Name of the step and its container in Kubeflow's own torch runtimes (kubeflow/trainer, manifests, high)."""

_RENDEZVOUS_PORT = 29500  # torchrun's default (PyTorch documentation, high)
_INDEX = "field:metadata.annotations['batch.kubernetes.io/job-completion-index']"


def torchrun_command(
    job_name: str, script: Sequence[str], *, nodes: int, processes_per_node: int, by_topology: bool = False
) -> list[str]:
    """`torchrun` for a JobSet: the first pod is the rendezvous, by its name in the JobSet's own subdomain.

    Args:
        job_name: name of the job.
        script: the program and its arguments.
        nodes: nodes of the job.
        processes_per_node: processes of a node.
        by_topology: leave the first pod and the order of nodes to the environment: on UltraServers of Trainium, where
            `jobset` finds them before the program starts. Default: False.
    """
    order = ["--node-rank=$(NODE_RANK)", f"--master-addr={job_name}-{_WORKER}-0-0.{job_name}"]
    return [
        "torchrun",
        f"--nnodes={nodes}",
        f"--nproc-per-node={processes_per_node}",
        *([] if by_topology else order),
        f"--master-port={_RENDEZVOUS_PORT}",
        *script,
    ]


def jobset(job: TrainingJob) -> list[Manifest]:
    """The job as a JobSet: all pods together or none, started again together when one fails.

    Raises:
        UnknownFactError: on UltraServers of Trainium, no source states how nodes are distinguished.
        FleetError: there, a job without a command.
    """
    job = _placed(job, _WORKER)
    ttl = job.ttl_seconds_after_finished
    spec = {
        "network": {"enableDNSHostnames": True},
        "failurePolicy": failure_policy(job),
        **({} if ttl is None else {"ttlSecondsAfterFinished": ttl}),
        "replicatedJobs": [
            {
                "name": _WORKER,
                "replicas": 1,
                "template": {"spec": _job_spec(job, pod_spec(job, container=_WORKER, env={"NODE_RANK": _INDEX}))},
            }
        ],
    }
    return [*_domain(job), kubernetes_object(
        JOBSET_API, "JobSet", job.name, namespace=job.namespace, labels=_queue(job), spec=spec
    )]  # fmt: skip


def train_job(job: TrainingJob) -> list[Manifest]:
    """The job as a TrainJob, with a TrainingRuntime of its own.

    The runtime can't be shared: the pods' claims name the job's ComputeDomain, and a TrainJob can't change claims
    (published CustomResourceDefinition of TrainJob, `runtimePatches`, high). The command is the script alone; Trainer
    sets the rest for torchrun.

    Raises:
        UnknownFactError: on UltraServers of Trainium, no source states how nodes are distinguished.
        FleetError: there, a job without a command.
    """
    job = _placed(job, _TRAINER_STEP)
    pod = pod_spec(job, container=_TRAINER_STEP)
    runtime = kubernetes_object(
        TRAINER_API,
        "TrainingRuntime",
        job.name,
        namespace=job.namespace,
        labels={"trainer.kubeflow.org/framework": "torch"},
        spec={
            "mlPolicy": {"numNodes": job.placement.nodes, "torch": {}},
            "template": {
                "spec": {
                    "failurePolicy": failure_policy(job),
                    "replicatedJobs": [
                        {
                            "name": _TRAINER_STEP,
                            "template": {
                                "metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}},
                                # As in a JobSet: one pod that fails starts the whole job again, and no pod alone.
                                "spec": {
                                    "backoffLimit": 0,
                                    "podFailurePolicy": pod_failure_policy(),
                                    "template": {
                                        "metadata": {"annotations": job.placement.annotations},
                                        "spec": pod,
                                    },
                                },
                            },
                        }
                    ],
                }
            },
        },
    )
    trainer: dict[str, Any] = {
        "image": job.image,
        "numNodes": job.placement.nodes,
        "numProcPerNode": job.processes_per_node,
    }
    return [
        *_domain(job),
        runtime,
        kubernetes_object(
            TRAINER_API,
            "TrainJob",
            job.name,
            namespace=job.namespace,
            labels=_queue(job),
            spec={
                "runtimeRef": {"apiGroup": "trainer.kubeflow.org", "kind": "TrainingRuntime", "name": job.name},
                "trainer": trainer,
            },
        ),
    ]


def pod_failure_policy() -> dict[str, Any]:
    """The Job's mark of a disruption: it fails with the reason `PodFailurePolicy`, not `BackoffLimitExceeded`.

    Kubernetes sets the condition `DisruptionTarget` on pods that the eviction API, a taint, preemption or the kubelet
    ends, or whose node is gone (Kubernetes documentation, disruptions, high).
    """
    return {"rules": [{"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]}


def failure_policy(job: TrainingJob) -> dict[str, Any]:
    """JobSet's answer to a failed Job: all pods start again, `max_restarts` times; after a disruption without counting.

    Source: JobSet documentation, failure policy, example of host maintenance (high).
    """
    return {
        "maxRestarts": job.max_restarts,
        "rules": [
            {
                "name": "disruption",
                "action": "RestartJobSetAndIgnoreMaxRestarts",
                "onJobFailureReasons": ["PodFailurePolicy"],
            }
        ],
    }


def _placed(job: TrainingJob, step: str) -> TrainingJob:
    """The job with the start that its nodes need: on UltraServers of Trainium its pods find their order first."""
    if not job.finds_its_order:
        return job
    host = f"{job.name}-{step}-0-{{}}.{job.name}"
    placement = job.placement
    command = ultraserver_command(
        job.node, job.command, host=host, nodes=placement.nodes, ultraservers=placement.ultraservers
    )
    return replace(job, command=command)


def _domain(job: TrainingJob) -> list[Manifest]:
    return [compute_domain(job, labels={JOB_LABEL: job.name})] if job.wants_compute_domain else []


def _queue(job: TrainingJob) -> dict[str, str]:
    return {_QUEUE_LABEL: job.namespace, _PRIORITY_LABEL: job.priority}


def _job_spec(job: TrainingJob, pod: dict[str, Any]) -> dict[str, Any]:
    return {
        "completionMode": "Indexed",
        "completions": job.placement.nodes,
        "parallelism": job.placement.nodes,
        "backoffLimit": 0,
        "podFailurePolicy": pod_failure_policy(),
        "template": {"metadata": {"annotations": job.placement.annotations}, "spec": pod},
    }
