"""Wheels of the library, as far as their names and members count."""

import zipfile
from pathlib import Path


def wheel_file(folder: Path, *, member: str = "ultrafleet/app/__init__.py") -> Path:
    """A wheel with one member."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "ultrafleet-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo(member), "")
    return path
