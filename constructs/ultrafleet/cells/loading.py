"""Cells of a programme's file, with its reservations and its record."""

from pathlib import Path

from ultrafleet.cells.cutting import cut
from ultrafleet.cells.model import CellPlan
from ultrafleet.cells.record import read_record, record_file
from ultrafleet.cells.reservation_file import read_reservations
from ultrafleet.environment.document import read_document
from ultrafleet.programme import load_programme


def read_cells(path: Path) -> CellPlan:
    """Read a programme and cut it into cells, over what was recorded.

    Args:
        path: the programme's file; its record and its reservations are beside it.

    Raises:
        ProgrammeFileError: one of the files can't be used, with every fault.
        FleetError: the programme has no fleet.
    """
    programme = load_programme(path)
    fleet = programme.fleet
    blocks = None
    if fleet is not None and not fleet.assumes_reservations:
        blocks = read_reservations(path.with_name(fleet.reservations), programme)
    return cut(programme, blocks=blocks, record=read_record(record_file(path)), document=read_document(path))
