"""Needs of a programme: what its cells take of each quota, today's racks and every slot, by account and region."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ultrafleet.cells import Cell, CellPlan
from ultrafleet.cells.accounts import taken
from ultrafleet.cells.bounds import KnownLimit
from ultrafleet.cells.sizing import SYSTEM_GROUPS
from ultrafleet.programme import FleetSettings
from ultrafleet.programme_preflight import quotas
from ultrafleet.rules.zones import is_local_zone

UNKNOWN_ACCOUNT: Final = "unknown account"
PLATFORM_STACKS: Final = 7
"""Stacks of a cell without racks: network, cluster, system, capacity, kubernetes, operate, care."""
PLATFORM_ROLES: Final = 12
"""IAM roles of a cell, at most."""
PLATFORM_ALARMS: Final = 12
"""Alarms of a cell without racks, at most."""
RACK_ALARMS: Final = 3


@dataclass(frozen=True, kw_only=True, order=True)
class Place:
    """Account and region with cells.

    Attributes:
        account: id of the account; `unknown account` where the programme doesn't state it.
        region: the region.
    """

    account: str
    region: str

    def __str__(self) -> str:
        return f"{self.account} in {self.region}"


@dataclass(frozen=True, kw_only=True)
class Need:
    """Need of one quota.

    Attributes:
        place: account and region.
        quota: the quota.
        where: zone, or cell that takes the most of a quota that holds for each; "" for the whole region.
        now: what the racks take that are reserved.
        full: what is taken once every slot of every cell is filled.
        why: how it is counted, as a clause.
    """

    place: Place
    quota: KnownLimit
    where: str
    now: int
    full: int
    why: str


def places_of(plan: CellPlan) -> dict[Place, tuple[Cell, ...]]:
    """Cells of each account and region.

    Args:
        plan: cells of the programme.
    """
    found: dict[Place, list[Cell]] = defaultdict(list)
    for cell in plan.cells:
        found[Place(account=cell.site.account or UNKNOWN_ACCOUNT, region=cell.region)].append(cell)
    return {place: tuple(cells) for place, cells in sorted(found.items())}


def needs_of(plan: CellPlan, fleet: FleetSettings) -> list[Need]:
    """Needs of a programme, by account and region.

    Args:
        plan: its cells.
        fleet: fleet of its file.

    Raises:
        UnknownFactError: nodes or interfaces of a type aren't known.
    """
    found: list[Need] = []
    for place, cells in places_of(plan).items():
        found += _of_region(place, cells, fleet)
        found += _of_zones(place, cells, fleet)
        found += _of_largest_cell(place, cells, fleet)
    roles: dict[str, int] = defaultdict(int)
    for place, cells in places_of(plan).items():
        roles[place.account] += PLATFORM_ROLES * len(cells)
    for account, count in sorted(roles.items()):
        found.append(
            Need(
                place=Place(account=account, region=quotas.GLOBAL_REGION),
                quota=quotas.ROLES,
                where="all regions",
                now=count,
                full=count,
                why=f"{PLATFORM_ROLES} a cell at most",
            )
        )
    return found


def _of_region(place: Place, cells: Sequence[Cell], fleet: FleetSettings) -> Iterator[Need]:
    count, reserved, slots = len(cells), sum(map(_blocks, cells)), sum(cell.slots for cell in cells)
    groups = sum(SYSTEM_GROUPS + _blocks(cell) for cell in cells)
    nats = sum(is_local_zone(cell.zone) for cell in cells)
    alarms = count * PLATFORM_ALARMS
    most_blocks = slots + count * fleet.hand_overs_per_cell
    rows = (
        (quotas.CLUSTERS, count, None, "one a cell"),
        (quotas.VPCS, count, None, "one a cell"),
        (quotas.ELASTIC_IPS, nats, nats, "one for each zonal NAT gateway"),
        (quotas.GATEWAY_ENDPOINTS, count, count, "one a cell, for S3"),
        (quotas.LAUNCH_TEMPLATES, groups, None, "one a block, one of the system nodes, and hand-overs"),
        (quotas.SCALING_GROUPS, groups, None, "one a block, one of the system nodes, and hand-overs"),
        (quotas.SECONDARY_NETWORKS, sum(cell.fabric == "roce" for cell in cells), None, "one a cell on RoCE"),
        (
            quotas.STACKS,
            sum(PLATFORM_STACKS + len(cell.stacks) for cell in cells),
            None,
            "those of the platform, and the stacks of racks",
        ),
        (
            quotas.ALARMS,
            alarms + RACK_ALARMS * reserved,
            alarms + RACK_ALARMS * most_blocks,
            f"{RACK_ALARMS} a block, and those of each cell",
        ),
    )
    for quota, now, stated, why in rows:
        full = sum(taken(cell, fleet)[quota.key] for cell in cells) if stated is None else stated
        if full:
            yield Need(place=place, quota=quota, where="", now=min(now, full), full=full, why=f"{_cells(count)}: {why}")


def _of_zones(place: Place, cells: Sequence[Cell], fleet: FleetSettings) -> Iterator[Need]:
    by_zone: dict[str, list[Cell]] = defaultdict(list)
    nats: dict[str, int] = defaultdict(int)
    for cell in cells:
        by_zone[cell.zone].append(cell)
        if is_local_zone(cell.zone) and cell.site.platform_zones:
            nats[cell.site.platform_zones[0]] += 1
    for zone, own in sorted(by_zone.items()):
        now = sum(_blocks(cell) * cell.kind.nodes * len(cell.kind.interfaces) for cell in own)
        full = sum(taken(cell, fleet)[quotas.INTERFACES.key] for cell in own)
        kinds = {(len(cell.kind.interfaces), cell.kind.nodes) for cell in own}
        why = "; ".join(f"{each} an instance, {nodes} instances a rack" for each, nodes in sorted(kinds))
        yield Need(place=place, quota=quotas.INTERFACES, where=zone, now=min(now, full), full=full, why=why)
    for zone, count in sorted(nats.items()):
        why = "one a cell whose racks are in a Local Zone"
        yield Need(place=place, quota=quotas.NAT_GATEWAYS, where=zone, now=count, full=count, why=why)


def _of_largest_cell(place: Place, cells: Sequence[Cell], fleet: FleetSettings) -> Iterator[Need]:
    """Needs that each cell has on its own: of the one that has the most."""
    managed = [cell for cell in cells if cell.management == "managed"]
    if managed:
        one = max(managed, key=lambda cell: cell.slots)
        now = SYSTEM_GROUPS + max(map(_blocks, managed))
        full = SYSTEM_GROUPS + one.slots + fleet.hand_overs_per_cell
        yield _each(place, quotas.NODE_GROUPS, one, now, full, "one a block, the system nodes, and hand-overs")
    one = max(cells, key=lambda cell: _needed(cell, quotas.ADDRESS_USAGE.key, cell.slots))
    now, full = (_needed(one, quotas.ADDRESS_USAGE.key, racks) for racks in (_blocks(one), one.slots))
    yield _each(place, quotas.ADDRESS_USAGE, one, now, full, "estimated from the units of a P6e node")
    one = max(cells, key=lambda cell: len(cell.network.cidrs))
    cidrs = len(one.network.cidrs)
    yield _each(place, quotas.CIDRS, one, cidrs, cidrs, "the platform's, and those of the racks")
    subnets = cidrs - 1 + 2 * len(one.site.platform_zones or ()) + 1
    yield _each(place, quotas.SUBNETS, one, subnets, subnets, "two a zone of the platform, NAT, and those of the racks")


def _each(place: Place, quota: KnownLimit, cell: Cell, now: int, full: int, why: str) -> Need:
    return Need(place=place, quota=quota, where=cell.name, now=min(now, full), full=full, why=why)


def _needed(cell: Cell, key: str, racks: int) -> int:
    return next((limit.needed(racks) for limit in cell.limits if limit.key == key), 0)


def _blocks(cell: Cell) -> int:
    """Blocks of a cell's racks."""
    return sum(len(rack.blocks) for rack in cell.racks)


def _cells(count: int) -> str:
    return f"{count} cell{'' if count == 1 else 's'}"
