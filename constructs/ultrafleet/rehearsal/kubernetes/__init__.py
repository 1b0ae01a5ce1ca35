"""Kubernetes of the embedded AWS: objects and Helm releases, checked and stored; nothing runs."""

from ultrafleet.rehearsal.kubernetes.api import KubernetesApi
from ultrafleet.rehearsal.kubernetes.state import Release

__all__ = ["KubernetesApi", "Release"]
