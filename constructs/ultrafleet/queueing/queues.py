"""Kueue objects of a fleet: topologies, flavors, a queue for each kind of workload, and priorities."""

from collections.abc import Sequence
from typing import Any

from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object
from ultrafleet.queueing.flavors import Flavor
from ultrafleet.queueing.team_queues import TeamShare, check_shares, cluster_queues
from ultrafleet.queueing.topology import KUEUE_API, topology
from ultrafleet.rules.priorities import PRIORITIES


def queue_manifests(flavors: Sequence[Flavor], shares: Sequence[TeamShare] = ()) -> list[Manifest]:
    """All Kueue objects of the cluster, in an order that can be applied.

    Args:
        flavors: the fleet's capacity.
        shares: shares of the teams. Default: there are none.

    Raises:
        FleetError: teams are guaranteed what isn't there.
    """
    check_shares(flavors, shares)
    topologies = {flavor.topology_name: flavor.levels for flavor in flavors}
    return [
        *(topology(name, levels) for name, levels in sorted(topologies.items())),
        *(flavor.manifest() for flavor in flavors),
        *(
            queue
            for workload in sorted({flavor.workload for flavor in flavors})
            for queue in cluster_queues(workload, flavors, shares)
        ),
        *priority_classes(),
    ]


def local_queue(namespace: str, workload: str) -> dict[str, Any]:
    """The way of a namespace to the queue of its workload, under the same name."""
    return kubernetes_object(KUEUE_API, "LocalQueue", workload, namespace=namespace, spec={"clusterQueue": workload})


def priority_classes() -> list[dict[str, Any]]:
    """Priorities within and between queues, highest first."""
    return [
        kubernetes_object(
            KUEUE_API, "WorkloadPriorityClass", name, value=value, description=f"of {name} workloads in queues"
        )
        for name, value in PRIORITIES.items()
    ]
