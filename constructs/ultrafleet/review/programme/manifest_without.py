"""Files of a revision whose manifest names less: cells and stacks that are read apart, or not at all."""

import json
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ultrafleet.errors import FleetError
from ultrafleet.templates.file_reading import Listed
from ultrafleet.templates.revision_files import RevisionFiles
from ultrafleet.templates.template_text import json_in_text


@dataclass(frozen=True, kw_only=True)
class ManifestWithout:
    """Files of a revision, whose manifest doesn't name some stacks and nested assemblies: they are read apart.

    Attributes:
        of: files of the revision.
        manifest: path of the manifest.
        left_out: templates and folders that it doesn't name then, by their path beside it.
    """

    of: RevisionFiles
    manifest: str
    left_out: frozenset[str]

    @property
    def label(self) -> str:
        """Name by which the caller called the revision."""
        return self.of.label

    @property
    def commit(self) -> str | None:
        """The commit; None for a folder."""
        return self.of.commit

    @property
    def under(self) -> str | None:
        """Folder of the repository in which the files are."""
        return self.of.under

    @property
    def broken(self) -> Mapping[str, FleetError]:
        """Folders that can't be listed, by path."""
        return self.of.broken

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of the files."""
        return self.of.paths

    def digest(self, path: str) -> str | None:
        """Digest of a file's content."""
        return self.of.digest(path)

    def listed(self, paths: Iterable[str], *, within: str = "") -> dict[str, Listed]:
        """Files to read."""
        found = self.of.listed(paths, within=within)
        name = self.manifest.removeprefix(within)
        item = found.get(name)
        if item is not None and item.read is not None and self.left_out:
            read = item.read
            found[name] = Listed(read=lambda: _without(read(), self.left_out))
        return found


def _without(text: str, left_out: frozenset[str]) -> str:
    try:
        content = json_in_text(text)
        artifacts = content["artifacts"]
        kept = {key: item for key, item in artifacts.items() if _names(item) not in left_out}
    except (ValueError, KeyError, TypeError, AttributeError):
        return text  # its reader refuses it
    return json.dumps({**content, "artifacts": kept})


def _names(item: Any) -> str | None:  # noqa: ANN401 - JSON
    """Template or folder that an artifact of a manifest names."""
    properties = item.get("properties") if isinstance(item, Mapping) else None
    named = (
        (properties.get("templateFile") or properties.get("directoryName")) if isinstance(properties, Mapping) else None
    )
    return posixpath.normpath(named) if isinstance(named, str) else None
