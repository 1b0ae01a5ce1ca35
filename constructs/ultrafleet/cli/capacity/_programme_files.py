"""Programme files by their name, for commands that take an environment or a programme."""

from pathlib import Path


def programme_path(name: str, folder: Path) -> Path:
    """File of a programme.

    Args:
        name: its name, or its file.
        folder: folder of programme files.
    """
    return Path(name) if name.endswith((".yaml", ".yml")) else folder / f"{name}.yaml"


def is_programme(name: str, environments: Path, programmes: Path) -> bool:
    """True for a programme; an environment of the same name precedes.

    Args:
        name: name of either, or a programme's file.
        environments: folder of environment files.
        programmes: folder of programme files.
    """
    return programme_path(name, programmes).exists() and not (environments / f"{name}.yaml").exists()
