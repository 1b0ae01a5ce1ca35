"""`ultrafleet local`: deployment of an environment to an embedded AWS on this machine, with the CDK CLI."""

import json
import os
import shlex
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ultrafleet.cli._cdk import CdkOutput, run_cdk
from ultrafleet.cli._completion import environment_names
from ultrafleet.cli._local_output import advise, show_kubernetes, show_orphans, show_rested_on, show_state
from ultrafleet.cli._progress import progress
from ultrafleet.doctor.synthesis import answers_beside
from ultrafleet.environment import Environment, load_environments
from ultrafleet.environment.deployment_runs import deployment_runs
from ultrafleet.errors import FleetError
from ultrafleet.preflight import RetainedResource, billed
from ultrafleet.rehearsal.scenarios.faults import FAULTS

if TYPE_CHECKING:
    from ultrafleet.rehearsal.scenarios.remote import EmbeddedAws

local = typer.Typer(
    help="Rehearse deployments on an embedded AWS on localhost; no call reaches AWS.", no_args_is_help=True
)

Name = Annotated[
    str, typer.Argument(metavar="ENVIRONMENT", help="name of the environment", autocompletion=environment_names)
]
Environments = Annotated[Path, typer.Option(help="folder of environment files")]
Json = Annotated[bool, typer.Option("--json", help="as JSON")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="show every line of the CDK CLI")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="show the CDK CLI's output only when it fails")]
State = Annotated[Path, typer.Option(help="folder of the port file and the log of the embedded AWS")]
Output = Annotated[Path, typer.Option(help="folder of the cloud assembly")]

FOLDER = Path("stacks/environments")
STATE = Path(".cache") / "rehearsal"
OUTPUT = Path("cdk.out")
_PAUSED = {"CREATE_FAILED", "UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED"}
"""States that a stack leaves by its rollback or its deletion alone."""
_BEFORE_FIRST_BLOCK = timedelta(hours=1)


@local.command(epilog="Example: ultrafleet local deploy dev")
def deploy(
    environment: Name,
    environments: Environments = FOLDER,
    fault: Annotated[list[str] | None, typer.Option(help="fault to inject before deploying; see `faults`")] = None,
    pool: Annotated[str | None, typer.Option(help="pool that the faults affect. Default: the first")] = None,
    at: Annotated[
        datetime | None,
        typer.Option(help="UTC start of a new embedded AWS. Default: an hour before a block"),
    ] = None,
    port: Annotated[int | None, typer.Option(help="port of a new embedded AWS. Default: a free one")] = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
    state: State = STATE,
    output: Output = OUTPUT,
) -> None:
    """Deploy every stack of the environment to an embedded AWS, and show its pools.

    Shows a line for each stack; the whole output of the CDK CLI is in the log beside its state, and with --verbose on
    the screen. Exit 1 when a stack fails; the output says what to do.
    """
    loaded = _load(environments, environment)
    cdk = _Cdk(environment, state, verbose=verbose, quiet=quiet)
    needs_rehearsal()
    aws = embedded_aws(environment, state)
    with aws.alone(f"ultrafleet local deploy {environment}"):
        if not aws.is_running:
            aws.start(environments=environments, now=_start_time(loaded, at), port=port)
        print(f"embedded AWS on {aws.endpoint}: no call leaves this machine", flush=True)
        variables = aws.variables(account=loaded.account, region=loaded.region)
        aws.dispatch("prepare")
        for name in fault or []:
            aws.dispatch("inject", name=name, pool=pool)
        bootstrap = ["bootstrap", f"aws://{loaded.account}/{loaded.region}", "--app", ""]
        if "CDKToolkit" not in aws.dispatch("status")["stacks"] and cdk.run(bootstrap, variables):
            raise typer.Exit(1)
        given = ["--context", f"environment={environment}", "--output", str(output)]
        failed = _roll_back(cdk, aws, loaded, given, variables)
        for stacks in deployment_runs(loaded):
            failed = failed or cdk.run(
                ["deploy", "--exclusively", stacks, *given, "--require-approval", "never"], variables
            )
        if failed:
            advise(aws, loaded, variables)
            raise typer.Exit(1)
        aws.dispatch("bring_up")
        show_state(aws, loaded)
        show_orphans(aws, output / f"assembly-{environment}")
        audited, cluster = aws.dispatch("audit"), aws.dispatch("kubernetes")
        missing = [item for item in audited if item["problem"]]
        for item in missing:
            print(f"{item['stack']}: {item['logical_id']} ({item['type']}) was not found: {item['problem']}")
        print(
            f"read back: {len(audited) - len(missing)} of {len(audited)} resources; in the cluster are "
            f"{len(cluster['objects'])} objects and {len(cluster['releases'])} Helm releases"
        )
        show_rested_on(loaded, answers_beside(environments, loaded, today=datetime.now(UTC).date()))
        if missing:
            raise typer.Exit(1)


