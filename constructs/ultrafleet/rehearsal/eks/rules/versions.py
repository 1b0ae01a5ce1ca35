"""Kubernetes versions that EKS offers on a day, by the catalog's ends of support."""

from datetime import date
from enum import StrEnum
from typing import Final

from ultrafleet.catalog.eks import KUBERNETES_VERSIONS, KubernetesVersion

VERSIONS: Final = tuple(version.name for version in KUBERNETES_VERSIONS)
"""Kubernetes versions that the catalog knows, extended support included."""


class VersionStatus(StrEnum):
    """Support of a version, as the EKS API spells it."""

    STANDARD_SUPPORT = "STANDARD_SUPPORT"
    EXTENDED_SUPPORT = "EXTENDED_SUPPORT"
    UNSUPPORTED = "UNSUPPORTED"


class WithdrawnVersions:
    """Versions that EKS no longer offers in an account and region, whatever the catalog says."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.names: set[str] = set()


def version_status(version: KubernetesVersion, day: date) -> VersionStatus:
    """Support of a version on a day; an end that no source states isn't reached.

    Args:
        version: of the catalog.
        day: day (UTC).
    """
    if version.end_of_extended_support is not None and day > version.end_of_extended_support:
        return VersionStatus.UNSUPPORTED
    if version.end_of_standard_support is not None and day > version.end_of_standard_support:
        return VersionStatus.EXTENDED_SUPPORT
    return VersionStatus.STANDARD_SUPPORT
