"""Files of a programme's assembly by cell, compared by their digests before any of them is read."""

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from ultrafleet.errors import FleetError
from ultrafleet.review.programme.manifest_without import ManifestWithout
from ultrafleet.templates.assembly import MANIFEST, ManifestStack, is_assembly, manifest_stacks, nested_assemblies
from ultrafleet.templates.file_reading import Listed
from ultrafleet.templates.revision import Revision, revision_of
from ultrafleet.templates.revision_files import RevisionFiles
from ultrafleet.templates.template_text import json_in_text

PLAN: Final = "programme.json"
"""Plan of a programme, in its assembly."""
_CELL: Final = "assembly-"
_ENVIRONMENTS: Final = "environments/"
TEMPLATE: Final = ".template.json"
"""End of the names of templates."""
ASSETS: Final = ".assets.json"
"""End of the names of files about the assets of a stack."""
_METADATA: Final = ".metadata.json"
_OWN: Final = frozenset({"cdk.out", "tree.json", "ultrafleet-environment.json"})
"""Files that nothing deploys."""


@dataclass(frozen=True, kw_only=True)
class ProgrammeFiles:
    """Files of one programme's assembly in a revision.

    Attributes:
        files: files of the revision.
        root: folder of the assembly in it, with a slash at its end; "" where it is the revision itself.
    """

    files: RevisionFiles
    root: str

    @cached_property
    def _inside(self) -> tuple[str, ...]:
        return tuple(path for path in self.files.paths if path.startswith(self.root))

    @cached_property
    def _folders(self) -> frozenset[str]:
        """Folders of the cells: those that the manifest nests, and those of the CDK's name for a nested assembly."""
        tops = {path.removeprefix(self.root).partition("/")[0] for path in self._inside if "/" in self._local(path)}
        return frozenset(top for top in tops if top.startswith(_CELL)) | (self._nested & tops)

    @cached_property
    def _nested(self) -> frozenset[str]:
        try:
            text = self.text(MANIFEST)
            nested = nested_assemblies(text) if text is not None and is_assembly(text) else []
        except (FleetError, OSError, ValueError, AttributeError, TypeError, KeyError):
            return frozenset()  # the reader of what is no cell says so
        return frozenset(posixpath.normpath(folder) for folder in nested)

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.files.paths)

    def _local(self, path: str) -> str:
        return path.removeprefix(self.root)

    @cached_property
    def cells(self) -> dict[str, tuple[str, ...]]:
        """Paths of each cell's files, by the cell's name."""
        found: dict[str, list[str]] = {}
        for path in self._inside:
            top, slash, _ = self._local(path).partition("/")
            if slash and top in self._folders:
                found.setdefault(top.removeprefix(_CELL), []).append(path)
        return {name: tuple(found[name]) for name in sorted(found)}

    @cached_property
    def rest(self) -> tuple[str, ...]:
        """Paths of what is in no cell, the plan and the cells' environment files apart."""
        of_cells = {path for paths in self.cells.values() for path in paths}
        return tuple(
            path
            for path in self._inside
            if path not in of_cells
            and self._local(path) != PLAN
            and not (self._local(path).startswith(_ENVIRONMENTS) and path not in self._stated)
        )

    @cached_property
    def _stated(self) -> frozenset[str]:
        """Templates that the manifest names, wherever they are."""
        try:
            artifacts = json_in_text(self.text(MANIFEST) or "{}")["artifacts"].values()
            names = [item["properties"]["templateFile"] for item in artifacts if "templateFile" in item["properties"]]
        except (FleetError, OSError, ValueError, AttributeError, TypeError, KeyError):
            return frozenset()
        return frozenset(posixpath.normpath(posixpath.join(self.root, str(name))) for name in names)

    @property
    def rest_digests(self) -> dict[str, str | None]:
        """Digests of what is in no cell, by the path in the assembly's folder, without its manifest."""
        return {self._local(path): self.files.digest(path) for path in self.rest if self._local(path) != MANIFEST}

    @property
    def root_stacks(self) -> list[tuple[str, str, str]]:
        """Name, place and template of the stacks that are in no cell; none where the manifest can't be read."""
        try:
            found = manifest_stacks(self.text(MANIFEST) or "")
        except (FleetError, OSError):
            return []
        return sorted((stack.name, stack.place, stack.template_file) for stack in found)

    def folder(self, cell: str) -> str:
        """Folder of a cell, with a slash at its end."""
        name = f"{_CELL}{cell}"
        return f"{self.root}{name if name in self._folders else cell}/"

    @cached_property
    def _stack_files(self) -> dict[str, dict[str, str]]:
        return {cell: self._files_of(cell) for cell in self.cells}

    def files_of(self, cell: str) -> dict[str, str]:
        """Paths of the files of a cell that are deployed, by the name of their stack: `CELL-network.template.json`.

        The CDK's names of files have hashes of the cell's name. A file that no stack names keeps its own; what the CDK
        and `ultrafleet programme synth` write for themselves is left out.
        """
        return self._stack_files.get(cell, {})

    def _files_of(self, cell: str) -> dict[str, str]:
        within = self.folder(cell)
        paths = set(self.cells[cell])
        found: dict[str, str] = {}
        for stack in self._stacks_of(cell):
            path = posixpath.normpath(f"{within}{stack.template_file}")
            if path not in paths or f"{stack.name}{TEMPLATE}" in found:
                continue
            found[f"{stack.name}{TEMPLATE}"] = path
            assets = f"{path.removesuffix(TEMPLATE)}{ASSETS}"
            if assets in paths:
                found[f"{stack.name}{ASSETS}"] = assets
        named = set(found.values())
        for path in sorted(paths - named):
            local = path.removeprefix(within)
            if local not in _OWN and not local.endswith(_METADATA):
                found[local if local not in found else path] = path
        return found

    def _stacks_of(self, cell: str) -> list[ManifestStack]:
        path = f"{self.folder(cell)}{MANIFEST}"
        try:
            return manifest_stacks(self.text(self._local(path)) or "")
        except (FleetError, OSError):
            return []  # its reader says so

    def digests(self, cell: str) -> dict[str, str | None]:
        """Digests of a cell's files, by the names of `files_of`; None for what can't be read."""
        return {name: self.files.digest(path) for name, path in self.files_of(cell).items()}

    def text(self, local: str) -> str | None:
        """Text of a file of the assembly's folder; None where there is none.

        Raises:
            FleetError: it is too large.
            OSError: it can't be read.
        """
        path = f"{self.root}{local}"
        if path not in self._known:
            return None
        read = self.files.listed([path])[path].read
        return None if read is None else read()

    def texts(self, cell: str, names: Iterable[str]) -> dict[str, str | None]:
        """Texts of some of a cell's files, by the names of `files_of`; None for what can't be read."""
        wanted = {name: self.files_of(cell)[name] for name in names if name in self.files_of(cell)}
        listed = self.files.listed(wanted.values())
        return {name: _text(listed[path]) for name, path in wanted.items()}

    def revision(self, cell: str, *, parameters: Mapping[str, str]) -> Revision:
        """Revision of a cell, with all of its stacks: what it has together depends on every one.

        Args:
            cell: name of the cell.
            parameters: values of template parameters.

        Raises:
            FleetError: the files are too large together.
        """
        paths = self.files_of(cell).values()
        return revision_of(self.files, paths, within=self.folder(cell), parameters=parameters)

    def revision_of_rest(self, paths: Iterable[str], *, parameters: Mapping[str, str]) -> Revision:
        """Revision of what is in no cell."""
        folders = frozenset(posixpath.basename(self.folder(cell).rstrip("/")) for cell in self.cells)
        files = ManifestWithout(of=self.files, manifest=f"{self.root}{MANIFEST}", left_out=folders)
        return revision_of(files, paths, within=self.root, parameters=parameters)


def _text(item: Listed) -> str | None:
    try:
        return item.read() if item.read is not None else None
    except (FleetError, OSError):
        return None


def programme_roots(files: RevisionFiles) -> set[str]:
    """Folders of a revision that hold a programme's assembly, each with a slash at its end, or "".

    Args:
        files: files of the revision.
    """
    paths = set(files.paths)
    return {
        folder
        for path in paths
        if posixpath.basename(path) == PLAN
        and f"{(folder := path.removesuffix(PLAN))}{MANIFEST}" in paths
        and not any(part.startswith("asset.") for part in path.split("/"))
    }
