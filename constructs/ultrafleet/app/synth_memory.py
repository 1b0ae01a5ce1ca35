"""A synth whose inputs did not change gives the assembly of last time. Nothing here imports aws_cdk: that is the point.

What decides an assembly is read and hashed: the files of the repository, those of the library, the names and versions
of the installed packages and the context that the CLI passes. Synthesis reads nothing else: no clock, no network, no
account.
"""

import contextlib
import os
import shutil
from pathlib import Path
from typing import Final

from ultrafleet.code_inputs import input_digest, input_files

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
        self._assembly = folder / input_digest(input_files(root), context)

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
        shutil.copytree(outdir, unfinished, copy_function=_copy)
        shutil.rmtree(self._assembly, ignore_errors=True)
        unfinished.rename(self._assembly)  # whole or not at all, even when two runs end at once
        for old in sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime)[:-_KEPT]:
            shutil.rmtree(old, ignore_errors=True)


def _copy(source: str, target: str) -> None:
    """Copy a file. Assets are large and named after their content, so one on the disk is enough."""
    Path(target).unlink(missing_ok=True)
    if Path(source).name.startswith("asset."):
        with contextlib.suppress(OSError):  # on another file system, or one without links
            os.link(source, target)
            return
    shutil.copy2(source, target)
