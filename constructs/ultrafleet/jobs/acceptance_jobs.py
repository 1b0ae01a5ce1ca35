"""The tests that a pool's nodes have to pass before other jobs: the objects of a run, and a template of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ultrafleet.acceptance import Threshold, UnknownThresholdError, threshold
from ultrafleet.acceptance.image import AWS_IMAGE, KEYS, PYTHON, SSH_PORT, worker_script
from ultrafleet.acceptance.run_template import NODE_GROUP, NODE_LIST, NODE_NAMES, NODES, RUN, fill
from ultrafleet.errors import UnknownFactError
from ultrafleet.jobs import neuron_acceptance as neuron
from ultrafleet.jobs.acceptance_package import package_config_maps, package_volume
from ultrafleet.jobs.placement import JobPlacement
from ultrafleet.jobs.pod import TrainingJob, compute_domain, pod_spec
from ultrafleet.jobs.training_jobs import TRAINER_API
from ultrafleet.kubernetes.labels import POOL_LABEL, ULTRASERVER_LABEL
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object
from ultrafleet.kubernetes.network_devices import network_claim_templates
from ultrafleet.kubernetes.node_images import check_image
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.kubernetes.taint import SPARE_TAINT, UNPROVEN_TAINT
from ultrafleet.queueing.flavors import fleet_flavors

ACCEPTANCE_NAMESPACE = "acceptance"

_ACCOUNT = "acceptance"
_PRIORITY = "acceptance"
_STEP = "trainer.kubeflow.org/trainjob-ancestor-step"
_SECONDS = 90 * 60
"""Seconds from a run's start until it has failed, should it hang: more than its steps may take together."""


def acceptance_paths(pool: PoolNodes) -> tuple[str, ...]:
    """Tested paths of a pool: NVLink or NeuronLink where it joins nodes, EFA or RoCE where there are several."""
    return pool.acceptance_paths


def acceptance_floor(pool: PoolNodes, path: str, floors: Mapping[Any, float]) -> Threshold:
    """Minimum bus bandwidth of a pool in GB/s.

    Args:
        pool: the pool.
        path: "nvlink", "neuronlink", "efa" or "roce".
        floors: floors of your own in GB/s, by path.

    Raises:
        UnknownFactError: no source publishes one for the type, and none was passed.
    """
    if neuron.is_neuron(pool):
        return neuron.neuron_floor(pool, path, floors)
    try:
        return threshold(str(pool.instance_type), path, min_bus_bandwidth_gbs=floors.get(path))
    except UnknownThresholdError as error:
        raise UnknownFactError(
            path="no floor",
            got=f"published for {pool.instance_type} over {path}",
            expected=f"one for pool {pool.pool_name}",
            remedy=f"pass the GB/s of bus bandwidth that it has to reach, by path ({path!r})",
        ) from error


def shared_acceptance_manifests(pools: Sequence[PoolNodes] = ()) -> list[Manifest]:
    """Namespace, account and rights of the launchers, priority, package and claim templates of all acceptance runs.

    Args:
        pools: the tested pools, whose network devices runs claim. Default: none that claim them.
    """
    return [
        kubernetes_object("v1", "Namespace", ACCEPTANCE_NAMESPACE),
        kubernetes_object("v1", "ServiceAccount", _ACCOUNT, namespace=ACCEPTANCE_NAMESPACE),
        # A launcher writes its result, once: it can neither read nor change what is there.
        kubernetes_object(
            "rbac.authorization.k8s.io/v1",
            "Role",
            _ACCOUNT,
            namespace=ACCEPTANCE_NAMESPACE,
            rules=[{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}],
        ),
        kubernetes_object(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            _ACCOUNT,
            namespace=ACCEPTANCE_NAMESPACE,
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": _ACCOUNT},
            subjects=[{"kind": "ServiceAccount", "name": _ACCOUNT, "namespace": ACCEPTANCE_NAMESPACE}],
        ),
        # Before every job of a queue: what was not tested is not to be trained on.
        kubernetes_object(
            "scheduling.k8s.io/v1",
            "PriorityClass",
            _PRIORITY,
            value=1_000_000,
            preemptionPolicy="Never",
            description="tests of nodes that have just come up; it takes no node away from a job that runs",
        ),
        *network_claim_templates((pool.network for pool in pools), ACCEPTANCE_NAMESPACE),
        *package_config_maps(ACCEPTANCE_NAMESPACE),
    ]


