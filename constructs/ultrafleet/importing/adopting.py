"""Environment in a cluster and a VPC that exist: they are named by their ids, nothing of them is made or changed."""

from typing import Any, Final

from ultrafleet.catalog.eks import AddonName
from ultrafleet.importing.draft import Draft, DraftCluster
from ultrafleet.importing.pool_rows import PoolRows
from ultrafleet.rules.managed_addons import ADDONS

_OF_EVERY_CLUSTER: Final = frozenset({AddonName.VPC_CNI, AddonName.COREDNS, AddonName.KUBE_PROXY})


def adopted_network(existing: DraftCluster, pools: PoolRows) -> dict[str, Any]:
    """The VPC, and the subnets of the pools.

    Args:
        existing: cluster and VPC.
        pools: the pools.
    """
    network: dict[str, Any] = {"vpc_id": existing.vpc_id}
    if existing.cidrs:
        network["cidr"] = existing.cidrs[0]
    if existing.cidrs[1:]:
        network["secondary_cidrs"] = list(existing.cidrs[1:])
    network["subnets"] = [
        {
            "name": name,
            "kind": "accelerator",
            "availability_zone": wanted.zone,
            "subnet_id": wanted.subnet_id,
            "cidr": wanted.cidr,
        }
        for name, wanted in pools.subnets.items()
    ]
    return network


def adopted_cluster(draft: Draft, existing: DraftCluster) -> dict[str, Any]:
    """The cluster; its system nodes and add-ons stay as they are.

    Args:
        draft: what the source describes; gets the lines.
        existing: cluster and VPC.
    """
    theirs: dict[str, Any] = {"name": draft.cluster_name}
    if existing.security_group_id is not None:
        theirs["security_group_id"] = existing.security_group_id
    if existing.authentication_mode is not None:
        theirs["authentication_mode"] = existing.authentication_mode
    addons = [name for name in existing.addons if name in ADDONS and name not in _OF_EVERY_CLUSTER]
    if addons:
        theirs["addons"] = addons
    for pool in draft.pools:
        if pool.purchase == "block":
            draft.note(pool.place, "it runs its block on, sized by the schedule: docs/migration.md has what it needs")
        else:
            draft.note(pool.place, f"pool {pool.name} makes a node group beside it: scale this one down before")
    draft.note(
        f"cluster {draft.cluster_name}",
        "charts in it are stated under kubernetes.existing before anything is delivered",
    )
    return {"existing": theirs, "kubernetes_version": existing.kubernetes_version}
