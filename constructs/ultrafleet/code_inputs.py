"""Files that decide what a synthesis makes, and their digest. Nothing here imports aws_cdk: that is the point."""

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

_LIBRARY: Final = Path(__file__).parent
_SUFFIXES: Final = frozenset({".py", ".json", ".yaml", ".yml", ".toml", ".txt", ".lock"})
_NO_INPUTS: Final = frozenset({"__pycache__", "benchmarks", "cdk.out", "docs", "node_modules", "tests"})
"""Folders at the top of a repository from which a synthesis reads nothing; hidden ones come on top."""
_OF_FLEETS: Final = ("environments", "programmes")
"""Folders below `stacks` that hold fleets and no code."""


def input_files(root: Path) -> Iterator[Path]:
    """Files that an assembly may depend on: the library's, and the repository's but for its tests and documents.

    Args:
        root: the repository.
    """
    for start in sorted({root, _LIBRARY}):
        for folder, folders, files in os.walk(start):
            left_out = _NO_INPUTS if Path(folder) == root else {"__pycache__"}
            folders[:] = [name for name in folders if name not in left_out and not name.startswith(".")]
            yield from (Path(folder, name) for name in files if Path(name).suffix in _SUFFIXES)


def input_digest(paths: Iterable[Path], context: str) -> str:
    """Digest of files, of the names and versions of the installed packages and of a context.

    Args:
        paths: the files.
        context: of the run, as the CDK's CLI passes it.
    """
    digest = hashlib.sha256(_surroundings(context))
    for path in sorted(set(paths)):
        digest.update(f"\0{path}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def code_digest(root: Path, context: str, *, memory: Path) -> str:
    """Digest of what makes any fleet of a repository: its files without those of environments and programmes.

    Args:
        root: the repository.
        context: of the run.
        memory: as of `remembered_digest`.
    """
    stacks = root / "stacks"
    fleets = tuple(f"{stacks / name}{os.sep}" for name in _OF_FLEETS)
    return remembered_digest(
        (path for path in input_files(root) if not str(path).startswith(fleets)), context, memory=memory
    )


def remembered_digest(paths: Iterable[Path], context: str, *, memory: Path) -> str:
    """Digest as of `input_digest`; the files are read again where the name, size or time of one of them changed.

    Args:
        paths: the files.
        context: of the run.
        memory: file that remembers. Deleting it is safe.
    """
    paths = sorted(set(paths))
    seen = hashlib.sha256(_surroundings(context))
    for path in paths:
        stat = path.stat()
        seen.update(f"\0{path}\0{stat.st_size}\0{stat.st_mtime_ns}".encode())
    try:
        remembered = json.loads(memory.read_text(encoding="utf-8"))
        if remembered["seen"] == seen.hexdigest():
            return str(remembered["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # nothing remembered, or nothing legible: read everything
    found = input_digest(paths, context)
    memory.parent.mkdir(parents=True, exist_ok=True)
    memory.write_text(json.dumps({"seen": seen.hexdigest(), "digest": found}), encoding="utf-8")
    return found


def _surroundings(context: str) -> bytes:
    return "\0".join([sys.version, context, *sorted(_packages())]).encode()


def _packages() -> Iterator[str]:
    """Names and versions of the packages that Python finds."""
    for entry in sys.path:
        yield from (path.name for path in Path(entry).glob("*.dist-info"))
