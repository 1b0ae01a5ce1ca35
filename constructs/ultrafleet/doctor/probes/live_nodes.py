"""Subnet and role of a live node group, for node groups that probes make beside it."""

from dataclasses import dataclass
from typing import Final

from ultrafleet.doctor.account import Account, AwsRefusalError

_MISSING: Final = "ResourceNotFoundException"
_POOL_TAG: Final = "ultrafleet:pool"


@dataclass(frozen=True, kw_only=True)
class LiveNodes:
    """Subnet and role of a live node group.

    Attributes:
        subnet: id of its first subnet.
        role: ARN of its nodes' role.
    """

    subnet: str
    role: str


def live_nodes(cluster: str, account: Account) -> LiveNodes | None:
    """Subnet and role of the system's node group; None where there is no cluster, or no node group outside of pools.

    Args:
        cluster: name of the cluster.
        account: its account.
    """
    try:
        names = list(account.pages("eks", "list_nodegroups", "nodegroups", clusterName=cluster))
        for name in names:
            found = account.call("eks", "describe_nodegroup", clusterName=cluster, nodegroupName=name)["nodegroup"]
            if _POOL_TAG not in (found.get("tags") or {}):
                return LiveNodes(subnet=found["subnets"][0], role=found["nodeRole"])
    except AwsRefusalError as refusal:
        if refusal.code != _MISSING:
            raise
    return None
