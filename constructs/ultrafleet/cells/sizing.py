"""Size of a cell: the racks that each limit leaves it, and the kind of its node groups."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, Self

from ultrafleet.catalog import Fabric, UltraServerType, limits
from ultrafleet.catalog.instance_type import InstanceType
from ultrafleet.cells.addresses import racks_of_largest_subnet
from ultrafleet.cells.bounds import KNOWN_LIMITS, CellLimit
from ultrafleet.cells.model import Management
from ultrafleet.environment.cluster_settings import SystemNodesSettings
from ultrafleet.errors import UnknownFactError
from ultrafleet.layout import fabric_layout
from ultrafleet.programme import FleetSettings, LimitSettings, TrancheSettings
from ultrafleet.rules.ip_budget import NodeIpDemand, node_ip_demand

_SYSTEM_NODES: Final = SystemNodesSettings().max_size
_SYSTEM_GROUPS: Final = 1
_PLATFORM_UNITS: Final = 1000
"""Network Address Usage that is left for endpoints, NAT and system nodes (own choice)."""
_UNITS_PER_NODE: Final = int(limits.fact("limit/vpc/network-address-usage-per-p6e-node").value)
RESOURCES_PER_RACK: Final = 5
"""Resources of a rack's stack: launch template, node group and three alarms."""
BYTES_PER_RACK: Final = 20_000
"""Bytes of a template that are left for each rack; it takes about three quarters of them."""


@dataclass(frozen=True, kw_only=True)
class CellKind:
    """Kind of cells that have one size.

    Attributes:
        ultraserver_type: type of the racks.
        fabric: `efa` or `roce`; None where the type has one only.
        workload: `training` or `inference`.
    """

    ultraserver_type: UltraServerType
    fabric: Literal["efa", "roce"] | None
    workload: str

    @classmethod
    def of(cls, tranche: TrancheSettings) -> Self:
        """Kind of the cells of a tranche.

        Args:
            tranche: a tranche of UltraServers.
        """
        return cls(ultraserver_type=UltraServerType.of(tranche.type), fabric=tranche.fabric, workload=tranche.workload)

    @property
    def member(self) -> InstanceType:
        """Type of the nodes."""
        found = self.ultraserver_type.instance_type
        if found is None:
            raise UnknownFactError(
                path=f"instance type of {self.ultraserver_type}",
                got="not known",
                expected="a type whose members are known",
            )
        return found

    @property
    def nodes(self) -> int:
        """Nodes of a rack."""
        return int(self.ultraserver_type.require("instance_count", instead="pass a type whose size is known"))

    def per_node(self, max_pods: int) -> NodeIpDemand:
        """Addresses of a node.

        Args:
            max_pods: pods of a node.
        """
        interfaces = fabric_layout(self.member, fabric=None if self.fabric is None else Fabric(self.fabric))
        return node_ip_demand(
            ip_interfaces=sum(interface.takes_ip for interface in interfaces),
            max_pods=max_pods,
            ipv4_per_interface=self.member.ipv4_per_interface,
        )

    def job_accelerators(self, spare_nodes: int) -> int:
        """Accelerators of a rack that a job can have.

        Args:
            spare_nodes: nodes that are kept closed to jobs.
        """
        all_of_them = int(self.ultraserver_type.require("accelerator_count", instead="pass a type whose size is known"))
        return all_of_them - spare_nodes * (all_of_them // self.nodes)


def cell_limits(
    kind: CellKind, *, fleet: FleetSettings, raised: LimitSettings, management: Management
) -> tuple[CellLimit, ...]:
    """Limits of a cell with the racks that each leaves it, the smallest first.

    Args:
        kind: kind of the cell.
        fleet: fleet of the programme's file.
        raised: limits of the programme's file.
        management: kind of its node groups.
    """
    return tuple(
        sorted(_limits(kind, fleet, raised, management), key=lambda item: (item.racks, item.key)),
    )


def _limits(kind: CellKind, fleet: FleetSettings, raised: LimitSettings, management: Management) -> Iterator[CellLimit]:
    demand = kind.per_node(fleet.max_pods)
    if management == "managed":
        yield _limit(raised, "node_groups_per_cluster", overhead=_SYSTEM_GROUPS + fleet.hand_overs_per_cell)
    yield _limit(raised, "nodes_per_cluster", overhead=_SYSTEM_NODES, units=kind.nodes)
    units = max(_UNITS_PER_NODE, demand.ip_interfaces + demand.prefixes) * kind.nodes
    yield _limit(raised, "network_address_usage", overhead=_PLATFORM_UNITS, units=units)
    yield _limit(raised, "cidrs_per_vpc", overhead=1, per_racks=max(1, racks_of_largest_subnet(demand, kind.nodes)))
    if fleet.most_racks_per_cell is not None:
        yield CellLimit(
            key="most_racks_per_cell",
            value=fleet.most_racks_per_cell,
            racks=fleet.most_racks_per_cell,
            basis="blast radius of the programme's file",
        )


def _limit(raised: LimitSettings, key: str, *, overhead: int, units: int = 1, per_racks: int = 1) -> CellLimit:
    known = KNOWN_LIMITS[key]
    stated = raised.raised(key)
    value = known.value(raised)
    return CellLimit(
        key=key,
        value=value,
        racks=max(0, (value - overhead) // units) * per_racks,
        basis=str(known.documented.source) if stated is None else stated.reason,
        overhead=overhead,
        units=units,
        per_racks=per_racks,
    )


def racks_per_stack(fleet: FleetSettings) -> int:
    """Racks of one stack: as stated, or as many as resources and bytes of a template allow.

    Args:
        fleet: fleet of the programme's file.
    """
    if fleet.racks_per_stack is not None:
        return fleet.racks_per_stack
    return min(limits.STACK_RESOURCES.value // RESOURCES_PER_RACK, limits.TEMPLATE_BYTES.value // BYTES_PER_RACK)
