"""The charts that accelerator nodes need, derived from the pools."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ultrafleet.accelerator_addons.versions import VersionTable
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.kubernetes.chart import ChartRelease
from ultrafleet.kubernetes.labels import ULTRASERVER_LABEL
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.kubernetes.taint import Taint

_NVIDIA_NODES = {"key": "nvidia.com/gpu.present", "operator": "In", "values": ["true"]}
_ULTRASERVER_NODES = {"key": ULTRASERVER_LABEL, "operator": "Exists"}


def accelerator_runtime(pools: Sequence[PoolNodes], versions: VersionTable) -> list[ChartRelease]:
    """Releases for the nodes of the pools: nothing that no pool needs.

    NVIDIA: the device plugin with GPU feature discovery, which sets `nvidia.com/gpu.clique`; the DRA driver for
    ComputeDomains where NVLink spans nodes. It claims no GPUs: the device plugin counts them, and both on one node
    would give each GPU twice. The AMI brings driver and container toolkit, so there is no GPU operator.
    EFA: the device plugin. Neuron: device plugin and scheduler extension.

    Every DaemonSet tolerates exactly the taints of the pools that need it, startup taints among them, and selects their
    nodes, so nothing starts on system nodes.

    Args:
        pools: the accelerator pools.
        versions: versions of the charts.
    """
    nvidia = [pool for pool in pools if pool.instance_type.accelerator_kind == "nvidia"]
    neuron = [pool for pool in pools if pool.instance_type.accelerator_kind == "neuron"]
    nvlink = [pool for pool in pools if pool.has_multi_node_nvlink]
    efa = [pool for pool in pools if pool.efa_interfaces]
    releases = []
    if nvidia:
        releases.append(_nvidia_device_plugin(nvidia, versions))
    if nvlink:
        releases.append(_dra_driver(nvlink, versions))
    if neuron:
        releases.append(_neuron(neuron, versions))
    if efa:
        releases.append(_efa_device_plugin(efa, versions))
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
        wait=True,  # what is claimed by the first job must be known
    )


def _efa_device_plugin(pools: Sequence[PoolNodes], versions: VersionTable) -> ChartRelease:
    return ChartRelease(
        chart=versions.charts["aws-efa-k8s-device-plugin"],
        release="aws-efa-k8s-device-plugin",
        namespace="kube-system",
        values={
            # The chart has no tolerations of its own.
            "tolerations": daemon_tolerations(pools),
            "supportedInstanceLabels": {
                "keys": ["node.kubernetes.io/instance-type"],
                "values": sorted({str(pool.instance_type) for pool in pools}),
            },
        },
    )


def _neuron(pools: Sequence[PoolNodes], versions: VersionTable) -> ChartRelease:
    return ChartRelease(
        chart=versions.charts["neuron-helm-chart"],
        release="neuron",
        namespace="neuron",
        values={
            "devicePlugin": {"enabled": True, "tolerations": daemon_tolerations(pools)},
            # Node problem detection and recovery is EKS's here; see node auto repair.
            "npd": {"enabled": False},
            "scheduler": {"enabled": True},
        },
        unchecked_values_source=Source("Neuron documentation, Helm chart", Confidence.MEDIUM),
    )
