"""CSV file of reservations beside a programme: the blocks of each rack, with every fault of the file at once."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from ultrafleet.bounded_file import read_bounded
from ultrafleet.cells.groups import rack_name, tranches_in_cells
from ultrafleet.cells.reservations import is_assumed
from ultrafleet.environment.document import FileFaultError, Place
from ultrafleet.errors import FleetError
from ultrafleet.programme import Programme, ProgrammeFileError, TrancheSettings
from ultrafleet.rules.capacity_block import CapacityBlock

COLUMNS: Final = ("rack", "capacity_reservation_id", "start", "end")
"""Columns of the file, in any order."""


def read_reservations(path: Path, programme: Programme) -> Mapping[str, Sequence[CapacityBlock]]:
    """Blocks of each rack, in the order of their starts.

    Args:
        path: the file.
        programme: the programme that it belongs to.

    Raises:
        ProgrammeFileError: it can't be used, with every fault and its line.
    """
    try:
        text = read_bounded(path)
    except (OSError, FleetError) as error:
        missing = FleetError(
            path="it",
            got="no file that can be read",
            expected=f"a CSV file with the columns {', '.join(COLUMNS)}",
            remedy=f"write it beside the programme, or state reservations: assumed ({error})",
        )
        raise ProgrammeFileError.of([FileFaultError.at(path, missing)]) from error
    reader = csv.reader(io.StringIO(text))
    rows = [(reader.line_num, row) for row in reader if any(field.strip() for field in row)]
    header = [field.strip() for field in rows[0][1]] if rows else []
    if sorted(header) != sorted(COLUMNS):
        columns = FleetError(
            path="it",
            verb="has",
            got=f"the columns {', '.join(header) or '(none)'}",
            expected=", ".join(COLUMNS),
            remedy="write them in the first line, each once",
        )
        raise ProgrammeFileError.of([FileFaultError.at(path, columns, place=Place(line=1, column=1))])
    book = _Book(programme)
    for line, row in rows[1:]:
        book.read(line, [field.strip() for field in row], header)
    if book.faults:
        raise ProgrammeFileError.of(
            [
                FileFaultError.at(path, error, key=key, place=Place(line=line, column=1))
                for line, key, error in sorted(book.faults, key=lambda item: item[0])
            ]
        )
    return {rack: tuple(sorted(blocks, key=lambda block: block.start)) for rack, blocks in sorted(book.blocks.items())}


class _Book:
    """Rows that were read, and their faults."""

    def __init__(self, programme: Programme) -> None:
        retired = set(programme.fleet.retired) if programme.fleet is not None else set()
        zones = {site.name: site.zone for site in programme.sites}
        self._retired = retired
        self._end = programme.end
        self._racks: dict[str, tuple[TrancheSettings, str]] = {
            rack_name(tranche.name, number): (tranche, zones[tranche.site] or "")
            for tranche in tranches_in_cells(programme)
            for number in range(1, tranche.count + 1)
        }
        self._lines: dict[str, int] = {}
        self.blocks: dict[str, list[CapacityBlock]] = {}
        self.faults: list[tuple[int, str, FleetError]] = []

    def read(self, line: int, row: Sequence[str], header: Sequence[str]) -> None:
        """Read a row."""
        if len(row) != len(header):
            got = FleetError(path="it", verb="has", got=f"{len(row)} fields", expected=f"{len(header)}")
            self.faults.append((line, "", got))
            return
        fields = dict(zip(header, row, strict=True))
        found = list(self._faults(line, fields))
        self.faults += [(line, key, error) for key, error in found]
        if found:
            return
        tranche, zone = self._racks[fields["rack"]]
        if not zone:
            return  # the site's fault
        try:
            block = CapacityBlock.from_ultraserver_reservation(
                capacity_reservation_id=fields["capacity_reservation_id"],
                ultraserver_type=tranche.type,
                availability_zone=zone,
                start=datetime.fromisoformat(fields["start"]),
                end=datetime.fromisoformat(fields["end"]),
            )
        except FleetError as error:
            self.faults.append((line, "", error))
            return
        end = tranche.end or self._end
        if block.start.date() >= end:
            late = FleetError(
                path="start",
                got=fields["start"],
                expected=f"a moment before {end}, until which tranche {tranche.name} is there",
                remedy="correct it, or the end of the tranche",
            )
            self.faults.append((line, "start", late))
            return
        self.blocks.setdefault(fields["rack"], []).append(block)

    def _faults(self, line: int, fields: Mapping[str, str]) -> Iterator[tuple[str, FleetError]]:
        rack, reservation = fields["rack"], fields["capacity_reservation_id"]
        if rack not in self._racks:
            expected = "a tranche's name and a number that it has, such as -0001"
            yield (
                "rack",
                FleetError(path="rack", got=repr(rack), expected=expected, remedy="correct it, or add a tranche"),
            )
        elif rack in self._retired:
            yield (
                "rack",
                FleetError(
                    path="rack",
                    got=f"{rack}, which is retired",
                    expected="a rack that is there",
                    remedy="take the line out",
                ),
            )
        if is_assumed(reservation):
            yield (
                "capacity_reservation_id",
                FleetError(
                    path="capacity_reservation_id",
                    got=f"{reservation}, which is made up",
                    expected="an id of EC2's",
                    remedy="take it from `aws ec2 describe-capacity-reservations`",
                ),
            )
        first = self._lines.setdefault(reservation, line)
        if first != line:
            yield (
                "capacity_reservation_id",
                FleetError(
                    path="capacity_reservation_id",
                    got=f"{reservation}, as in line {first}",
                    expected="each id once",
                    remedy="an extension keeps its id: edit the end of the first",
                ),
            )
        for key in ("start", "end"):
            try:
                moment = datetime.fromisoformat(fields[key])
            except ValueError:
                moment = None
            if moment is None or moment.tzinfo is None:
                yield (
                    key,
                    FleetError(
                        path=key,
                        got=repr(fields[key]),
                        expected="a moment with its offset from UTC, such as 2026-12-01T11:30:00Z",
                        remedy="write it so",
                    ),
                )
