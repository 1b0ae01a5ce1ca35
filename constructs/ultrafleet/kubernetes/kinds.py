"""Kinds of Kubernetes objects, by the chart that defines them."""

from ultrafleet.kubernetes.manifest import Manifest

API_GROUPS_OF_CHARTS = {
    "kueue": ("kueue.x-k8s.io",),
    "jobset": ("jobset.x-k8s.io",),
    "kubeflow-trainer": ("trainer.kubeflow.org",),
    "lws": ("leaderworkerset.x-k8s.io",),
    "dra-driver-nvidia-gpu": ("resource.nvidia.com",),
    "keda": ("keda.sh",),
}
"""API groups that charts bring (their CustomResourceDefinitions, high)."""


NAMESPACES_OF_CHARTS = {"kueue-system": "kueue"}
"""Namespaces that a chart's release makes, and in which the library puts objects of its own."""


def brings_kinds(chart: str) -> bool:
    """True if objects in use are of kinds that a chart brings: they go when it is uninstalled."""
    return chart in API_GROUPS_OF_CHARTS


def chart_of_kind(manifest: Manifest) -> str | None:
    """Chart that brings the kind of an object, or its namespace; None for Kubernetes' own kinds elsewhere."""
    group = str(manifest["apiVersion"]).split("/", maxsplit=1)[0]
    own = next((chart for chart, groups in API_GROUPS_OF_CHARTS.items() if group in groups), None)
    return own or NAMESPACES_OF_CHARTS.get(manifest["metadata"].get("namespace", ""))
