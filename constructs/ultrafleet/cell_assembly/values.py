"""Values of a programme's cells, and the pattern of each shape: a cell whose words others replace."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from ultrafleet.cell_assembly.names import CellValues, RackValues
from ultrafleet.cell_assembly.pattern import RACKS
from ultrafleet.cells import Cell, CellNetwork, Rack, queue_of_cell
from ultrafleet.cells.as_environment import cell_cidrs, cell_text, rack_subnet, reserved
from ultrafleet.environment.cell import rack_stack_id
from ultrafleet.environment.slot_settings import MOST_RACKS_PER_STACK
from ultrafleet.programme import FleetSettings
from ultrafleet.rules.capacity_block import CapacityBlock

_ACCOUNT: Final = "509437216045"
_PLATFORM: Final = "10.255.240.0/20"
_RACKS: Final = "100.{}.0.0/16"
"""CIDR of a subnet, as large as there are any: also of a cell of one slot the pattern has two racks in one of them."""
_FIRST_RACKS: Final = 64
_NO_DIGEST: Final = "0" * 64
_START: Final = datetime(2087, 3, 3, 11, 30, tzinfo=UTC)
_END: Final = _START + timedelta(weeks=3)
"""Dates that no block has."""
_LETTERS: Final = str.maketrans("0123456789", "ghijklmnop")


def cell_values(cell: Cell, fleet: FleetSettings) -> CellValues:
    """Values of a cell.

    Args:
        cell: the cell; each of its racks has one block.
        fleet: fleet of its programme.
    """
    racks = [
        RackValues(
            name=rack.name,
            stack_id=rack_stack_id(rack.name, cell.racks_per_stack),
            reservation=rack.blocks[0].capacity_reservation_id,
            start=rack.blocks[0].start,
            end=rack.blocks[0].end,
            subnet=rack_subnet(cell, slot),
        )
        for slot, rack in reserved(cell)
    ]
    return CellValues(
        name=cell.name,
        account=cell.account,
        cidrs=cell_cidrs(cell),
        racks=tuple(sorted(racks, key=lambda rack: rack.name)),
        file=cell_text(cell, fleet),
    )


def can_be_stamped(cell: Cell) -> bool:
    """True for a cell whose racks have one block each and which has no secondary network: others the CDK synthesises.

    A second block has other alarms; subnets of a secondary network are computed from its CIDR.

    Args:
        cell: the cell.
    """
    return cell.network.secondary_cidr is None and all(len(rack.blocks) == 1 for _, rack in reserved(cell))


def tranche_characters(cells: Iterable[Cell]) -> int:
    """Characters of the longest name of a tranche: words of a pattern are as long, and so are names that come of them.

    Args:
        cells: the cells.
    """
    return max((len(rack.tranche) for cell in cells for rack in cell.racks), default=1)


def pattern_values(cell: Cell, fleet: FleetSettings, tranche: int) -> CellValues:
    """Values of the pattern of a cell's shape: equal for all cells that differ in name, account, CIDRs and racks alone.

    Cells of two managers have two patterns, for the manager follows from the site and number that a pattern hasn't.

    Args:
        cell: a cell of the shape.
        fleet: fleet of its programme.
        tranche: as of `tranche_characters`.
    """
    queue = queue_of_cell(cell, fleet.queue) if fleet.queue is not None else None
    own = fleet.model_copy(update={"queue": queue})
    return cell_values(_pattern_cell(cell, own, tranche), own)


def _pattern_cell(cell: Cell, fleet: FleetSettings, tranche: int) -> Cell:
    network = cell.network
    word = f"q{'x' * max(1, tranche - 2)}q"
    unnamed = replace(
        cell,
        number=0,
        name="z" * len(cell.name),
        site=cell.site.model_copy(update={"name": "any", "account": _ACCOUNT}),
        placed=_racks(cell, word, _NO_DIGEST),
        network=CellNetwork(
            platform_cidr=_PLATFORM,
            rack_cidrs=tuple(_RACKS.format(_FIRST_RACKS + number) for number in range(len(network.rack_cidrs))),
            racks_per_subnet=RACKS,
        ),
        limits=(),
        racks_per_stack=MOST_RACKS_PER_STACK,
    )
    # Named after its shape, so that patterns of several shapes can be in one assembly.
    digest = hashlib.sha256(cell_text(unnamed, fleet).encode()).hexdigest()
    name = f"q{digest.translate(_LETTERS)[: len(cell.name) - 2]}q"
    return replace(unnamed, name=name, placed=_racks(cell, word, digest))


def _racks(cell: Cell, tranche: str, digest: str) -> dict[int, Rack]:
    """Racks of a pattern, in its first slots."""
    return {number - 1: _rack(cell, tranche, number, digest) for number in range(1, RACKS + 1)}


def _rack(cell: Cell, tranche: str, number: int, digest: str) -> Rack:
    block = CapacityBlock.from_ultraserver_reservation(
        capacity_reservation_id=f"cr-{number}{digest[:16]}",
        ultraserver_type=cell.ultraserver_type,
        availability_zone=cell.zone,
        start=_START,
        end=_END,
    )
    return Rack(name=f"{tranche}-{number:04d}", tranche=tranche, number=number, delivery=_START.date(), blocks=(block,))
