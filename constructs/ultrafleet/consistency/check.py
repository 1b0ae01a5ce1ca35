"""Consistency of pools, queues, jobs, models and charts with each other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ultrafleet.catalog import image_architectures
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.consistency import (
    claim_rules,
    image_rules,
    network_rules,
    node_rules,
    placement_rules,
    queue_rules,
    reference_rules,
    scaling_rules,
    serving_rules,
    together_rules,
    topology_rules,
    training_rules,
)
from ultrafleet.consistency.acceptance_runs import acceptance_runs
from ultrafleet.consistency.content import Content
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.chart import ChartRelease
from ultrafleet.kubernetes.manifest import Manifest
from ultrafleet.kubernetes.pool_nodes import PoolNodes

_KUBERNETES: Final = "https://kubernetes.io/docs/concepts"
_KUEUE: Final = "https://kueue.sigs.k8s.io/docs/concepts"


@dataclass(frozen=True, kw_only=True)
class ConsistencyRule:
    """Rule of what pools, queues, jobs, models and charts of a cluster have to agree on.

    Attributes:
        id: its name.
        protects_from: what happens otherwise.
        remedy: what to change where it is broken.
        source: where that is known from.
        check: finds what disagrees, a message each: got, expected.
    """

    id: str
    protects_from: str
    remedy: str
    source: Source
    check: Callable[[Content], Iterator[str]]


CONSISTENCY_RULES: tuple[ConsistencyRule, ...] = (
    ConsistencyRule(
        id="selectors",
        protects_from="pods that stay pending: no node has the labels that they select by",
        remedy="select by labels that the pools put on their nodes, or add a pool that has them",
        source=Source(
            "Kubernetes documentation, assigning pods to nodes",
            address=f"{_KUBERNETES}/scheduling-eviction/assign-pod-node/",
        ),
        check=placement_rules.selectors,
    ),
    ConsistencyRule(
        id="taints",
        protects_from="pods that stay pending: they don't tolerate the taints of the nodes that they select",
        remedy="add the pool's taints to the pod's tolerations, or send it through a queue whose flavor has them",
        source=Source(
            "Kubernetes documentation, taints and tolerations; Kueue documentation, resource flavors",
            address=f"{_KUBERNETES}/scheduling-eviction/taint-and-toleration/",
        ),
        check=placement_rules.taints,
    ),
    ConsistencyRule(
        id="sizes",
        protects_from="pods that fit on no node, and jobs that the pools or UltraServers that they select can't hold",
        remedy="ask for what a node has, and for no more nodes than the pools have",
        source=Source(
            "Kubernetes documentation, device plugins; Kueue documentation, topology aware scheduling; what nodes "
            "have: the catalog",
            address=f"{_KUEUE}/topology_aware_scheduling/",
        ),
        check=placement_rules.sizes,
    ),
    ConsistencyRule(
        id="parts-of-nodes",
        protects_from="pods whose Trainium chips aren't connected, on which the Neuron runtime fails, and pods that no "
        "scheduler looks at",
        remedy="use schedulerName my-scheduler, and a number of chips that can be connected",
        source=Source(
            "AWS Neuron documentation, scheduler extension; aws/containers-roadmap #1735",
            address="https://awsdocs-neuron.readthedocs-hosted.com/en/latest/deploy/infrastructure/scheduler.html",
        ),
        check=placement_rules.parts_of_nodes,
    ),
    ConsistencyRule(
        id="launchers",
        protects_from="as many mpiruns as nodes, at once on the same accelerators, or one before its workers are there",
        remedy="state one launcher in mlPolicy.numNodes that depends on its workers, and the workers in the TrainJob",
        source=Source(
            "Kubeflow Trainer 2.3.0, trainingruntime.go, and its deepspeed runtime; seen on the real controller",
            address="https://github.com/kubeflow/trainer/blob/v2.3.0/pkg/runtime/core/trainingruntime.go",
        ),
        check=training_rules.launchers,
    ),
    ConsistencyRule(
        id="claims",
        protects_from="pods that wait for a claim or a template that nothing makes, and jobs that share a channel",
        remedy="give each job a ComputeDomain of its own in its namespace, and name its template in the claim; pass "
        "FleetPlatform.flavors to the team, which makes the templates of network devices",
        source=Source(
            "Kubernetes documentation, dynamic resource allocation; NVIDIA DRA driver, ComputeDomains",
            address=f"{_KUBERNETES}/scheduling-eviction/dynamic-resource-allocation/",
        ),
        check=claim_rules.claims,
    ),
    ConsistencyRule(
        id="used-claims",
        protects_from="containers without the device that their pod waits for, and pods that Kubernetes refuses",
        remedy="name each claim in the pod's resourceClaims and in the resources.claims of the container that needs it",
        source=Source(
            "Kubernetes documentation, dynamic resource allocation: claims of pods and of containers",
            address="https://kubernetes.io/docs/tasks/configure-pod-container/assign-resources/allocate-devices-dra/",
            also=(
                Source(
                    "that network devices need no container: aws-dranet, which moves interfaces into the pod",
                    Confidence.MEDIUM,
                ),
            ),
        ),
        check=claim_rules.used_claims,
    ),
    ConsistencyRule(
        id="compute-domains",
        protects_from="jobs on UltraServers whose nodes can't reach each other's memory over NVLink: NCCL fails, or "
        "falls back to EFA",
        remedy="add a ComputeDomain and a claim by its channel's template, or state NCCL_MNNVL_ENABLE=0",
        source=Source(
            "NVIDIA GPU Operator documentation, ComputeDomains; NCCL documentation, NCCL_MNNVL_ENABLE",
            address="https://docs.nvidia.com/datacenter/cloud-native/gpu-operator/latest/dra-cds.html",
        ),
        check=claim_rules.compute_domains,
    ),
    ConsistencyRule(
        id="whole-nodes",
        protects_from="a second pod on a node, which waits for its channel for ever, and accelerators that no job gets",
        remedy="ask for all accelerators of a node, and for fewer pods",
        source=Source(
            "kubernetes-sigs/dra-driver-nvidia-gpu, compute-domain-kubelet-plugin: a node's channel is one claim's",
            address="https://github.com/kubernetes-sigs/dra-driver-nvidia-gpu/tree/main/cmd/compute-domain-kubelet-plugin",
        ),
        check=together_rules.whole_nodes,
    ),
    ConsistencyRule(
        id="network",
        protects_from="jobs of several nodes over TCP, at a small part of the bandwidth, or that libfabric ends",
        remedy="ask for the EFA devices of a node beside its accelerators",
        source=Source(
            "EKS user guide, EFA devices",
            address="https://docs.aws.amazon.com/eks/latest/userguide/device-management-efa.html",
        ),
        check=network_rules.network,
    ),
    ConsistencyRule(
        id="network-drivers",
        protects_from="pods that no node or queue takes, or EFA devices that two drivers give to several pods",
        remedy="ask for network devices in the way that the pool's nodes give them: the pool's fabric says which, and "
        "kubernetes.efa of the environment or PoolNodes.efa_driver",
        source=Source(
            "EKS user guide, EFA devices: DRA driver or device plugin, never both on a node",
            address="https://docs.aws.amazon.com/eks/latest/userguide/device-management-efa.html",
            also=(
                Source(
                    "kubernetes-sigs/kueue, pkg/dra/claims.go: it refuses All and firstAvailable; seen on 0.19.2",
                    address="https://github.com/kubernetes-sigs/kueue/blob/main/pkg/dra/claims.go",
                ),
                Source(
                    "RoCE: NVIDIA/aicr #1326 and #1410, a cluster that runs",
                    address="https://github.com/NVIDIA/aicr/issues/1410",
                ),
            ),
        ),
        check=network_rules.network_drivers,
    ),
    ConsistencyRule(
        id="counts",
        protects_from="programs that wait for nodes that aren't there, leave pods out, or start processes without a "
        "device",
        remedy="pass the number of pods as nodes, and at most the accelerators of a pod as processes",
        source=Source(
            "PyTorch documentation, torchrun", address="https://docs.pytorch.org/docs/stable/elastic/run.html"
        ),
        check=together_rules.counts,
    ),
    ConsistencyRule(
        id="levels",
        protects_from="workloads that no flavor takes: Kueue reports no requested topology level",
        remedy="place the pods by a level of their flavor's topology",
        source=Source(
            "kubernetes-sigs/kueue, tas_flavor_snapshot.go; what its user sees: #5039",
            address="https://github.com/kubernetes-sigs/kueue/issues/5039",
        ),
        check=topology_rules.levels,
    ),
    ConsistencyRule(
        id="nodes",
        protects_from="pods that stay pending: nodes of another architecture or type, or with less CPU or memory",
        remedy="select what the nodes are, and request less than a node has",
        source=Source(
            "Kubernetes documentation, well-known labels; sizes of nodes: the catalog",
            address="https://kubernetes.io/docs/reference/labels-annotations-taints/",
        ),
        check=node_rules.nodes,
    ),
    ConsistencyRule(
        id="images",
        protects_from="containers that end at once, exec format error, or whose image has no layer for the node",
        remedy="use an image for the nodes' architecture, or one for both",
        source=image_architectures.SOURCE,
        check=image_rules.images,
    ),
    ConsistencyRule(
        id="flavors",
        protects_from="workloads that a queue admits and that no node takes",
        remedy="make the flavor from the pools, by fleet_flavors, or correct its labels, tolerations and topology",
        source=Source("Kueue documentation, resource flavors", address=f"{_KUEUE}/resource_flavor/"),
        check=queue_rules.flavors,
    ),
    ConsistencyRule(
        id="quotas",
        protects_from="jobs that are admitted beyond what the pools hold, and nodes that no queue gives out",
        remedy="make the quotas from the pools, by fleet_flavors and queue_manifests",
        source=Source(
            "Kueue documentation, cluster queues; that each pool is counted once: ours",
            address=f"{_KUEUE}/cluster_queue/",
        ),
        check=queue_rules.quotas,
    ),
    ConsistencyRule(
        id="ways",
        protects_from="jobs that are never admitted: their queue isn't there, or doesn't let their namespace in",
        remedy="add a LocalQueue to the namespace, with the label that its ClusterQueue selects by, or name another",
        source=Source(
            "Kueue documentation, local queues, and cluster queues, namespace selector",
            address=f"{_KUEUE}/local_queue/",
        ),
        check=queue_rules.ways,
    ),
    ConsistencyRule(
        id="references",
        protects_from="pods that can't be created or can't start: an account, configuration or claim is missing",
        remedy="add the object that is named to the namespace, or correct its name",
        source=Source(
            "Kubernetes documentation, volumes, and service accounts", address=f"{_KUBERNETES}/storage/volumes/"
        ),
        check=reference_rules.references,
    ),
    ConsistencyRule(
        id="ports",
        protects_from="services without an endpoint, and pods that are restarted because a probe asks a closed port",
        remedy="name a port of the container, or open it",
        source=Source(
            "Kubernetes documentation, services, and probes", address=f"{_KUBERNETES}/services-networking/service/"
        ),
        check=reference_rules.ports,
    ),
    ConsistencyRule(
        id="scaling",
        protects_from="autoscaling of nothing, and replicas that stay pending",
        remedy="name what exists, and lower the maximum of replicas or the replicas: a group of pods is one",
        source=Source(
            "KEDA documentation, ScaledObject specification; LeaderWorkerSet documentation, HPA: it scales groups",
            address="https://keda.sh/docs/latest/reference/scaledobject-spec/",
        ),
        check=scaling_rules.scaling,
    ),
    ConsistencyRule(
        id="shared-ultraservers",
        protects_from="groups of which some pods run and the rest wait for ever, each on accelerators of the other's",
        remedy="serve models with groups on several nodes from UltraServers of their own",
        source=Source(
            "Kubernetes documentation, topology spread constraints; leaders without a limit: seen on a real scheduler, "
            "decision 21",
            address=f"{_KUBERNETES}/scheduling-eviction/topology-spread-constraints/",
        ),
        check=serving_rules.shared_ultraservers,
    ),
    ConsistencyRule(
        id="domains-of-models",
        protects_from="two ComputeDomains in one NVLink clique: cuMemSetAccess fails now and then, with not supported",
        remedy="serve each from UltraServers of its own, or pass imex_channel=False in the recipe of an engine that "
        "exports no memory",
        source=Source(
            "kubernetes-sigs/dra-driver-nvidia-gpu #892, open",
            Confidence.MEDIUM,
            "https://github.com/kubernetes-sigs/dra-driver-nvidia-gpu/issues/892",
        ),
        check=serving_rules.domains_of_models,
    ),
    ConsistencyRule(
        id="charts",
        protects_from="nodes without devices in Kubernetes, or with devices that two drivers hand out",
        remedy="install the charts that the pools need, by accelerator_runtime, with the tolerations of their nodes",
        source=Source("EKS user guide, device management; published values.yaml of the charts"),
        check=reference_rules.charts,
    ),
)
"""Every rule, in the order of its findings."""


def inconsistencies(
    *, pools: Sequence[PoolNodes], manifests: Sequence[Manifest], releases: Sequence[ChartRelease] = ()
) -> list[str]:
    """Inconsistencies in the order of the rules; each message once.

    Args:
        pools: nodes of the pools.
        manifests: objects that are delivered to their cluster, with the templates of acceptance runs in them.
        releases: charts that are delivered; without any, charts are not checked.
    """
    return list(dict.fromkeys(message for _, message in _findings(pools, manifests, releases)))


def _findings(
    pools: Sequence[PoolNodes], manifests: Sequence[Manifest], releases: Sequence[ChartRelease]
) -> list[tuple[ConsistencyRule, str]]:
    delivered = (*manifests, *acceptance_runs(manifests))
    content = Content(pools=pools, manifests=delivered, releases=releases)
    return [(rule, message) for rule in CONSISTENCY_RULES for message in rule.check(content)]


def check_consistency(
    *, pools: Sequence[PoolNodes], manifests: Sequence[Manifest], releases: Sequence[ChartRelease] = ()
) -> None:
    """Refuse inconsistencies; arguments as for `inconsistencies`.

    Raises:
        FleetError: every finding.
    """
    findings = _findings(pools, manifests, releases)
    found = list(dict.fromkeys(message for _, message in findings))
    if found:
        count = "1 inconsistency" if len(found) == 1 else f"{len(found)} inconsistencies"
        remedy = "; ".join(f"{rule.remedy} (rule {rule.id})" for rule in dict.fromkeys(rule for rule, _ in findings))
        raise FleetError(
            f"{count} between pools, queues and workloads: {'; '.join(found)}. to correct it: {remedy}",
            path="pools, queues and workloads",
            got="; ".join(found),
            remedy=remedy,
        )
