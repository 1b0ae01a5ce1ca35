"""Quota of managed node groups of a cluster: each capacity block takes one, the system nodes one."""

from ultrafleet.catalog.limits import NODE_GROUPS_PER_CLUSTER, NODE_GROUPS_PER_CLUSTER_MAXIMUM
from ultrafleet.errors import FleetError


def node_group_quota_request(cluster_name: str, node_groups: int) -> str | None:
    """Sentence for people who have to raise the quota first; None where the default is enough.

    Args:
        cluster_name: name of the cluster.
        node_groups: its managed node groups.

    Raises:
        FleetError: more than EKS gives any cluster.
    """
    most, default = NODE_GROUPS_PER_CLUSTER_MAXIMUM, NODE_GROUPS_PER_CLUSTER
    if node_groups > most.value:
        raise FleetError(
            path=f"cluster {cluster_name}",
            verb="has",
            got=f"{node_groups} managed node groups",
            expected=f"at most {most.value} ({most.source})",
            remedy="take blocks that are over out of the file, or make a second environment",
        )
    if node_groups <= default.value:
        return None
    return (
        f"cluster {cluster_name} has {node_groups} managed node groups, EKS gives {default.value} by default: raise "
        "the quota 'Managed node groups per cluster' to at least that first, or take out blocks that are over"
    )
