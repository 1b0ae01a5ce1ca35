"""Digest of an environment file's content, which synth leaves beside the templates: tells a stale assembly."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ultrafleet.environment.models import Environment
from ultrafleet.errors import FleetError

DIGEST_FILE: Final = "ultrafleet-environment.json"
"""File in the folder of the environment's templates."""


def environment_digest(environment: Environment, settled: Sequence[str] = ()) -> str:
    """Digest of what a file says: comments and the order of its keys don't count.

    Args:
        environment: as the file says.
        settled: questions that the account's answers settle, and how. Default: none.
    """
    parts = [environment.model_dump_json(), *settled]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def write_digest(folder: Path, environment: Environment, settled: Sequence[str] = ()) -> None:
    """Write the digest beside an environment's templates.

    Args:
        folder: of one stage, with its `manifest.json`.
        environment: as synthesised.
        settled: as of `environment_digest`. Default: none.
    """
    text = json.dumps({"environment": environment.name, "sha256": environment_digest(environment, settled)})
    (folder / DIGEST_FILE).write_text(f"{text}\n", encoding="utf-8")


def refuse_stale_assembly(folder: Path, environment: Environment, settled: Sequence[str] = ()) -> None:
    """Refuse templates that weren't made from the file and the account's answers as they are.

    Args:
        folder: of one stage, with its `manifest.json`.
        environment: as the file says now.
        settled: as of `environment_digest`, now. Default: none.

    Raises:
        FleetError: the file was edited or the account answered otherwise since, or nothing says what the templates were
            made from.
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
    if written != environment_digest(environment, settled):
        answered = f", or answers/{environment.name}.json has other answers" if settled else ""
        raise FleetError(
            path=folder,
            got=f"stale, {environment.name}.yaml was edited since{answered}",
            expected="templates of the file as it is",
            remedy=remedy,
        )
