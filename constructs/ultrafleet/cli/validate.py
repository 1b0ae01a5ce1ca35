"""`ultrafleet validate`: every fault of environment files, with file, line, column and what to change."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ultrafleet.doctor.answers import answers_file
from ultrafleet.environment.collisions import collisions
from ultrafleet.environment.document import FileFaultError
from ultrafleet.environment.doubts import doubts
from ultrafleet.environment.loading import EnvironmentFileError, environment_files, read_environment
from ultrafleet.errors import FleetError
from ultrafleet.plain_text import for_terminal, visible_json
from ultrafleet.policy.annotations import CodeHost, code_quality, workflow_commands
from ultrafleet.policy.rule import Finding, Severity

_WRONG: Final = frozenset({Severity.ERROR})


@dataclass(frozen=True)
class _Found:
    severity: Severity
    error: FleetError


def validate(
    files: Annotated[list[Path] | None, typer.Argument(help="environment files; default: all of the folder")] = None,
    environments: Annotated[Path, typer.Option(help="folder of environment files")] = Path("stacks/environments"),
    as_of: Annotated[
        datetime | None, typer.Option(help="UTC date by which blocks and reservations are over, default: today")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print a list with the parts of each fault")] = False,
    annotations: Annotated[
        CodeHost | None,
        typer.Option(help="print annotations of lines: GitHub's workflow commands, or GitLab's code quality report"),
    ] = None,
) -> None:
    """Find every fault of environment files, all at once: file, line, column, value, what is expected, what to do.

    Faults are errors, and the exit code is 1. Warnings are of what launches and costs more than it has to: blocks that
    are over, overlap or are of an unusual size, reservations that no pool uses. Nothing is asked of AWS.
    """
    if as_json and annotations:
        raise FleetError(
            path="--json and --annotations", verb="are", got="both stated", expected="one of them", remedy="remove one"
        )
    paths = files or environment_files(environments)
    for path in paths:
        if not path.exists() and not path.is_symlink():
            raise FleetError(path=path, got="not there", expected="an environment file", remedy="correct the path")
    found = list(_found(paths, (as_of or datetime.now(UTC)).replace(tzinfo=UTC)))
    if as_json:
        print(json.dumps([visible_json(_as_json(item)) for item in found], indent=2))
    elif annotations is CodeHost.GITLAB:
        print(json.dumps(code_quality(map(_finding, found)), indent=2))
    else:
        lines = workflow_commands(map(_finding, found)) if annotations else _lines(found)
        for line in lines:
            print(line)
        print(_count(found, len(paths)))
        for note in _unasked(paths, found):
            print(for_terminal(f"note: {note}"), file=sys.stderr)
    if any(item.severity is Severity.ERROR for item in found):
        raise typer.Exit(1)


def _found(paths: Sequence[Path], now: datetime) -> Iterator[_Found]:
    loaded = []
    for path in paths:
        try:
            read = read_environment(path)
        except EnvironmentFileError as error:
            yield from (_Found(Severity.ERROR, fault) for fault in error.faults)
            continue
        loaded.append((path, read.environment))
        for where, doubt in doubts(read.environment, now=now):
            yield _Found(Severity.WARNING, read.fault(where, doubt))
    yield from (_Found(Severity.ERROR, fault) for fault in collisions(loaded))


def _unasked(paths: Sequence[Path], found: Sequence[_Found]) -> Iterator[str]:
    """Notes on zones of files without errors whose account wasn't asked: zones differ by account."""
    wrong = {item.error.file for item in found if isinstance(item.error, FileFaultError) and item.severity in _WRONG}
    for path in paths:
        if path in wrong or answers_file(path.parent, path.stem).exists():
            continue
        environment = read_environment(path).environment
        zones = sorted({subnet.availability_zone for subnet in environment.network.subnets})
        if zones:
            yield (
                f"{path}: not verified that account {environment.account} has {', '.join(zones)}: "
                f"`ultrafleet doctor {environment.name}` asks it"
            )


def _lines(found: Sequence[_Found]) -> Iterator[str]:
    for item in found:
        yield for_terminal(f"{item.severity}: {item.error}")


def _as_json(found: _Found) -> dict[str, Any]:
    return {"severity": str(found.severity), **found.error.as_json()}


def _finding(found: _Found) -> Finding:
    """The fault as a finding, without its place and its key in the text."""
    error = found.error
    if not isinstance(error, FileFaultError) or error.file is None:
        return Finding(file="", resource="(file)", rule="environment", severity=found.severity, message=str(error))
    place = f":{error.place.line}:{error.place.column}" if error.place else ""
    message = str(error).removeprefix(f"{error.file}{place}: ").removeprefix(f"{error.key}: ")
    return Finding(
        file=str(error.file),
        resource=error.key or "(file)",
        rule="environment",
        severity=found.severity,
        message=message,
        line=error.place.line if error.place else 1,
        column=error.place.column if error.place else None,
    )


def _count(found: Sequence[_Found], files: int) -> str:
    errors = sum(item.severity is Severity.ERROR for item in found)
    warnings = len(found) - errors
    return (
        f"{files} environment file{'' if files == 1 else 's'}: {errors} error{'' if errors == 1 else 's'}, "
        f"{warnings} warning{'' if warnings == 1 else 's'}"
    )
