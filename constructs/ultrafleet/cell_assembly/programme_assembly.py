"""Assembly of a programme: a stage for each cell, of which only those are made that changed."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ultrafleet.cell_assembly.app_run import context_of, run_app
from ultrafleet.cell_assembly.environment_file import cell_digest
from ultrafleet.cell_assembly.json_text import dumps
from ultrafleet.cell_assembly.names import CellValues
from ultrafleet.cell_assembly.pattern_memory import Pattern, PatternMemory, link
from ultrafleet.cell_assembly.stamp import stamp
from ultrafleet.cell_assembly.values import can_be_stamped, cell_values, pattern_values, tranche_characters
from ultrafleet.cells import Cell
from ultrafleet.code_inputs import code_digest
from ultrafleet.environment.digest import DIGEST_FILE
from ultrafleet.errors import FleetError
from ultrafleet.programme import FleetSettings
from ultrafleet.templates.assembly import MANIFEST

STAGE: Final = "assembly-"
"""Begin of the name of a cell's folder in the assembly."""
ENVIRONMENTS: Final = "environments"
"""Folder of the assembly with a file for each cell, as an environment."""
_VERSION: Final = "cdk.out"
_NESTED: Final = "cdk:cloud-assembly"
_TREE: Final = "cdk:tree"
_INDENT: Final = 2


@dataclass(frozen=True, kw_only=True)
class Made:
    """Result of a synthesis of a programme.

    Attributes:
        cells: cells of the assembly.
        racks: racks in their templates.
        stacks: stacks of all of them.
        template_bytes: bytes of their templates.
        shapes: patterns that they are written from.
        patterns_made: patterns that the CDK synthesised in this run.
        written: cells that were written, for they changed.
        changed: templates that were written, relative to the assembly.
        synthesised: cells that the CDK synthesised as they are.
    """

    cells: int
    racks: int
    stacks: int
    template_bytes: int
    shapes: int
    patterns_made: int
    written: tuple[str, ...]
    changed: tuple[str, ...]
    synthesised: tuple[str, ...]


