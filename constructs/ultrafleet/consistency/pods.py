"""Pods that objects make, as far as their specifications say."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.labels import ULTRASERVER_LABEL
from ultrafleet.kubernetes.manifest import Manifest, object_id

OURS = "ultrafleet/"
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
LWS_NAME_LABEL = "leaderworkerset.sigs.k8s.io/name"
REQUIRED_TOPOLOGY = "kueue.x-k8s.io/podset-required-topology"
TRAINER_STEP_LABEL = "trainer.kubeflow.org/trainjob-ancestor-step"
_LWS_INDEX_LABEL = "leaderworkerset.sigs.k8s.io/worker-index"


@dataclass(frozen=True, kw_only=True)
class PodUse:
    """Pods of one kind that an object makes.

    Attributes:
        owner: the object, as `object_id` names it.
        namespace: where they are.
        labels: their labels.
        annotations: their annotations.
        spec: their specification.
        count: how many; None where something else decides.
        queue: the queue that admits them, if any.
        together: pods with accelerators that work on one thing together, these among them: all of a job, those of one
            group of a LeaderWorkerSet; 1 of pods that work alone.
    """

    owner: str
    namespace: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    spec: Mapping[str, Any]
    count: int | None
    queue: str | None
    together: int = 1

    def requests(self, resource: str) -> int:
        """Amount of an extended resource that one pod requests."""
        return sum(
            int(container.get("resources", {}).get("limits", {}).get(resource, 0))
            for container in self.spec.get("containers", [])
        )

    @property
    def accelerators(self) -> int:
        """Accelerators that one pod asks for."""
        return self.requests("nvidia.com/gpu") + self.requests("aws.amazon.com/neuron")

    @property
    def in_one_ultraserver(self) -> bool:
        """True if pods that work together have to be in one UltraServer: by Kueue's annotation or by their affinity."""
        affinity = self.spec.get("affinity", {}).get("podAffinity", {})
        terms = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", [])
        return self.annotations.get(REQUIRED_TOPOLOGY) == ULTRASERVER_LABEL or any(
            term["topologyKey"] == ULTRASERVER_LABEL for term in terms
        )

    @property
    def containers(self) -> list[Mapping[str, Any]]:
        """All of its containers, with those that run before the others."""
        return [*self.spec.get("initContainers", []), *self.spec.get("containers", [])]

    @property
    def environment(self) -> dict[str, str]:
        """Variables of its containers whose values are stated."""
        return {
            item["name"]: str(item["value"])
            for container in self.spec.get("containers", [])
            for item in container.get("env", [])
            if "value" in item
        }

    @property
    def claims(self) -> list[Mapping[str, Any]]:
        """Entries of its resourceClaims."""
        found: list[Mapping[str, Any]] = self.spec.get("resourceClaims", [])
        return found

    @property
    def claim_templates(self) -> dict[str, str | None]:
        """Templates of its claims by the names that containers use; None of a claim that exists without one."""
        return {claim["name"]: claim.get("resourceClaimTemplateName") for claim in self.claims}


def pods_of(manifest: Manifest, train_jobs: Sequence[Manifest]) -> list[PodUse]:
    """Pods that an object makes.

    Args:
        manifest: the object.
        train_jobs: TrainJobs, which decide about the pods of their runtimes.

    Raises:
        FleetError: the object lacks a field that its kind requires.
    """
    try:
        return list(_pods(manifest, train_jobs))
    except KeyError as missing:
        raise FleetError(
            path=object_id(manifest),
            verb="has",
            got=f"no {missing.args[0]}",
            expected=f"the fields that a {manifest['kind']} requires",
            remedy="add it: the API server refuses the object without",
        ) from missing


def _pods(manifest: Manifest, train_jobs: Sequence[Manifest]) -> Iterator[PodUse]:
    spec = manifest.get("spec", {})
    match manifest["kind"]:
        case "Deployment" | "StatefulSet":
            yield _use(manifest, spec["template"], spec.get("replicas", 1))
        case "Pod":
            yield _use(manifest, manifest, 1)
        case "CronJob":
            made = _pods({**manifest, "spec": spec["jobTemplate"]["spec"], "kind": "Job"}, train_jobs)
            yield from (replace(pod, owner=object_id(manifest)) for pod in made)
        case "MPIJob":
            yield from _of_mpi(manifest)
        case "DaemonSet":
            yield _use(manifest, spec["template"], None)
        case "Job":
            count = spec.get("parallelism", 1)
            # Pods of other Jobs have no names that they could find each other by.
            together = count if spec.get("completionMode") == "Indexed" else 1
            yield replace(_use(manifest, spec["template"], count), together=together)
        case "JobSet":
            yield from _of_jobs(manifest, spec, manifest["metadata"].get("labels", {}).get(QUEUE_LABEL))
        case "TrainingRuntime" | "ClusterTrainingRuntime":
            yield from _of_runtime(manifest, train_jobs)
        case "LeaderWorkerSet":
            yield from _of_groups(manifest)


