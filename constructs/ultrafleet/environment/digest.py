"""Digest of an environment file's content, which synth leaves beside the templates: tells a stale assembly."""

import hashlib
import json
from pathlib import Path
from typing import Final

from ultrafleet.environment.models import Environment
from ultrafleet.errors import FleetError

DIGEST_FILE: Final = "ultrafleet-environment.json"
"""File in the folder of the environment's templates."""


def environment_digest(environment: Environment) -> str:
    """Digest of what a file says: comments and the order of its keys don't count."""
    return hashlib.sha256(environment.model_dump_json().encode()).hexdigest()


def write_digest(folder: Path, environment: Environment) -> None:
    """Write the digest beside an environment's templates.

    Args:
        folder: of one stage, with its `manifest.json`.
        environment: as synthesised.
    """
    text = json.dumps({"environment": environment.name, "sha256": environment_digest(environment)})
    (folder / DIGEST_FILE).write_text(f"{text}\n", encoding="utf-8")


def refuse_stale_assembly(folder: Path, environment: Environment) -> None:
    """Refuse templates that weren't made from the file as it is.

    Args:
        folder: of one stage, with its `manifest.json`.
        environment: as the file says now.

    Raises:
        FleetError: the file was edited since, or nothing says what the templates were made from.
    """
    remedy = f"run `make synth ENV={environment.name}`"
    try:
        written = json.loads((folder / DIGEST_FILE).read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FleetError(
            path=folder,
            verb="has",
            got=f"no {DIGEST_FILE}",
            expected="the digest of the file that its templates were made from",
            remedy=remedy,
        ) from error
    if written != environment_digest(environment):
        raise FleetError(
            path=folder,
            got=f"stale, {environment.name}.yaml was edited since",
            expected="templates of the file as it is",
            remedy=remedy,
        )
