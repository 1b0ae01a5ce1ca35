"""The repository's app, run on environment files of another folder: what the CDK itself makes of cells."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from ultrafleet.errors import FleetError

ENVIRONMENTS_CONTEXT: Final = "ultrafleet:environments"
"""Key of the context that names the folder of environment files."""
VALIDATED_LATER_CONTEXT: Final = "ultrafleet:validated-later"
"""Key of the context by which the app leaves CloudFormation's rules to a process that comes after."""
_APP: Final = "app.py"
_VALIDATION: Final = "ultrafleet.app.later_validation"
_LAST_LINES: Final = 20


def context_of(root: Path) -> dict[str, Any]:
    """Context of a repository's `cdk.json`.

    Args:
        root: the repository.

    Raises:
        FleetError: `cdk.json` can't be used.
    """
    file = root / "cdk.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8")).get("context", {})
    except (OSError, ValueError, AttributeError) as error:
        raise FleetError(
            path=file,
            verb="can't be used:",
            got=error,
            expected="the CDK's configuration, with its context",
            remedy="run the command in the folder of app.py",
        ) from error
    return dict(found)


def run_app(root: Path, *, environments: Path, outdir: Path) -> None:
    """Synthesise environment files by the app of a repository, and hold the templates to CloudFormation's rules.

    The rules come in a process of their own, when that of the app has ended: CDK's validation engine takes as much
    memory as all else.

    Args:
        root: the repository.
        environments: folder of the files.
        outdir: folder for the assembly.

    Raises:
        FleetError: the app refused, or isn't there, or a template has a finding.
    """
    context = {**context_of(root), ENVIRONMENTS_CONTEXT: str(environments), VALIDATED_LATER_CONTEXT: True}
    _run(root, [_APP], {"CDK_OUTDIR": str(outdir), "CDK_CONTEXT_JSON": json.dumps(context)})
    _run(root, ["-m", _VALIDATION, str(outdir), str(root / ".cache")], {})


def _run(root: Path, arguments: list[str], variables: dict[str, str]) -> None:
    done = subprocess.run(  # noqa: S603 - the repository's own app, and the library
        [sys.executable, *arguments],
        cwd=root,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise FleetError(
            path=str(root / _APP),
            verb="failed:",
            got="\n".join(lines[-_LAST_LINES:]),
            expected="an assembly of the cells",
            remedy="correct the file that it names",
        )
