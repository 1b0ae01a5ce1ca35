"""`ultrafleet programme queue` and `lose`: managers of a programme's queues, and the loss of a cell."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
import yaml
from pydantic import ValidationError

from ultrafleet.bounded_file import read_bounded
from ultrafleet.cell_queues import CellTimes, Loss, lose_cell
from ultrafleet.cells import manager_content, read_cells
from ultrafleet.cells.jobs import RUNNING_JOBS, RunningJobSettings, running_cells
from ultrafleet.cli.programme._names import PROGRAMMES, complete_programme, programme_file
from ultrafleet.errors import FleetError
from ultrafleet.programme import FleetSettings, QueueManagerSettings, load_programme
from ultrafleet.yaml_loader import UniqueKeyLoader, load_yaml

Name = Annotated[str, typer.Argument(help="programme, or path of the file of one", autocompletion=complete_programme)]
Manager = Annotated[str | None, typer.Option("--manager", help="its environment; needed where there are several")]
Folder = Annotated[Path, typer.Option(help="folder of programme files")]


def queue(
    name: Name,
    *,
    manager: Manager = None,
    as_json: Annotated[bool, typer.Option("--json", help="write JSON instead")] = False,
    programmes: Folder = PROGRAMMES,
) -> None:
    """Write what a manager's environment file says of its queue over cells, as YAML.

    Exit codes: 0 written, 2 unusable input.
    """
    path = programme_file(name, programmes)
    fleet = _fleet(path)
    content = manager_content(_manager(fleet, manager), fleet, read_cells(path).cells)
    text = json.dumps(content, indent=2) if as_json else yaml.safe_dump(content, sort_keys=False, width=120).rstrip()
    typer.echo(text)


def lose(
    name: Name,
    jobs: Annotated[Path, typer.Argument(help="YAML list of jobs: name, cell, accelerators, priority")],
    *,
    cell: Annotated[str | None, typer.Option("--cell", help="cell that is lost; default: the largest")] = None,
    manager: Manager = None,
    worker_lost_minutes: Annotated[int, typer.Option(help="as in the manager's file", min=1)] = 15,
    workers_at_once: Annotated[int, typer.Option(help="as in the manager's file", min=1)] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="write JSON")] = False,
    programmes: Folder = PROGRAMMES,
) -> None:
    """Tell what becomes of jobs when a cell is lost: admitted again where and when, or why not.

    A model of Kueue, on cells with the racks that are reserved. Calls no AWS.

    Exit codes: 0 every job has a cell again, 1 some wait, 2 unusable input.
    """
    path = programme_file(name, programmes)
    fleet = _fleet(path)
    cells = running_cells(_manager(fleet, manager), fleet, read_cells(path).cells, _jobs(jobs))
    times = CellTimes(worker_lost_seconds=worker_lost_minutes * 60, workers_at_once=workers_at_once)
    loss = lose_cell(cells, lost=cell, times=times)
    typer.echo(
        json.dumps({"lost": loss.lost, "outcomes": [asdict(it) for it in loss.outcomes]}, indent=2)
        if as_json
        else _text(loss)
    )
    if loss.waiting:
        raise typer.Exit(1)


def _text(loss: Loss) -> str:
    lines = [f"{loss.lost} is lost"]
    for outcome in loss.outcomes:
        place = f"in {outcome.cell} after {outcome.seconds} s: " if outcome.cell else "waits: "
        lines.append(f"  {outcome.job.name} ({outcome.job.nodes} nodes) {place}{outcome.why}")
    moved = sum(outcome.cell is not None for outcome in loss.outcomes)
    lines.append(f"{moved} admitted again, {len(loss.waiting)} waiting")
    return "\n".join(lines)


def _fleet(path: Path) -> FleetSettings:
    fleet = load_programme(path).fleet
    if fleet is None or fleet.queue is None:
        raise FleetError(
            path=f"{path}: fleet.queue",
            got="not stated",
            expected="managers of queues over cells",
            remedy="state it, see docs/guides/one-queue-over-cells.md",
        )
    return fleet


def _manager(fleet: FleetSettings, name: str | None) -> QueueManagerSettings:
    managers: list[QueueManagerSettings] = fleet.queue.managers if fleet.queue is not None else []
    found = [manager for manager in managers if name in (None, manager.environment)]
    if len(found) != 1:
        raise FleetError(
            path="manager",
            got="not stated" if name is None else repr(name),
            expected=f"one of {', '.join(manager.environment for manager in managers)}",
            remedy="pass --manager",
        )
    return found[0]


def _jobs(path: Path) -> list[RunningJobSettings]:
    try:
        return RUNNING_JOBS.validate_python(load_yaml(read_bounded(path), UniqueKeyLoader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise FleetError(
            path=str(path),
            got="no list of jobs",
            expected="a YAML list with name, cell, accelerators and, if need be, priority of each",
            remedy=str(error).splitlines()[0],
        ) from error
