"""Reservations of racks: made-up ones, and those of a CSV file, with every fault of the file and its line."""

# ruff: noqa: E501 - a line of a file is one here

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from helpers.programmes import content, programme, tranche
from ultrafleet.cells import cut, is_assumed, read_cells
from ultrafleet.programme import ProgrammeFileError

HEAD = "rack,capacity_reservation_id,start,end\n"
FIRST = "a-0001,cr-0123456789abcdef1,2026-12-01T11:30:00Z,2027-01-05T11:30:00Z\n"
SECOND = "a-0001,cr-0123456789abcdef2,2027-01-05T11:30:00Z,2027-02-02T11:30:00Z\n"


def write(folder: Path, rows: str, **fleet: object) -> Path:
    (folder / "racks.csv").write_text(rows, encoding="utf-8")
    path = folder / "growth.yaml"
    found = content(tranche("a", 3), **{"reservations": "racks.csv", **fleet})
    path.write_text(yaml.safe_dump(found), encoding="utf-8")
    return path


def test_a_file_gives_racks_their_blocks_and_leaves_the_others_out_of_templates(tmp_path: Path) -> None:
    plan = read_cells(write(tmp_path, HEAD + SECOND + FIRST))
    (cell,) = plan.cells
    assert len(cell.racks) == 3
    ((slot, rack),) = cell.stacks["racks-a-000"]
    assert (slot, rack.name) == (0, "a-0001")
    assert [block.capacity_reservation_id[-1] for block in rack.blocks] == ["1", "2"]  # by their starts
    assert rack.blocks[0].start == datetime(2026, 12, 1, 11, 30, tzinfo=UTC)
    assert rack.block is not None
    assert rack.block.availability_zone == "us-east-1-dfw-2a"
    assert not plan.assumes_reservations
    assert plan.notes[0] == "largest job: 72 accelerators take 1 of the UltraServers of a cell; 1 of 1 cells have them"
    assert plan.notes[1] == "not reserved: 2 racks have no line in racks.csv and so no template: a-0002 to a-0003"


def test_the_columns_may_have_any_order_and_lines_may_be_empty(tmp_path: Path) -> None:
    rows = "start,end,rack,capacity_reservation_id\n\n2026-12-01T11:30:00Z,2027-01-05T11:30:00Z,a-0002,cr-0123456789abcdef1\n"
    assert [rack.name for rack in read_cells(write(tmp_path, rows)).racks if rack.blocks] == ["a-0002"]


def test_more_blocks_than_a_cell_hands_over_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + FIRST + SECOND, hand_overs_per_cell=0)
    (refusal,) = read_cells(path).refusals
    assert "hand_overs_per_cell: is 0, expected 1 or more" in str(refusal)


FAULTS = {
    "b-0001,cr-0123456789abcdef1,2026-12-01T11:30:00Z,2027-01-05T11:30:00Z": "rack: is 'b-0001', expected a tranche's name and a number that it has",
    "a-0004,cr-0123456789abcdef1,2026-12-01T11:30:00Z,2027-01-05T11:30:00Z": "rack: is 'a-0004'",
    "a-0003,cr-0123456789abcdef1,2026-12-01T11:30:00Z,2027-01-05T11:30:00Z": "rack: is a-0003, which is retired",
    "a-0001,cbr-0123456789abcdef,2026-12-01T11:30:00Z,2027-01-05T11:30:00Z": "capacity reservation id is 'cbr-0123456789abcdef'",
    "a-0001,cr-fa15e0123456789ab,2026-12-01T11:30:00Z,2027-01-05T11:30:00Z": "capacity_reservation_id: is cr-fa15e0123456789ab, which is made up",
    "a-0001,cr-0123456789abcdef1,2026-12-01,2027-01-05T11:30:00Z": "start: is '2026-12-01', expected a moment with its offset from UTC",
    "a-0001,cr-0123456789abcdef1,2026-12-01T11:30:00Z,soon": "end: is 'soon'",
    "a-0001,cr-0123456789abcdef1,2026-12-01T11:30:00Z,2027-01-05T12:00:00Z": "11:30",
    "a-0001,cr-0123456789abcdef1,2030-12-01T11:30:00Z,2031-01-05T11:30:00Z": "start: is 2030-12-01T11:30:00Z, expected a moment before 2030-12-01",
    "a-0001,cr-0123456789abcdef1": "has 2 fields, expected 4",
}


@pytest.mark.parametrize(("row", "expected"), FAULTS.items())
def test_a_line_that_cant_be_so_is_refused(row: str, expected: str, tmp_path: Path) -> None:
    path = write(tmp_path, f"{HEAD}{row}\n", retired=["a-0003"])
    with pytest.raises(ProgrammeFileError) as caught:
        read_cells(path)
    assert f"{tmp_path / 'racks.csv'}:2:1: " in str(caught.value)
    assert expected in str(caught.value)


def test_every_fault_of_the_file_comes_at_once_in_the_order_of_its_lines(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + FIRST + FIRST.replace("a-0001", "a-0002") + "x,y,z,w\n")
    with pytest.raises(ProgrammeFileError) as caught:
        read_cells(path)
    lines = str(caught.value).splitlines()
    assert [line.removeprefix(f"{tmp_path}/racks.csv:").split(":")[0] for line in lines] == ["3", "4", "4", "4"]
    assert "cr-0123456789abcdef1, as in line 2, expected each id once" in lines[0]


@pytest.mark.parametrize("rows", ["", "rack,start,end\n", "rack,rack,start,end\n"])
def test_wrong_columns_are_refused(rows: str, tmp_path: Path) -> None:
    with pytest.raises(ProgrammeFileError, match="expected rack, capacity_reservation_id, start, end"):
        read_cells(write(tmp_path, rows))


def test_a_file_that_isnt_there_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD)
    (tmp_path / "racks.csv").unlink()
    with pytest.raises(ProgrammeFileError, match=r"racks\.csv: is no file that can be read, expected a CSV file"):
        read_cells(path)


def test_made_up_reservations_come_from_the_name_and_last_as_long_as_a_block_can() -> None:
    one, other = (cut(programme(tranche("a", count, end=date(2027, 1, 12)))) for count in (2, 3))
    ids = {rack.name: rack.blocks[0].capacity_reservation_id for rack in other.racks}
    assert {rack.name: rack.blocks[0].capacity_reservation_id for rack in one.racks}.items() <= ids.items()
    assert all(is_assumed(item) for item in ids.values())
    assert not is_assumed("cr-0123456789abcdef1")
    assert {rack.blocks[0].end for rack in one.racks} == {datetime(2027, 1, 12, 11, 30, tzinfo=UTC)}
    (rack,) = cut(programme(tranche("a", 1))).racks
    assert rack.blocks[0].end - rack.blocks[0].start == timedelta(days=182)
