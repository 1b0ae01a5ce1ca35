"""`ultrafleet programme synth`: every cell of a programme as a cloud assembly."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ultrafleet.cells import Cell, CellPlan, plan_as_json, read_cells
from ultrafleet.cli._progress import progress
from ultrafleet.cli.programme._names import PROGRAMMES, complete_programme, programme_file
from ultrafleet.errors import FleetError
from ultrafleet.programme import FleetSettings, load_programme

if TYPE_CHECKING:
    from ultrafleet.cell_assembly.programme_assembly import Made

ASSEMBLIES: Final = Path("cdk.out/programmes")
"""Folder of the assemblies of programmes."""
_PLAN: Final = "programme.json"


def synth(
    name: Annotated[
        str, typer.Argument(help="programme, or path of the file of one", autocompletion=complete_programme)
    ],
    *,
    programmes: Annotated[Path, typer.Option(help="folder of programme files")] = PROGRAMMES,
    output: Annotated[
        Path | None, typer.Option(help="folder of the assembly; default: cdk.out/programmes/PROGRAMME")
    ] = None,
    compare: Annotated[
        int, typer.Option(min=0, help="cells that the CDK synthesises, too: every file is compared with its own")
    ] = 0,
    cell: Annotated[list[str] | None, typer.Option(help="cell to compare, by its name; may be repeated")] = None,
    verbose: Annotated[bool, typer.Option(help="a line for each template that was written")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """Synthesise every cell of a programme into one cloud assembly; only what changed is made.

    Cells of one shape are synthesised and validated once, and the others are written from that pattern; every template
    is held to CloudFormation's limits. A cell is a folder of its own that `cdk deploy --app` takes. Calls no AWS.

    Exit codes: 0 it is written, 1 the cells can't be had so or a compared file differs, 2 unusable input.
    """
    path = programme_file(name, programmes)
    plan = read_cells(path)
    if plan.refusals:
        if as_json:
            print(json.dumps({"refusals": [str(refusal) for refusal in plan.refusals]}, indent=2))
        for refusal in () if as_json else plan.refusals:
            print(f"refused: {refusal}")
        raise typer.Exit(1)
    fleet = load_programme(path).fleet
    if fleet is None or not plan.cells:
        raise FleetError(path=path, verb="has", got="no cells", expected="one at least", remedy="state a fleet")
    outdir = output or ASSEMBLIES / plan.programme
    with progress(f"synthesising {plan.programme}"):
        made = _make(plan, fleet, outdir)
    if not as_json:
        _print(made, plan, outdir, verbose=verbose)
    chosen = [plan.cell(item) for item in cell or ()] or _of_each_kind(plan.cells)[:compare]
    differing = _differing(chosen, fleet, outdir) if chosen else []
    if as_json:
        print(json.dumps(_report(made, plan, outdir, chosen, differing), indent=2))
    elif chosen:
        for item in differing:
            print(f"differs from what the CDK makes: {item}")
        names = ", ".join(item.name for item in chosen)
        print(f"compared with the CDK's own synthesis, byte for byte: {names}: {len(differing)} files differ")
    if differing:
        raise typer.Exit(1)


def _make(plan: CellPlan, fleet: FleetSettings, outdir: Path) -> "Made":
    from ultrafleet.cell_assembly.programme_assembly import ProgrammeAssembly  # noqa: PLC0415 - of this command alone

    made = ProgrammeAssembly(root=Path.cwd(), programme=plan.programme, outdir=outdir).make(plan.cells, fleet)
    text = json.dumps(plan_as_json(plan), indent=1) + "\n"
    file = outdir / _PLAN
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")
    return made


def _print(made: "Made", plan: CellPlan, outdir: Path, *, verbose: bool) -> None:
    for item in made.changed if verbose else ():
        print(f"written: {outdir / item}")
    print(
        f"{outdir}: {made.racks:,} UltraServers in {made.cells} cells of {made.shapes} shapes, {made.stacks:,} stacks, "
        f"{made.template_bytes / 1e6:,.1f} MB of templates within CloudFormation's limits"
    )
    print(
        f"written: {len(made.written)} cells, {len(made.changed)} templates; synthesised and validated: "
        f"{made.patterns_made} patterns, {len(made.synthesised)} cells"
    )
    if plan.assumes_reservations:
        print("the reservations are assumed: their ids are made up, no account can launch into them")
    if plan.unrecorded:
        print(f"{len(plan.unrecorded):,} UltraServers have no recorded place: `ultrafleet programme cells --write`")


def _report(
    made: "Made", plan: CellPlan, outdir: Path, compared: Sequence[Cell], differing: Sequence[str]
) -> dict[str, Any]:
    return {
        "assembly": str(outdir),
        "ultraservers": made.racks,
        "cells": made.cells,
        "shapes": made.shapes,
        "stacks": made.stacks,
        "template_bytes": made.template_bytes,
        "written_cells": list(made.written),
        "written_templates": [str(outdir / item) for item in made.changed],
        "patterns_made": made.patterns_made,
        "synthesised_cells": list(made.synthesised),
        "assumes_reservations": plan.assumes_reservations,
        "unrecorded_ultraservers": len(plan.unrecorded),
        "compared_cells": [item.name for item in compared],
        "differing_files": list(differing),
    }


def _differing(cells: Sequence[Cell], fleet: FleetSettings, outdir: Path) -> list[str]:
    """Files that aren't what the CDK makes."""
    from ultrafleet.cell_assembly.programme_assembly import differences  # noqa: PLC0415 - of this command alone
    from ultrafleet.cell_assembly.values import cell_values  # noqa: PLC0415

    names = ", ".join(item.name for item in cells)
    with progress(f"synthesising {names} by the CDK"):
        found = differences(Path.cwd(), outdir, [cell_values(item, fleet) for item in cells])
    return [str(outdir / item) for item in found]


def _of_each_kind(cells: Sequence[Cell]) -> list[Cell]:
    """Cells in an order in which each kind at each site comes first, by its last cell."""
    kinds = {(cell.site.name, cell.ultraserver_type, cell.workload, cell.slots): cell for cell in cells}
    first = {cell.name for cell in kinds.values()}
    return [*kinds.values(), *(cell for cell in cells if cell.name not in first)]
