"""Cutting of a programme into cells: deterministic, and monotone over what was recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ultrafleet.catalog import UltraServerType
from ultrafleet.cells.accounts import account_requests, schedule_faults
from ultrafleet.cells.addresses import AddressSpace, RackSubnets, rack_subnets
from ultrafleet.cells.bounds import KNOWN_LIMITS, CellLimit
from ultrafleet.cells.checks import (
    block_note,
    count_faults,
    limit_faults,
    place_notes,
    retired_faults,
    tier_note,
    usable_tranches,
)
from ultrafleet.cells.groups import Blocks, CellGroup, groups_of
from ultrafleet.cells.kinds import CellKind
from ultrafleet.cells.largest_job import job_faults, job_note, management_of
from ultrafleet.cells.model import Cell, CellNetwork, CellPlan, Management, Rack
from ultrafleet.cells.record import Record, RecordedCell
from ultrafleet.cells.recorded_faults import cell_faults, moved_faults
from ultrafleet.cells.requests import size_requests
from ultrafleet.cells.sizing import cell_limits, racks_per_stack
from ultrafleet.environment.collected import Found
from ultrafleet.environment.document import Document
from ultrafleet.errors import FleetError
from ultrafleet.programme import FleetSettings, Programme
from ultrafleet.programme.address_space import PLATFORM_PREFIX


def cut(
    programme: Programme,
    *,
    blocks: Blocks | None = None,
    record: Record | None = None,
    document: Document | None = None,
) -> CellPlan:
    """Cut a programme into cells.

    Racks fill the cells that are recorded and have room, then new ones; a rack that is recorded stays where it is.

    Args:
        programme: a programme with a fleet.
        blocks: blocks of each rack by its name, where the programme names a CSV file. Default: they are assumed.
        record: what was recorded before. Default: nothing.
        document: the programme's file, so that refusals have its lines. Default: they haven't.

    Raises:
        FleetError: the programme has no fleet.
    """
    fleet = programme.fleet
    if fleet is None:
        raise FleetError(
            path=f"programme {programme.name}",
            verb="has",
            got="no fleet",
            expected="one, of which cells are made",
            remedy="add fleet: with largest_job_accelerators and reservations",
        )
    usable, faults = usable_tranches(programme)
    faults += [*limit_faults(programme, fleet), *retired_faults(programme, fleet)]
    counts, notes = count_faults(programme)
    groups = groups_of(programme, usable, None if fleet.assumes_reservations else (blocks or {}))
    cutter = _Cutter(programme=programme, fleet=fleet, record=record or Record())
    cutter.cut(groups)
    cells = tuple(sorted(cutter.cells, key=lambda cell: cell.number))
    faults += [*cutter.faults, *counts]
    if not faults:  # of racks that have no cell for another reason, these would say nothing new
        faults += job_faults(groups, cells, fleet=fleet, raised=programme.limits)
    faults += [*cell_faults(cells, fleet), *schedule_faults(programme, cells)]
    job, date = job_note(cells, fleet), block_note(programme, usable)
    tier = tier_note(programme, {cell.name: len(cell.racks) * cell.kind.nodes for cell in cells})
    return CellPlan(
        programme=programme.name,
        cells=cells,
        assumes_reservations=fleet.assumes_reservations,
        raised=programme.limits,
        refusals=tuple(error if document is None else document.fault(where, error) for where, error in faults),
        requests=(
            *account_requests(cells, fleet, programme.limits),
            *size_requests(cells),
        ),
        notes=(
            *([job] if job else []),
            *_reservation_notes(cells, fleet),
            *notes,
            *([date] if date else []),
            *place_notes(programme, usable),
            *([tier] if tier else []),
        ),
        unrecorded=tuple(cutter.unrecorded),
    )


def _reservation_notes(cells: Sequence[Cell], fleet: FleetSettings) -> list[str]:
    if fleet.assumes_reservations:
        return [
            "assumed: every reservation id is made up (cr-fa15e…), for planning and rehearsal; no deployment takes it"
        ]
    missing = [rack.name for cell in cells for rack in cell.racks if not rack.blocks]
    if not missing:
        return []
    absent = f"{len(missing):,} racks have no line in {fleet.reservations} and so no template"
    return [f"not reserved: {absent}: {missing[0]} to {missing[-1]}"]


@dataclass(kw_only=True)
class _Cutter:
    """Cells so far, and the addresses and numbers that are left."""

    programme: Programme
    fleet: FleetSettings
    record: Record
    cells: list[Cell] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    faults: list[Found] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._known_limits: dict[tuple[str | None, ...], tuple[CellLimit, ...]] = {}
        self._space = AddressSpace(self.fleet.address_space)
        for item in self.record.cells:
            for cidr in item.network.all_cidrs:
                self._space.take(cidr)
        self._number = max((item.settings.number for item in self.record.cells), default=-1) + 1
        self._each = self.record.racks_per_stack or racks_per_stack(self.fleet)
        self.faults += moved_faults(self.programme, self.fleet, self.record)

    def cut(self, groups: Sequence[CellGroup]) -> None:
        """Place the racks of all groups: first in the cells that exist, then in new ones."""
        by_key = {group.key: group for group in groups}
        waiting: dict[tuple[str, str, str, str | None], list[Rack]] = {group.key: [] for group in groups}
        placed: dict[str, dict[int, Rack]] = {item.settings.name: {} for item in self.record.cells}
        for group in groups:
            for rack in group.racks:
                item, slot = self.record.places.get(rack.name, (None, 0))
                if item is None or item.key != group.key:
                    waiting[group.key].append(rack)
                else:
                    placed[item.settings.name][slot] = rack
        self.unrecorded = [rack.name for racks in waiting.values() for rack in racks]
        for item in self.record.cells:
            self._keep(item, by_key.get(item.key), placed[item.settings.name], waiting.get(item.key, []))
        for group in groups:
            self._fill_new(group, waiting[group.key])

    def _keep(self, item: RecordedCell, group: CellGroup | None, placed: dict[int, Rack], waiting: list[Rack]) -> None:
        """Keep a recorded cell, with waiting racks in its free slots."""
        site = next((site for site in self.programme.sites if site.name == item.settings.site), None)
        if site is None or (site.account, site.zone) != (item.settings.account, item.settings.zone):
            return  # a fault of its own
        settings = item.settings
        kind = CellKind(
            ultraserver_type=UltraServerType.of(settings.type), fabric=settings.fabric, workload=settings.workload
        )
        own = group or CellGroup(site=site, kind=kind, racks=())
        most = min(settings.slots, self._limits(own, settings.management)[0].racks)
        for slot in range(settings.slots):
            if waiting and slot not in placed and len(placed) < most:
                placed[slot] = waiting.pop(0)
        self._add(
            own,
            name=settings.name,
            number=settings.number,
            slots=settings.slots,
            placed=placed,
            management=settings.management,
            network=item.network,
        )

    def _limits(self, group: CellGroup, management: Management) -> tuple[CellLimit, ...]:
        key = (*group.key[1:], management)
        if key not in self._known_limits:
            self._known_limits[key] = cell_limits(
                group.kind, fleet=self.fleet, raised=self.programme.limits, management=management
            )
        return self._known_limits[key]

    def _fill_new(self, group: CellGroup, waiting: Sequence[Rack]) -> None:
        """Make new cells of the racks that wait."""
        if not waiting:
            return
        management = management_of(group, fleet=self.fleet, raised=self.programme.limits)
        first = self._limits(group, management)[0]
        if first.racks < 1:
            self.faults.append(_too_small(first, group))
            return
        subnets = rack_subnets(
            per_node=group.kind.per_node(self.fleet.max_pods),
            nodes_per_rack=group.kind.nodes,
            slots=first.racks,
            hand_overs=self.fleet.hand_overs_per_cell,
            roce=group.kind.fabric == "roce",
        )
        following = self._last_number(group) + 1
        for start in range(0, len(waiting), first.racks):
            network = self._space.allot(subnets)
            if network is None:
                self.faults.append(_no_addresses(subnets, len(waiting) - start, group))
                return
            self._add(
                group,
                name=group.cell_name(following),
                number=self._number,
                slots=first.racks,
                placed=dict(enumerate(waiting[start : start + first.racks])),
                management=management,
                network=network,
            )
            self._number += 1
            following += 1

    def _last_number(self, group: CellGroup) -> int:
        numbers = (
            item.settings.name.removeprefix(group.prefix)
            for item in self.record.cells
            if item.settings.name.startswith(group.prefix)
        )
        return max((int(number) for number in numbers if number.isdigit()), default=0)

    def _add(
        self,
        group: CellGroup,
        *,
        name: str,
        number: int,
        slots: int,
        placed: Mapping[int, Rack],
        management: Management,
        network: CellNetwork,
    ) -> None:
        self.cells.append(
            Cell(
                number=number,
                name=name,
                site=group.site,
                ultraserver_type=str(group.kind.ultraserver_type),
                workload=group.kind.workload,
                fabric=group.kind.fabric,
                slots=slots,
                placed=dict(sorted(placed.items())),
                management=management,
                network=network,
                limits=self._limits(group, management),
                racks_per_stack=self._each,
                kubernetes_version=self.fleet.kubernetes_version,
            )
        )


def _too_small(limit: CellLimit, group: CellGroup) -> Found:
    where = ("limits", limit.key) if limit.key in KNOWN_LIMITS else ("fleet", limit.key)
    return (
        where,
        FleetError(
            path=limit.key,
            got=f"{limit.value:,}",
            expected=f"{limit.needed(1):,} or more, for a cell of one {group.kind.ultraserver_type}",
            remedy="lower max_pods or hand_overs_per_cell of fleet, or raise it with its reason in limits",
        ),
    )


def _no_addresses(subnets: RackSubnets, racks: int, group: CellGroup) -> Found:
    return (
        ("fleet", "address_space"),
        FleetError(
            path="address_space",
            verb="has",
            got=f"no room for the last {racks:,} UltraServers of site {group.site.name}",
            expected=f"{subnets.count} free networks of /{subnets.prefix} and one of /{PLATFORM_PREFIX} for each cell",
            remedy="add a network to it, lower max_pods, or make cells whose size fills their networks",
        ),
    )
