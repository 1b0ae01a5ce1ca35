"""`ultrafleet programme cells`: a programme cut into cells, the limits that bind them, what to ask AWS for."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ultrafleet.cells import CellPlan, Record, plan_as_json, read_cells, record_file
from ultrafleet.cli.programme._names import PROGRAMMES, complete_programme, programme_file
from ultrafleet.cli.programme.cells_report import cells_text
from ultrafleet.errors import FleetError


def cells(
    name: Annotated[
        str, typer.Argument(help="programme, or path of the file of one", autocompletion=complete_programme)
    ],
    *,
    programmes: Annotated[Path, typer.Option(help="folder of programme files")] = PROGRAMMES,
    every: Annotated[bool, typer.Option("--all", help="a line for each cell, not for each group of them")] = False,
    write: Annotated[
        bool, typer.Option("--write", help="record the cells in NAME.cells.yaml, so that nothing of them ever moves")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
    output: Annotated[Path | None, typer.Option(help="file that it is written to; default: it is printed")] = None,
) -> None:
    """Cut a programme into cells, and say which limit binds each and what to ask AWS for.

    A cell is a VPC and an EKS cluster of UltraServers of one type in one account and zone. The limits are documented
    ones, or those that the programme's `limits:` raise, each with a reason. Calls no AWS.

    Exit codes: 0 the cells can be had, 1 they can't be had so, 2 unusable input.
    """
    path = programme_file(name, programmes)
    plan = read_cells(path)
    text = json.dumps(plan_as_json(plan), indent=2) + "\n" if as_json else cells_text(plan, every=every)
    if output is None:
        sys.stdout.write(text)
    else:
        _write(output, text)
    if write:
        _record(path, plan)
    raise typer.Exit(1 if plan.refusals else 0)


def _record(path: Path, plan: CellPlan) -> None:
    file = record_file(path)
    if plan.refusals:
        print(f"{file} isn't written: the cells can't be had so", file=sys.stderr)
        return
    if not plan.cells:
        print(f"{file} isn't written: the programme has no UltraServers", file=sys.stderr)
        return
    text = Record.of(plan).text(plan.programme)
    if file.is_file() and file.read_text(encoding="utf-8") == text:
        print(f"{file} has them all", file=sys.stderr)
        return
    _write(file, text)
    print(f"{file} records {len(plan.unrecorded):,} UltraServers more: commit it", file=sys.stderr)


def _write(path: Path, text: str) -> None:
    made = path.with_name(f".{path.name}.new")
    try:
        made.write_text(text, encoding="utf-8")
        made.replace(path)
    except OSError as error:
        made.unlink(missing_ok=True)
        raise FleetError(
            path=path, verb="can't be", got=f"written ({error})", expected="a folder with room and rights"
        ) from error
