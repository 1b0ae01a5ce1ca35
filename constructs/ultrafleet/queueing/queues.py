"""Kueue objects of a fleet: topologies, flavors, a queue for each kind of workload, and priorities."""

from collections.abc import Sequence
from typing import Any

import yaml

from ultrafleet.accelerator_addons.versions import VersionTable
from ultrafleet.kubernetes.chart import ChartRelease
from ultrafleet.kubernetes.labels import WORKLOAD_LABEL
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object
from ultrafleet.queueing.flavors import CHANNEL_RESOURCE, Flavor
from ultrafleet.queueing.topology import KUEUE_API, topology

PRIORITIES = {"inference": 10_000, "training-urgent": 2_000, "training": 1_000, "opportunistic": 0}
"""Priority classes of workloads. The numbers are ours: what serves people goes before what can be resumed."""

_COMPUTE_DOMAIN_CHANNEL_CLASS = "compute-domain-default-channel.nvidia.com"
"""Device class of the claims that a ComputeDomain makes for its pods (NVIDIA DRA driver, chart templates, high)."""

_NOT_COUNTED = ("cpu", "memory", "ephemeral-storage", "hugepages-")
"""Queues are about accelerators; whether the rest fits a node is looked at when pods are placed."""


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


def kueue_release(versions: VersionTable, *, counts_channels: bool) -> ChartRelease:
    """Kueue with a configuration for fleets.

    Args:
        versions: version of the chart.
        counts_channels: whether jobs will have ComputeDomains.
    """
    return ChartRelease(
        chart=versions.charts["kueue"],
        release="kueue",
        namespace="kueue-system",
        values={"managerConfig": {"controllerManagerConfigYaml": kueue_configuration(counts_channels=counts_channels)}},
        wait=True,  # its webhooks look at every job from now on
    )


def kueue_configuration(*, counts_channels: bool) -> str:
    """Kueue's own configuration: the chart's (values.yaml, high), and what it counts."""
    resources: dict[str, Any] = {"excludeResourcePrefixes": list(_NOT_COUNTED)}
    if counts_channels:
        resources["deviceClassMappings"] = [
            {"name": CHANNEL_RESOURCE, "deviceClassNames": [_COMPUTE_DOMAIN_CHANNEL_CLASS]}
        ]
    configuration = {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "health": {"healthProbeBindAddress": ":8081"},
        "metrics": {"bindAddress": ":8443"},
        "webhook": {"port": 9443},
        "leaderElection": {"leaderElect": True, "resourceName": "c1f6bfd2.kueue.x-k8s.io"},
        "controller": {
            "groupKindConcurrency": {
                "Job.batch": 5,
                "Pod": 5,
                "Workload.kueue.x-k8s.io": 10,
                "LocalQueue.kueue.x-k8s.io": 5,
                "ClusterQueue.kueue.x-k8s.io": 5,
                "ResourceFlavor.kueue.x-k8s.io": 1,
            }
        },
        "clientConnection": {"qps": 300, "burst": 500},
        "integrations": {
            "frameworks": [
                "batch/job",
                "jobset.x-k8s.io/jobset",
                "trainer.kubeflow.org/trainjob",
                "leaderworkerset.x-k8s.io/leaderworkerset",
                # LeaderWorkerSet's own integration builds on this one (kueue, tasks/run/leaderworkerset, medium).
                "pod",
            ]
        },
        "resources": resources,
    }
    return yaml.safe_dump(configuration, sort_keys=False)
