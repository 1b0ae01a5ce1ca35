"""The pod of a training job: one for each node, with all of the node's accelerators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ultrafleet.acceptance.fabric_environment import EFA_ENVIRONMENT, ROCE_ENVIRONMENT
from ultrafleet.errors import FleetError
from ultrafleet.jobs.neuron import check_part_of_node, joins_nodes, neuron_environment, processes_per_node, scheduler_of
from ultrafleet.jobs.placement import JobPlacement
from ultrafleet.kubernetes.manifest import kubernetes_object, object_name
from ultrafleet.kubernetes.node_images import check_image
from ultrafleet.kubernetes.node_share import node_share
from ultrafleet.kubernetes.pool_nodes import PoolNodes

COMPUTE_DOMAIN_API = "resource.nvidia.com/v1beta1"
SERVICE_ACCOUNT = "training"
"""Service account of a team's jobs; its role may use the team's bucket."""

LUSTRE_CLAIM = "lustre"
"""Claim of a team's file system."""

_CLAIM = "compute-domain-channel"

_SHARED_MEMORY_PATH = "/dev/shm"  # noqa: S108 - a mount of the pod's own memory, which NCCL and data loaders use
_NAME_LENGTH = 40  # JobSet adds "-worker-0-17-abcde" to make names of pods


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """A job of a team.

    Attributes:
        name: name of the job, up to 40 characters.
        namespace: the team's.
        placement: nodes.
        image: container image with CUDA (or Neuron), NCCL, aws-ofi-nccl and EFA's libraries, for the nodes'
            architecture. There is no default: no image is known that fits every framework and architecture.
        command: what each node runs, instead of the image's own entry point. `torchrun_command` makes one.
        args: arguments.
        env: environment beside the library's.
        priority: Kueue priority class.
        max_restarts: how often JobSet starts the job again when a pod fails. Pods that were evicted, or lost their
            node, don't count: see `failure_policy`.
        termination_grace_period_seconds: seconds between SIGTERM and SIGKILL when a pod is evicted, for a last
            checkpoint. Default: Kubernetes' 30.
        ttl_seconds_after_finished: seconds after which a JobSet that is over is deleted with its pods and their logs on
            the nodes; None keeps it. A TrainJob stays. Default: a week.
        lustre_path: where the team's file system is mounted. Default: it isn't.
        service_account: service account of the pods.
        resources: more resources of each pod, as requests and limits, such as {"hugepages-2Mi": "5120Mi"}; or "cpu" and
            "memory" instead of half of what falls to the pod's accelerators. Default: none.
        accelerators: accelerators that a job on one node has of it. Default: all, which every job on several nodes has.
        nvlink: whether NVLink spans the job's nodes, by a ComputeDomain of its own; else EFA does. Default: where the
            job has all nodes of its UltraServers that jobs may have. Two ComputeDomains in one UltraServer fail at
            times (kubernetes-sigs/dra-driver-nvidia-gpu #892, open): state True only for a job that is alone in it.
    """

    name: str
    namespace: str
    placement: JobPlacement
    image: str
    command: Sequence[str] = ()
    args: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    priority: str = "training"
    max_restarts: int = 3
    termination_grace_period_seconds: int | None = None
    ttl_seconds_after_finished: int | None = 7 * 24 * 3600
    lustre_path: str | None = None
    service_account: str = SERVICE_ACCOUNT
    resources: Mapping[str, str] = field(default_factory=dict)
    accelerators: int | None = None
    nvlink: bool | None = None

    def __post_init__(self) -> None:
        object_name("name of the job", self.name, most=_NAME_LENGTH)
        if not self.image:
            raise FleetError(
                path="image",
                got="empty",
                expected="a container image for the nodes' architecture",
                remedy="pass one",
            )
        check_image("image", self.image, self.node, instead="an image for the nodes' architecture, or for both")
        if self.max_restarts < 0:
            raise FleetError(
                path="max_restarts",
                got=self.max_restarts,
                expected="0 or more",
                remedy="pass another",
            )
        for name in ("termination_grace_period_seconds", "ttl_seconds_after_finished"):
            if (getattr(self, name) or 0) < 0:
                raise FleetError(path=name, got=getattr(self, name), expected="0 or more", remedy="pass another")
        if self.accelerators is not None:
            self._check_part(self.accelerators)
        if self.nvlink and not (self.node.has_multi_node_nvlink and self.has_whole_nodes):
            raise FleetError(
                path="nvlink",
                got=f"True for {self.accelerators_per_node} accelerators of each {self.node.instance_type}",
                expected="whole nodes that NVLink joins",
                remedy="leave nvlink out",
            )

    def _check_part(self, accelerators: int) -> None:
        check_part_of_node(self.node, accelerators)
        if self.placement.nodes > 1 and accelerators != self.node.accelerators_per_node:
            raise FleetError(
                path="accelerators",
                got=f"{accelerators} on {self.placement.nodes} nodes",
                expected=f"{self.node.accelerators_per_node} of each",
                remedy="leave accelerators out, or pass 1 node",
            )

    @property
    def node(self) -> PoolNodes:
        """Node of the pools that the job may run on; pools of a flavor are alike."""
        return self.placement.flavor.pools[0]

    @property
    def processes_per_node(self) -> int:
        """Processes of a node: one for each GPU of the job's, or for each logical NeuronCore."""
        return processes_per_node(self.node, self.env, accelerators=self.accelerators)

    @property
    def accelerators_per_node(self) -> int:
        """Accelerators that the job has of each node."""
        return self.node.accelerators_per_node if self.accelerators is None else self.accelerators

    @property
    def has_whole_nodes(self) -> bool:
        """True if the job has every accelerator of its nodes, and with them their network."""
        return self.accelerators_per_node == self.node.accelerators_per_node

    @property
    def wants_compute_domain(self) -> bool:
        """True if NVLink is to span the job's nodes."""
        fills = self.placement.nodes % self.placement.flavor.nodes_per_ultraserver == 0
        wanted = fills if self.nvlink is None else self.nvlink
        return wanted and self.node.has_multi_node_nvlink and self.has_whole_nodes

    @property
    def finds_its_order(self) -> bool:
        """True if its pods find out at their start who is where: on UltraServers of Trainium."""
        return joins_nodes(self.node) and self.has_whole_nodes

    @property
    def channel_template(self) -> str:
        """Name of the claim template that the job's ComputeDomain makes."""
        return f"{self.name}-channel"


