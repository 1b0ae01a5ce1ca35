"""API groups of a cluster: its own, and those of charts, add-ons and capabilities."""

from collections.abc import Iterable, Mapping
from typing import Any

from ultrafleet.catalog.eks import RESOURCE_CLAIMS_MINIMUM_VERSION, AddonName
from ultrafleet.kubernetes.kinds import API_GROUPS_OF_CHARTS
from ultrafleet.rehearsal.kubernetes.state import ObjectKey

_BUILT_IN = frozenset(
    {
        "v1", "admissionregistration.k8s.io/v1", "apiextensions.k8s.io/v1", "apps/v1", "autoscaling/v2", "batch/v1",
        "coordination.k8s.io/v1", "discovery.k8s.io/v1", "networking.k8s.io/v1", "node.k8s.io/v1", "policy/v1",
        "rbac.authorization.k8s.io/v1", "scheduling.k8s.io/v1", "storage.k8s.io/v1",
    }
)  # fmt: skip

_SINCE = {"resource.k8s.io/v1": RESOURCE_CLAIMS_MINIMUM_VERSION}
"""API versions that came with a version of Kubernetes."""

_OTHER_CHARTS = {
    "aws-load-balancer-controller": ("elbv2.k8s.aws",),
    "nvidia-device-plugin": ("nfd.k8s-sigs.io",),
    "gpu-operator": ("nvidia.com", "nfd.k8s-sigs.io"),
}

_ADDONS: Mapping[str, str] = {AddonName.CERT_MANAGER: "cert-manager.io"}
_CAPABILITIES = {"ARGOCD": "argoproj.io"}

_CLUSTER_SCOPED = frozenset(
    {
        "ClusterQueue", "ClusterRole", "ClusterRoleBinding", "ClusterTrainingRuntime", "DeviceClass", "Namespace",
        "PersistentVolume", "PriorityClass", "ResourceFlavor", "StorageClass", "Topology", "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding", "WorkloadPriorityClass",
    }
)  # fmt: skip
"""Kinds that are in no namespace (Kubernetes API, and the published CustomResourceDefinitions, high)."""


def is_built_in(api_version: str, kubernetes_version: str) -> bool:
    """True for API versions of Kubernetes itself."""
    since = _SINCE.get(api_version)
    if since is not None:
        major, minor = kubernetes_version.split(".")[:2]
        return (int(major), int(minor)) >= since
    return api_version in _BUILT_IN


def is_cluster_scoped(api_version: str, kind: str) -> bool:
    """True for kinds without a namespace."""
    del api_version
    return kind in _CLUSTER_SCOPED


def groups_of_chart(chart: str) -> tuple[str, ...]:
    """API groups of a chart."""
    return API_GROUPS_OF_CHARTS.get(chart) or _OTHER_CHARTS.get(chart, ())


def groups_of_addons(addons: Iterable[str], capabilities: Iterable[str]) -> set[str]:
    """API groups of EKS' add-ons and capabilities."""
    return {_ADDONS[name] for name in addons if name in _ADDONS} | {
        _CAPABILITIES[kind] for kind in capabilities if kind in _CAPABILITIES
    }


def object_key(manifest: Mapping[str, Any]) -> ObjectKey:
    """Key of an object; one without a namespace is in `default`, unless its kind is the cluster's."""
    version, kind, metadata = manifest["apiVersion"], manifest["kind"], manifest["metadata"]
    namespace = "" if is_cluster_scoped(version, kind) else metadata.get("namespace", "default")
    return version, kind, namespace, metadata["name"]
