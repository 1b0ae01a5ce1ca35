"""A synth whose inputs did not change gives the assembly of last time. Nothing here imports aws_cdk: that is the point.

What decides an assembly is read and hashed: the app, the stacks, the library, the environment files, the locks and the
context that the CLI passes. Synthesis reads nothing else: no clock, no network, no account.
"""

import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

_KEPT = 8
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
        self._assembly = folder / _digest(_inputs(root), context)

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


def _inputs(root: Path) -> Iterable[Path]:
    yield from (root / name for name in ("app.py", "cdk.json", "requirements.lock", "package-lock.json"))
    for folder in ("stacks", "constructs"):
        yield from (path for path in (root / folder).rglob("*") if path.suffix in {".py", ".json", ".yaml"})


def _digest(paths: Iterable[Path], context: str) -> str:
    digest = hashlib.sha256(f"{sys.version}\0{context}".encode())
    for path in sorted(paths):
        digest.update(f"\0{path}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