def compute_domain(job: TrainingJob, *, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The job's own ComputeDomain: memory that its nodes may export to each other, and to no other job.

    `numNodes` is deprecated and 0: which nodes take part follows from the pods (published
    CustomResourceDefinition, high).
    """
    return kubernetes_object(
        COMPUTE_DOMAIN_API,
        "ComputeDomain",
        job.name,
        namespace=job.namespace,
        labels=labels,
        spec={
            "numNodes": 0,
            "channel": {"allocationMode": "Single", "resourceClaimTemplate": {"name": job.channel_template}},
        },
    )


def communication_environment(node: PoolNodes, *, whole: bool = True, nvlink: bool = True) -> dict[str, str]:
    """Environment variables that NCCL needs; aws-ofi-nccl sets all others, from 1.21 on also for P6e.

    Source: AWS samples for P6e on EKS, aws-ofi-nccl release notes (high). Of Neuron's nodes: see `neuron_environment`.

    Args:
        node: node of the pool.
        whole: whether the pod has the whole node, and with it its network. Default: True.
        nvlink: whether NVLink spans the pods, where it joins nodes. Default: True.
    """
    if node.instance_type.accelerator_kind == "neuron":
        return neuron_environment(node, network=whole)
    if node.instance_type.accelerator_kind != "nvidia" or not whole:
        return {}
    found = dict(ROCE_ENVIRONMENT if node.roce_interfaces else EFA_ENVIRONMENT if node.efa_interfaces else {})
    if not node.has_multi_node_nvlink:
        return found
    # Without a ComputeDomain NCCL must not try: it finds that NVLink joins the nodes, and fails to export memory.
    return {**found, **({"NCCL_MNNVL_ENABLE": "1", "NCCL_NVLS_ENABLE": "1"} if nvlink else {"NCCL_MNNVL_ENABLE": "0"})}


def pod_spec(job: TrainingJob, *, container: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Pod spec of a job.

    Args:
        job: the job.
        container: name of its container.
        env: more environment.
    """
    node = job.node
    counts = {node.accelerator_resource: str(job.accelerators_per_node)}
    network = node.network if job.has_whole_nodes else None
    resources: dict[str, Any] = {
        "limits": {**job.resources, **counts},
        "requests": {**node_share(node, job.accelerators_per_node), **job.resources, **counts},
    }
    environment = {
        **communication_environment(node, whole=job.has_whole_nodes, nvlink=job.wants_compute_domain),
        **(env or {}),
        **job.env,
    }
    volumes: list[dict[str, Any]] = [{"name": "shared-memory", "emptyDir": {"medium": "Memory"}}]
    mounts = [{"name": "shared-memory", "mountPath": _SHARED_MEMORY_PATH}]
    if job.lustre_path is not None:
        volumes.append({"name": "lustre", "persistentVolumeClaim": {"claimName": LUSTRE_CLAIM}})
        mounts.append({"name": "lustre", "mountPath": job.lustre_path})
    scheduler = scheduler_of(node, job.accelerators_per_node)
    grace = job.termination_grace_period_seconds
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        **({"schedulerName": scheduler} if scheduler else {}),
        **({} if grace is None else {"terminationGracePeriodSeconds": grace}),
        "serviceAccountName": job.service_account,
        "nodeSelector": job.placement.node_selector,
        # Kueue adds them, too; here they make a job that doesn't go through a queue land as well.
        "tolerations": [taint.toleration for taint in node.taints],
        "containers": [
            {
                "name": container,
                "image": job.image,
                **({"command": list(job.command)} if job.command else {}),
                **({"args": list(job.args)} if job.args else {}),
                "env": [_variable(name, value) for name, value in environment.items()],
                "resources": resources,
                # RDMA registers memory, which it locks. AWS's samples disagree on whether that needs the capability
                # (awslabs/awsome-distributed-ai: nvrx has it, nccl-tests on GB200 doesn't, high).
                **({"securityContext": {"capabilities": {"add": ["IPC_LOCK"]}}} if network is not None else {}),
                "volumeMounts": mounts,
            }
        ],
        "volumes": volumes,
    }
    if job.wants_compute_domain:
        resources["claims"] = [{"name": _CLAIM}]
        spec["resourceClaims"] = [{"name": _CLAIM, "resourceClaimTemplateName": job.channel_template}]
    if network is not None:
        network.add_to(spec, spec["containers"][0])
    return spec


def _variable(name: str, value: str) -> dict[str, Any]:
    """A variable; `field:PATH` takes the value from the pod itself."""
    if value.startswith("field:"):
        return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": value.removeprefix("field:")}}}
    return {"name": name, "value": value}