def acceptance_template(pool: PoolNodes, *, image: str, floors: Mapping[Any, float] | None = None) -> dict[str, Any]:
    """Template of a pool's runs, as JSON; `ultrafleet.acceptance.run_template.fill` makes the objects of one of it.

    One launcher, which starts when all workers are ready, and is never started again: a test that passes at the third
    try has failed. Not through a queue, which would leave spare nodes untested.

    Args:
        pool: the pool.
        image: image that has what `ultrafleet.acceptance.image` says, for the nodes' architecture.
        floors: floors of your own in GB/s, by path: "nvlink", "efa", "roce", and "node" for a node's own accelerators.
            Default: the published ones.

    Returns:
        The template; without manifests where there is nothing to test.

    Raises:
        FleetError: the image is for another architecture.
        UnknownFactError: no source publishes a floor for the type, and none was passed.
    """
    floor = {path: acceptance_floor(pool, path, floors or {}) for path in acceptance_paths(pool)}
    if not floor:
        return {"manifests": []}
    if "node" in (floors or {}):
        floor["node"] = acceptance_floor(pool, "node", floors or {})
    check_image(
        f"image of pool {pool.pool_name}",
        image,
        pool,
        instead=f"one, such as {AWS_IMAGE}, which is of both architectures",
    )
    (flavor,) = fleet_flavors([pool])
    job = TrainingJob(
        name=RUN,
        namespace=ACCEPTANCE_NAMESPACE,
        placement=JobPlacement(flavor=flavor, nodes=pool.nodes_at_hand),
        image=image,
        service_account=_ACCOUNT,
        max_restarts=0,
    )
    domain = [compute_domain(job)] if job.wants_compute_domain else []
    return {"manifests": [*domain, _runtime(job, floor), _train_job(job)]}


def acceptance_job(pool: PoolNodes, *, image: str, floors: Mapping[Any, float] | None = None) -> list[Manifest]:
    """The tests of a pool on all nodes of one block, whichever: ComputeDomain, runtime and job.

    Args:
        pool: the pool.
        image: image that has what `ultrafleet.acceptance.image` says, for the nodes' architecture.
        floors: floors of your own in GB/s, by path: "nvlink", "efa", "roce", and "node" for a node's own accelerators.
            Default: the published ones.

    Returns:
        The objects; none where there is nothing to test.

    Raises:
        FleetError: the image is for another architecture.
        UnknownFactError: no source publishes a floor for the type, and none was passed.
    """
    template = acceptance_template(pool, image=image, floors=floors)
    # A TrainJob can't be changed: another number of nodes is another test.
    run = f"{pool.pool_name}-{pool.nodes_at_hand}"
    return list(fill(template, run=run, node_group=None, node_names=(), nodes=pool.nodes_at_hand))


def _train_job(job: TrainingJob) -> Manifest:
    return kubernetes_object(
        TRAINER_API,
        "TrainJob",
        RUN,
        namespace=ACCEPTANCE_NAMESPACE,
        spec={
            "runtimeRef": {"apiGroup": "trainer.kubeflow.org", "kind": "TrainingRuntime", "name": RUN},
            "activeDeadlineSeconds": _SECONDS,
            "trainer": {"numNodes": NODES, "numProcPerNode": job.processes_per_node},
        },
    )


def _on_the_nodes(job: TrainingJob) -> dict[str, Any]:
    """Fields that put the pods of a run on its nodes, tested or not; no queue places them."""
    return {
        "nodeSelector": {POOL_LABEL: job.node.pool_name, job.node.node_group_label: NODE_GROUP},
        "affinity": {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": NODE_NAMES}}
        },
        "tolerations": [taint.toleration for taint in (*job.node.taints, UNPROVEN_TAINT, SPARE_TAINT)],
        "priorityClassName": _PRIORITY,
    }


