"""Nodes of EKS that aren't in AWS."""

from typing import Final

from ultrafleet.errors import FleetError

ON_PREMISES: Final = "on-premises"
"""The one place where EKS supports hybrid nodes (EKS user guide, hybrid nodes overview, high)."""


def check_hybrid_nodes(name: str, nodes_at: str) -> None:
    """Check the place of hybrid nodes.

    Args:
        name: name of their cluster.
        nodes_at: their place.

    Raises:
        FleetError: EKS doesn't support hybrid nodes there.
    """
    if nodes_at != ON_PREMISES:
        raise FleetError(
            path=f"nodes_at of cluster {name}",
            got=repr(nodes_at),
            expected=ON_PREMISES,
            remedy="EKS supports no hybrid nodes in other clouds or in AWS Regions, Local Zones or Outposts: describe "
            "the other cloud's own Kubernetes with provider kubernetes",
        )
