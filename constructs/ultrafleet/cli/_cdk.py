"""The CDK CLI, as the words of the command run it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from ultrafleet.errors import FleetError

_TOLD: Final = re.compile(r"^\s*(✅|❌)|_FAILED\b|\b(failed|error|warning)\b", re.IGNORECASE)
"""Lines that say how a stack went."""
_KEPT_LINES: Final = 80
"""Last lines of the output that a failure shows."""


class CdkOutput(StrEnum):
    """Part of the CDK CLI's output that is shown."""

    ALL = "all"
    """Every line."""
    STACKS = "stacks"
    """A line for each stack; on a failure, the last lines of all."""
    FAILURE = "failure"
    """All of it on a failure, and else none."""


def run_cdk(
    arguments: Sequence[str],
    variables: Mapping[str, str],
    *,
    output: CdkOutput = CdkOutput.ALL,
    log: Path | None = None,
) -> bool:
    """Run the CDK CLI; True if it failed.

    It is looked for beside this Python, below the working directory's `node_modules` and on the path, in this order.

    Args:
        arguments: what follows `cdk`.
        variables: environment variables.
        output: part of its output that is shown.
        log: file that all of its output is appended to. Default: none.

    Raises:
        FleetError: there is none.
    """
    near = [str(Path(sys.executable).parent), str(Path("node_modules/.bin").resolve())]
    path = os.pathsep.join([*near, variables.get("PATH", "")])
    program = shutil.which("cdk", path=path)
    if program is None:
        raise FleetError(
            path="cdk",
            got="not on the path",
            expected="the CDK CLI",
            remedy="`make setup` installs it, or `npm install aws-cdk`",
        )
    environment = {**variables, "PATH": path}
    if output is CdkOutput.ALL:
        done = subprocess.run([program, *arguments], env=environment, check=False)  # noqa: S603  # our own arguments
        return _failed(done.returncode)
    lines: list[str] = []
    with subprocess.Popen(  # noqa: S603  # our own arguments
        [program, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as running:
        for line in running.stdout or ():
            lines.append(line)
            if output is CdkOutput.STACKS and _TOLD.search(line):
                print(line.rstrip(), flush=True)
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.writelines([f"$ cdk {' '.join(arguments)}\n", *lines])
    if failed := _failed(running.returncode):
        shown = lines if output is CdkOutput.FAILURE else lines[-_KEPT_LINES:]
        print("".join(shown), file=sys.stderr)
        if log is not None:
            print(f"all of its output: {log}", file=sys.stderr)
    return failed


def _failed(code: int) -> bool:
    """True where the CDK CLI failed.

    Raises:
        KeyboardInterrupt: Ctrl-C ended it; what follows it must not begin.
    """
    if code in {-signal.SIGINT, 128 + signal.SIGINT}:
        raise KeyboardInterrupt
    return code != 0
