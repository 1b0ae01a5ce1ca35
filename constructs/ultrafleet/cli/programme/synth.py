"""`ultrafleet programme synth`: every cell of a programme as a cloud assembly."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ultrafleet.cli.capacity._programme_files import programme_path
from ultrafleet.errors import FleetError

if TYPE_CHECKING:
    from ultrafleet.cells import Cell


def synth(
    programme: Annotated[str, typer.Argument(help="name of a programme, or its file")],
    *,
    programmes: Annotated[Path, typer.Option(help="folder of programme files")] = Path("stacks/programmes"),
    out: Annotated[
        Path | None, typer.Option(help="folder of the assembly; cdk.out/programmes/PROGRAMME by default")
    ] = None,
    compare: Annotated[
        int, typer.Option(min=0, help="let the CDK synthesise as many cells as well, and compare every file")
    ] = 0,
    cell: Annotated[
        list[str] | None, typer.Option(help="a cell to compare; the first of each shape by default")
    ] = None,
    verbose: Annotated[bool, typer.Option(help="list every template that was written")] = False,
) -> None:
    """Synthesise every cell of a programme into one cloud assembly; only what changed is made.

    Cells of one shape are synthesised and validated once and written from that pattern, see decision 38. Each is a
    folder of its own: `cdk deploy --app cdk.out/programmes/PROGRAMME 'CELL/**'`. Exit code 1: --compare found a
    difference.
    """
    # Here, so that other commands start without them.
    from ultrafleet.cell_assembly.programme_assembly import ProgrammeAssembly, differences  # noqa: PLC0415
    from ultrafleet.cell_assembly.values import cell_values  # noqa: PLC0415
    from ultrafleet.cells import cut, read_record, record_file  # noqa: PLC0415
    from ultrafleet.programme import load_programme  # noqa: PLC0415

    path = programme_path(programme, programmes)
    content = load_programme(path)
    plan = cut(content, record=read_record(record_file(path)))
    if plan.refusals:
        raise NoCellsError(plan.refusals)
    if content.fleet is None:
        raise FleetError(path=path, verb="has", got="no fleet", expected="one", remedy="state `fleet`")
    outdir = out or Path("cdk.out/programmes") / content.name
    assembly = ProgrammeAssembly(root=Path.cwd(), programme=content.name, outdir=outdir)
    made = assembly.make(plan.cells, content.fleet)
    for name in made.changed if verbose else ():
        print(f"written: {outdir / name}")
    print(
        f"{outdir}: {made.cells} cells of {made.shapes} shapes, {made.racks:,} UltraServers in {made.stacks:,} stacks, "
        f"{made.template_bytes / 1e6:.1f} MB of templates; {len(made.written)} cells and {len(made.changed)} templates "
        f"written, {made.patterns_made} patterns made"
    )
    if made.synthesised:
        print(f"synthesised one by one, for an UltraServer of theirs has several blocks: {', '.join(made.synthesised)}")
    if plan.assumes_reservations:
        print("reservations are assumed: their ids are made up, and nothing of it can be deployed to an account")
    if compare or cell:
        chosen = [plan.cell(name) for name in cell or ()] or _of_each_shape(plan.cells, compare)
        found = differences(Path.cwd(), outdir, [cell_values(item, content.fleet) for item in chosen])
        for name in found:
            print(f"differs from what the CDK makes: {outdir / name}")
        print(f"compared with the CDK: {', '.join(item.name for item in chosen)}: {len(found)} files differ")
        if found:
            raise typer.Exit(1)


class NoCellsError(FleetError):
    """Reasons for which a programme has no cells.

    Args:
        faults: the reasons.
    """

    def __init__(self, faults: "tuple[FleetError, ...]") -> None:
        super().__init__(str(faults[0]), path=faults[0].path, got=faults[0].got, expected=faults[0].expected)
        self.faults = faults


def _of_each_shape(cells: "tuple[Cell, ...]", count: int) -> "list[Cell]":
    """Some cells: the last of each kind at each site, whose racks are fewest, before others."""
    kinds = {(cell.site.name, cell.ultraserver_type, cell.workload): cell for cell in cells}
    others = [cell for cell in cells if cell not in kinds.values()]
    return [*kinds.values(), *others][:count]
