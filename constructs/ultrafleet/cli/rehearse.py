"""`ultrafleet rehearse`: scenarios of an environment on a simulated clock."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from ultrafleet.cli._block_starts import show_block_starts
from ultrafleet.cli._cdk import CdkOutput, run_cdk
from ultrafleet.cli._completion import environment_names
from ultrafleet.cli._fault_table import fault_table
from ultrafleet.cli._progress import progress
from ultrafleet.environment import Environment, load_environments
from ultrafleet.errors import FleetError
from ultrafleet.templates.assembly import AssemblyStack, read_assembly

if TYPE_CHECKING:
    from ultrafleet.rehearsal.scenarios.outcome import BlockOutcome, HandOver
    from ultrafleet.rehearsal.scenarios.scenario import Scenario

_WIDTH = 150


def rehearse(
    environment: Annotated[str, typer.Argument(help="name of the environment", autocompletion=environment_names)],
    environments: Annotated[Path, typer.Option(help="folder of environment files")] = Path("stacks/environments"),
    assembly: Annotated[
        Path | None, typer.Option(help="cloud assembly of cdk synth. Default: synthesise the app of this folder")
    ] = None,
    scenario: Annotated[
        list[str] | None, typer.Option(help="planned, extended, mid-block or eks; may be repeated. Default: all")
    ] = None,
    acceptance: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="instead: N block starts with planted faults, with the acceptance gate and without"
        ),
    ] = None,
    faults: Annotated[
        bool, typer.Option("--faults", help="plant faults, and tell which alarms ring, when, and off again")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """Run scenarios of the environment on an embedded AWS until its last block ends.

    No call leaves this process. Exit 1 when EC2 reclaimed a node of a pool that the schedule should have emptied.

    With --faults: a dead GPU, a dead node, an impaired block, a failed drain and others are planted instead, each on a
    pool of Arm and on one of x86_64 nodes where the environment has such a pool on capacity blocks.
    """
    if acceptance is not None:
        (loaded,) = load_environments(environments, only=environment)
        show_block_starts(loaded, acceptance, as_json=as_json)
        return
    loaded = _with_blocks(environment, environments)
    if faults:
        if scenario:
            raise FleetError(path="--faults and --scenario", verb="are", got="given", expected="one of them")
        _plant_faults(loaded, assembly, as_json=as_json)
        return
    with _extra():
        from ultrafleet.rehearsal.scenarios.scenario import run_scenarios, scenarios_of  # noqa: PLC0415  # needs the extra
    scenarios = {item.name: item for item in scenarios_of(loaded)}
    unknown = [name for name in scenario or [] if name not in scenarios]
    if unknown:
        raise FleetError(
            path="scenario",
            got=repr(unknown[0]),
            expected=f"one of {', '.join(scenarios)}",
        )
    stacks = _stacks(loaded, assembly)
    outcomes: list[tuple[Scenario, list[BlockOutcome]]] = []
    chosen = [scenarios[name] for name in scenario or scenarios]
    running = run_scenarios(loaded, stacks, chosen)
    for item in chosen:
        with progress(f"rehearsing {environment}: {item.name}"):
            blocks = next(running)
        outcomes.append((item, blocks))
        if not as_json:
            _show(item, blocks)
    running.close()
    if as_json:
        print(json.dumps([_as_json(*item) for item in outcomes], indent=2))
    lost = sum(block.reclaimed for item, blocks in outcomes if item.scheduled for block in blocks)
    if lost:
        print(f"EC2 reclaimed {lost} nodes of pools that the schedule should have emptied")
        raise typer.Exit(1)


def _plant_faults(environment: Environment, assembly: Path | None, *, as_json: bool) -> None:
    """Plant faults, and show which alarms ring."""
    with _extra():
        from ultrafleet.rehearsal.scenarios.fault_alarms import fault_alarms  # noqa: PLC0415  # needs the extra
    stacks = _stacks(environment, assembly)
    with progress(f"planting faults in {environment.name}"):
        planted = list(fault_alarms(environment, stacks))
    if as_json:
        print(json.dumps([asdict(item) for item in planted], indent=2))
    else:
        Console(width=max(_WIDTH, Console().width), highlight=False).print(fault_table(planted))


def _with_blocks(name: str, folder: Path) -> Environment:
    """An environment that has capacity blocks."""
    (loaded,) = load_environments(folder, only=name)
    if not any(pool.capacity_blocks for pool in loaded.pools):
        raise FleetError(
            path=name,
            verb="has",
            got="no capacity block",
            expected="one",
            remedy="without a block nothing ends, `make deploy` shows the pools",
        )
    return loaded


@contextmanager
def _extra() -> Iterator[None]:
    """Context in which a missing part of the extra is an error that names it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise FleetError(
            path=error.name,
            got="not installed",
            expected="it",
            remedy="pip install 'ultrafleet[rehearsal]'",
        ) from error


