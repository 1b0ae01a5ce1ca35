"""Delivery by Argo CD: the same charts and objects as files of a Git repository, which Argo CD reads."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import yaml
from constructs import Construct, IDependable

from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.chart import ChartRelease
from ultrafleet.kubernetes.manifest import Manifest, object_id

_API = "argoproj.io/v1alpha1"
_NAMESPACE = "argocd"
_PROJECT = "default"


@dataclass(frozen=True, kw_only=True)
class GitSource:
    """Git location of the files for Argo CD.

    Attributes:
        repository: address of the Git repository.
        revision: branch or tag.
        path: folder in it that holds what synthesis writes for the cluster.
    """

    repository: str
    path: str
    revision: str = "main"


@dataclass
class ArgoCdDelivery:
    """Writes files at synthesis; a deployment delivers nothing to the cluster.

    In the folder: `applications/` with an Application for each chart and one for the objects of each stack, `objects/`
    with the objects, and `bootstrap.yaml`, which is applied once, by hand: it registers the cluster by its ARN, as EKS'
    Argo CD capability wants it, and points to `applications/`.

    What AWS makes up at deployment (the address of a file system, say) can't be in a file that was written before; an
    object with such a value is refused.

    Args:
        folder: folder that is written to; below `cdk.out`, usually.
        source: where Argo CD will find its content.
        cluster_name: name of the cluster.
        cluster_arn: ARN of the cluster; plain.
    """

    folder: Path
    source: GitSource
    cluster_name: str
    cluster_arn: str
    manifests: list[Manifest] = field(default_factory=list, init=False)
    releases: list[ChartRelease] = field(default_factory=list, init=False)
    updates_kinds: bool = field(default=True, init=False)
    _waves: dict[str, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._write(
            Path("bootstrap.yaml"),
            [
                {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "metadata": {
                        "name": self.cluster_name,
                        "namespace": _NAMESPACE,
                        "labels": {"argocd.argoproj.io/secret-type": "cluster"},
                    },
                    "stringData": {"name": self.cluster_name, "server": self.cluster_arn, "project": _PROJECT},
                },
                self._application(f"{self.cluster_name}-applications", self._git("applications"), _NAMESPACE, wave=0),
            ],
        )

    def add_chart(self, scope: Construct, release: ChartRelease, *, after: Sequence[IDependable] = ()) -> None:
        """Write the Application of a chart. What it has to wait for is of AWS, and is deployed before."""
        del after
        self.releases.append(release)
        chart = release.chart
        values = self._plain(scope, release.release, dict(release.values))
        repository, _, name = chart.repository.removeprefix("oci://").rpartition("/")
        source = {
            # Argo CD names an OCI repository without its scheme, and the chart beside it (Argo CD, Helm, high).
            "repoURL": repository if chart.repository.startswith("oci://") else chart.repository,
            "chart": name if chart.repository.startswith("oci://") else chart.name,
            "targetRevision": chart.version,
            "helm": {"releaseName": release.release, "valuesObject": values},
        }
        application = self._application(
            f"{self.cluster_name}-{release.release}", source, release.namespace, wave=self._wave(scope)
        )
        self._write(Path("applications") / f"{release.release}.yaml", [application])

    def add_manifest(self, scope: Construct, manifest: Manifest, *, after: Sequence[IDependable] = ()) -> None:
        """Write an object, and the Application of its stack's objects."""
        del after
        self.manifests.append(manifest)
        stack = cdk.Stack.of(scope).stack_name
        name = object_id(manifest)
        self._write(Path("objects") / stack / f"{name}.yaml", [self._plain(scope, name, manifest)])
        application = self._application(stack, self._git(f"objects/{stack}"), _NAMESPACE, wave=self._wave(scope) + 1)
        self._write(Path("applications") / f"{stack}.yaml", [application])

    def _wave(self, scope: Construct) -> int:
        """Stacks after one another, and the objects of each after its charts."""
        return self._waves.setdefault(cdk.Stack.of(scope).stack_name, 2 * len(self._waves))

    def _git(self, folder: str) -> dict[str, Any]:
        return {
            "repoURL": self.source.repository,
            "targetRevision": self.source.revision,
            "path": f"{self.source.path}/{folder}",
        }

    def _application(self, name: str, source: dict[str, Any], namespace: str, *, wave: int) -> dict[str, Any]:
        return {
            "apiVersion": _API,
            "kind": "Application",
            "metadata": {
                "name": name,
                "namespace": _NAMESPACE,
                "annotations": {"argocd.argoproj.io/sync-wave": str(wave)},
            },
            "spec": {
                "project": _PROJECT,
                "source": source,
                "destination": {"name": self.cluster_name, "namespace": namespace},
                "syncPolicy": {
                    "automated": {"prune": True, "selfHeal": True},
                    "syncOptions": ["CreateNamespace=true", "ServerSideApply=true"],
                    # Kinds arrive with their charts: until then an object's Application tries again.
                    "retry": {"limit": 10, "backoff": {"duration": "30s", "factor": 2, "maxDuration": "10m"}},
                },
            },
        }

    @staticmethod
    def _plain(scope: Construct, name: str, content: object) -> Any:  # noqa: ANN401 - YAML's
        resolved = json.loads(json.dumps(cdk.Stack.of(scope).resolve(content)))
        if resolved != json.loads(json.dumps(content)):
            raise FleetError(
                path=name,
                verb="has",
                got="a value that AWS makes up at deployment",
                expected="plain values for delivery by Argo CD",
                remedy="import what it names (a file system, say) by its id, or deliver by kubectl",
            )
        return resolved

    def _write(self, path: Path, documents: Sequence[Any]) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump_all(documents, sort_keys=False))
