"""Placement of a job: number of nodes, and how near to each other they must be."""

from dataclasses import dataclass

from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.labels import CAPACITY_LABEL, ULTRASERVER_LABEL, WORKLOAD_LABEL
from ultrafleet.queueing.flavors import Flavor

_KUEUE = "kueue.x-k8s.io"


@dataclass(frozen=True, kw_only=True)
class JobPlacement:
    """Nodes of a job in a flavor, checked; see `whole_ultraservers` and `some_nodes`.

    Attributes:
        flavor: capacity that it runs on.
        nodes: how many.
        ultraservers: UltraServers that it spans as a whole; 0 for a job of a few nodes, and on single instances.
    """

    flavor: Flavor
    nodes: int
    ultraservers: int = 0

    @property
    def node_selector(self) -> dict[str, str]:
        """Labels that choose the flavor, among those of the queue."""
        return {CAPACITY_LABEL: self.flavor.capacity, WORKLOAD_LABEL: self.flavor.workload}

    @property
    def annotations(self) -> dict[str, str]:
        """Kueue's annotations for the pods (kueue, topology-aware scheduling, high).

        Several UltraServers: each slice of the job in one of them, and they near one another if that can be. One or
        less: in one of them, which is what NVLink reaches. Single instances: near one another if that can be.
        """
        if self.ultraservers > 1:
            nearness = {f"{_KUEUE}/podset-preferred-topology": self.flavor.levels[0]}
            return {
                **(nearness if self.flavor.levels[0] != ULTRASERVER_LABEL else {}),
                f"{_KUEUE}/podset-slice-required-topology": ULTRASERVER_LABEL,
                f"{_KUEUE}/podset-slice-size": str(self.nodes // self.ultraservers),
            }
        if self.flavor.is_ultraserver:
            return {f"{_KUEUE}/podset-required-topology": ULTRASERVER_LABEL}
        lowest_switch = self.flavor.levels[-2] if len(self.flavor.levels) > 1 else self.flavor.levels[-1]
        return {f"{_KUEUE}/podset-preferred-topology": lowest_switch}


def whole_ultraservers(flavor: Flavor, ultraservers: int) -> JobPlacement:
    """A job that spans whole UltraServers, without their spare nodes.

    Raises:
        FleetError: the flavor has no UltraServers, or fewer.
    """
    if not flavor.is_ultraserver:
        raise FleetError(
            path="ultraservers",
            got=f"{ultraservers} on {flavor.capacity}",
            expected="nodes",
            remedy="it is sold as single instances",
        )
    if not 1 <= ultraservers <= len(flavor.pools):
        raise FleetError(
            path="ultraservers",
            got=ultraservers,
            expected=f"1 to {len(flavor.pools)}",
            remedy=f"{flavor.workload} has that many {flavor.capacity}",
        )
    return JobPlacement(flavor=flavor, nodes=ultraservers * flavor.nodes_per_ultraserver, ultraservers=ultraservers)


def some_nodes(flavor: Flavor, nodes: int) -> JobPlacement:
    """A job of a few nodes: on UltraServers within one of them.

    Raises:
        FleetError: more nodes than there are, or than an UltraServer has.
    """
    # A job that needed two overlapping blocks of one pool could run while they overlap only.
    most = flavor.nodes_per_ultraserver if flavor.is_ultraserver else flavor.nodes_at_hand
    if not 1 <= nodes <= most:
        whole = (
            " in one UltraServer: pass ultraservers for more" if flavor.is_ultraserver else ": a job can have that many"
        )
        raise FleetError(
            path="nodes",
            got=nodes,
            expected=f"1 to {most} {flavor.capacity}{whole}",
        )
    return JobPlacement(flavor=flavor, nodes=nodes)
