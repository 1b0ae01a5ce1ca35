"""Size of a cell: the racks that each limit leaves it."""

from collections.abc import Iterator
from typing import Final

from ultrafleet.catalog import limits
from ultrafleet.cells.addresses import racks_of_largest_subnet
from ultrafleet.cells.bounds import KNOWN_LIMITS, CellLimit
from ultrafleet.cells.kinds import CellKind
from ultrafleet.cells.model import Management
from ultrafleet.environment.cluster_settings import SystemNodesSettings
from ultrafleet.programme import FleetSettings, LimitSettings
from ultrafleet.rules.schedule_room import EVENTS_OF_EXECUTION, EVENTS_PER_NODE_GROUP

_SYSTEM_NODES: Final = SystemNodesSettings().max_size
SYSTEM_GROUPS: Final = 1
"""Node groups of a cell that are no racks': that of the system nodes."""
_PLATFORM_SUBNETS: Final = 8
"""Subnets that are left for control plane, NAT and system nodes (own choice)."""
_PLATFORM_UNITS: Final = 1000
"""Network Address Usage that is left for endpoints, NAT and system nodes (own choice)."""
_UNITS_PER_NODE: Final = int(limits.fact("limit/vpc/network-address-usage-per-p6e-node").value)
RESOURCES_PER_RACK: Final = 5
"""Resources of a rack's stack: launch template, node group and three alarms."""
BYTES_PER_RACK: Final = 20_000
"""Bytes of a template that are left for each rack; it takes about three quarters of them."""


def cell_limits(
    kind: CellKind, *, fleet: FleetSettings, raised: LimitSettings, management: Management
) -> tuple[CellLimit, ...]:
    """Limits of a cell with the racks that each leaves it, the smallest first.

    Racks that may be on two blocks at once count twice: `hand_overs_per_cell` is part of each overhead.

    Args:
        kind: kind of the cell.
        fleet: fleet of the programme's file.
        raised: limits of the programme's file.
        management: kind of its node groups.
    """
    found = _limits(kind, fleet, raised, management)
    return tuple(sorted(found, key=lambda item: (item.racks, item.key)))


def _limits(kind: CellKind, fleet: FleetSettings, raised: LimitSettings, management: Management) -> Iterator[CellLimit]:
    extra = fleet.hand_overs_per_cell
    demand = kind.per_node(fleet.max_pods)
    if management == "managed":
        yield _limit(raised, "node_groups_per_cluster", overhead=SYSTEM_GROUPS + extra)
        yield _of_one_group(raised, kind)
    yield _limit(raised, "nodes_per_cluster", overhead=_SYSTEM_NODES + extra * kind.nodes, units=kind.nodes)
    units = max(_UNITS_PER_NODE, demand.ip_interfaces + demand.prefixes) * kind.nodes
    yield _limit(raised, "network_address_usage", overhead=_PLATFORM_UNITS + extra * units, units=units)
    each = max(0, racks_of_largest_subnet(demand, kind.nodes) - extra)
    yield _limit(raised, "cidrs_per_vpc", overhead=1, per_racks=each)
    yield _limit(raised, "subnets_per_vpc", overhead=_PLATFORM_SUBNETS, per_racks=each)
    yield _limit(
        raised,
        "history_events",
        overhead=EVENTS_OF_EXECUTION + (SYSTEM_GROUPS + extra) * EVENTS_PER_NODE_GROUP,
        units=EVENTS_PER_NODE_GROUP,
    )
    if fleet.most_racks_per_cell is not None:
        yield CellLimit(
            key="most_racks_per_cell",
            value=fleet.most_racks_per_cell,
            racks=fleet.most_racks_per_cell,
            basis="blast radius of the programme's file",
        )


def _limit(raised: LimitSettings, key: str, *, overhead: int, units: int = 1, per_racks: int = 1) -> CellLimit:
    known = KNOWN_LIMITS[key]
    value = known.value(raised)
    return CellLimit(
        key=key,
        value=value,
        racks=max(0, (value - overhead) // units) * per_racks,
        basis=_basis(raised, key),
        overhead=overhead,
        units=units,
        per_racks=max(1, per_racks),
    )


def _of_one_group(raised: LimitSettings, kind: CellKind) -> CellLimit:
    """Limit of a rack's node group: it bounds no cell, where the group holds a whole rack."""
    key = "nodes_per_node_group"
    value = KNOWN_LIMITS[key].value(raised)
    clusters = KNOWN_LIMITS["nodes_per_cluster"].value(raised)
    racks = 0 if value < kind.nodes else clusters // kind.nodes
    return CellLimit(
        key=key, value=value, racks=racks, basis=_basis(raised, key), overhead=kind.nodes, units=0, per_racks=1
    )


def _basis(raised: LimitSettings, key: str) -> str:
    stated = raised.raised(key)
    return str(KNOWN_LIMITS[key].documented.source) if stated is None else stated.reason


def racks_per_stack(fleet: FleetSettings) -> int:
    """Racks of one stack: as stated, or as many as resources and bytes of a template allow.

    Args:
        fleet: fleet of the programme's file.
    """
    return fleet.racks_per_stack or most_racks_per_stack()


def most_racks_per_stack() -> int:
    """Racks that resources and bytes of a template allow."""
    return min(limits.STACK_RESOURCES.value // RESOURCES_PER_RACK, limits.TEMPLATE_BYTES.value // BYTES_PER_RACK)