def _stacks(environment: Environment, assembly: Path | None) -> list[AssemblyStack]:
    """Stacks of an environment, whose pools are the file's."""
    name = environment.name
    folder = assembly or _synthesised(name)
    stacks = list(read_assembly(folder / f"assembly-{name}"))
    pools = {f"{name}-pool-{pool.name}" for pool in environment.pools}
    if pools != (found := {stack.name for stack in stacks if stack.name.startswith(f"{name}-pool-")}):
        raise FleetError(
            path=folder,
            verb="has",
            got=f"the pools {', '.join(sorted(found))}",
            expected=", ".join(sorted(pools)),
            remedy=f"the file was edited since, run `make synth ENV={name}` first",
        )
    return stacks


def _synthesised(environment: str) -> Path:
    """Synthesise the app of the working directory, beside what `make synth` wrote."""
    if not Path("cdk.json").exists():
        raise FleetError(
            "there is no cdk.json here, expected an app to synthesise: pass --assembly, or go to its folder",
            path="cdk.json",
            got="missing",
            expected="an app to synthesise",
            remedy="pass --assembly, or go to its folder",
        )
    folder = Path(".cache") / "rehearsal" / f"cdk.out-{environment}"
    chosen = [f"{environment}/**", "--context", f"environment={environment}", "--output", str(folder)]
    with progress(f"synthesising {environment}"):
        failed = run_cdk(["synth", "--quiet", *chosen], dict(os.environ), output=CdkOutput.FAILURE)
    if failed:
        raise FleetError(
            path="the app",
            verb="did not",
            got="synthesise",
            expected="it to",
            remedy=f"`make synth ENV={environment}` shows why",
        )
    return folder


def _show(scenario: "Scenario", blocks: "list[BlockOutcome]") -> None:
    table = Table(
        box=box.SIMPLE, title=f"{scenario.name}: {scenario.summary}", title_justify="left", title_style="bold"
    )
    left = {"node group", "drained"}
    for column in (
        "node group", "up after", "not whole", "drained", "before reclaim", "node-hours paid", "used", "by EKS",
        "reclaimed",
    ):  # fmt: skip
        table.add_column(column, justify="left" if column in left else "right", no_wrap=True)
    for block in blocks:
        table.add_row(
            block.node_group,
            "never" if block.up is None else f"{(block.up - block.begins) / timedelta(minutes=1):.0f} min",
            f"{block.short_minutes:.0f} min",
            "-" if block.reclaimed or block.gone is None else f"{block.gone:%Y-%m-%d %H:%M}Z",
            "-" if block.reclaimed or block.gone is None else f"{block.minutes_before_reclaim:.0f} min",
            f"{block.paid_node_hours:,.0f}",
            f"{block.used_node_hours:,.0f} ({block.used_node_hours / block.paid_node_hours:.1%})",
            f"{block.taken_by_eks} of {block.nodes}" if block.taken_by_eks else "0",
            f"{block.reclaimed} of {block.nodes}" if block.reclaimed else "0",
        )
    console = Console(width=max(_WIDTH, Console().width), highlight=False)
    console.print(table)
    if given := _hand_overs(blocks):
        console.print(_hand_over_table(given))


def _hand_over_table(given: "list[HandOver]") -> Table:
    table = Table(box=box.SIMPLE, title="handed over", title_justify="left", title_style="bold")
    for column in ("pool", "from", "to"):
        table.add_column(column, no_wrap=True)
    for column in ("both ready", "neither ready"):
        table.add_column(column, justify="right", no_wrap=True)
    for item in given:
        table.add_row(
            item.pool, item.old, item.new, f"{item.both_minutes:,.0f} min", f"{item.neither_minutes:,.0f} min"
        )
    return table


def _hand_overs(blocks: "list[BlockOutcome]") -> "list[HandOver]":
    from ultrafleet.rehearsal.scenarios.outcome import hand_overs  # noqa: PLC0415  # needs the extra

    return hand_overs(blocks)


def _as_json(scenario: "Scenario", blocks: "list[BlockOutcome]") -> dict[str, Any]:
    return {
        "scenario": scenario.name,
        "scheduled": scenario.scheduled,
        "blocks": [
            {
                **{
                    key: value.isoformat() if isinstance(value, datetime) else value for key, value in asdict(b).items()
                },
                "minutes_before_reclaim": b.minutes_before_reclaim,
            }
            for b in blocks
        ],
        "hand_overs": [asdict(item) for item in _hand_overs(blocks)],
    }
