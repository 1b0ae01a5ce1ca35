"""Kueue itself: its chart, how many of it run, and its configuration."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from ultrafleet.accelerator_addons.versions import VersionTable
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.chart import ChartRelease
from ultrafleet.kubernetes.labels import WORKLOAD_LABEL
from ultrafleet.kubernetes.network_devices import COUNTED_CLASSES
from ultrafleet.queueing.flavors import CHANNEL_RESOURCE

COMPUTE_DOMAIN_CHANNEL_CLASS = "compute-domain-default-channel.nvidia.com"
"""Device class of the claims that a ComputeDomain makes for its pods (NVIDIA DRA driver, chart templates, high)."""

_NOT_COUNTED = ("cpu", "memory", "ephemeral-storage", "hugepages-")
"""Queues are about accelerators; whether the rest fits a node is looked at when pods are placed."""

_FRAMEWORKS = (
    "batch/job",
    "jobset.x-k8s.io/jobset",
    "trainer.kubeflow.org/trainjob",
    "leaderworkerset.x-k8s.io/leaderworkerset",
    # LeaderWorkerSet's own integration builds on this one (kueue, tasks/run/leaderworkerset, medium).
    "pod",
)

_REPLICAS = 2
_PODS = {"app.kubernetes.io/name": "kueue", "control-plane": "controller-manager"}
"""Labels of Kueue's pods (chart 0.19.2, templates/manager, high)."""


@dataclass(frozen=True, kw_only=True)
class PodsReady:
    """Times after which Kueue takes nodes back from a job whose pods aren't all ready.

    One pod that doesn't start would keep all nodes of its job. Kueue measures from admission, so pulling images, claims
    and, with a readiness probe, loading a model count. It states no times per job or queue (kubernetes-sigs/kueue,
    apis/config/v1beta2 of 0.19.2, `WaitForPodsReady`, high). The numbers are ours but for `start_minutes`, which is
    Kueue's own default.

    Attributes:
        start_minutes: minutes until all pods of an admitted job are ready for the first time. Default: 30, in which
            20 GB of image arrive at 90 Mbit/s, and slow claims of NVLink channels are granted.
        recovery_minutes: minutes until they are again after one was lost: its image is on most nodes, but a replaced
            node has to boot and pull it. Default: 15.
        max_requeues: times that a job is put back into the queue for it, a minute, two, four, ... later; then it is set
            inactive until an administrator activates its Workload. Default: 3, so that a job that can't start is tried
            on other nodes and ends.
    """

    start_minutes: int = 30
    recovery_minutes: int = 15
    max_requeues: int = 3

    def __post_init__(self) -> None:
        for name, least in (("start_minutes", 1), ("recovery_minutes", 1), ("max_requeues", 0)):
            if getattr(self, name) < least:
                raise FleetError(path=name, got=getattr(self, name), expected=f"{least} or more", remedy="pass another")

    @classmethod
    def of(
        cls,
        *,
        start_minutes: int | None = None,
        recovery_minutes: int | None = None,
        max_requeues: int | None = None,
    ) -> "PodsReady":
        """Times of a cluster.

        Args:
            start_minutes: instead of the default.
            recovery_minutes: instead of the default.
            max_requeues: instead of the default.
        """
        default = cls()
        return cls(
            start_minutes=default.start_minutes if start_minutes is None else start_minutes,
            recovery_minutes=default.recovery_minutes if recovery_minutes is None else recovery_minutes,
            max_requeues=default.max_requeues if max_requeues is None else max_requeues,
        )

    def configuration(self) -> dict[str, Any]:
        """Kueue's `waitForPodsReady`."""
        return {
            "timeout": f"{self.start_minutes}m",
            "recoveryTimeout": f"{self.recovery_minutes}m",
            "blockAdmission": False,
            "requeuingStrategy": {
                "timestamp": "Eviction",
                "backoffLimitCount": self.max_requeues,
                "backoffBaseSeconds": 60,
            },
        }


