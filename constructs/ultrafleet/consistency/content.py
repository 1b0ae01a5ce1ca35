"""Content of a cluster: pools, objects and Helm releases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from ultrafleet.consistency.node_labels import fits
from ultrafleet.consistency.pods import OURS, PodUse, pods_of
from ultrafleet.kubernetes.chart import ChartRelease
from ultrafleet.kubernetes.manifest import Manifest
from ultrafleet.kubernetes.pool_nodes import PoolNodes


@dataclass(frozen=True, kw_only=True)
class Content:
    """Content of a cluster."""

    pools: Sequence[PoolNodes]
    manifests: Sequence[Manifest]
    releases: Sequence[ChartRelease] = ()
    _cache: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def of_kind(self, kind: str) -> list[Manifest]:
        """Objects of a kind."""
        return [manifest for manifest in self.manifests if manifest["kind"] == kind]

    def named(self, kind: str, name: str, namespace: str | None = None) -> Manifest | None:
        """The object of that name."""
        return next(
            (
                manifest
                for manifest in self.of_kind(kind)
                if manifest["metadata"]["name"] == name and manifest["metadata"].get("namespace") == namespace
            ),
            None,
        )

    @property
    def pods(self) -> list[PodUse]:
        """Pods of all objects.

        Raises:
            FleetError: an object lacks a field that its kind requires.
        """
        if "pods" not in self._cache:
            self._cache["pods"] = [
                pod for manifest in self.manifests for pod in pods_of(manifest, self.of_kind("TrainJob"))
            ]
        found: list[PodUse] = self._cache["pods"]
        return found

    def pools_of(self, pod: PodUse) -> list[PoolNodes]:
        """Pools that a pod may run on, by all that is known of their nodes; if none, those that it selects.

        The scheduler leaves out nodes of another type or architecture, and those without the accelerators.
        """
        selected = self.pools_selected(pod)
        fitting = [pool for pool in selected if fits(pod.spec, pool)]
        able = [pool for pool in fitting if not pod.accelerators or pod.requests(pool.accelerator_resource)]
        return able or fitting or selected

    def pools_selected(self, pod: PodUse) -> list[PoolNodes]:
        """Pools that a pod selects by the labels that node groups set; others are Kubernetes' own."""
        wanted = pod.spec.get("nodeSelector", {})
        known = {label for pool in self.pools for label in pool.label_keys}
        return self.pools_with({key: value for key, value in wanted.items() if key in known or key.startswith(OURS)})

    def compute_domain(self, namespace: str, template: str | None) -> Manifest | None:
        """The ComputeDomain whose channel makes a claim template."""
        return next(
            (
                domain
                for domain in self.of_kind("ComputeDomain")
                if domain["metadata"].get("namespace") == namespace
                and domain.get("spec", {}).get("channel", {}).get("resourceClaimTemplate", {}).get("name") == template
            ),
            None,
        )

    @property
    def counted_classes(self) -> frozenset[str] | None:
        """Device classes that Kueue's configuration counts; None where Kueue isn't delivered."""
        values = next((release.values for release in self.releases if release.chart.name == "kueue"), None)
        text = (values or {}).get("managerConfig", {}).get("controllerManagerConfigYaml")
        if text is None:
            return None
        mappings = yaml.safe_load(text).get("resources", {}).get("deviceClassMappings", [])
        return frozenset(name for mapping in mappings for name in mapping["deviceClassNames"])

    def pools_with(self, labels: Mapping[str, str]) -> list[PoolNodes]:
        """Pools whose nodes may have all of these labels."""
        return [pool for pool in self.pools if pool.may_have(labels)]
