"""Faults of cells that exist: what the programme's file would move, and cells that are over a limit."""

from collections.abc import Iterator, Sequence

from ultrafleet.cells.addresses import racks_of_network
from ultrafleet.cells.bounds import KNOWN_LIMITS
from ultrafleet.cells.model import Cell
from ultrafleet.cells.record import Record
from ultrafleet.environment.collected import Found
from ultrafleet.errors import FleetError
from ultrafleet.programme import FleetSettings, Programme


def moved_faults(programme: Programme, fleet: FleetSettings, record: Record) -> Iterator[Found]:
    """Faults of a file that would move a cell that exists.

    Args:
        programme: the programme.
        fleet: its fleet.
        record: what exists.
    """
    sites = {site.name: (index, site) for index, site in enumerate(programme.sites)}
    for item in record.cells:
        cell = item.settings
        if cell.site not in sites:
            yield (
                ("sites",),
                FleetError(
                    path="it",
                    verb="has",
                    got=f"no site {cell.site}, in which recorded cell {cell.name} is",
                    expected="the site",
                    remedy="put it back, or delete the cell's stacks and then take it out of the record",
                ),
            )
            continue
        index, site = sites[cell.site]
        for key, recorded, stated in (("account", cell.account, site.account), ("zone", cell.zone, site.zone)):
            if recorded != stated:
                yield (
                    ("sites", index, key),
                    FleetError(
                        path=key,
                        got=stated or "not stated",
                        expected=f"{recorded}, where recorded cell {cell.name} is",
                        remedy="a cell never moves: put it back, and add another site",
                    ),
                )
    yield from _tranche_faults(programme, record)
    if record.racks_per_stack is not None and fleet.racks_per_stack not in {None, record.racks_per_stack}:
        yield (
            ("fleet", "racks_per_stack"),
            FleetError(
                path="racks_per_stack",
                got=fleet.racks_per_stack,
                expected=f"{record.racks_per_stack}, as it is recorded",
                remedy="another one would move racks into other stacks, which replaces their node groups: put it back",
            ),
        )


def _tranche_faults(programme: Programme, record: Record) -> Iterator[Found]:
    """Faults of tranches whose recorded racks are at another site, or of another type, workload or fabric."""
    tranches = {tranche.name: (index, tranche) for index, tranche in enumerate(programme.tranches)}
    seen = set()
    for item in record.cells:
        for run in item.settings.racks:
            if run.tranche not in tranches or run.tranche in seen:
                continue
            index, tranche = tranches[run.tranche]
            stated = (tranche.site, tranche.type, tranche.workload, tranche.fabric)
            for key, now, was in zip(("site", "type", "workload", "fabric"), stated, item.key, strict=True):
                if now != was:
                    seen.add(run.tranche)
                    yield (
                        ("tranches", index, key),
                        FleetError(
                            path=key,
                            got=now or "not stated",
                            expected=f"{was or 'none'}, as of the UltraServers of tranche {run.tranche} in the record",
                            remedy="an UltraServer never moves: put it back, and write what is new as another tranche",
                        ),
                    )


def cell_faults(cells: Sequence[Cell], fleet: FleetSettings) -> Iterator[Found]:
    """Faults of cells with more than a limit, their addresses or their hand-overs allow.

    Args:
        cells: cells of the programme.
        fleet: its fleet.
    """
    for cell in cells:
        first = cell.limits[0]
        if len(cell.racks) > first.racks:
            yield (
                ("limits", first.key) if first.key in KNOWN_LIMITS else ("fleet", first.key),
                FleetError(
                    path=first.key,
                    got=f"{first.value:,}",
                    expected=f"{first.needed(len(cell.racks)):,} or more, for the {len(cell.racks):,} UltraServers "
                    f"that recorded cell {cell.name} has",
                    remedy="a cell never shrinks: raise it again, or retire UltraServers of the cell",
                ),
            )
        kind = cell.kind
        room = racks_of_network(cell.network, kind.per_node(fleet.max_pods), kind.nodes) - fleet.hand_overs_per_cell
        if room < cell.network.racks_per_subnet:
            yield (
                ("fleet", "max_pods"),
                FleetError(
                    path="max_pods",
                    got=fleet.max_pods,
                    expected=f"as few as the subnets of recorded cell {cell.name} have addresses for: "
                    f"{cell.network.racks_per_subnet} UltraServers each, and {fleet.hand_overs_per_cell} hand-overs",
                    remedy="put it back, since a subnet never grows",
                ),
            )
        extra = sum(len(rack.blocks) - 1 for rack in cell.racks if rack.blocks)
        if extra > fleet.hand_overs_per_cell:
            yield (
                ("fleet", "hand_overs_per_cell"),
                FleetError(
                    path="hand_overs_per_cell",
                    got=fleet.hand_overs_per_cell,
                    expected=f"{extra} or more, since that many blocks of cell {cell.name} come after a rack's first",
                    remedy=f"take blocks that are over out of {fleet.reservations}, or raise it before cells are made",
                ),
            )
