"""The app as a program: what `app.py` of a repository runs. It imports CDK only if something has to be synthesised."""

import contextlib
import gc
import importlib
import json
import os
import shutil
import sys
import threading
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ultrafleet.app.arguments import Arguments, summarised
from ultrafleet.app.node_process import settle_node
from ultrafleet.app.synth_memory import SynthMemory
from ultrafleet.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ultrafleet.app.synthesis import Outcome
    from ultrafleet.stacks.fleet_stage import FleetStage

ENVIRONMENTS: Final = Path("stacks/environments")
"""Folder of the environment files, relative to the repository."""
ENVIRONMENTS_CONTEXT: Final = "ultrafleet:environments"
"""Key of the context that names another folder of environment files; `ultrafleet programme synth` sets it."""
VALIDATED_LATER_CONTEXT: Final = "ultrafleet:validated-later"
"""Key of the context by which `ultrafleet.app.later_validation`, a process that comes after, holds the templates to
CloudFormation's rules. It counts with `ENVIRONMENTS_CONTEXT` alone, so never for what is deployed from here."""
_INTERRUPTED: Final = 130
"""Exit code of a program that Ctrl-C ended, as shells have it."""
_OBJECTS_BETWEEN_COLLECTIONS: Final = 100_000
"""Of Python's garbage collector: with its own 700 it takes a sixth of Python's time, and finds next to nothing."""


def main(*, root: Path, customise: "Callable[[FleetStage], None] | None" = None) -> None:
    """Synthesise the environments of a repository, unless nothing changed since an assembly that is remembered.

    Every environment under `stacks/environments`, or the one that `--context environment=NAME` names. An environment
    that can't be synthesised doesn't stop the others: its errors are printed, and the program exits with 1 at the end.

    Args:
        root: the repository: the folder of `app.py` and `cdk.json`.
        customise: called with each environment's stage before it is synthesised, to add tags, aspects or constructs.
            It has to give the same result for the same files. Default: nothing is added.
    """
    try:
        arguments = Arguments.of(sys.argv[1:])
        errors = _synthesise(root.resolve(), customise, arguments)
    except FleetError as error:
        errors = [f"error: {error}"]
    except KeyboardInterrupt:
        print("interrupted: nothing is deployed by a synthesis", file=sys.stderr)  # noqa: T201
        sys.stderr.flush()
        os._exit(_INTERRUPTED)  # jsii's exit handler would wait for a Node process that the same Ctrl-C ended
    if errors:
        sys.exit("\n".join(errors))


def _synthesise(root: Path, customise: "Callable[[FleetStage], None] | None", arguments: Arguments | None) -> list[str]:
    """Put the assembly into the output folder, and print its summary where it is asked for; errors, a line each."""
    today = datetime.now(UTC).date()
    _take_context(root, None if arguments is None else arguments.environment)
    # Answers get too old: with them, an assembly is remembered for the day.
    day = str(today) if any((root / ENVIRONMENTS / "answers").glob("*.json")) else ""
    context = "\0".join(part for part in (os.environ["CDK_CONTEXT_JSON"], day) if part)
    # Cells of a programme are files elsewhere, and their patterns are remembered on their own.
    of_run = json.loads(os.environ["CDK_CONTEXT_JSON"])
    elsewhere = of_run.get(ENVIRONMENTS_CONTEXT)
    folder = None if elsewhere is None else Path(elsewhere)
    later = folder is not None and bool(of_run.get(VALIDATED_LATER_CONTEXT))
    memory = SynthMemory(folder=root / ".cache" / "assemblies", root=root, context=context) if folder is None else None
    outdir = Path(os.environ.setdefault("CDK_OUTDIR", str(root / "cdk.out")))
    for stale in [*outdir.glob("assembly-*"), outdir / "argo-cd"]:  # of an environment that this run may not be about
        shutil.rmtree(stale, ignore_errors=True)
    for stale in outdir.glob("asset.*"):  # of a version that no template names any more
        shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    if memory is not None and memory.restore(outdir):
        _summarise(root, outdir, arguments, memory)
        return []
    made = synthesise(root=root, today=today, environments=folder, customise=customise, validated_later=later)
    errors = [f"error: {line}" for error in made.errors for line in str(error).splitlines()]
    if made.findings:
        # `cdk synth` without a stack pattern doesn't look at the report of the validation.
        errors += ["error: the templates have findings:", *made.findings]
    if not errors and memory is not None:
        memory.remember(outdir)
        _summarise(root, outdir, arguments, memory)
    return errors


