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


def brings_kinds(chart: str) -> bool:
    """True if objects in use are of kinds that a chart brings: they go when it is uninstalled."""
    return chart in API_GROUPS_OF_CHARTS


def chart_of_kind(manifest: Manifest) -> str | None:
    """Chart that brings the kind of an object; None for Kubernetes' own."""
    group = str(manifest["apiVersion"]).split("/", maxsplit=1)[0]
    return next((chart for chart, groups in API_GROUPS_OF_CHARTS.items() if group in groups), None)
