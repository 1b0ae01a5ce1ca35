"""Patterns of shapes: remembered, or made by the repository's app."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ultrafleet.cell_assembly.app_run import run_app
from ultrafleet.cell_assembly.names import CellValues
from ultrafleet.cell_assembly.pattern import CellPattern
from ultrafleet.cell_assembly.stamp import stamp
from ultrafleet.errors import FleetError
from ultrafleet.templates.assembly import MANIFEST

_VERSION: Final = "cdk.out"
_STAGE: Final = "assembly-"
_KEPT: Final = 24
"""Patterns kept, the latest used; half a MB each, and assets once."""


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A pattern that is at hand.

    Attributes:
        digest: digest of its file and of the code: what it is made from.
        cell: its words.
        folder: its assembly: a manifest, one stage, and the assets that it names.
    """

    digest: str
    cell: CellValues
    folder: Path

    @property
    def version(self) -> str:
        """Content of the CDK's file of the assembly's version."""
        return (self.folder / _VERSION).read_text(encoding="utf-8")

    @property
    def manifest(self) -> dict[str, Any]:
        """Manifest of its assembly."""
        return dict(json.loads((self.folder / MANIFEST).read_text(encoding="utf-8")))

    def read(self) -> CellPattern:
        """Cut it at its words.

        Raises:
            FleetError: it isn't what it was read from when it is filled with its own words.
        """
        stage = self.folder / f"{_STAGE}{self.cell.name}"
        found = CellPattern.read(stage, self.cell)
        for name, text in stamp(found, self.cell, version=self.version).items():
            if (stage / name).read_text(encoding="utf-8") != text:
                raise FleetError(
                    path=str(stage / name),
                    verb="has",
                    got="parts that its words don't explain",
                    expected="the same file when it is filled with its own words",
                    remedy="report it with this file: cells of the shape can't be written from a pattern",
                )
        return found


class PatternMemory:
    """Patterns by what they are made from.

    Args:
        folder: where they are kept. Deleting it is safe: they are made once more.
        root: the repository.
        code: digest of the code that makes them.
    """

    def __init__(self, folder: Path, *, root: Path, code: str) -> None:
        self._folder = folder
        self._root = root
        self._code = code

    def digest(self, text: str) -> str:
        """Digest of a pattern.

        Args:
            text: its environment file.
        """
        return hashlib.sha256(f"{self._code}\0{text}".encode()).hexdigest()

    def patterns(self, cells: Mapping[str, CellValues]) -> dict[str, Pattern]:
        """Patterns by their digests; those that aren't remembered are made, all by one run of the app.

        Args:
            cells: words of each pattern by its digest.

        Raises:
            FleetError: the app refused.
        """
        missing = {digest: cell for digest, cell in cells.items() if not (self._folder / digest / MANIFEST).exists()}
        if missing:
            self._make(missing)
        for digest in cells:
            os.utime(self._folder / digest)
        self._forget(set(cells))
        return {
            digest: Pattern(digest=digest, cell=cell, folder=self._folder / digest) for digest, cell in cells.items()
        }

    def _make(self, cells: Mapping[str, CellValues]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="unfinished-") as unfinished:
            files, outdir = Path(unfinished, "environments"), Path(unfinished, "cdk.out")
            files.mkdir()
            for cell in cells.values():
                (files / f"{cell.name}.yaml").write_text(cell.file, encoding="utf-8")
            run_app(self._root, environments=files, outdir=outdir)
            for digest, cell in cells.items():
                made = Path(unfinished, digest)
                made.mkdir()
                for item in outdir.iterdir():
                    if item.name.startswith("asset.") or item.name in {_VERSION, MANIFEST}:
                        link(item, made / item.name)
                shutil.move(outdir / f"{_STAGE}{cell.name}", made)
                shutil.rmtree(self._folder / digest, ignore_errors=True)
                made.rename(self._folder / digest)  # whole or not at all

    def _forget(self, used: set[str]) -> None:
        known = [item for item in self._folder.iterdir() if (item / MANIFEST).exists() and item.name not in used]
        for old in sorted(known, key=lambda item: item.stat().st_mtime)[: -_KEPT or None]:
            shutil.rmtree(old, ignore_errors=True)


def link(source: Path, target: Path) -> None:
    """Put a file or a folder at a place a second time: assets are large, so their bytes are on the disk once.

    Args:
        source: what is there.
        target: where it is to be, too.
    """
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_linked)
    else:
        _linked(str(source), str(target))


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # on another file system, or one without links
        shutil.copy2(source, target)
