"""What every way of delivery offers, and the order in which objects must arrive."""

from collections.abc import Sequence
from typing import Protocol

from constructs import Construct, IDependable

from ultrafleet.kubernetes.chart import ChartRelease
from ultrafleet.kubernetes.manifest import Manifest


class Delivery(Protocol):
    """Brings charts and objects into a cluster."""

    manifests: list[Manifest]
    """Objects that were given to it, for checks across all of them."""
    releases: list[ChartRelease]
    """Charts that were given to it."""

    def add_chart(self, scope: Construct, release: ChartRelease, *, after: Sequence[IDependable] = ()) -> None:
        """Install a chart; objects of the kinds that it brings wait for it, in the same stack."""

    def add_manifest(self, scope: Construct, manifest: Manifest, *, after: Sequence[IDependable] = ()) -> None:
        """Apply an object after its namespace and after the chart that brings its kind, in the same stack.

        Args:
            scope: whose it is.
            manifest: the object.
            after: what else must be there before it.
        """


API_GROUPS_OF_CHARTS = {
    "kueue": ("kueue.x-k8s.io",),
    "jobset": ("jobset.x-k8s.io",),
    "kubeflow-trainer": ("trainer.kubeflow.org",),
    "lws": ("leaderworkerset.x-k8s.io",),
    "dra-driver-nvidia-gpu": ("resource.nvidia.com",),
    "keda": ("keda.sh",),
}
"""API groups that charts bring (their CustomResourceDefinitions, high)."""


def chart_of_kind(manifest: Manifest) -> str | None:
    """Chart that brings the kind of an object; None for Kubernetes' own."""
    group = str(manifest["apiVersion"]).split("/", maxsplit=1)[0]
    return next((chart for chart, groups in API_GROUPS_OF_CHARTS.items() if group in groups), None)
