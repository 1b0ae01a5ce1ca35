"""One cell of a programme as a revision: what changes in it, and the stacks around that."""

import posixpath
from collections.abc import Iterable, Mapping

from ultrafleet.review.programme.cell_files import ProgrammeFiles
from ultrafleet.review.programme.manifest_without import ManifestWithout
from ultrafleet.review.programme.signature import RACKS
from ultrafleet.templates.assembly import MANIFEST
from ultrafleet.templates.revision import Revision, revision_of


def cell_revision(side: ProgrammeFiles, cell: str, changed: Iterable[str], parameters: Mapping[str, str]) -> Revision:
    """Revision of a cell; stacks of racks in which nothing differs are left out where nothing under them does.

    Args:
        side: the programme's files.
        cell: name of the cell.
        changed: its files that differ between the revisions, by their path in its folder.
        parameters: values of template parameters.

    Raises:
        FleetError: the files are too large together.
    """
    within = side.folder(cell)
    files_of = side.files_of(cell)
    differing = set(changed)
    racks_alone = all(RACKS in name or posixpath.basename(name) == MANIFEST for name in differing)
    left_out = {path for name, path in files_of.items() if racks_alone and RACKS in name and name not in differing}
    kept = [path for path in files_of.values() if path not in left_out]
    names = frozenset(path.removeprefix(within) for path in left_out)
    files = ManifestWithout(of=side.files, manifest=f"{within}{MANIFEST}", left_out=names)
    return revision_of(files, kept, within=within, parameters=parameters)
