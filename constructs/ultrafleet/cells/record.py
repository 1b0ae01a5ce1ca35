"""Record of cells beside the programme's file: what exists, so that nothing of it moves."""

import ipaddress
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import Field, ValidationError

from ultrafleet.cells.groups import rack_name
from ultrafleet.cells.model import Cell, CellNetwork, CellPlan, Management
from ultrafleet.environment.collected import Found
from ultrafleet.environment.document import FileFaultError, KeyPath, read_document
from ultrafleet.environment.faults import content_faults
from ultrafleet.environment.fields import Account, Name, Network, Settings, UltraServerTypeName, Zone
from ultrafleet.environment.target_settings import Workload
from ultrafleet.errors import FleetError
from ultrafleet.programme import ProgrammeFileError

SUFFIX: Final = ".cells.yaml"
"""End of the name of a record's file."""


class RecordedRun(Settings):
    """Racks of one tranche with following numbers in following slots."""

    tranche: str
    """Name of the tranche."""
    first: int = Field(ge=1)
    """Number of the first rack."""
    last: int = Field(ge=1)
    """Number of the last rack."""
    slot: int = Field(ge=0)
    """Slot of the first rack."""


class RecordedCellSettings(Settings):
    """Cell as it is recorded."""

    name: Name
    """Name of the cell."""
    number: int = Field(ge=0)
    """Number in the programme."""
    site: str
    """Name of its site."""
    account: Account
    """Account that it is in."""
    zone: Zone
    """Zone that it is in."""
    type: UltraServerTypeName
    """Name of its UltraServer type."""
    workload: Workload
    """Workload of its racks."""
    fabric: Literal["efa", "roce"] | None = None
    """Fabric of a type with two."""
    management: Management
    """Kind of its node groups."""
    slots: int = Field(ge=1)
    """Racks that it is made for."""
    platform_cidr: Network
    """First CIDR of its VPC."""
    rack_cidrs: list[Network] = Field(min_length=1)
    """CIDRs of its racks."""
    racks_per_subnet: int = Field(ge=1)
    """Racks of each of them."""
    secondary_cidr: Network | None = None
    """CIDR of the secondary network of racks on RoCE."""
    racks: list[RecordedRun]
    """Its racks."""


class RecordSettings(Settings):
    """Record of cells."""

    racks_per_stack: int = Field(ge=1)
    """Racks of one stack, by their numbers."""
    cells: list[RecordedCellSettings]
    """Cells by their numbers."""


@dataclass(frozen=True, kw_only=True)
class RecordedCell:
    """Cell that exists.

    Attributes:
        settings: what the record says.
    """

    settings: RecordedCellSettings

    @property
    def network(self) -> CellNetwork:
        """Addresses of the cell."""
        return CellNetwork(
            platform_cidr=self.settings.platform_cidr,
            rack_cidrs=tuple(self.settings.rack_cidrs),
            racks_per_subnet=self.settings.racks_per_subnet,
            secondary_cidr=self.settings.secondary_cidr,
        )

    @property
    def key(self) -> tuple[str, str, str, str | None]:
        """Site, type, workload and fabric, as of a group of racks."""
        return self.settings.site, self.settings.type, self.settings.workload, self.settings.fabric


@dataclass(frozen=True, kw_only=True)
class Record:
    """Recorded cells of a programme.

    Attributes:
        settings: the file's content; None before anything is recorded.
    """

    settings: RecordSettings | None = None

    @property
    def racks_per_stack(self) -> int | None:
        """Racks of one stack, which never changes."""
        return None if self.settings is None else self.settings.racks_per_stack

    @cached_property
    def cells(self) -> tuple[RecordedCell, ...]:
        """Cells in the order of their numbers."""
        found = () if self.settings is None else self.settings.cells
        return tuple(RecordedCell(settings=item) for item in sorted(found, key=lambda item: item.number))

    @cached_property
    def places(self) -> Mapping[str, tuple[RecordedCell, int]]:
        """Cell and slot of each recorded rack, by its name."""
        return {
            rack_name(run.tranche, number): (cell, run.slot + offset)
            for cell in self.cells
            for run in cell.settings.racks
            for offset, number in enumerate(range(run.first, run.last + 1))
        }

    @classmethod
    def of(cls, plan: CellPlan) -> "Record":
        """Record of a plan, with every cell of it.

        Args:
            plan: cells to record.
        """
        if not plan.cells:
            return cls()
        return cls(
            settings=RecordSettings(
                racks_per_stack=plan.cells[0].racks_per_stack, cells=[_recorded(cell) for cell in plan.cells]
            )
        )

    def text(self, programme: str) -> str:
        """Text of the file.

        Args:
            programme: name of the programme.
        """
        head = (
            f"# Cells of {programme}: written by `ultrafleet programme cells {programme} --write`, and committed with\n"
            "# it. What stands here never moves; edit the programme instead.\n"
        )
        content = {} if self.settings is None else self.settings.model_dump(exclude_none=True)
        for cell in content.get("cells", ()):
            cell["racks"] = [_Flow(run) for run in cell["racks"]]
        return head + yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=120)


