"""Record of cells beside the programme's file: what exists, so that nothing of it moves."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import yaml
from pydantic import Field, ValidationError

from ultrafleet.cells.model import Cell, CellNetwork, CellPlan, Management
from ultrafleet.environment.document import FileFaultError, read_document
from ultrafleet.environment.faults import content_faults
from ultrafleet.environment.fields import Name, Settings
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
    type: str
    """Name of its UltraServer type."""
    workload: str
    """Workload of its racks."""
    fabric: Literal["efa", "roce"] | None = None
    """Fabric of a type with two."""
    management: Management
    """Kind of its node groups."""
    slots: int = Field(ge=1)
    """Racks that it is made for."""
    platform_cidr: str
    """First CIDR of its VPC."""
    rack_cidrs: list[str]
    """CIDRs of its racks."""
    racks_per_subnet: int = Field(ge=1)
    """Racks of each of them."""
    racks: list[RecordedRun]
    """Its racks."""


class RecordSettings(Settings):
    """Record of cells."""

    racks_per_stack: int = Field(ge=1)
    """Racks of one stack, by their numbers."""
    cells: list[RecordedCellSettings]
    """Cells by their numbers."""


class _Group(Protocol):
    @property
    def site(self) -> Any: ...  # noqa: ANN401
    @property
    def kind(self) -> Any: ...  # noqa: ANN401


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
        )

    def belongs_to(self, group: _Group) -> bool:
        """True if racks of a group may be in it.

        Args:
            group: a group of racks.
        """
        kind = group.kind
        return (self.settings.site, self.settings.type, self.settings.workload, self.settings.fabric) == (
            group.site.name,
            str(kind.ultraserver_type),
            kind.workload,
            kind.fabric,
        )


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
            f"{run.tranche}-{number:04}": (cell, run.slot + offset)
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
        type=cell.ultraserver_type,
        workload=cell.workload,
        fabric=cell.fabric,
        management=cell.management,
        slots=cell.slots,
        platform_cidr=cell.network.platform_cidr,
        rack_cidrs=list(cell.network.rack_cidrs),
        racks_per_subnet=cell.network.racks_per_subnet,
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
    else:
        if not faults:
            return Record(settings=settings)
    raise ProgrammeFileError.of(faults)
