"""EKS of the embedded AWS: clusters, and node groups whose nodes really launch, drain, roll and fail."""

from ultrafleet.rehearsal.eks.api import (
    access,
    addon_versions,
    addons,
    auto_scaling,
    cluster_versions,
    clusters,
    node_groups,
    operations,
)

__all__ = ["install"]

_OPERATIONS = (
    access,
    addon_versions,
    addons,
    cluster_versions,
    clusters,
    node_groups,
)  # importing them adds their operations


def install() -> None:
    """Answer EKS operations in the place of moto's EKS; a second time changes nothing."""
    operations.install()
    auto_scaling.install()
