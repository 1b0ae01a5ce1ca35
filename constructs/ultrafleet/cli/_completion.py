"""Values that the shell completes: environment names and instance types."""

from pathlib import Path
from typing import Final

import typer

from ultrafleet.catalog import InstanceType

_ENVIRONMENTS: Final = Path("stacks/environments")


def environment_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of the environment files in `--environments`, or in `stacks/environments`."""
    folder = Path(ctx.params.get("environments") or _ENVIRONMENTS)
    return sorted(file.stem for file in folder.glob("*.yaml") if file.stem.startswith(incomplete))


def instance_types(incomplete: str) -> list[str]:
    """Names of the catalog's instance types."""
    return [str(item) for item in InstanceType.all() if str(item).startswith(incomplete)]
