"""Versions of Kubernetes that UltraServer nodes can join."""

import re

from ultrafleet.errors import FleetError

MINIMUM_KUBERNETES_VERSION = (1, 33)  # P6e needs it (EKS user guide, high)
RECOMMENDED_KUBERNETES_VERSION = (1, 34)  # resource.k8s.io/v1 is on by default (EKS user guide, high)


def parse_kubernetes_version(version: str) -> tuple[int, int]:
    """Major and minor of a version such as "1.34"; refuses other spellings and versions below 1.33."""
    if not re.fullmatch(r"\d+\.\d+", version):
        raise FleetError(f"kubernetes_version is {version!r}, expected major.minor such as '1.34': leave the patch out")
    major, minor = (int(part) for part in version.split("."))
    if (major, minor) < MINIMUM_KUBERNETES_VERSION:
        raise FleetError(
            f"kubernetes_version is {version!r}, expected 1.33 or newer, 1.34 recommended: UltraServer nodes need it"
        )
    return major, minor