def kueue_release(
    versions: VersionTable,
    *,
    counts_channels: bool,
    network_classes: Collection[str] = (),
    pods_ready: PodsReady | None = None,
    waits_for_spares: bool = False,
    frameworks: Sequence[str] | None = None,
    multikueue: Mapping[str, Any] | None = None,
) -> ChartRelease:
    """Kueue with a configuration for fleets.

    Two replicas, one of which leads; both answer its webhooks, and an eviction leaves one of them.

    Args:
        versions: version of the chart.
        counts_channels: whether jobs will have ComputeDomains.
        network_classes: device classes of network devices that jobs will claim. Default: none.
        pods_ready: when nodes are taken back. Default: `PodsReady()`.
        waits_for_spares: keep a job whose failed node has no substitute at once: a spare node is opened a minute later.
            After `recovery_minutes` it is evicted all the same. Default: it is evicted at the first attempt.
        frameworks: Kueue's names of the kinds of jobs that it looks at. Default: all that fleets have.
        multikueue: Kueue's `multiKueue`, of the manager of a queue over cells. Default: none.
    """
    configuration = kueue_configuration(
        counts_channels=counts_channels,
        network_classes=network_classes,
        pods_ready=pods_ready,
        waits_for_spares=waits_for_spares,
        frameworks=frameworks,
        multikueue=multikueue,
    )
    return ChartRelease(
        chart=versions.charts["kueue"],
        release="kueue",
        namespace="kueue-system",
        values={
            "controllerManager": {
                "replicas": _REPLICAS,
                "podDisruptionBudget": {"enabled": True, "minAvailable": 1},
                "topologySpreadConstraints": [
                    {
                        "maxSkew": 1,
                        "topologyKey": "topology.kubernetes.io/zone",
                        "whenUnsatisfiable": "ScheduleAnyway",
                        "labelSelector": {"matchLabels": _PODS},
                    }
                ],
            },
            "managerConfig": {"controllerManagerConfigYaml": configuration},
        },
        wait=True,  # its webhooks look at every job from now on
    )


def kueue_configuration(
    *,
    counts_channels: bool,
    network_classes: Collection[str] = (),
    pods_ready: PodsReady | None = None,
    waits_for_spares: bool = False,
    frameworks: Sequence[str] | None = None,
    multikueue: Mapping[str, Any] | None = None,
) -> str:
    """Kueue's own configuration: the chart's (values.yaml, high), and what it counts, where, and how long it waits.

    `managedJobsNamespaceSelector` becomes the selector of its webhooks for pods and jobs, too (chart 0.19.2,
    templates/webhook, high): nothing is asked of Kueue outside namespaces with `ultrafleet/workload`, which every
    queue's own selector wants.

    Args:
        counts_channels: whether jobs will have ComputeDomains.
        network_classes: device classes of network devices that jobs will claim. Default: none.
        pods_ready: when nodes are taken back. Default: `PodsReady()`.
        waits_for_spares: keep a job whose failed node has no substitute at once: a spare node is opened a minute later.
            After `recovery_minutes` it is evicted all the same. Default: it is evicted at the first attempt.
        frameworks: Kueue's names of the kinds of jobs that it looks at. Default: all that fleets have.
        multikueue: Kueue's `multiKueue`, of the manager of a queue over cells. Default: none.
    """
    resources: dict[str, Any] = {"excludeResourcePrefixes": list(_NOT_COUNTED)}
    classes = {CHANNEL_RESOURCE: COMPUTE_DOMAIN_CHANNEL_CLASS} if counts_channels else {}
    classes |= {COUNTED_CLASSES[name]: name for name in sorted(network_classes)}
    if classes:
        resources["deviceClassMappings"] = [
            {"name": name, "deviceClassNames": [device_class]} for name, device_class in classes.items()
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
        # First whether the one that gives would keep as much as the one that takes; then whether it has more before.
        "fairSharing": {"preemptionStrategies": ["LessThanOrEqualToFinalShare", "LessThanInitialShare"]},
        "waitForPodsReady": (pods_ready or PodsReady()).configuration(),
        "managedJobsNamespaceSelector": {"matchExpressions": [{"key": WORKLOAD_LABEL, "operator": "Exists"}]},
        "integrations": {
            "frameworks": list(_FRAMEWORKS if frameworks is None else frameworks),
        },
        "resources": resources,
        **({"multiKueue": dict(multikueue)} if multikueue else {}),
        **({"featureGates": {"TASFailedNodeReplacementFailFast": False}} if waits_for_spares else {}),
    }
    return yaml.safe_dump(configuration, sort_keys=False)