class ProgrammeAssembly:
    """Assembly of a programme in a folder.

    Args:
        root: the repository.
        programme: name of the programme.
        outdir: the folder.
    """

    def __init__(self, *, root: Path, programme: str, outdir: Path) -> None:
        self._root = root
        self._outdir = outdir
        self._cache = root / ".cache"
        self._memory = self._cache / "programmes" / f"{programme}-{_short(str(outdir.resolve()))}.json"

    def make(self, cells: Sequence[Cell], fleet: FleetSettings) -> Made:
        """Write what changed, and take away what isn't there any more.

        Args:
            cells: cells of the programme.
            fleet: its fleet.

        Raises:
            FleetError: a cell that the app refuses, or a template past CloudFormation's limits.
        """
        context = json.dumps(context_of(self._root))
        code = code_digest(self._root, context, memory=self._cache / "code.json")
        memory = PatternMemory(self._cache / "patterns", root=self._root, code=code)
        stamped = [cell for cell in cells if can_be_stamped(cell)]
        values = {cell.name: cell_values(cell, fleet) for cell in cells}
        longest = tranche_characters(cells)
        shapes: dict[str, CellValues] = {}
        shape_of: dict[str, str] = {}
        for cell in stamped:
            words = pattern_values(cell, fleet, longest)
            digest = memory.digest(words.file)
            shapes[digest] = words
            shape_of[cell.name] = digest
        known = self._remembered()
        digests = {name: _short(shape_of.get(name, code), item.file) for name, item in values.items()}
        todo = [
            cell
            for cell in cells
            if known.get(cell.name, {}).get("digest") != digests[cell.name] or not self._is_whole(known[cell.name])
        ]
        made_before = {digest for digest in shapes if (self._cache / "patterns" / digest / MANIFEST).exists()}
        patterns = memory.patterns(shapes)
        self._outdir.mkdir(parents=True, exist_ok=True)
        (self._outdir / ENVIRONMENTS).mkdir(exist_ok=True)
        changed: list[str] = []
        synthesised: list[str] = []
        read: dict[str, Any] = {}
        for cell in todo:
            shape = shape_of.get(cell.name)
            if shape is None:
                synthesised.append(cell.name)
                continue
            if shape not in read:
                read[shape] = (patterns[shape].read(), patterns[shape].version)
            pattern, version = read[shape]
            files = stamp(pattern, values[cell.name], version=version)
            files[DIGEST_FILE] = cell_digest(cell, fleet)
            known[cell.name] = self._write(values[cell.name], files, digests[cell.name], changed)
        if synthesised:
            self._synthesise([values[name] for name in synthesised], digests, known, changed)
        self._clear(set(values), known)
        self._root_files(cells, patterns)
        self._memory.parent.mkdir(parents=True, exist_ok=True)
        self._memory.write_text(json.dumps(known), encoding="utf-8")
        return Made(
            cells=len(cells),
            racks=sum(len(item.racks) for item in values.values()),
            stacks=sum(entry["stacks"] for entry in known.values()),
            template_bytes=sum(entry["bytes"] for entry in known.values()),
            shapes=len(shapes),
            patterns_made=len(shapes) - len(made_before),
            written=tuple(cell.name for cell in todo),
            changed=tuple(changed),
            synthesised=tuple(synthesised),
        )

    def _remembered(self) -> dict[str, dict[str, Any]]:
        try:
            return dict(json.loads(self._memory.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return {}  # nothing remembered, or nothing legible: every cell is written

    def _is_whole(self, entry: Mapping[str, Any]) -> bool:
        """True if every file of a cell is as it was written, neither edited nor deleted."""
        try:
            for name, (size, time) in entry["files"].items():
                stat = (self._outdir / name).stat()
                if (stat.st_size, stat.st_mtime_ns) != (size, time):
                    return False
        except OSError:
            return False
        return True

    def _write(self, cell: CellValues, files: Mapping[str, str], digest: str, changed: list[str]) -> dict[str, Any]:
        """Write what differs of a cell's files, and take away the others; what is remembered of it."""
        stage = self._outdir / f"{STAGE}{cell.name}"
        stage.mkdir(exist_ok=True)
        for item in stage.iterdir():
            if item.name not in files:
                item.unlink()
        places = {f"{STAGE}{cell.name}/{name}": text for name, text in files.items()}
        places[f"{ENVIRONMENTS}/{cell.name}.yaml"] = cell.file
        seen: dict[str, tuple[int, int]] = {}
        for name, text in places.items():
            path, content = self._outdir / name, text.encode()
            if not path.exists() or path.read_bytes() != content:
                path.write_bytes(content)
                if name.endswith(".template.json"):
                    changed.append(name)
            stat = path.stat()
            seen[name] = (stat.st_size, stat.st_mtime_ns)
        sizes = [size for name, (size, _) in seen.items() if name.endswith(".template.json")]
        return {"digest": digest, "files": seen, "stacks": len(sizes), "bytes": sum(sizes)}

    def _synthesise(
        self,
        cells: Sequence[CellValues],
        digests: Mapping[str, str],
        known: dict[str, dict[str, Any]],
        changed: list[str],
    ) -> None:
        """Let the CDK make cells as they are."""
        with tempfile.TemporaryDirectory(dir=self._outdir, prefix="unfinished-") as unfinished:
            outdir = synthesised(self._root, Path(unfinished), cells)
            for cell in cells:
                stage = outdir / f"{STAGE}{cell.name}"
                files = {item.name: item.read_text(encoding="utf-8") for item in stage.iterdir()}
                known[cell.name] = self._write(cell, files, digests[cell.name], changed)
            self._take(outdir)

    def _take(self, folder: Path) -> None:
        """Take the assets of another assembly, and its own files where there are none yet."""
        for item in folder.iterdir():
            if item.name.startswith("asset.") and not (self._outdir / item.name).exists():
                link(item, self._outdir / item.name)
        for name in (_VERSION, MANIFEST):
            if not (self._outdir / name).exists():
                shutil.copy2(folder / name, self._outdir / name)

    def _clear(self, names: set[str], known: dict[str, dict[str, Any]]) -> None:
        """Take away cells that the programme hasn't any more."""
        for stage in self._outdir.glob(f"{STAGE}*"):
            if stage.name.removeprefix(STAGE) not in names:
                shutil.rmtree(stage, ignore_errors=True)
        for file in (self._outdir / ENVIRONMENTS).glob("*.yaml"):
            if file.stem not in names:
                file.unlink()
        for name in set(known) - names:
            del known[name]

    def _root_files(self, cells: Sequence[Cell], patterns: Mapping[str, Pattern]) -> None:
        """Write the manifest of the whole, and put the assets beside it."""
        for pattern in patterns.values():
            self._take(pattern.folder)
        if not cells:
            raise FleetError(path="programme", verb="has", got="no cells", expected="one at least")
        manifest = json.loads((self._outdir / MANIFEST).read_text(encoding="utf-8"))
        others = {key: value for key, value in manifest["artifacts"].items() if value["type"] not in {_NESTED, _TREE}}
        nested = {
            f"{STAGE}{cell.name}": {
                "type": _NESTED,
                "properties": {"directoryName": f"{STAGE}{cell.name}", "displayName": cell.name},
            }
            for cell in sorted(cells, key=lambda item: item.name)
        }
        manifest["artifacts"] = {**nested, **others}
        (self._outdir / MANIFEST).write_text(dumps(manifest, indent=_INDENT), encoding="utf-8")


def synthesised(root: Path, folder: Path, cells: Sequence[CellValues]) -> Path:
    """Assembly of cells as the CDK makes it.

    Args:
        root: the repository.
        folder: empty folder for it.
        cells: the cells.

    Raises:
        FleetError: the app refused.
    """
    files, outdir = folder / ENVIRONMENTS, folder / "cdk.out"
    files.mkdir(parents=True)
    for cell in cells:
        (files / f"{cell.name}.yaml").write_text(cell.file, encoding="utf-8")
    run_app(root, environments=files, outdir=outdir)
    return outdir


def differences(root: Path, outdir: Path, cells: Sequence[CellValues]) -> list[str]:
    """Files of cells in which an assembly isn't what the CDK makes of them; none is the proof of the copy.

    Args:
        root: the repository.
        outdir: the assembly.
        cells: cells that are synthesised for it.
    """
    found = []
    with tempfile.TemporaryDirectory(prefix="ultrafleet-compare-") as folder:
        made = synthesised(root, Path(folder), cells)
        for cell in cells:
            stage = f"{STAGE}{cell.name}"
            names = {item.name for item in (*(made / stage).iterdir(), *(outdir / stage).iterdir())}
            for name in sorted(names):
                ours, theirs = outdir / stage / name, made / stage / name
                if not (ours.exists() and theirs.exists() and ours.read_bytes() == theirs.read_bytes()):
                    found.append(f"{stage}/{name}")
    return found


def _short(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
