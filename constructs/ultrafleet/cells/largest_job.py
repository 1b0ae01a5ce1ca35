"""Largest job: the kind of node groups that it needs, and its refusal where no cell holds it."""

from collections.abc import Iterator, Sequence

from ultrafleet.cells.bounds import KNOWN_LIMITS, CellLimit
from ultrafleet.cells.groups import CellGroup
from ultrafleet.cells.model import Cell, Management
from ultrafleet.cells.sizing import cell_limits
from ultrafleet.environment.collected import Found
from ultrafleet.errors import FleetError
from ultrafleet.programme import FleetSettings, LimitSettings


def management_of(group: CellGroup, *, fleet: FleetSettings, raised: LimitSettings) -> Management:
    """Kind of the node groups of a group's new cells.

    As the file says; else self-managed on RoCE, and where the largest training job fits no managed cell and does fit a
    self-managed one; else managed.

    Args:
        group: racks.
        fleet: fleet of the programme's file.
        raised: limits of the programme's file.
    """
    if fleet.management is not None:
        return fleet.management
    if group.kind.fabric == "roce":
        return "self-managed"
    racks = _racks(group, fleet)
    if group.kind.workload != "training" or racks > len(group.racks):
        return "managed"
    managed = cell_limits(group.kind, fleet=fleet, raised=raised, management="managed")[0].racks
    own = cell_limits(group.kind, fleet=fleet, raised=raised, management="self-managed")[0].racks
    return "self-managed" if managed < racks <= own else "managed"


def _racks(group: CellGroup, fleet: FleetSettings) -> int:
    return group.kind.job_racks(fleet.largest_job_accelerators, fleet.spare_nodes_per_ultraserver)


def job_faults(
    groups: Sequence[CellGroup], cells: Sequence[Cell], *, fleet: FleetSettings, raised: LimitSettings
) -> Iterator[Found]:
    """Fault of a largest job that no cell holds.

    A job needs a training cell with its racks; where no rack is for training, any cell.

    Args:
        groups: groups of racks.
        cells: cells of the programme.
        fleet: fleet of the programme's file.
        raised: limits of the programme's file.
    """
    meant = [group for group in groups if group.kind.workload == "training"] or list(groups)
    if not meant:
        return
    most: dict[tuple[str, str, str, str | None], int] = {}
    for cell in cells:
        key = (cell.site.name, cell.ultraserver_type, cell.workload, cell.fabric)
        most[key] = max(most.get(key, 0), len(cell.racks))
    if any(most.get(group.key, 0) >= _racks(group, fleet) for group in meant):
        return
    best = max(meant, key=lambda group: (most.get(group.key, 0) - _racks(group, fleet), group.key))
    needed, there = _racks(best, fleet), most.get(best.key, 0)
    each = best.kind.job_accelerators(fleet.spare_nodes_per_ultraserver)
    yield (
        ("fleet", "largest_job_accelerators"),
        FleetError(
            path="largest_job_accelerators",
            got=f"{fleet.largest_job_accelerators:,}, which is {needed:,} UltraServers of {each} that jobs can have",
            expected=f"at most {there * each:,}, which the {there:,} of the largest cell have",
            remedy=_remedy(best, needed, cells, fleet, raised),
        ),
    )


def job_note(cells: Sequence[Cell], fleet: FleetSettings) -> str | None:
    """Sentence on the cells that hold the largest job; None where none does.

    Args:
        cells: cells of the programme.
        fleet: fleet of the programme's file.
    """
    meant = [cell for cell in cells if cell.workload == "training"] or list(cells)
    needed = {
        cell.name: cell.kind.job_racks(fleet.largest_job_accelerators, fleet.spare_nodes_per_ultraserver)
        for cell in meant
    }
    holding = [cell for cell in meant if len(cell.racks) >= needed[cell.name]]
    if not holding:
        return None
    racks = sorted({needed[cell.name] for cell in holding})
    return (
        f"largest job: {fleet.largest_job_accelerators:,} accelerators take {' or '.join(map(str, racks))} of the "
        f"UltraServers of a cell; {len(holding)} of {len(meant)} cells have them"
    )


def _remedy(group: CellGroup, needed: int, cells: Sequence[Cell], fleet: FleetSettings, raised: LimitSettings) -> str:
    if needed > len(group.racks):
        return (
            f"site {group.site.name} has {len(group.racks):,} UltraServers of {group.kind.ultraserver_type} for "
            f"{group.kind.workload}, and no cell is larger than its site: add tranches there, or lower it"
        )
    management = management_of(group, fleet=fleet, raised=raised)
    small = [
        item
        for item in cell_limits(group.kind, fleet=fleet, raised=raised, management=management)
        if item.racks < needed
    ]
    if not small:
        names = ", ".join(cell.name for cell in cells if len(cell.racks) < cell.slots) or "none of them"
        return f"the recorded cells were made for fewer, and nothing of them moves ({names} have room): lower it"
    ways = [_raise(item, needed) for item in small]
    if management == "managed" and fleet.management == "managed":
        own = cell_limits(group.kind, fleet=fleet, raised=raised, management="self-managed")[0].racks
        if own >= needed:
            return f"{' and '.join(ways)}; or state management: self-managed, whose cells hold {own:,}"
    return f"{' and '.join(ways)}; or lower it"


def _raise(limit: CellLimit, racks: int) -> str:
    if limit.key not in KNOWN_LIMITS:
        return f"raise fleet.{limit.key} to {racks:,}"
    known, value = KNOWN_LIMITS[limit.key], limit.needed(racks)
    if not known.adjustable or (known.maximum is not None and value > known.maximum.value):
        most = limit.value if known.maximum is None else known.maximum.value
        return f"{limit.key} would have to be {value:,}, and AWS gives at most {most:,}"
    return f"ask AWS for {known.quota} of {value:,} and state limits.{limit.key}"