class _Flow(dict[str, Any]):
    """Mapping that is written on one line."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(
    _Flow, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=True)
)


def _recorded(cell: Cell) -> RecordedCellSettings:
    return RecordedCellSettings(
        name=cell.name,
        number=cell.number,
        site=cell.site.name,
        account=cell.account,
        zone=cell.zone,
        type=cell.ultraserver_type,
        workload=cell.workload,
        fabric=cell.fabric,
        management=cell.management,
        slots=cell.slots,
        platform_cidr=cell.network.platform_cidr,
        rack_cidrs=list(cell.network.rack_cidrs),
        racks_per_subnet=cell.network.racks_per_subnet,
        secondary_cidr=cell.network.secondary_cidr,
        racks=list(_runs(cell)),
    )


def _runs(cell: Cell) -> Iterator[RecordedRun]:
    placed: Sequence[tuple[int, str, int]] = sorted(
        (slot, rack.tranche, rack.number) for slot, rack in cell.placed.items()
    )
    for _, items in itertools.groupby(
        enumerate(placed), key=lambda item: (item[1][1], item[1][0] - item[0], item[1][2] - item[0])
    ):
        run = [item for _, item in items]
        (slot, tranche, first), (_, _, last) = run[0], run[-1]
        yield RecordedRun(tranche=tranche, first=first, last=last, slot=slot)


def record_faults(settings: RecordSettings) -> Iterator[Found]:
    """Faults of a record in itself: what two cells share, and places that a cell hasn't.

    Args:
        settings: the record.
    """
    names: dict[str, str] = {}
    networks: list[tuple[ipaddress.IPv4Network, str]] = []
    for index, cell in enumerate(settings.cells):
        for key, value in (("name", cell.name), ("number", str(cell.number))):
            if names.setdefault(f"{key} {value}", cell.name) != cell.name or (key == "name" and _twice(settings, cell)):
                yield ("cells", index, key), _shared(key, value, "that of one cell")
        secondary = [] if cell.secondary_cidr is None else [cell.secondary_cidr]
        for cidr in (cell.platform_cidr, *cell.rack_cidrs, *secondary):
            network = ipaddress.IPv4Network(cidr)
            other = next((item for item in networks if item[0].overlaps(network)), None)
            if other is not None:
                yield ("cells", index), _shared(cidr, f"a part of {other[0]} of {other[1]}, too", "of one cell alone")
            networks.append((network, cell.name))
        yield from _run_faults(index, cell, names)


def _twice(settings: RecordSettings, cell: RecordedCellSettings) -> bool:
    return sum(item.name == cell.name for item in settings.cells) > 1


def _shared(path: str, got: str, expected: str) -> FleetError:
    return FleetError(path=path, got=got, expected=expected, remedy="restore the record from its last commit")


def _run_faults(index: int, cell: RecordedCellSettings, names: dict[str, str]) -> Iterator[Found]:
    slots: set[int] = set()
    for number, run in enumerate(cell.racks):
        where: KeyPath = ("cells", index, "racks", number)
        count = run.last - run.first + 1
        if (
            count < 1
            or run.slot + count > cell.slots
            or run.slot + count > len(cell.rack_cidrs) * cell.racks_per_subnet
        ):
            yield where, _shared("it", f"{count} racks from slot {run.slot} on", f"slots below {cell.slots}")
            continue
        taken = set(range(run.slot, run.slot + count))
        for rack in map(partial(rack_name, run.tranche), range(run.first, run.last + 1)):
            if rack in names:
                yield where, _shared(f"rack {rack}", f"in {names[rack]}, too", "in one place")
                break
            names[rack] = cell.name
        if slots & taken:
            yield where, _shared(f"slot {min(slots & taken)}", "that of two racks", "that of one")
        slots |= taken


def record_file(programme: Path) -> Path:
    """File of the record of a programme.

    Args:
        programme: the programme's file.
    """
    return programme.with_name(programme.stem + SUFFIX)


def read_record(path: Path) -> Record:
    """Read a record.

    Args:
        path: its file; one that isn't there is an empty record.

    Raises:
        ProgrammeFileError: it can't be used, with every fault.
    """
    if not path.exists():
        return Record()
    try:
        document = read_document(path, kind="a record of cells", holds="racks_per_stack and cells")
    except FileFaultError as error:
        raise ProgrammeFileError.of([error]) from error
    faults = list(document.faults)
    try:
        settings = RecordSettings.model_validate(document.content)
    except ValidationError as error:
        faults += content_faults(document, error, model=RecordSettings)
        raise ProgrammeFileError.of(faults) from error
    faults += [document.fault(where, error) for where, error in record_faults(settings)]
    if faults:
        raise ProgrammeFileError.of(faults)
    return Record(settings=settings)
