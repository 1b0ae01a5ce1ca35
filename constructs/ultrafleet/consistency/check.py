"""Consistency of pools, queues, jobs, models and charts with each other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ultrafleet.catalog.source import Source
from ultrafleet.consistency import placement_rules, queue_rules, reference_rules, training_rules
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
        source: where that is known from.
        check: finds what disagrees, a message each: got, expected.
    """

    id: str
    protects_from: str
    source: Source
    check: Callable[[Content], Iterator[str]]


CONSISTENCY_RULES: tuple[ConsistencyRule, ...] = (
    ConsistencyRule(
        id="selectors",
        protects_from="pods that stay pending: no node has the labels that they select by",
        source=Source(
            "Kubernetes documentation, assigning pods to nodes",
            address=f"{_KUBERNETES}/scheduling-eviction/assign-pod-node/",
        ),
        check=placement_rules.selectors,
    ),
    ConsistencyRule(
        id="taints",
        protects_from="pods that stay pending: they don't tolerate the taints of the nodes that they select",
        source=Source(
            "Kubernetes documentation, taints and tolerations; Kueue documentation, resource flavors",
            address=f"{_KUBERNETES}/scheduling-eviction/taint-and-toleration/",
        ),
        check=placement_rules.taints,
    ),
    ConsistencyRule(
        id="sizes",
        protects_from="pods that fit on no node, and jobs that the pools or UltraServers that they select can't hold",
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
        source=Source(
            "AWS Neuron documentation, scheduler extension; aws/containers-roadmap #1735",
            address="https://awsdocs-neuron.readthedocs-hosted.com/en/latest/deploy/infrastructure/scheduler.html",
        ),
        check=placement_rules.parts_of_nodes,
    ),
    ConsistencyRule(
        id="launchers",
        protects_from="as many mpiruns as nodes, at once on the same accelerators, or one before its workers are there",
        source=Source(
            "Kubeflow Trainer 2.3.0, trainingruntime.go, and its deepspeed runtime; seen on the real controller",
            address="https://github.com/kubeflow/trainer/blob/v2.3.0/pkg/runtime/core/trainingruntime.go",
        ),
        check=training_rules.launchers,
    ),
    ConsistencyRule(
        id="claims",
        protects_from="pods that wait for a ResourceClaimTemplate that nothing makes, and jobs that share a channel",
        source=Source(
            "Kubernetes documentation, dynamic resource allocation; NVIDIA DRA driver, ComputeDomains",
            address=f"{_KUBERNETES}/scheduling-eviction/dynamic-resource-allocation/",
        ),
        check=placement_rules.claims,
    ),
    ConsistencyRule(
        id="flavors",
        protects_from="workloads that a queue admits and that no node takes",
        source=Source("Kueue documentation, resource flavors", address=f"{_KUEUE}/resource_flavor/"),
        check=queue_rules.flavors,
    ),
    ConsistencyRule(
        id="quotas",
        protects_from="jobs that are admitted beyond what the pools hold, and nodes that no queue gives out",
        source=Source(
            "Kueue documentation, cluster queues; that each pool is counted once: ours",
            address=f"{_KUEUE}/cluster_queue/",
        ),
        check=queue_rules.quotas,
    ),
    ConsistencyRule(
        id="ways",
        protects_from="jobs that are never admitted: their queue isn't there, or doesn't let their namespace in",
        source=Source(
            "Kueue documentation, local queues, and cluster queues, namespace selector",
            address=f"{_KUEUE}/local_queue/",
        ),
        check=queue_rules.ways,
    ),
    ConsistencyRule(
        id="references",
        protects_from="pods that can't be created or can't start: an account, configuration or claim is missing",
        source=Source(
            "Kubernetes documentation, volumes, and service accounts", address=f"{_KUBERNETES}/storage/volumes/"
        ),
        check=reference_rules.references,
    ),
    ConsistencyRule(
        id="ports",
        protects_from="services without an endpoint, and pods that are restarted because a probe asks a closed port",
        source=Source(
            "Kubernetes documentation, services, and probes", address=f"{_KUBERNETES}/services-networking/service/"
        ),
        check=reference_rules.ports,
    ),
    ConsistencyRule(
        id="scaling",
        protects_from="autoscaling of nothing, and replicas that stay pending",
        source=Source(
            "KEDA documentation, ScaledObject specification",
            address="https://keda.sh/docs/latest/reference/scaledobject-spec/",
        ),
        check=reference_rules.scaling,
    ),
    ConsistencyRule(
        id="charts",
        protects_from="nodes without devices in Kubernetes, or with devices that two drivers hand out",
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
    delivered = (*manifests, *acceptance_runs(manifests))
    content = Content(pools=pools, manifests=delivered, releases=releases)
    return list(dict.fromkeys(message for rule in CONSISTENCY_RULES for message in rule.check(content)))


def check_consistency(
    *, pools: Sequence[PoolNodes], manifests: Sequence[Manifest], releases: Sequence[ChartRelease] = ()
) -> None:
    """Refuse inconsistencies; arguments as for `inconsistencies`.

    Raises:
        FleetError: every finding.
    """
    found = inconsistencies(pools=pools, manifests=manifests, releases=releases)
    if found:
        count = "1 inconsistency" if len(found) == 1 else f"{len(found)} inconsistencies"
        raise FleetError(
            f"{count} between pools, queues and workloads: {'; '.join(found)}",
            path="pools, queues and workloads",
            got="; ".join(found),
        )
