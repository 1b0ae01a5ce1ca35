"""A synth whose inputs did not change gives the assembly of last time. Nothing here imports aws_cdk: that is the point.

What decides an assembly is read and hashed: the files of the repository, those of the library, the names and versions
of the installed packages and the context that the CLI passes. Synthesis reads nothing else: no clock, no network, no
account.
"""

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Final

from ultrafleet.code_inputs import input_files, remembered_digest

_PROGRAMMES: Final = "programmes"
"""Folder of the output with assemblies of programmes, which are remembered by their cells."""
_KEPT: Final = 8
"""Assemblies kept, the latest used; some 25 MB each, most of it the kubectl layer."""


class SynthMemory:
    """Assemblies by the digest of their inputs.

    Args:
        folder: where they are kept. Deleting it is safe: everything is synthesised once more.
        root: the repository, whose files are inputs.
        context: the context of the run, as the CLI passes it.
    """

    def __init__(self, *, folder: Path, root: Path, context: str) -> None:
        self._folder = folder
        self._digest = remembered_digest(input_files(root), context, memory=folder.with_name("inputs.json"))
        self._assembly = folder / self._digest

    def restore(self, outdir: Path) -> bool:
        """Put the assembly of equal inputs into a folder; True if there is one."""
        if not (self._assembly / "manifest.json").exists():
            return False
        shutil.copytree(self._assembly, outdir, dirs_exist_ok=True, copy_function=_copy)
        os.utime(self._assembly)
        return True

    def remember(self, outdir: Path) -> None:
        """Keep an assembly. Call it only for one without findings."""
        unfinished = self._folder / f"unfinished-{os.getpid()}"
        shutil.copytree(outdir, unfinished, copy_function=_copy, ignore=shutil.ignore_patterns(_PROGRAMMES))
        shutil.rmtree(self._assembly, ignore_errors=True)
        unfinished.rename(self._assembly)  # whole or not at all, even when two runs end at once
        for old in sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime)[:-_KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def summary(self, surroundings: str) -> tuple[str, str] | None:
        """Summary of the assembly of equal inputs, and its warnings; None where there is none.

        Args:
            surroundings: anything else that it follows from.
        """
        try:
            known = json.loads(self._summaries.read_text(encoding="utf-8"))
            text, warnings = known[self._key(surroundings)]
        except (OSError, ValueError, KeyError, TypeError):
            return None  # none, or none that is legible: it is made again
        return str(text), str(warnings)

    def remember_summary(self, surroundings: str, texts: tuple[str, str]) -> None:
        """Keep a summary.

        Args:
            surroundings: anything else that it follows from.
            texts: the summary, and its warnings.
        """
        try:
            known = dict(json.loads(self._summaries.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            known = {}
        known = dict([*known.items(), (self._key(surroundings), texts)][-_KEPT:])
        self._summaries.write_text(json.dumps(known), encoding="utf-8")

    @property
    def _summaries(self) -> Path:
        return self._folder.with_name("summaries.json")

    def _key(self, surroundings: str) -> str:
        return hashlib.sha256(f"{self._digest}\0{surroundings}".encode()).hexdigest()


def _copy(source: str, target: str) -> None:
    """Copy a file. Assets are large and named after their content, so one on the disk is enough."""
    Path(target).unlink(missing_ok=True)
    if Path(source).name.startswith("asset."):
        with contextlib.suppress(OSError):  # on another file system, or one without links
            os.link(source, target)
            return
    shutil.copy2(source, target)
