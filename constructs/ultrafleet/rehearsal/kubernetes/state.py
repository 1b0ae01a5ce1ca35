"""Objects and Helm releases of clusters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ObjectKey = tuple[str, str, str, str]
"""API version, kind, namespace ("" for objects of the cluster), name."""

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


@dataclass(frozen=True, kw_only=True)
class Release:
    """A Helm release."""

    name: str
    namespace: str
    chart: str
    repository: str
    version: str
    values: Mapping[str, Any]


@dataclass
class ClusterContent:
    """Objects, releases and namespaces of a cluster."""

    objects: dict[ObjectKey, dict[str, Any]] = field(default_factory=dict)
    releases: dict[tuple[str, str], Release] = field(default_factory=dict)
    namespaces: set[str] = field(default_factory=lambda: set(NAMESPACES))
