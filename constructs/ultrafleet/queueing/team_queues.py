"""Queues of teams: what each team is guaranteed, and how idle nodes are shared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.labels import WORKLOAD_LABEL
from ultrafleet.kubernetes.manifest import kubernetes_object
from ultrafleet.queueing.flavors import Flavor
from ultrafleet.queueing.topology import KUEUE_API

_LEAST_WEIGHT = 1e-9


@dataclass(frozen=True, kw_only=True)
class TeamShare:
    """Share of a team in the capacity of its workload.

    Teams may use all nodes that are idle. Who uses more than is guaranteed can be evicted: for a job of a team within
    its guarantee always; for any other where its team would still have less, by weight, than the one that loses nodes
    (kueue, fair sharing, high).

    Attributes:
        team_name: the team.
        workload: the pools' workload that it uses.
        guaranteed_nodes: nodes that its jobs get in any case, by capacity: UltraServer type or instance type. A job of
            several UltraServers needs all its nodes guaranteed, or waits until other teams leave them. Default: none.
        fair_sharing_weight: weight of the team in idle nodes beside other teams; with 0 it has only what they leave.
            Default: 1.
    """

    team_name: str
    workload: str = "training"
    guaranteed_nodes: Mapping[str, int] = field(default_factory=dict)
    fair_sharing_weight: float = 1

    def __post_init__(self) -> None:
        if self.fair_sharing_weight and not _LEAST_WEIGHT < self.fair_sharing_weight < float("inf"):
            raise FleetError(
                path=f"fair_sharing_weight of team {self.team_name}",
                got=self.fair_sharing_weight,
                expected=f"0, or more than {_LEAST_WEIGHT}",
                remedy="state 1 for the weight of a team that states none",
            )

    @property
    def queue(self) -> str:
        """Name of the team's ClusterQueue. Names of workloads have no dot, so none is another queue's."""
        return team_queue_name(self.team_name, self.workload)


def team_queue_name(team_name: str, workload: str) -> str:
    """Name of the ClusterQueue of a team."""
    return f"{workload}.{team_name}"


def check_shares(flavors: Sequence[Flavor], shares: Sequence[TeamShare]) -> None:
    """Check that what teams are guaranteed is there.

    Args:
        flavors: the fleet's capacity.
        shares: the teams' shares.

    Raises:
        FleetError: a capacity that the team's workload doesn't have, less than no node, or more nodes together than
            there are whenever a block of each pool runs.
    """
    left = {(flavor.workload, flavor.capacity): flavor.nodes_at_hand for flavor in flavors}
    for share in shares:
        path = f"guaranteed_nodes of team {share.team_name}"
        known = sorted(capacity for workload, capacity in left if workload == share.workload)
        for capacity, nodes in share.guaranteed_nodes.items():
            if capacity not in known:
                raise FleetError(
                    path=path,
                    verb="name",
                    got=repr(capacity),
                    expected=f"a capacity of the workload {share.workload}: {', '.join(known) or '(none)'}",
                    remedy="name UltraServer or instance types",
                )
            if not 0 <= nodes <= left[share.workload, capacity]:
                raise FleetError(
                    path=path,
                    got=f"{nodes} {capacity}",
                    expected=f"0 to {left[share.workload, capacity]}",
                    remedy="that many nodes are left of those that jobs may have, after the guarantees of the teams "
                    "before it",
                )
            left[share.workload, capacity] -= nodes


def cluster_queues(workload: str, flavors: Sequence[Flavor], shares: Sequence[TeamShare] = ()) -> list[dict[str, Any]]:
    """The ClusterQueues of a workload: one with what no team is guaranteed, and one for each team, all in one cohort.

    The first is named after the workload. Without teams it is alone, and in no cohort.

    Args:
        workload: the workload.
        flavors: the fleet's capacity.
        shares: the teams' shares; those of other workloads are passed over.
    """
    own = [flavor for flavor in flavors if flavor.workload == workload]
    teams = [share for share in shares if share.workload == workload]
    guaranteed = {
        flavor.name: {share.queue: share.guaranteed_nodes.get(flavor.capacity, 0) for share in teams} for flavor in own
    }
    rest = {
        flavor.name: _less(flavor.quotas, flavor.quotas_of(sum(guaranteed[flavor.name].values()))) for flavor in own
    }
    return [
        _cluster_queue(workload, workload, own, rest, **({"cohortName": workload} if teams else {})),
        *(
            _cluster_queue(
                share.queue,
                workload,
                own,
                {flavor.name: flavor.quotas_of(guaranteed[flavor.name][share.queue]) for flavor in own},
                cohortName=workload,
                fairSharing={"weight": f"{share.fair_sharing_weight:g}"},
            )
            for share in teams
        ),
    ]


def _cluster_queue(
    name: str,
    workload: str,
    flavors: Sequence[Flavor],
    nominal: Mapping[str, Mapping[str, int]],
    **cohort: Any,  # noqa: ANN401 - the object's own fields
) -> dict[str, Any]:
    # One group, because a resource may be in one only; so every flavor states every resource, also those it lacks.
    covered = sorted({resource for flavor in flavors for resource in flavor.quotas})
    return kubernetes_object(
        KUEUE_API,
        "ClusterQueue",
        name,
        spec={
            **cohort,
            "namespaceSelector": {"matchLabels": {WORKLOAD_LABEL: workload}},
            "queueingStrategy": "BestEffortFIFO",
            "preemption": {
                # Younger jobs of a team run on nodes that a bigger, older one waits for, and give them back to it.
                "withinClusterQueue": "LowerOrNewerEqualPriority" if "fairSharing" in cohort else "LowerPriority",
                **({"reclaimWithinCohort": "Any"} if cohort else {}),
            },
            "resourceGroups": [
                {
                    "coveredResources": covered,
                    "flavors": [
                        {
                            "name": flavor.name,
                            "resources": [
                                {"name": resource, "nominalQuota": str(nominal[flavor.name].get(resource, 0))}
                                for resource in covered
                            ],
                        }
                        for flavor in flavors
                    ],
                }
            ],
        },
    )


def _less(total: Mapping[str, int], part: Mapping[str, int]) -> dict[str, int]:
    return {resource: count - part.get(resource, 0) for resource, count in total.items()}


def team_local_queue(team_name: str, workload: str) -> dict[str, Any]:
    """The way of a team's namespace to its queue; both it and the namespace have the team's name.

    A LocalQueue never changes its ClusterQueue (kueue, apis/kueue/v1beta2/localqueue_types.go, high).
    """
    return kubernetes_object(
        KUEUE_API,
        "LocalQueue",
        team_name,
        namespace=team_name,
        spec={"clusterQueue": team_queue_name(team_name, workload)},
    )
