"""The jobs that a pool has to pass when its nodes are first there: nccl-tests over NVLink, and over EFA."""

from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from typing import Any

from ultrafleet.acceptance import Threshold, UnknownThresholdError, threshold
from ultrafleet.errors import UnknownFactError
from ultrafleet.jobs.placement import JobPlacement
from ultrafleet.jobs.pod import TrainingJob, compute_domain, pod_spec
from ultrafleet.jobs.training_jobs import TRAINER_API
from ultrafleet.kubernetes.labels import POOL_LABEL, ULTRASERVER_LABEL
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.queueing.flavors import fleet_flavors

ACCEPTANCE_NAMESPACE = "acceptance"
_ACCOUNT = "acceptance"
_PRIORITY = "acceptance"
_PARSER = "acceptance-parser"
_PARSER_FILES = ("__init__", "__main__", "command", "nccl_log", "thresholds", "verdict")
_SSH_PORT = 2222
_SSH_PATH = "/home/mpiuser/.ssh"
_STEP = "trainer.kubeflow.org/trainjob-ancestor-step"
_SIZES = "-b 8M -e 16G -f 2 -g 1 -n 20"
"""From where latency ends to where bandwidth stops growing in published runs; our choice."""


def acceptance_paths(pool: PoolNodes) -> tuple[str, ...]:
    """Tested paths of a pool: NVLink where it spans nodes, EFA where there are several nodes of NVIDIA's."""
    return pool.acceptance_paths


def acceptance_floor(pool: PoolNodes, path: str, floors: Mapping[Any, float]) -> Threshold:
    """Minimum bus bandwidth of a pool in GB/s.

    Args:
        pool: the pool.
        path: "nvlink" or "efa".
        floors: floors of your own in GB/s, by path.

    Raises:
        UnknownFactError: no source publishes one for the type, and none was passed.
    """
    try:
        return threshold(str(pool.instance_type), path, min_bus_bandwidth_gbs=floors.get(path))
    except UnknownThresholdError as error:
        raise UnknownFactError(
            path="no floor",
            got=f"published for {pool.instance_type} over {path}",
            expected=f"one for pool {pool.pool_name}",
            remedy=f"pass the GB/s of bus bandwidth that it has to reach, by path ({path!r})",
        ) from error


def shared_acceptance_manifests() -> list[Manifest]:
    """Namespace, account, priority and parser of all acceptance jobs."""
    package = files("ultrafleet.acceptance")
    parser = {f"{name}.py": (package / f"{name}.py").read_text() for name in _PARSER_FILES}
    return [
        kubernetes_object("v1", "Namespace", ACCEPTANCE_NAMESPACE),
        kubernetes_object("v1", "ServiceAccount", _ACCOUNT, namespace=ACCEPTANCE_NAMESPACE),
        # Before every job of a queue: what was not tested is not to be trained on.
        kubernetes_object(
            "scheduling.k8s.io/v1",
            "PriorityClass",
            _PRIORITY,
            value=1_000_000,
            preemptionPolicy="Never",
            description="tests of nodes that have just come up; it takes no node away from a job that runs",
        ),
        kubernetes_object(
            "v1", "ConfigMap", _PARSER, namespace=ACCEPTANCE_NAMESPACE, data={**parser, "package.py": ""}
        ),
    ]


def acceptance_job(pool: PoolNodes, *, image: str, floors: Mapping[Any, float] | None = None) -> list[Manifest]:
    """The tests of a pool, one after the other on all nodes of one block: ComputeDomain, runtime and job.

    It waits until the nodes are there. One job, because two would each hold some of the nodes and wait for the rest;
    and not through a queue, which would leave spare nodes untested.

    Args:
        pool: the pool.
        image: image with `all_reduce_perf`, Open MPI, sshd and Python 3.11, for the nodes' architecture.
        floors: floors of your own in GB/s, by path. Default: the published ones.

    Returns:
        The objects; none where there is nothing to test.

    Raises:
        UnknownFactError: no source publishes a floor for the type, and none was passed.
    """
    floor = {path: acceptance_floor(pool, path, floors or {}) for path in acceptance_paths(pool)}
    if not floor:
        return []
    (flavor,) = fleet_flavors([pool])
    job = TrainingJob(
        # A TrainJob can't be changed: another number of nodes is another test.
        name=f"{pool.pool_name}-{pool.nodes_at_hand}",
        namespace=ACCEPTANCE_NAMESPACE,
        placement=JobPlacement(flavor=flavor, nodes=pool.nodes_at_hand),
        image=image,
        service_account=_ACCOUNT,
        max_restarts=0,
    )
    domain = [compute_domain(job)] if job.wants_compute_domain else []
    return [
        *domain,
        _runtime(job, launcher=_launcher(job, floor)),
        kubernetes_object(
            TRAINER_API,
            "TrainJob",
            job.name,
            namespace=ACCEPTANCE_NAMESPACE,
            spec={
                "runtimeRef": {"apiGroup": "trainer.kubeflow.org", "kind": "TrainingRuntime", "name": job.name},
                "trainer": {"numNodes": pool.nodes_at_hand, "numProcPerNode": pool.accelerators_per_node},
            },
        ),
    ]


