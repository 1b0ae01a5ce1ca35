"""Placement of replicas on several nodes, by Kubernetes' own scheduler."""

from typing import Any

from ultrafleet.kubernetes.labels import ULTRASERVER_LABEL
from ultrafleet.queueing.flavors import Flavor

_NAME_LABEL = "leaderworkerset.sigs.k8s.io/name"
_GROUP_LABEL = "leaderworkerset.sigs.k8s.io/group-key"
"""LeaderWorkerSet's webhook gives each group a value of its own (lws v0.8.0, pod_webhook.go, high)."""
_INDEX_LABEL = "leaderworkerset.sigs.k8s.io/worker-index"


def worker_affinity(name: str, flavor: Flavor) -> dict[str, Any]:
    """Affinity of the workers of a group to their leader.

    On UltraServers workers start in their leader's or not at all; other nodes are chosen as near to it as some are
    free. `matchLabelKeys` adds the group's own value to the selector (Kubernetes documentation, inter-pod affinity,
    high), so that one template serves all groups. An affinity to the whole group would let a worker start before its
    leader, anywhere: the first pod that selects itself may (there, high).

    Args:
        name: name of the LeaderWorkerSet.
        flavor: capacity that it runs on.
    """
    terms = [
        {
            "topologyKey": key,
            "labelSelector": {"matchLabels": _leader(name)},
            "matchLabelKeys": [_GROUP_LABEL],
        }
        for key in _near(flavor)
    ]
    if flavor.is_ultraserver:
        return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    preferred = [{"weight": 100, "podAffinityTerm": term} for term in terms]
    return {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


def _leader(name: str) -> dict[str, str]:
    return {_NAME_LABEL: name, _INDEX_LABEL: "0"}


def _near(flavor: Flavor) -> list[str]:
    if flavor.is_ultraserver:
        return [ULTRASERVER_LABEL]
    return [level for level in flavor.levels if "network-node-layer" in level]


def leader_spread(name: str, flavor: Flavor, *, nodes: int) -> list[dict[str, Any]]:
    """Spread of the leaders of groups over UltraServers: in each no more than the groups that it holds.

    Leaders are placed one by one, before their workers. Without a limit, five leaders of groups of four could start in
    an UltraServer of 18, and a group that lost the race for its nodes would wait for ever. With it, and with no other
    pods on these nodes, each leader that is placed has room for its workers.

    `maxSkew` is the limit itself as long as there are fewer UltraServers than `minDomains`: the least count of a domain
    is taken for 0 then (Kubernetes documentation, topology spread constraints, high). So it is one more than there
    can be.

    Args:
        name: name of the LeaderWorkerSet.
        flavor: capacity that it runs on.
        nodes: nodes of a group.
    """
    if not flavor.is_ultraserver:
        return []
    return [
        {
            "topologyKey": ULTRASERVER_LABEL,
            "maxSkew": flavor.nodes_per_ultraserver // nodes,
            "minDomains": sum(pool.ultraservers for pool in flavor.pools) + 1,
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": _leader(name)},
        }
    ]
