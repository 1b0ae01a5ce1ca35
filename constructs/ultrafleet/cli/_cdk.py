"""The CDK CLI, as the words of the command run it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ultrafleet.errors import FleetError


def run_cdk(arguments: Sequence[str], variables: Mapping[str, str], *, quiet: bool = False) -> bool:
    """Run the CDK CLI; True if it failed.

    It is looked for beside this Python, below the working directory's `node_modules` and on the path, in this order.

    Args:
        arguments: what follows `cdk`.
        variables: environment variables.
        quiet: show its output only when it fails.

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
    done = subprocess.run(  # noqa: S603  # our own arguments
        [program, *arguments], env={**variables, "PATH": path}, check=False, capture_output=quiet, text=True
    )
    if quiet and done.returncode != 0:
        print(done.stdout + done.stderr, file=sys.stderr)
    return done.returncode != 0
