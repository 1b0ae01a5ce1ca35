"""The charts that accelerator nodes need, derived from the pools."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ultrafleet.accelerator_addons.versions import VersionTable
from ultrafleet.catalog import eks
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.kubernetes.chart import ChartRelease
from ultrafleet.kubernetes.labels import ULTRASERVER_LABEL
from ultrafleet.kubernetes.network_devices import EfaDriver
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.kubernetes.taint import Taint
from ultrafleet.rules.block_clock import EVICTION_MINUTES
from ultrafleet.rules.self_managed import MANAGEMENT_LABEL, SELF_MANAGED

_DRAIN_SECONDS: Final = EVICTION_MINUTES * 60
"""Time in which a node that leaves is drained: that of the lifecycle hook."""
_NVIDIA_NODES = {"key": "nvidia.com/gpu.present", "operator": "In", "values": ["true"]}
_ULTRASERVER_NODES = {"key": ULTRASERVER_LABEL, "operator": "Exists"}


def accelerator_runtime(
    pools: Sequence[PoolNodes], versions: VersionTable, *, kubernetes_version: eks.KubernetesMinor | None = None
) -> list[ChartRelease]:
    """Releases for the nodes of the pools: nothing that no pool needs.

    NVIDIA: the device plugin with GPU feature discovery, which sets `nvidia.com/gpu.clique`; the DRA driver for
    ComputeDomains where NVLink spans nodes. It claims no GPUs: the device plugin counts them, and both on one node
    would give each GPU twice. The AMI brings driver and container toolkit, so there is no GPU operator.
    EFA: the DRA driver or the device plugin, as the pools say; both on one node would give devices twice. RoCE:
    nothing, AWS publishes no chart of its driver. Neuron: device plugin and scheduler extension, with a scheduler of
    its own beside EKS's, which pods of a part of a node name. Self-managed nodes: AWS's node termination handler, which
    evicts what runs on a node that its Auto Scaling group takes away; EKS does so for managed ones.

    Every DaemonSet tolerates exactly the taints of the pools that need it, startup taints among them, and selects their
    nodes, so nothing starts on system nodes. No deployment waits for these charts: Helm 4 waits for every pod of a
    DaemonSet, so one node that isn't ready would fail the deployment of all others, and its rollback. What jobs need of
    them, kinds and device classes, is there when Helm returns.

    Args:
        pools: the accelerator pools.
        versions: versions of the charts.
        kubernetes_version: major and minor of the cluster, whose scheduler Neuron's pods get. Default: the chart's own.
    """
    nvidia = [pool for pool in pools if pool.instance_type.accelerator_kind == "nvidia"]
    neuron = [pool for pool in pools if pool.instance_type.accelerator_kind == "neuron"]
    nvlink = [pool for pool in pools if pool.has_multi_node_nvlink]
    efa = [pool for pool in pools if pool.efa_interfaces]
    claimed = [pool for pool in efa if pool.efa_driver is EfaDriver.DRA]
    self_managed = [pool for pool in pools if pool.is_self_managed]
    counted = [pool for pool in efa if pool.efa_driver is EfaDriver.DEVICE_PLUGIN]
    releases = []
    if nvidia:
        releases.append(_nvidia_device_plugin(nvidia, versions))
    if nvlink:
        releases.append(_dra_driver(nvlink, versions))
    if neuron:
        releases.append(_neuron(neuron, versions, kubernetes_version))
    if claimed:
        releases.append(_on_efa_nodes("aws-dranet", claimed, versions))
    if counted:
        releases.append(_on_efa_nodes("aws-efa-k8s-device-plugin", counted, versions))
    if self_managed:
        releases.append(_drain_of_self_managed(self_managed, versions))
    return releases


def daemon_tolerations(pools: Sequence[PoolNodes]) -> list[dict[str, str]]:
    """Tolerations of what makes a node usable: of startup taints, too."""
    return _tolerations(taint for pool in pools for taint in pool.registered_taints)


def tolerations(pools: Sequence[PoolNodes]) -> list[dict[str, str]]:
    """Tolerations of jobs for every lasting taint of the pools, each once, in a stable order."""
    return _tolerations(taint for pool in pools for taint in pool.taints)


def _tolerations(taints: Iterable[Taint]) -> list[dict[str, str]]:
    found = {tuple(sorted(taint.toleration.items())) for taint in taints}
    return [dict(item) for item in sorted(found)]


def _required(*expressions: Mapping[str, Any]) -> dict[str, Any]:
    """Node affinity: nodes that satisfy every expression."""
    return {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [dict(expression) for expression in expressions]}]
            }
        }
    }


def _nvidia_device_plugin(pools: Sequence[PoolNodes], versions: VersionTable) -> ChartRelease:
    allowed = daemon_tolerations(pools)
    return ChartRelease(
        chart=versions.charts["nvidia-device-plugin"],
        release="nvidia-device-plugin",
        namespace="nvidia-device-plugin",
        values={
            # The node group sets the label, so the plugin doesn't wait for node feature discovery.
            "affinity": _required(_NVIDIA_NODES),
            "tolerations": allowed,
            "gfd": {"enabled": True},
            # GPU feature discovery hands its labels to NFD's worker, whose own toleration is for another taint.
            "nfd": {"worker": {"nodeSelector": {"nvidia.com/gpu.present": "true"}, "tolerations": allowed}},
        },
        unchecked_values_source=Source(
            "NVIDIA/k8s-device-plugin, deployments/helm/nvidia-device-plugin/values.yaml; "
            "nfd.worker.nodeSelector: values.yaml of the node-feature-discovery chart that it depends on"
        ),
    )


def _dra_driver(pools: Sequence[PoolNodes], versions: VersionTable) -> ChartRelease:
    return ChartRelease(
        chart=versions.charts["dra-driver-nvidia-gpu"],
        release="dra-driver-nvidia-gpu",
        namespace="dra-driver-nvidia-gpu",
        values={
            "nvidiaDriverRoot": "/",  # the AMI's driver is on the host itself
            "resources": {"gpus": {"enabled": False}, "computeDomains": {"enabled": True}},
            "controller": {
                # The chart's preference for control-plane nodes, which EKS doesn't show, and its tolerations of them.
                "affinity": {},
                "tolerations": [],
            },
            "kubeletPlugin": {
                "affinity": _required(_NVIDIA_NODES, _ULTRASERVER_NODES),
                "tolerations": daemon_tolerations(pools),
            },
        },
    )


def _on_efa_nodes(chart: str, pools: Sequence[PoolNodes], versions: VersionTable) -> ChartRelease:
    """Driver of EFA devices, by either chart: they take the same values."""
    return ChartRelease(
        chart=versions.charts[chart],
        release=chart,
        namespace="kube-system",
        values={
            # Neither chart tolerates accelerators' taints by itself, and p6e-gb300r is in neither list of types.
            "tolerations": daemon_tolerations(pools),
            "supportedInstanceLabels": {
                "keys": ["node.kubernetes.io/instance-type"],
                "values": sorted({str(pool.instance_type) for pool in pools}),
            },
        },
    )


def _drain_of_self_managed(pools: Sequence[PoolNodes], versions: VersionTable) -> ChartRelease:
    """Drain of nodes that leave their Auto Scaling group: each reads its target lifecycle state from the metadata.

    It needs no right in AWS, and completes no lifecycle action: the group's hook ends by its own time.
    """
    return ChartRelease(
        chart=versions.charts["aws-node-termination-handler"],
        release="aws-node-termination-handler",
        namespace="kube-system",
        values={
            "enableSqsTerminationDraining": False,
            "enableASGLifecycleDraining": True,
            # A block's instances aren't spot; EC2's scheduled events are a person's to decide on a rack.
            "enableSpotInterruptionDraining": False,
            "enableScheduledEventDraining": False,
            # The chart gives up after two minutes; the node is held for the whole of the hook's time.
            "nodeTerminationGracePeriod": _DRAIN_SECONDS,
            "daemonsetNodeSelector": {MANAGEMENT_LABEL: SELF_MANAGED},
            "daemonsetTolerations": daemon_tolerations(pools),
        },
        unchecked_values_source=Source(
            "aws/aws-node-termination-handler @62a8761, config/helm/aws-node-termination-handler/values.yaml",
            address="https://github.com/aws/aws-node-termination-handler/tree/main/config/helm",
        ),
    )


def _neuron(
    pools: Sequence[PoolNodes], versions: VersionTable, kubernetes_version: eks.KubernetesMinor | None
) -> ChartRelease:
    # A scheduler is at most one minor older than its cluster (Kubernetes documentation, version skew policy, high), and
    # the chart's own is of 1.28. Its pods land on system nodes: the extension's selector of control-plane nodes is for
    # the default scheduler's place alone (templates/scheduler-extn.yaml @8172e5e, high).
    tag = eks.KUBE_SCHEDULER_IMAGE_TAGS.get(kubernetes_version) if kubernetes_version is not None else None
    scheduler = {"customScheduler": {"image": {"tag": tag}}} if tag is not None else {}
    return ChartRelease(
        chart=versions.charts["neuron-helm-chart"],
        release="neuron",
        namespace="neuron",
        values={
            # The chart's list of types is as old as the chart: 1.0.0 has no Trn2.
            "neuronInstances": sorted({str(pool.instance_type) for pool in pools}),
            "devicePlugin": {"enabled": True, "tolerations": daemon_tolerations(pools)},
            # Node problem detection and recovery is EKS's here; see node auto repair.
            "npd": {"enabled": False},
            "scheduler": {"enabled": True, **scheduler},
        },
        unchecked_values_source=Source(
            "aws-neuron/neuron-helm-charts @8172e5e (chart 1.0.0), values.yaml and templates; of newer charts the "
            "Neuron documentation",
            Confidence.MEDIUM,
            "https://github.com/aws-neuron/neuron-helm-charts",
        ),
    )