def _test(job: TrainingJob, path: str, floor: Threshold) -> str:
    """Shell words of one test: the run, and the verdict on what it printed."""
    ranks = job.placement.nodes * job.processes_per_node
    nvlink = "1" if path == "nvlink" else "0"
    # The test of EFA is one of EFA alone: NVLink between nodes, and NVLink's own reductions, are off.
    variables = {"NCCL_DEBUG": "INFO", "FI_PROVIDER": "efa", "NCCL_MNNVL_ENABLE": nvlink, "NCCL_NVLS_ENABLE": nvlink}
    exported = " ".join(f"-x {name}={value}" for name, value in variables.items())
    run = f"mpirun --allow-run-as-root --bind-to none -np {ranks} {exported} all_reduce_perf {_SIZES}"
    own = f" --min-bus-bandwidth-gbs {floor.bus_bandwidth_gbs:g}" if floor.source == "caller" else ""
    judged = (
        f"python3 -m ultrafleet.acceptance /tmp/{path}.log --path {path} "
        f"--instance-type {job.node.instance_type} --ranks {ranks}{own}"
    )
    # The verdict is the job's: whatever mpirun returns, a log without its end doesn't pass.
    return f"{run} 2>&1 | tee /tmp/{path}.log; {judged} || failed=1"


def _launcher(job: TrainingJob, floors: Mapping[str, Threshold]) -> dict[str, Any]:
    tests = [_test(job, path, floor) for path, floor in floors.items()]
    package = [{"key": f"{name}.py", "path": f"ultrafleet/acceptance/{name}.py"} for name in _PARSER_FILES]
    package.append({"key": "package.py", "path": "ultrafleet/__init__.py"})
    return {
        "restartPolicy": "Never",
        "serviceAccountName": _ACCOUNT,
        "priorityClassName": _PRIORITY,
        "nodeSelector": {POOL_LABEL: job.node.pool_name},
        "tolerations": [taint.toleration for taint in job.node.taints],
        "containers": [
            {
                "name": "node",
                "image": job.image,
                "command": ["bash", "-c", "\n".join(["failed=0", *tests, "exit $failed"])],
                "env": [{"name": "PYTHONPATH", "value": "/opt/ultrafleet"}],
                "volumeMounts": [{"name": "parser", "mountPath": "/opt/ultrafleet"}],
            }
        ],
        "volumes": [{"name": "parser", "configMap": {"name": _PARSER, "items": package}}],
    }


def _one_ultraserver(job: TrainingJob) -> dict[str, Any]:
    """Affinity of the pods to one another: while blocks overlap the pool has two UltraServers, two NVLink domains.

    No queue places these pods. JobSet labels them, and calls its set after the TrainJob (JobSet documentation, high).
    """
    same = {"jobset.sigs.k8s.io/jobset-name": job.name, "jobset.sigs.k8s.io/replicatedjob-name": "node"}
    term = {"labelSelector": {"matchLabels": same}, "topologyKey": ULTRASERVER_LABEL}
    return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def _runtime(job: TrainingJob, *, launcher: dict[str, Any]) -> dict[str, Any]:
    """Kubeflow Trainer's own way to run MPI: keys and host list are the controller's (its deepspeed runtime, high)."""
    worker = pod_spec(replace(job, command=("/usr/sbin/sshd",), args=("-De", "-p", str(_SSH_PORT))), container="node")
    worker["nodeSelector"] = {POOL_LABEL: job.node.pool_name}
    worker["priorityClassName"] = _PRIORITY
    if job.node.ultraserver_type is not None:
        worker["affinity"] = _one_ultraserver(job)
    worker["containers"][0]["ports"] = [{"containerPort": _SSH_PORT}]
    worker["containers"][0]["readinessProbe"] = {"tcpSocket": {"port": _SSH_PORT}, "periodSeconds": 5}
    return kubernetes_object(
        TRAINER_API,
        "TrainingRuntime",
        job.name,
        namespace=job.namespace,
        labels={"trainer.kubeflow.org/framework": "mpi"},
        spec={
            "mlPolicy": {
                "numNodes": job.placement.nodes,
                "mpi": {
                    "numProcPerNode": job.processes_per_node,
                    "mpiImplementation": "OpenMPI",
                    "sshAuthMountPath": _SSH_PATH,
                    "runLauncherAsNode": False,
                },
            },
            "template": {
                "spec": {
                    "network": {"publishNotReadyAddresses": True},
                    "successPolicy": {"operator": "All", "targetReplicatedJobs": ["launcher"]},
                    "replicatedJobs": [
                        {
                            "name": "launcher",
                            "template": {
                                "metadata": {"labels": {_STEP: "trainer"}},
                                "spec": {"template": {"spec": launcher}},
                            },
                        },
                        {"name": "node", "template": {"spec": {"template": {"spec": worker}}}},
                    ],
                }
            },
        },
    )
