"""Clusters as constructs take them: an `ICluster` of either EKS module, a `FleetCluster`, or one by its name."""

from dataclasses import dataclass
from typing import Protocol

from ultrafleet.errors import FleetError


class ClusterReference(Protocol):
    """The parts of an `ICluster` of `aws_eks` or `aws_eks_v2` that constructs read."""

    @property
    def cluster_name(self) -> str:
        """Name of the cluster."""

    @property
    def cluster_security_group_id(self) -> str | None:
        """Security group that EKS made for the cluster; pools and model endpoints need it."""


@dataclass(frozen=True, kw_only=True)
class ImportedCluster:
    """A cluster by plain values, for stacks that import nothing else of it.

    Attributes:
        cluster_name: name of the cluster; a plain name or a token.
        cluster_security_group_id: security group that EKS made for it; a plain id or a token. Default: none, for
            constructs that need the name alone.
    """

    cluster_name: str
    cluster_security_group_id: str | None = None


def cluster_security_group_id(cluster: ClusterReference) -> str:
    """Id of the security group that EKS made for a cluster.

    Raises:
        FleetError: the cluster was imported without it.
    """
    group = cluster.cluster_security_group_id
    if group is None:
        raise FleetError(
            path=f"cluster_security_group_id of cluster {cluster.cluster_name}",
            got="not stated",
            expected="the security group that EKS made for it",
            remedy="pass it to ImportedCluster",
        )
    return group
