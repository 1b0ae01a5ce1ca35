"""What Helm and kubectl bring into a cluster: kept, refused where a cluster would, and read back. Nothing runs."""

from ultrafleet.rehearsal.kubernetes.api import KubernetesApi
from ultrafleet.rehearsal.kubernetes.state import Release

__all__ = ["KubernetesApi", "Release"]
