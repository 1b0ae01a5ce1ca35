"""Delivery by the CDK's own kubectl layer: one custom resource for each chart and each object."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_eks as eks_v1
from aws_cdk import aws_eks_v2 as eks
from constructs import Construct, IDependable

from ultrafleet.kubernetes.chart import ChartRelease
from ultrafleet.kubernetes.kinds import brings_kinds, chart_of_kind
from ultrafleet.kubernetes.manifest import Manifest, object_id

_CHART_TIMEOUT_MINUTES = 14  # the handler's Lambda function has 15 (aws_eks_v2, high)


@dataclass
class _Delivered:
    """Objects and releases added to a stack so far."""

    charts: dict[str, Construct] = field(default_factory=dict)
    namespaces: dict[str, Construct] = field(default_factory=dict)


class KubectlDelivery:
    """Charts and objects as custom resources of CloudFormation.

    One for each object, so that a review shows what changed and a removed object is deleted; pruning by label, which
    the CDK offers for lists, isn't needed then, and the label stays off.

    Args:
        cluster: cluster of `aws_eks_v2` or `aws_eks` with a kubectl provider.
        after: what everything waits for, such as the access entry of the provider's role. Default: nothing.
    """

    updates_kinds = False

    def __init__(self, *, cluster: eks.ICluster | eks_v1.ICluster, after: IDependable | None = None) -> None:
        self._cluster: Any = cluster
        # The two modules' interfaces differ in this property alone, for our purpose.
        self._module: Any = eks if hasattr(cluster, "kubectl_provider_options") else eks_v1
        self._after = after
        self._delivered: dict[str, _Delivered] = {}
        self.manifests: list[Manifest] = []
        self.releases: list[ChartRelease] = []

    def add_chart(self, scope: Construct, release: ChartRelease, *, after: Sequence[IDependable] = ()) -> None:
        """Install a chart in a namespace that is created with it.

        A chart that brings kinds stays in the cluster when it is no longer asked for, and so do their objects.
        """
        self.releases.append(release)
        delivered = self._of_stack(scope)
        chart = self._module.HelmChart(
            scope,
            f"Chart-{release.release}",
            cluster=self._cluster,
            chart=release.chart.name,
            repository=release.chart.repository,
            version=release.chart.version,
            release=release.release,
            namespace=release.namespace,
            create_namespace=release.namespace != "kube-system",
            values=dict(release.values),
            wait=release.wait or None,
            timeout=cdk.Duration.minutes(_CHART_TIMEOUT_MINUTES) if release.wait else None,
            # Uninstalling it would delete its kinds, and with them every object of theirs.
            removal_policy=cdk.RemovalPolicy.RETAIN if brings_kinds(release.chart.name) else None,
        )
        self._order(chart, *after, self._after, delivered.namespaces.get(release.namespace))
        delivered.charts[release.chart.name] = chart

    def add_manifest(self, scope: Construct, manifest: Manifest, *, after: Sequence[IDependable] = ()) -> None:
        """Apply an object."""
        self.manifests.append(manifest)
        delivered = self._of_stack(scope)
        resource = self._module.KubernetesManifest(
            scope, object_id(manifest), cluster=self._cluster, manifest=[dict(manifest)], prune=False
        )
        needed = chart_of_kind(manifest)
        self._order(
            resource,
            *after,
            self._after,
            delivered.namespaces.get(manifest["metadata"].get("namespace", "")),
            delivered.charts.get(needed) if needed else None,
        )
        if manifest["kind"] == "Namespace":
            delivered.namespaces[manifest["metadata"]["name"]] = resource

    def _of_stack(self, scope: Construct) -> _Delivered:
        return self._delivered.setdefault(cdk.Stack.of(scope).node.path, _Delivered())

    @staticmethod
    def _order(resource: Construct, *needs: IDependable | None) -> None:
        resource.node.add_dependency(*(need for need in needs if need is not None))
