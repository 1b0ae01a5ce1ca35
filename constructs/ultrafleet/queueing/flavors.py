"""Flavors: the capacity that pools of one kind give to one kind of workload."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ultrafleet.accelerator_addons.accelerator_runtime import tolerations
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.labels import CAPACITY_LABEL, ULTRASERVER_LABEL, WORKLOAD_LABEL
from ultrafleet.kubernetes.manifest import kubernetes_object, object_name
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.queueing.topology import KUEUE_API, topology_levels

CHANNEL_RESOURCE = "nvidia.com/compute-domain-channel"
"""Our name for what Kueue counts of ComputeDomain claims: one for each node. Kueue 0.19 refuses a workload whose claims
are of a device class that it doesn't map to a resource (kueue, pkg/dra/claims.go, high)."""


@dataclass(frozen=True, kw_only=True)
class Flavor:
    """Pools that a job may be spread over: of one workload, and UltraServers of one type or instances of one type.

    Attributes:
        workload: what the pools are for.
        capacity: UltraServer type or instance type.
        pools: the pools.
        spare_nodes: nodes of each UltraServer that jobs leave free, to take the place of one that fails.
        levels: node labels of its topology.
    """

    workload: str
    capacity: str
    pools: tuple[PoolNodes, ...]
    spare_nodes: int
    levels: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the ResourceFlavor: workload and capacity."""
        return f"{self.workload}-{self.capacity.replace('.', '-')}"

    @property
    def topology_name(self) -> str:
        """Name of its Topology: flavors of equal levels share one."""
        kind = "ultraserver" if ULTRASERVER_LABEL in self.levels else "instance"
        layers = sum("network-node-layer" in label for label in self.levels)
        return f"{kind}-{layers}-layers"

    @property
    def is_ultraserver(self) -> bool:
        """True if its pools are UltraServers."""
        return self.pools[0].ultraserver_type is not None

    @property
    def nodes(self) -> int:
        """Nodes that jobs may have at once, at most: while blocks of a pool overlap, those of each."""
        return sum(self._nodes_of(pool) for pool in self.pools)

    @property
    def nodes_at_hand(self) -> int:
        """Nodes that jobs may have whenever a block of each pool runs: without those of a second, overlapping block."""
        spare = self.spare_nodes if self.is_ultraserver else 0
        return sum(pool.nodes_at_hand - spare for pool in self.pools)

    @property
    def nodes_per_ultraserver(self) -> int:
        """Nodes of one UltraServer that a job may have."""
        return self.pools[0].nodes_at_hand - self.spare_nodes

    def _nodes_of(self, pool: PoolNodes) -> int:
        """Nodes of a pool that jobs may have at once, at most."""
        return pool.nodes - self.spare_nodes * pool.ultraservers

    @staticmethod
    def _per_node(pool: PoolNodes) -> dict[str, int]:
        per_node = {pool.accelerator_resource: pool.accelerators_per_node, **_network(pool)}
        return {**per_node, CHANNEL_RESOURCE: 1} if pool.has_multi_node_nvlink else per_node

    @property
    def quotas(self) -> dict[str, int]:
        """Quota by resource: the pools' capacity without the spare nodes."""
        found: dict[str, int] = {}
        for pool in self.pools:
            nodes = self._nodes_of(pool)
            for resource, count in self._per_node(pool).items():
                found[resource] = found.get(resource, 0) + count * nodes
        return found

    def quotas_of(self, nodes: int) -> dict[str, int]:
        """Quota by resource of some nodes; pools of a flavor have nodes of one type.

        Args:
            nodes: how many.
        """
        return {resource: count * nodes for resource, count in self._per_node(self.pools[0]).items()}

    def manifest(self) -> dict[str, Any]:
        """The Kueue `ResourceFlavor`."""
        return kubernetes_object(
            KUEUE_API,
            "ResourceFlavor",
            self.name,
            spec={
                "nodeLabels": {CAPACITY_LABEL: self.capacity, WORKLOAD_LABEL: self.workload},
                # Kueue gives them to the pods that it admits, so jobs need not know the pools' taints.
                "tolerations": tolerations(self.pools),
                "topologyName": self.topology_name,
            },
        )


def _network(pool: PoolNodes) -> dict[str, int]:
    """Network devices of a node, by the name that they are counted by."""
    return {} if pool.network is None else {pool.network.counted_as: pool.network.count}


def fleet_flavors(
    pools: Sequence[PoolNodes], *, spare_nodes_per_ultraserver: int = 0, ultraserver_network_layers: int | None = None
) -> list[Flavor]:
    """Flavors of a fleet, by name.

    Args:
        pools: the accelerator pools.
        spare_nodes_per_ultraserver: nodes of each UltraServer that jobs leave free: 2 is the 16-of-18 mode.
        ultraserver_network_layers: layers of EC2's network above UltraServers. Default: two.

    Raises:
        FleetError: no node is left, or pools whose labels other than the library's would be counted wrongly.
    """
    groups: dict[tuple[str, str], list[PoolNodes]] = {}
    for pool in sorted(pools, key=lambda item: item.pool_name):
        object_name(f"workload of pool {pool.pool_name}", pool.workload, most=30)
        for label, value in ((CAPACITY_LABEL, pool.capacity), (WORKLOAD_LABEL, pool.workload)):
            if pool.labels.get(label) != value:
                raise FleetError(
                    path=f"pool {pool.pool_name}",
                    verb="has",
                    got=f"the label {label} {pool.labels.get(label)!r}",
                    expected=repr(value),
                    remedy="queues select nodes by it, leave it as the pool sets it",
                )
        groups.setdefault((pool.workload, pool.capacity), []).append(pool)
    flavors = []
    for (workload, capacity), members in sorted(groups.items()):
        ultraserver = members[0].ultraserver_type is not None
        spare = spare_nodes_per_ultraserver if ultraserver else 0
        for pool in members:
            if not 0 <= spare < pool.nodes_at_hand:
                raise FleetError(
                    path="spare_nodes_per_ultraserver",
                    got=spare,
                    expected=f"0 to {pool.nodes_at_hand - 1}",
                    remedy=f"an UltraServer of pool {pool.pool_name} has {pool.nodes_at_hand} nodes",
                )
        levels = topology_levels(members[0], network_layers=ultraserver_network_layers if ultraserver else None)
        flavors.append(
            Flavor(workload=workload, capacity=capacity, pools=tuple(members), spare_nodes=spare, levels=levels)
        )
    return flavors
