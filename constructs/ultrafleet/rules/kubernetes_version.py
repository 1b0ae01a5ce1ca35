"""Kubernetes versions that UltraServer nodes can join."""

import re

from ultrafleet.catalog import eks
from ultrafleet.errors import FleetError

_SPELLED_OTHERWISE = re.compile(r"\s*v?(\d+\.\d+)(?:\.\d+)?\s*")
"""Version with a `v`, a patch or space around it."""


def parse_kubernetes_version(version: str) -> tuple[int, int]:
    """Major and minor of a version.

    Args:
        version: `major.minor`, as EKS takes it.

    Raises:
        FleetError: another spelling, or a version that P6e nodes don't join.
    """
    if not re.fullmatch(r"\d+\.\d+", version):
        meant = _SPELLED_OTHERWISE.fullmatch(version)
        raise FleetError(
            path="kubernetes_version",
            got=repr(version),
            expected=f"major.minor such as {eks.DEFAULT_KUBERNETES_VERSION!r}",
            remedy=f"pass {meant[1]!r}" if meant else None,
        )
    major, minor = (int(part) for part in version.split("."))
    if (major, minor) < eks.P6E_MINIMUM_VERSION:
        raise FleetError(
            path="kubernetes_version",
            got=repr(version),
            expected=f"{eks.spelled(eks.P6E_MINIMUM_VERSION)} or newer, {eks.DEFAULT_KUBERNETES_VERSION} recommended",
            remedy="UltraServer nodes need it",
        )
    return major, minor