def _summarise(root: Path, outdir: Path, arguments: Arguments | None, memory: SynthMemory) -> None:
    """Print the summary of an assembly: the remembered one of the day, if there is one."""
    if arguments is None:
        return
    surroundings = arguments.surroundings  # before: a summary that midnight overtakes is none of the new day's
    texts = memory.summary(surroundings)
    if texts is None:
        texts = summarised(
            arguments, environments=Path(os.path.relpath(root / ENVIRONMENTS)), assembly=Path(os.path.relpath(outdir))
        )
        memory.remember_summary(surroundings, texts)
    sys.stdout.write(texts[0])
    sys.stdout.flush()
    sys.stderr.write(texts[1])


def synthesise(
    *,
    root: Path,
    today: date,
    environments: Path | None = None,
    customise: "Callable[[FleetStage], None] | None" = None,
    validated_later: bool = False,
) -> "Outcome":
    """Synthesise the environments of a repository into the CDK's output folder.

    Args:
        root: the repository.
        today: day by which the age of an account's answers counts.
        environments: folder of the environment files. Default: `stacks/environments` of the repository.
        customise: called with each environment's stage. Default: nothing is added.
        validated_later: leave CloudFormation's rules to a process that comes after.

    Returns:
        Errors of the environments that were left out, and findings of the checks.

    Raises:
        FleetError: no environment file is there, or a package that the app needs isn't installed.
    """
    for package in ("cdk_nag", "aws_cdk"):
        if find_spec(package) is None:
            raise FleetError(
                path=f"package {package}",
                verb="is",
                got="not installed",
                expected="what the app needs",
                remedy="pip install 'ultrafleet[app]'",
            )
    settle_node()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    # Imported here: an assembly that is remembered needs neither CDK nor Node. While CDK waits for its Node to load, a
    # thread imports what needs neither.
    ahead = threading.Thread(target=_import_ahead, daemon=True)
    ahead.start()
    importlib.import_module("aws_cdk")
    from ultrafleet.app.validation_engine import EngineAhead  # noqa: PLC0415

    # It makes CDK's validation engine while this thread imports the constructs, which sends Node nothing.
    engine = None if validated_later else EngineAhead()
    ahead.join()
    from ultrafleet.app import synthesis  # noqa: PLC0415

    if engine is not None:
        engine.wait()
    return synthesis.synthesise(
        folder=environments or root / ENVIRONMENTS,
        memory=root / ".cache",
        app_file=root / "app.py",
        today=today,
        customise=customise,
        engine=None if engine is None else engine.plugin,
    )


def _import_ahead() -> None:
    """Import modules without CDK. One that fails is imported again where it is needed, and fails there."""
    for name in ("ultrafleet.consistency", "ultrafleet.doctor.synthesis", "ultrafleet.cli.summary"):
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def _take_context(root: Path, environment: str | None = None) -> None:
    """Take the context of `cdk.json` where the CDK CLI passed none: `python app.py` gives what `cdk synth` gives.

    Args:
        root: the repository.
        environment: the only environment that is meant. Default: what the context says, or all.

    Raises:
        FleetError: `cdk.json` can't be used.
    """
    # The CLI passes a context that is too long for a variable in a file.
    if "CDK_CONTEXT_JSON" in os.environ or "CONTEXT_OVERFLOW_LOCATION_ENV" in os.environ:
        os.environ.setdefault("CDK_CONTEXT_JSON", "{}")
        return
    file = root / "cdk.json"
    try:
        context = json.loads(file.read_text(encoding="utf-8")).get("context", {})
    except (OSError, ValueError, AttributeError) as error:
        raise FleetError(
            path=file,
            verb="can't be used:",
            got=error,
            expected="the CDK's configuration, with its context",
            remedy="run `cdk synth` in the folder of app.py",
        ) from error
    chosen = {} if environment is None else {"environment": environment}
    os.environ["CDK_CONTEXT_JSON"] = json.dumps({**context, **chosen})
