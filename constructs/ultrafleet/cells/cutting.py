"""Cutting of a programme into cells: deterministic, and monotone over what was recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ultrafleet.cells.addresses import AddressSpace, rack_subnets
from ultrafleet.cells.groups import CellGroup, doubts_of, groups_of
from ultrafleet.cells.model import Cell, CellNetwork, CellPlan, Management, Rack
from ultrafleet.cells.record import Record, RecordedCell
from ultrafleet.cells.sizing import cell_limits, racks_per_stack
from ultrafleet.errors import FleetError
from ultrafleet.programme import FleetSettings, Programme
from ultrafleet.rules.capacity_block import CapacityBlock


def cut(
    programme: Programme,
    *,
    blocks: Mapping[str, Sequence[CapacityBlock]] | None = None,
    record: Record | None = None,
) -> CellPlan:
    """Cut a programme into cells.

    Racks fill the cells that are recorded and have room, then new ones; a rack that is recorded stays where it is.

    Args:
        programme: a programme with a fleet.
        blocks: blocks of each rack by its name, where the programme names a CSV file. Default: they are assumed.
        record: what was recorded before. Default: nothing.

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
    known = record or Record()
    groups, refusals = groups_of(programme, None if fleet.assumes_reservations else (blocks or {}))
    cutter = _Cutter(programme=programme, fleet=fleet, record=known, refusals=refusals)
    for group in groups:
        cutter.cut(group)
    return CellPlan(
        programme=programme.name,
        cells=tuple(sorted(cutter.cells, key=lambda cell: cell.number)),
        assumes_reservations=fleet.assumes_reservations,
        refusals=tuple(cutter.refusals),
        notes=tuple(doubts_of(groups)),
        unrecorded=tuple(cutter.unrecorded),
    )


@dataclass(kw_only=True)
class _Cutter:
    """Cells so far, and the addresses and numbers that are left."""

    programme: Programme
    fleet: FleetSettings
    record: Record
    refusals: list[FleetError]
    cells: list[Cell] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._space = AddressSpace(self.fleet.address_space)
        for item in self.record.cells:
            for cidr in item.network.cidrs:
                self._space.take(cidr)
        self._number = max((item.settings.number for item in self.record.cells), default=-1) + 1
        self._each = self.record.racks_per_stack or racks_per_stack(self.fleet)

    def cut(self, group: CellGroup) -> None:
        """Place the racks of a group."""
        mine = [item for item in self.record.cells if item.belongs_to(group)]
        placed, waiting = self._places(group, mine)
        self.unrecorded += [rack.name for rack in waiting]
        for item in mine:
            slots = placed[item.settings.name]
            for slot in range(item.settings.slots):
                if waiting and slot not in slots:
                    slots[slot] = waiting.pop(0)
            self._add(
                group,
                name=item.settings.name,
                number=item.settings.number,
                slots=item.settings.slots,
                placed=slots,
                management=item.settings.management,
                network=item.network,
            )
        following = max((int(item.settings.name[len(group.prefix) :]) for item in mine), default=0) + 1
        self._fill_new(group, waiting, following)

    def _fill_new(self, group: CellGroup, waiting: Sequence[Rack], following: int) -> None:
        if not waiting:
            return
        management = management_of(group, self.programme, self.fleet)
        first = cell_limits(group.kind, fleet=self.fleet, raised=self.programme.limits, management=management)[0]
        if first.racks < 1:
            self.refusals.append(
                FleetError(
                    path=first.key,
                    got=first.value,
                    expected=f"{first.needed(1)} or more, for a cell of one {group.kind.ultraserver_type}",
                    remedy="raise it, with its reason in limits",
                )
            )
            return
        subnets = rack_subnets(
            per_node=group.kind.per_node(self.fleet.max_pods), nodes_per_rack=group.kind.nodes, slots=first.racks
        )
        for start in range(0, len(waiting), first.racks):
            network = self._space.allot(subnets)
            if network is None:
                self.refusals.append(
                    FleetError(
                        path="address_space of fleet",
                        verb="has",
                        got=f"no room for {len(waiting) - start} of the racks of {group.prefix}",
                        expected=f"{subnets.count} free networks of /{subnets.prefix} for each cell, and a /20",
                        remedy="lower max_pods, add a network to address_space, or make cells of another size",
                    )
                )
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

    def _places(self, group: CellGroup, mine: Sequence[RecordedCell]) -> tuple[dict[str, dict[int, Rack]], list[Rack]]:
        """Racks of a group by their recorded cell and slot, and those without a place."""
        placed: dict[str, dict[int, Rack]] = {item.settings.name: {} for item in mine}
        waiting = []
        for rack in group.racks:
            cell, slot = self.record.places.get(rack.name, (None, 0))
            if cell is None or cell.settings.name not in placed:
                waiting.append(rack)
            else:
                placed[cell.settings.name][slot] = rack
        return placed, waiting

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
                placed=placed,
                management=management,
                network=network,
                limits=cell_limits(group.kind, fleet=self.fleet, raised=self.programme.limits, management=management),
                racks_per_stack=self._each,
                kubernetes_version=self.fleet.kubernetes_version,
            )
        )


def management_of(group: CellGroup, programme: Programme, fleet: FleetSettings) -> Management:
    """Kind of the node groups of a group's new cells.

    As the file says; else self-managed on RoCE, and where the largest training job fits no managed cell and does fit a
    self-managed one; else managed.

    Args:
        group: racks.
        programme: the programme.
        fleet: its fleet.
    """
    if fleet.management is not None:
        return fleet.management
    if group.kind.fabric == "roce":
        return "self-managed"
    racks = job_racks(group, fleet)
    if group.kind.workload != "training" or racks > len(group.racks):
        return "managed"
    managed = cell_limits(group.kind, fleet=fleet, raised=programme.limits, management="managed")[0].racks
    own = cell_limits(group.kind, fleet=fleet, raised=programme.limits, management="self-managed")[0].racks
    return "self-managed" if managed < racks <= own else "managed"


def job_racks(group: CellGroup, fleet: FleetSettings) -> int:
    """Racks that the largest job takes of a group.

    Args:
        group: racks.
        fleet: the fleet.
    """
    return -(-fleet.largest_job_accelerators // group.kind.job_accelerators(fleet.spare_nodes_per_ultraserver))
