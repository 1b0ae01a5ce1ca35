"""Writing of a repository's files: a new one's only where none is, an upgrade's only those of the library."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ultrafleet.errors import FleetError
from ultrafleet.starter.library_wheel import LibraryWheel
from ultrafleet.starter.repository import library_files

_MOST_NAMED: Final = 3


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of a new repository; all of them, or none.

    Args:
        folder: made where it isn't there.
        files: contents by their paths in it.

    Raises:
        FleetError: one of them is there already.
    """
    there = [path for path in files if (folder / path).exists() or (folder / path).is_symlink()]
    if there:
        rest = len(there) - _MOST_NAMED
        names = ", ".join(there[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
        raise FleetError(
            path=folder,
            verb="has",
            got=names,
            expected="none of the files that are written: nothing is overwritten",
            remedy="name a new folder, move them away, or replace the library's with --upgrade",
        )
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def upgrade_files(folder: Path, wheel: LibraryWheel) -> list[str]:
    """Replace the library's files in a repository that it made; paths of those that differ now.

    Args:
        folder: the repository.
        wheel: the library.

    Raises:
        FleetError: the folder is no such repository.
    """
    if not (folder / "fleet.mk").exists():
        raise FleetError(
            path=folder,
            verb="has",
            got="no fleet.mk",
            expected="a repository that `ultrafleet init` made",
            remedy="run it in that folder, or without --upgrade in a new one",
        )
    changed = []
    for path, content in library_files(wheel).items():
        target = folder / path
        if target.exists() and target.read_bytes() == content:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        changed.append(path)
    for old in sorted((folder / "wheels").glob("ultrafleet-*.whl")):
        if old.name != wheel.name:
            old.unlink()
            changed.append(f"wheels/{old.name}")
    return changed
