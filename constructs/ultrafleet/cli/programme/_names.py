"""Programme files by their name."""

from pathlib import Path
from typing import Final

from ultrafleet.cells.record import SUFFIX
from ultrafleet.errors import FleetError
from ultrafleet.programme import FOLDER

PROGRAMMES: Final = FOLDER
"""Folder of programme files, by default."""


def programme_file(name: str, folder: Path) -> Path:
    """File of a programme.

    Args:
        name: its name, or the path of its file.
        folder: folder of programme files.

    Raises:
        FleetError: there is none of that name.
    """
    if name.endswith((".yaml", ".yml")) or "/" in name:
        return Path(name)
    path = folder / f"{name}.yaml"
    if path.is_file():
        return path
    raise FleetError(
        path="programme",
        got=repr(name),
        expected=f"one of {', '.join(names_in(folder)) or '(none)'} in {folder}",
        remedy="write its name, or the path of its file",
    )


def names_in(folder: Path) -> list[str]:
    """Names of the programmes of a folder.

    Args:
        folder: the folder.
    """
    return sorted(file.stem for file in folder.glob("*.yaml") if not file.name.endswith(SUFFIX))


def complete_programme(incomplete: str) -> list[str]:
    """Names of the programmes in the folder that is the default.

    Args:
        incomplete: what is typed of one.
    """
    return [name for name in names_in(PROGRAMMES) if name.startswith(incomplete)]