@local.command(epilog="Example: ultrafleet local destroy dev")
def destroy(
    environment: Name,
    environments: Environments = FOLDER,
    purge: Annotated[bool, typer.Option(help="delete retained resources, too")] = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    state: State = STATE,
    output: Output = OUTPUT,
) -> None:
    """Delete every stack of the environment, and list retained resources."""
    loaded = _load(environments, environment)
    cdk = _Cdk(environment, state, verbose=verbose, quiet=quiet)
    aws = embedded_aws(environment, state)
    with aws.alone(f"ultrafleet local destroy {environment}"):
        print(f"embedded AWS on {aws.endpoint}: no call leaves this machine", flush=True)
        for lifted in aws.dispatch("unprotect"):
            print(f"switched off, as AWS requires before deletion: {lifted}", flush=True)
        variables = aws.variables(account=loaded.account, region=loaded.region)
        given = ["--context", f"environment={environment}", "--context", "answers=ignore", "--output", str(output)]
        failed = cdk.run(["destroy", f"{environment}/**", *given, "--force"], variables)
        left = aws.dispatch("purge") if purge else aws.dispatch("retained")
        for item in left:
            reason = f": {item['problem']}" if item["problem"] else ""
            print(f"retained: {item['type']} {item['physical_id']} of {item['stack']}{reason}")
        if left and not purge:
            print("a new deployment of the same names conflicts with retained resources: `--purge` deletes them")
        resources = [RetainedResource(type=item["type"], id=item["physical_id"], stack=item["stack"]) for item in left]
        for line in billed(loaded, resources):
            print(f"on AWS {line}")
        if failed:
            raise typer.Exit(1)


@local.command(epilog="Example: ultrafleet local status dev")
def status(environment: Name, environments: Environments = FOLDER, as_json: Json = False, state: State = STATE) -> None:
    """Show stacks, pools, reservations, problems and the simulated time."""
    loaded, aws = _load(environments, environment), embedded_aws(environment, state)
    if as_json:
        print(json.dumps(aws.dispatch("status"), indent=2))
    else:
        show_state(aws, loaded)


@local.command(epilog="Example: ultrafleet local kubernetes training --json")
def kubernetes(
    environment: Name, environments: Environments = FOLDER, as_json: Json = False, state: State = STATE
) -> None:
    """List Kubernetes objects and Helm releases in the cluster."""
    _load(environments, environment)
    content = embedded_aws(environment, state).dispatch("kubernetes")
    if as_json:
        print(json.dumps(content, indent=2))
        return
    show_kubernetes(content)


@local.command(epilog="Example: ultrafleet local advance dev --hours 24")
def advance(
    environment: Name,
    to: Annotated[str | None, typer.Option(help="moment to advance to, such as 2026-12-15T09:00:00Z")] = None,
    hours: Annotated[float | None, typer.Option(help="number of hours")] = None,
    environments: Environments = FOLDER,
    as_json: Json = False,
    state: State = STATE,
) -> None:
    """Advance the simulated time: blocks start and end, the schedule fires, EC2 reclaims instances."""
    loaded, aws = _load(environments, environment), embedded_aws(environment, state)
    aws.dispatch("advance", to=to, hours=hours)
    if as_json:
        print(json.dumps(aws.dispatch("status"), indent=2))
    else:
        show_state(aws, loaded)


@local.command(epilog="Example: ultrafleet local faults --json")
def faults(as_json: Json = False) -> None:
    """List the faults that can be injected, with their sources and what to do."""
    if as_json:
        print(
            json.dumps(
                [{"name": f.name, "summary": f.summary, "advice": f.advice, **f.source.keys} for f in FAULTS.values()],
                indent=2,
            )
        )
        return
    for fault in FAULTS.values():
        print(f"{fault.name}: {fault.summary}\n  to do: {fault.advice}\n  source: {fault.source}")


@local.command(epilog="Example: ultrafleet local inject training block-impaired --pool rack-a")
def inject(
    environment: Name,
    fault: Annotated[str, typer.Argument(help="name of the fault")],
    pool: Annotated[str | None, typer.Option(help="pool that the fault affects. Default: the first")] = None,
    block_state: Annotated[str | None, typer.Option(help="state for block-odd-state. Default: unavailable")] = None,
    minutes: Annotated[float | None, typer.Option(help="duration of block-odd-state. Default: 5")] = None,
    state: State = STATE,
) -> None:
    """Inject a fault; it stays until it is cleared."""
    given = {"name": fault, "pool": pool, "state": block_state, "minutes": minutes}
    embedded_aws(environment, state).dispatch("inject", **given)


@local.command(epilog="Example: ultrafleet local clear training")
def clear(
    environment: Name,
    fault: Annotated[str | None, typer.Argument(help="Default: every fault")] = None,
    state: State = STATE,
) -> None:
    """Clear a fault, or every fault."""
    embedded_aws(environment, state).dispatch("clear", name=fault)


