"""`ultrafleet schema`: the JSON Schema of an environment file."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ultrafleet.environment.schema import schema_text
from ultrafleet.errors import FleetError


def schema(
    out: Annotated[Path | None, typer.Option(help="file that it is written to, default: it is printed")] = None,
) -> None:
    """Print the JSON Schema (2020-12) of an environment file, with which editors complete and check one.

    Beside an environment file its first line may be `# yaml-language-server: $schema=environment.schema.json`.
    """
    if out is None:
        sys.stdout.write(schema_text())
        return
    try:
        out.write_text(schema_text(), encoding="utf-8")
    except OSError as error:
        raise FleetError(
            path=out, got=error.strerror, expected="a file that can be written", remedy="pass another"
        ) from error
    print(out)
