"""Jobs that run in cells, as a file states them, and cells with them, for the loss of a cell."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, TypeAdapter

from ultrafleet.catalog import UltraServerType
from ultrafleet.cell_queues import Cell as RunningCell
from ultrafleet.cell_queues import Job
from ultrafleet.cells.model import Cell
from ultrafleet.cells.queues import cells_of_manager
from ultrafleet.environment.fields import Name, Settings
from ultrafleet.errors import FleetError
from ultrafleet.programme import FleetSettings, QueueManagerSettings
from ultrafleet.rules.priorities import PRIORITIES


class RunningJobSettings(Settings):
    """A job that runs in a cell."""

    name: Name
    cell: str
    """Name of its cell."""
    accelerators: int = Field(ge=1)
    """Accelerators that it has; a part of a node is a whole one."""
    priority: str = "training"
    """Its priority class."""


RUNNING_JOBS: TypeAdapter[list[RunningJobSettings]] = TypeAdapter(Annotated[list[RunningJobSettings], Field()])
"""A file of jobs: a list of them."""


def running_cells(
    manager: QueueManagerSettings, fleet: FleetSettings, cells: Sequence[Cell], jobs: Sequence[RunningJobSettings]
) -> list[RunningCell]:
    """Cells of a manager with the racks that are reserved and the jobs that run, most preferred first.

    Args:
        manager: the manager.
        fleet: fleet of the programme, with its queues.
        cells: cells of the programme.
        jobs: jobs, also those of other managers' cells.

    Raises:
        FleetError: a job in no cell or of no priority class, or cells that don't fit the manager.
    """
    if fleet.queue is None:
        raise FleetError(
            path="fleet.queue", got="not stated", expected="managers of the cells", remedy="state it in the programme"
        )
    known = {cell.name for cell in cells}
    for job in jobs:
        for what, got, expected in (("cell", job.cell, known), ("priority", job.priority, set(PRIORITIES))):
            if got not in expected:
                raise FleetError(
                    path=f"{what} of job {job.name}",
                    got=repr(got),
                    expected=f"one of {', '.join(sorted(expected)[:8])}",
                    remedy="correct it",
                )
    ultraserver = UltraServerType.of(manager.type)
    nodes = int(ultraserver.require("instance_count", instead="another type"))
    accelerators = int(ultraserver.require("accelerator_count", instead="another type")) // nodes
    return [
        RunningCell(
            name=cell.name,
            ultraservers=sum(bool(rack.blocks) for rack in cell.racks),
            nodes_per_ultraserver=nodes - fleet.spare_nodes_per_ultraserver,
            jobs=tuple(
                Job(name=job.name, nodes=-(-job.accelerators // accelerators), priority=PRIORITIES[job.priority])
                for job in jobs
                if job.cell == cell.name
            ),
        )
        for cell in cells_of_manager(manager, fleet.queue, cells)
    ]
