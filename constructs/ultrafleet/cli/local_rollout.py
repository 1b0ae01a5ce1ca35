"""`ultrafleet local rollout`: rollout of a programme's cells on an embedded AWS of several accounts and regions."""

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ultrafleet.cli._cdk import CdkOutput, run_cdk
from ultrafleet.cli.local import STATE, embedded_aws, needs_rehearsal
from ultrafleet.environment import Environment, environment_files, load_environment
from ultrafleet.errors import FleetError
from ultrafleet.programme.loading import FOLDER

if TYPE_CHECKING:
    from ultrafleet.rehearsal.scenarios.remote import EmbeddedAws

_DEPLOYS_FROM: Final = "999999999999"
"""Made-up account that the rollout is run from: every cell is in another one, and reached by its bootstrap's roles."""
_BEFORE_FIRST_BLOCK: Final = timedelta(hours=1)
_OUTPUT: Final = Path("cdk.out") / "programmes"


def rollout(
    programme: Annotated[str, typer.Argument(help="name of the programme")],
    *,
    programmes: Annotated[Path, typer.Option(help="folder of programme files")] = FOLDER,
    fault: Annotated[
        list[str] | None, typer.Option(help="CELL=FAULT to inject before; see `ultrafleet local faults`; repeatable")
    ] = None,
    bake_minutes: Annotated[float, typer.Option(min=0, help="minutes for which a wave's alarms are watched")] = 0,
    port: Annotated[int | None, typer.Option(help="port of a new embedded AWS. Default: a free one")] = None,
    state: Annotated[Path, typer.Option(help="folder of the port file and the log of the embedded AWS")] = STATE,
    assembly: Annotated[
        Path | None, typer.Option(help="cloud assembly of the programme. Default: cdk.out/programmes/PROGRAMME")
    ] = None,
) -> None:
    """Deploy a programme's cells in their waves to an embedded AWS, with the definition that a real rollout runs.

    Each account and region is bootstrapped and trusts a further account, from which everything is deployed. A cell is
    an environment of the embedded AWS: `ultrafleet local inject CELL FAULT`, `local status CELL`, `local stop CELL`.

    Exit code 0: every cell is deployed, 1: a cell failed or an alarm fired, 2: unusable input.
    """
    folder = assembly or _OUTPUT / programme
    definition = programmes / f"{programme}.rollout.mk"
    if not definition.is_file():
        raise FleetError(
            path=definition,
            verb="is",
            got="not there",
            expected="the definition of the rollout",
            remedy=f"`ultrafleet programme rollout {programme} --write`",
        )
    needs_rehearsal()
    cells = _cells(folder)
    first = embedded_aws(cells[0].name, state)
    with embedded_aws(programme, state).alone(f"ultrafleet local rollout {programme}"):
        names = [cell.name for cell in cells]
        if not first.is_running:
            first.start(environments=folder / "environments", now=_start(cells), port=port)
        print(f"embedded AWS on {first.endpoint}: no call leaves this machine", flush=True)
        first.host(names)
        if not _bootstrap(first, cells, state, state / f"{programme}.cdk.log"):
            raise typer.Exit(1)
        for given in fault or []:
            name, _, kind = given.partition("=")
            embedded_aws(name, state).dispatch("inject", name=kind, pool=None)
        failed = _make(first, cells[0], definition, folder, bake_minutes)
        for line in _told(cells, state):
            print(line)
        if failed:
            raise typer.Exit(1)


def _cells(folder: Path) -> list[Environment]:
    files = environment_files(folder / "environments")
    return [load_environment(path) for path in files]


def _start(cells: Sequence[Environment]) -> datetime:
    starts = [block.start for cell in cells for pool in cell.pools for block in pool.capacity_blocks]
    return min(starts) - _BEFORE_FIRST_BLOCK if starts else datetime.now(UTC).replace(second=0, microsecond=0)


def _bootstrap(aws: "EmbeddedAws", cells: Sequence[Environment], state: Path, log: Path) -> bool:
    """Bootstrap each account and region that isn't; True where it succeeded."""
    missing: dict[str, dict[str, None]] = defaultdict(dict)
    for cell in cells:
        if "CDKToolkit" not in embedded_aws(cell.name, state).dispatch("stacks"):
            missing[cell.account][cell.region] = None
    for account, regions in missing.items():
        places = [f"aws://{account}/{region}" for region in regions]
        print(f"bootstrapping {', '.join(places)}", flush=True)
        trust = ["--trust", _DEPLOYS_FROM, "--trust-for-lookup", _DEPLOYS_FROM]
        rights = ["--cloudformation-execution-policies", "arn:aws:iam::aws:policy/AdministratorAccess"]
        given = ["bootstrap", *places, *trust, *rights, "--app", "", "--no-notices", "--ci", "--profile", ""]
        variables = aws.variables(account=account, region=next(iter(regions)))
        if run_cdk(given, variables, output=CdkOutput.FAILURE, log=log):
            return False
    return True


def _make(aws: "EmbeddedAws", cell: Environment, definition: Path, folder: Path, bake_minutes: float) -> bool:
    """Run the definition of the rollout; True where it failed."""
    variables: Mapping[str, str] = aws.variables(account=_DEPLOYS_FROM, region=cell.region)
    near = [str(Path(sys.executable).parent), str(Path("node_modules/.bin").resolve())]
    now = aws.dispatch("now")
    command = [
        "make", "--no-print-directory", f"--file={definition}", "rollout", f"ASSEMBLY={folder}",
        f"BAKE_MINUTES={bake_minutes:g}", f"PREFLIGHT=--lookup-role --as-of {_plain(now)}", "CDK=--profile ''",
    ]  # fmt: skip
    # A make that calls this one has flags and a job server of its own.
    kept = {name: value for name, value in variables.items() if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}}
    try:
        done = subprocess.run(  # noqa: S603  # our own definition
            command, env={**kept, "PATH": os.pathsep.join([*near, kept.get("PATH", "")])}, check=False
        )
    except FileNotFoundError as error:
        raise FleetError(path="make", got="not on the path", expected="GNU make", remedy="install it") from error
    return done.returncode != 0


def _plain(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _told(cells: Sequence[Environment], state: Path) -> list[str]:
    """A line for each cell: how many of its stacks are in which state."""
    lines = []
    for cell in cells:
        found: dict[str, int] = defaultdict(int)
        for name, status in embedded_aws(cell.name, state).dispatch("stacks").items():
            if name.startswith(f"{cell.name}-"):
                found[status] += 1
        counted = ", ".join(f"{count} {status}" for status, count in sorted(found.items()))
        lines.append(f"{cell.name} in {cell.account}, {cell.region}: {counted or 'not begun'}")
    return lines