def _of_mpi(manifest: Manifest) -> Iterator[PodUse]:
    """Pods of an MPIJob of Kubeflow's MPI operator: its launcher and its workers."""
    found = [
        _use(manifest, part["template"], part.get("replicas", 1))
        for part in manifest["spec"]["mpiReplicaSpecs"].values()
    ]
    together = sum(pod.count or 0 for pod in found if pod.accelerators)
    yield from (replace(pod, together=together if pod.accelerators else 1) for pod in found)


def _of_runtime(manifest: Manifest, train_jobs: Sequence[Manifest]) -> Iterator[PodUse]:
    """Pods of a runtime's steps.

    The policy counts the step with Trainer's label, the TrainJob its nodes, which are MPI's workers (kubeflow/trainer
    2.3.0, trainingruntime.go and mpi.go, high).
    """
    spec = manifest["spec"]
    policy = spec.get("mlPolicy", {})
    jobs = [job for job in train_jobs if _runs(job, manifest)]
    queue = next((job["metadata"].get("labels", {}).get(QUEUE_LABEL) for job in jobs), None)
    nodes = max((job["spec"].get("trainer", {}).get("numNodes", 0) for job in jobs), default=0)
    for step in spec["template"]["spec"]["replicatedJobs"]:
        (pod,) = _of_jobs(manifest, {"replicatedJobs": [step]}, queue)
        counted = TRAINER_STEP_LABEL in step["template"].get("metadata", {}).get("labels", {})
        if "mpi" in policy:
            count = policy.get("numNodes", 1) if counted else nodes or pod.count
        else:
            count = (nodes or policy.get("numNodes", 1)) if counted else pod.count
        spec = _trained(pod.spec, jobs, counted=counted)
        yield replace(pod, count=count, spec=spec, together=(count or 1) if pod.accelerators else 1)


def _trained(spec: Mapping[str, Any], jobs: list[Manifest], *, counted: bool) -> Mapping[str, Any]:
    """A step's pod as a TrainJob changes it: command, arguments and variables are of the step with Trainer's label."""
    for trainer in (job["spec"].get("trainer", {}) for job in jobs):
        container = dict(spec["containers"][0])
        if counted:
            container.update({key: trainer[key] for key in ("command", "args", "image") if key in trainer})
            container["env"] = [*container.get("env", []), *trainer.get("env", [])]
        if isinstance(trainer.get("numProcPerNode"), int):
            processes = {"name": "PET_NPROC_PER_NODE", "value": str(trainer["numProcPerNode"])}
            container["env"] = [*container.get("env", []), processes]
        spec = {**spec, "containers": [container, *spec["containers"][1:]]}
    return spec


def _runs(job: Manifest, runtime: Manifest) -> bool:
    reference = job["spec"]["runtimeRef"]
    return bool(reference["name"] == runtime["metadata"]["name"] and reference.get("kind") == runtime["kind"])


def _of_jobs(manifest: Manifest, spec: Mapping[str, Any], queue: str | None) -> Iterator[PodUse]:
    found: list[PodUse] = []
    for job in spec["replicatedJobs"]:
        inner = job["template"]["spec"]
        count = inner.get("parallelism", 1) * job.get("replicas", 1)
        found.append(_use(manifest, inner["template"], count, queue=queue))
    together = sum(pod.count or 0 for pod in found if pod.accelerators)
    yield from (replace(pod, together=together if pod.accelerators else 1) for pod in found)


def _of_groups(manifest: Manifest) -> Iterator[PodUse]:
    spec = manifest["spec"]
    template = spec["leaderWorkerTemplate"]
    size, replicas = template.get("size", 1), spec.get("replicas")
    queue = manifest["metadata"].get("labels", {}).get(QUEUE_LABEL)
    labels = {LWS_NAME_LABEL: manifest["metadata"]["name"]}
    leader = template.get("leaderTemplate", template["workerTemplate"])
    found = [_use(manifest, leader, replicas, queue=queue, labels={**labels, _LWS_INDEX_LABEL: "0"})]
    if size > 1:
        workers = replicas * (size - 1) if replicas is not None else None
        found.append(_use(manifest, template["workerTemplate"], workers, queue=queue, labels=labels))
    counts = (1, size - 1)
    together = sum(count for pod, count in zip(found, counts, strict=False) if pod.accelerators)
    yield from (replace(pod, together=together if pod.accelerators else 1) for pod in found)


def _use(
    manifest: Manifest,
    template: Mapping[str, Any],
    count: int | None,
    *,
    queue: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> PodUse:
    metadata = template.get("metadata", {})
    return PodUse(
        owner=object_id(manifest),
        namespace=manifest["metadata"].get("namespace", "default"),
        labels={**metadata.get("labels", {}), **(labels or {})},
        annotations=metadata.get("annotations", {}),
        spec=template["spec"],
        count=count,
        queue=queue or manifest["metadata"].get("labels", {}).get(QUEUE_LABEL),
    )
