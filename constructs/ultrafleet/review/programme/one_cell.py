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
    paths = side.cells.get(cell, ())
    differing = set(changed)
    racks_alone = all(RACKS in file or posixpath.basename(file) == MANIFEST for file in differing)
    left_out = {
        path.removeprefix(within)
        for path in paths
        if racks_alone and RACKS in path and path.removeprefix(within) not in differing
    }
    kept = [path for path in paths if path.removeprefix(within) not in left_out]
    files = ManifestWithout(of=side.files, manifest=f"{within}{MANIFEST}", left_out=frozenset(left_out))
    return revision_of(files, kept, within=within, parameters=parameters)
