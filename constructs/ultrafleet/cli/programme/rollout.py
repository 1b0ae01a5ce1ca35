"""`ultrafleet programme rollout`: waves of a programme's cells, and their definition for GNU make."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ultrafleet.cells import CellPlan, read_cells
from ultrafleet.cli._refusal import refuse
from ultrafleet.cli.programme._names import PROGRAMMES, complete_programme, programme_file
from ultrafleet.errors import FleetError
from ultrafleet.programme import load_programme
from ultrafleet.programme.rollout_settings import RolloutSettings
from ultrafleet.rollout import Wave, definition, waves

_DIFFERS = 1


def rollout(
    programme: Annotated[
        str, typer.Argument(help="name of the programme, or its file", autocompletion=complete_programme)
    ],
    *,
    write: Annotated[bool, typer.Option("--write", help="write PROGRAMME.rollout.mk beside the programme")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="before a deployment: exit 1 unless PROGRAMME.rollout.mk is of these cells")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
    programmes: Annotated[Path, typer.Option(help="folder of programme files")] = PROGRAMMES,
) -> None:
    """Show the waves in which a programme's cells are deployed; --write makes the file that `make rollout` runs.

    The canary comes first; a wave has at most `cells_per_wave` cells and never more than `serving_share` of those that
    serve the same type at the same site. No account is asked.

    Exit code 0: done, 1: with --check, the file is of other cells, racks have no recorded place, or reservations are
    made up, 2: unusable input.
    """
    path = programme_file(programme, programmes)
    settings = rollout_settings(path)
    plan = read_cells(path)
    if plan.refusals:
        refuse(*plan.refusals)
    made = waves(plan.cells, settings)
    text = definition(path.stem, made, settings)
    file = rollout_file(path)
    if check:
        problem = _problem(plan, file, text)
        if problem is not None:
            print(problem)
            raise typer.Exit(_DIFFERS)
        return
    if write:
        file.write_text(text, encoding="utf-8")
        print(f"{file}: {len(plan.cells)} cells in {len(made)} waves")
    elif as_json:
        print(
            json.dumps([{"wave": wave.number, "cells": wave.cells, "serving": wave.serving} for wave in made], indent=2)
        )
    else:
        for line in _table(plan, made, settings):
            print(line)


def rollout_file(programme: Path) -> Path:
    """File of the definition of a programme's rollout.

    Args:
        programme: the programme's file.
    """
    return programme.with_name(f"{programme.stem}.rollout.mk")


def rollout_settings(path: Path) -> RolloutSettings:
    """Rollout settings of a programme's file.

    Args:
        path: the programme's file.

    Raises:
        ProgrammeFileError: it can't be used.
        FleetError: it has no fleet.
    """
    fleet = load_programme(path).fleet
    if fleet is None:
        raise FleetError(
            path=path, verb="has", got="no fleet", expected="one, which is cut into cells", remedy="state fleet"
        )
    return fleet.rollout


def _problem(plan: CellPlan, file: Path, text: str) -> str | None:
    """Reason not to deploy by a definition."""
    if plan.assumes_reservations:
        return f"the reservations of {plan.programme} are assumed: they can be rehearsed and not deployed"
    if plan.unrecorded:
        return (
            f"{len(plan.unrecorded)} racks of {plan.programme} have no recorded place and may still move: "
            f"`ultrafleet programme cells {plan.programme} --write`, and review it"
        )
    if not file.is_file() or file.read_text(encoding="utf-8") != text:
        return f"{file} is not of these cells: `ultrafleet programme rollout {plan.programme} --write`, and review it"
    return None


def _table(plan: CellPlan, made: Sequence[Wave], settings: RolloutSettings) -> list[str]:
    """Waves as lines for a reader."""
    lines = [f"{plan.programme}: {len(plan.cells)} cells in {len(made)} waves"]
    for wave in made:
        racks = sum(len(plan.cell(name).racks) for name in wave.cells)
        serving = f", {wave.serving} of them serve" if wave.serving else ""
        canary = " (canary)" if wave.number == 1 else ""
        lines.append(f"wave {wave.number}{canary}: {len(wave.cells)} cells with {racks} racks{serving}")
        lines += [f"  {name} in {plan.cell(name).account}, {plan.cell(name).region}" for name in wave.cells]
    lines.append(
        f"after each wave its alarms are watched until {settings.bake_minutes} minutes after its last change; "
        f"{settings.cells_at_once} cells and {settings.stacks_at_once} stacks of a cell are deployed at once"
    )
    return lines
