"""Kubernetes versions that UltraServer nodes can join."""

import re

from ultrafleet.catalog import eks
from ultrafleet.errors import FleetError


def parse_kubernetes_version(version: str) -> tuple[int, int]:
    """Major and minor of a version.

    Args:
        version: `major.minor`, as EKS takes it.

    Raises:
        FleetError: another spelling, or a version that P6e nodes don't join.
    """
    if not re.fullmatch(r"\d+\.\d+", version):
        raise FleetError(
            f"kubernetes_version is {version!r}, expected major.minor such as {eks.DEFAULT_KUBERNETES_VERSION!r}: "
            "leave the patch out"
        )
    major, minor = (int(part) for part in version.split("."))
    if (major, minor) < eks.P6E_MINIMUM_VERSION:
        raise FleetError(
            f"kubernetes_version is {version!r}, expected {eks.spelled(eks.P6E_MINIMUM_VERSION)} or newer, "
            f"{eks.DEFAULT_KUBERNETES_VERSION} recommended: UltraServer nodes need it"
        )
    return major, minor