def _launcher(job: TrainingJob, floors: Mapping[str, Threshold]) -> dict[str, Any]:
    arguments = {
        "run": RUN,
        "nodes": NODE_LIST,
        "instance-type": str(job.node.instance_type),
        "gpus": str(job.processes_per_node),
        "paths": ",".join(path for path in floors if path != "node"),
    }
    own = [f"--floor={path}={floor.bus_bandwidth_gbs:g}" for path, floor in floors.items() if floor.source == "caller"]
    of_neuron = neuron.is_neuron(job.node)
    command = [PYTHON, "-m", neuron.LAUNCHER if of_neuron else "ultrafleet.acceptance.run"]
    own += neuron.neuron_arguments(job.node) if of_neuron else []
    return {
        "restartPolicy": "Never",
        "serviceAccountName": _ACCOUNT,
        **_on_the_nodes(job),
        "containers": [
            {
                "name": "node",
                "image": job.image,
                "command": [
                    *command,
                    *(word for name, value in arguments.items() for word in (f"--{name}", value)),
                    *own,
                ],
                # It asks for no GPU, and images of CUDA's say "all": workers alone have them.
                "env": [
                    {"name": "PYTHONPATH", "value": "/opt/ultrafleet"},
                    {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"},
                ],
                "volumeMounts": [{"name": "package", "mountPath": "/opt/ultrafleet"}],
            }
        ],
        "volumes": [package_volume()],
    }


def _one_ultraserver() -> dict[str, Any]:
    """Affinity of the pods to one another: while blocks overlap the pool has two UltraServers, two NVLink domains.

    No queue places these pods. JobSet labels them, and calls its set after the TrainJob (JobSet documentation, high).
    """
    same = {"jobset.sigs.k8s.io/jobset-name": RUN, "jobset.sigs.k8s.io/replicatedjob-name": "node"}
    term = {"labelSelector": {"matchLabels": same}, "topologyKey": ULTRASERVER_LABEL}
    return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def _worker(job: TrainingJob) -> dict[str, Any]:
    command = ("bash", "-c", neuron.neuron_worker_script() if neuron.is_neuron(job.node) else worker_script())
    pod = pod_spec(replace(job, command=command, env={"NODE_NAME": "field:spec.nodeName"}), container="node")
    pod.update(_on_the_nodes(job))
    pod["automountServiceAccountToken"] = False
    if job.node.ultraserver_type is not None:
        pod["affinity"] = {**pod["affinity"], **_one_ultraserver()}
    pod["containers"][0]["ports"] = [{"containerPort": SSH_PORT}]
    pod["containers"][0]["readinessProbe"] = {"tcpSocket": {"port": SSH_PORT}, "periodSeconds": 5}
    return pod


def _runtime(job: TrainingJob, floors: Mapping[str, Threshold]) -> Manifest:
    """Kubeflow Trainer's own way to run MPI: keys and host list are the controller's (its deepspeed runtime, high).

    `mlPolicy.numNodes` counts the step with the trainer's label, which is the launcher; the number of workers is the
    TrainJob's (kubeflow/trainer 2.3.0, trainingruntime.go and mpi.go, seen on the real controller).
    """
    return kubernetes_object(
        TRAINER_API,
        "TrainingRuntime",
        RUN,
        namespace=ACCEPTANCE_NAMESPACE,
        labels={"trainer.kubeflow.org/framework": "mpi"},
        spec={
            "mlPolicy": {
                "numNodes": 1,
                "mpi": {
                    "numProcPerNode": job.processes_per_node,
                    "mpiImplementation": "OpenMPI",
                    "sshAuthMountPath": KEYS,
                    "runLauncherAsNode": False,
                },
            },
            "template": {
                "spec": {
                    "network": {"publishNotReadyAddresses": True},
                    "successPolicy": {"operator": "All", "targetReplicatedJobs": ["launcher"]},
                    "failurePolicy": {"maxRestarts": 0},
                    "replicatedJobs": [
                        {
                            "name": "node",
                            "template": {"spec": {"backoffLimit": 0, "template": {"spec": _worker(job)}}},
                        },
                        {
                            "name": "launcher",
                            "dependsOn": [{"name": "node", "status": "Ready"}],
                            "template": {
                                "metadata": {"labels": {_STEP: "trainer"}},
                                "spec": {"backoffLimit": 0, "template": {"spec": _launcher(job, floors)}},
                            },
                        },
                    ],
                }
            },
        },
    )