@local.command(epilog="Example: ultrafleet local start training --at 2026-11-26T09:00:00")
def start(
    environment: Name,
    environments: Environments = FOLDER,
    at: Annotated[datetime | None, typer.Option(help="UTC start of its time. Default: an hour before a block")] = None,
    port: Annotated[int | None, typer.Option(help="its port. Default: a free one")] = None,
    as_json: Json = False,
    state: State = STATE,
) -> None:
    """Start the embedded AWS of an environment, with the blocks of its file and nothing deployed.

    `deploy` starts it, too. One that runs stays as it is.
    """
    loaded = _load(environments, environment)
    needs_rehearsal()
    aws = embedded_aws(environment, state)
    with aws.alone(f"ultrafleet local start {environment}"):
        if not aws.is_running:
            aws.start(environments=environments, now=_start_time(loaded, at), port=port)
    if as_json:
        print(json.dumps({"endpoint": aws.endpoint}))
    else:
        print(f"embedded AWS on {aws.endpoint}: no call leaves this machine")


@local.command(epilog="Example: ultrafleet local variables training")
def variables(
    environment: Name, environments: Environments = FOLDER, as_json: Json = False, state: State = STATE
) -> None:
    """Print shell commands that point AWS tools at the embedded AWS: `eval "$(ultrafleet local variables training)"`.

    A subshell, `( eval …; command )`, ends with them.
    """
    loaded = _load(environments, environment)
    given = embedded_aws(environment, state).variables(account=loaded.account, region=loaded.region)
    foreign = sorted(name for name in os.environ if name.startswith(("AWS_", "CDK_")) and name not in given)
    if as_json:
        changed = {name: value for name, value in sorted(given.items()) if os.environ.get(name) != value}
        print(json.dumps({"unset": foreign, "export": changed}, indent=2))
        return
    for name in foreign:
        print(f"unset {name}")
    for name, value in sorted(given.items()):
        if os.environ.get(name) != value:
            print(f"export {name}={shlex.quote(value)}")


@local.command(epilog="Example: ultrafleet local stop dev")
def stop(environment: Name, state: State = STATE) -> None:
    """Stop the embedded AWS of an environment; its state is lost."""
    embedded_aws(environment, state).stop()


def _load(environments: Path, name: str) -> Environment:
    (loaded,) = load_environments(environments, only=name)
    return loaded


def needs_rehearsal() -> None:
    """Refuse without the extra `rehearsal`.

    Raises:
        FleetError: it isn't installed.
    """
    try:
        import moto.server  # noqa: F401, PLC0415
    except ModuleNotFoundError as error:
        raise FleetError(
            path=error.name,
            got="not installed",
            expected="it",
            remedy="pip install 'ultrafleet[rehearsal]'",
        ) from error


def embedded_aws(environment: str, state: Path) -> "EmbeddedAws":
    """Embedded AWS of an environment.

    Args:
        environment: name of the environment.
        state: folder of its port file.
    """
    from ultrafleet.rehearsal.scenarios.remote import EmbeddedAws  # noqa: PLC0415  # needs the extra

    return EmbeddedAws(environment, folder=state)


def _start_time(environment: Environment, at: datetime | None) -> datetime:
    """Start time of a new rehearsal: an hour before the environment's first block."""
    if at is not None:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at
    starts = [block.start for pool in environment.pools for block in pool.capacity_blocks]
    return min(starts) - _BEFORE_FIRST_BLOCK if starts else datetime.now(UTC).replace(second=0, microsecond=0)


class _Cdk:
    """The CDK CLI against an embedded AWS."""

    def __init__(self, environment: str, state: Path, *, verbose: bool, quiet: bool) -> None:
        if verbose and quiet:
            raise FleetError(path="--verbose and --quiet", verb="are", got="given", expected="one of them")
        self._output = CdkOutput.ALL if verbose else CdkOutput.FAILURE if quiet else CdkOutput.STACKS
        self._log = state / f"{environment}.cdk.log"
        self._log.unlink(missing_ok=True)

    def run(self, arguments: list[str], variables: dict[str, str]) -> bool:
        """Run a verb; True where it failed."""
        events = ["--progress", "events"] if arguments[0] in {"deploy", "destroy"} else []
        # A profile in ~/.cdk.json would be asked for credentials, which an embedded AWS has none of.
        given = [*arguments, "--no-notices", "--ci", "--profile", "", *events]
        with progress(f"cdk {arguments[0]}") if self._output is CdkOutput.FAILURE else nullcontext():
            return run_cdk(given, variables, output=self._output, log=self._log)


def _roll_back(
    cdk: _Cdk, aws: "EmbeddedAws", environment: Environment, given: list[str], variables: dict[str, str]
) -> bool:
    """Roll back stacks that CloudFormation updates only after that, with the command for it; True where it failed."""
    failed = False
    for name, state in aws.dispatch("status")["stacks"].items():
        if state in _PAUSED and name.startswith(f"{environment.name}-"):
            stack = f"{environment.name}/{name.removeprefix(f'{environment.name}-')}"
            print(f"{name} is {state}: CloudFormation updates it after `cdk rollback {stack}`", flush=True)
            failed = cdk.run(["rollback", stack, *given, "--yes"], variables) or failed
    return failed
