"""Kueue objects of a fleet: topologies, flavors, a queue for each kind of workload, and priorities."""

from collections.abc import Sequence
from typing import Any

from ultrafleet.kubernetes.labels import WORKLOAD_LABEL
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object
from ultrafleet.queueing.flavors import Flavor
from ultrafleet.queueing.topology import KUEUE_API, topology
from ultrafleet.rules.priorities import PRIORITIES


def queue_manifests(flavors: Sequence[Flavor]) -> list[Manifest]:
    """All Kueue objects that belong to no team, in an order that can be applied."""
    topologies = {flavor.topology_name: flavor.levels for flavor in flavors}
    return [
        *(topology(name, levels) for name, levels in sorted(topologies.items())),
        *(flavor.manifest() for flavor in flavors),
        *(cluster_queue(workload, flavors) for workload in sorted({flavor.workload for flavor in flavors})),
        *priority_classes(),
    ]


def cluster_queue(workload: str, flavors: Sequence[Flavor]) -> dict[str, Any]:
    """The `ClusterQueue` of one kind of workload; it is named after it."""
    own = [flavor for flavor in flavors if flavor.workload == workload]
    # One group, because a resource may be in one only; so every flavor states every resource, also those it lacks.
    covered = sorted({resource for flavor in own for resource in flavor.quotas})
    return kubernetes_object(
        KUEUE_API,
        "ClusterQueue",
        workload,
        spec={
            "namespaceSelector": {"matchLabels": {WORKLOAD_LABEL: workload}},
            "queueingStrategy": "BestEffortFIFO",
            "preemption": {"withinClusterQueue": "LowerPriority"},
            "resourceGroups": [
                {
                    "coveredResources": covered,
                    "flavors": [
                        {
                            "name": flavor.name,
                            "resources": [
                                {"name": resource, "nominalQuota": str(flavor.quotas.get(resource, 0))}
                                for resource in covered
                            ],
                        }
                        for flavor in own
                    ],
                }
            ],
        },
    )


def local_queue(namespace: str, workload: str) -> dict[str, Any]:
    """The way of a namespace to the queue of its workload, under the same name."""
    return kubernetes_object(KUEUE_API, "LocalQueue", workload, namespace=namespace, spec={"clusterQueue": workload})


def priority_classes() -> list[dict[str, Any]]:
    """Priorities within and between queues, highest first."""
    return [
        kubernetes_object(
            KUEUE_API, "WorkloadPriorityClass", name, value=value, description=f"of {name} workloads in queues"
        )
        for name, value in PRIORITIES.items()
    ]
