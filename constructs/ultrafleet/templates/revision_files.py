"""Files of a folder or of a git revision, listed before any of them is read, with a digest of each."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Final, Protocol

from ultrafleet.bounded_file import MOST_BYTES, TooLargeError
from ultrafleet.errors import FleetError
from ultrafleet.templates.file_reading import Listed, why_by_name
from ultrafleet.templates.git_repository import GitRepository, TreeEntry
from ultrafleet.templates.reading import listed_files

_MOST_OF_COMMIT: Final = 512 << 20


class RevisionFiles(Protocol):
    """Files of a revision by their path in it, with slashes.

    Attributes:
        label: name by which the caller called the revision.
        commit: the commit; None for a folder.
        under: folder of the repository in which the files are.
        broken: folders that can't be listed, by path.
    """

    @property
    def label(self) -> str: ...  # noqa: D102 - see above
    @property
    def commit(self) -> str | None: ...  # noqa: D102
    @property
    def under(self) -> str | None: ...  # noqa: D102
    @property
    def broken(self) -> Mapping[str, FleetError]: ...  # noqa: D102

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of the files."""
        ...

    def digest(self, path: str) -> str | None:
        """Digest of a file's content; None for a link, a pipe or a device, and for what can't be read.

        Args:
            path: its path.
        """
        ...

    def listed(self, paths: Iterable[str], *, within: str = "") -> dict[str, Listed]:
        """Files to read, by their path in a folder of the revision.

        Args:
            paths: their paths.
            within: beginning of the paths that is taken off, with a slash at its end. Default: nothing is.

        Raises:
            FleetError: those of a commit are too large together.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class FolderFiles:
    """Files of a folder."""

    label: str
    files: Mapping[str, Listed]
    broken: Mapping[str, FleetError] = field(default_factory=dict)
    commit: None = None
    under: None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of the files."""
        return tuple(self.files)

    def digest(self, path: str) -> str | None:
        """Digest of a file's text; None for what can't be read."""
        read = self.files[path].read
        if read is None:
            return None
        try:
            return hashlib.sha256(read().encode()).hexdigest()
        except (FleetError, OSError):
            return None

    def listed(self, paths: Iterable[str], *, within: str = "") -> dict[str, Listed]:
        """Files to read."""
        return {path.removeprefix(within): self.files[path] for path in paths}


@dataclass(frozen=True, kw_only=True)
class CommitFiles:
    """Files of a commit."""

    label: str
    git: GitRepository
    commit: str
    under: str | None
    broken: Mapping[str, FleetError] = field(default_factory=dict)

    @cached_property
    def _entries(self) -> dict[str, TreeEntry]:
        folder = f"{self.under.strip('/')}/" if self.under and self.under.strip("/.") else ""
        return {
            entry.path.removeprefix(folder): entry
            for entry in self.git.entries(self.commit)
            if entry.path.startswith(folder)
        }

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of the files."""
        return tuple(self._entries)

    def digest(self, path: str) -> str | None:
        """Object of a file; None for what is no file."""
        entry = self._entries[path]
        return None if entry.size is None else entry.id

    def listed(self, paths: Iterable[str], *, within: str = "") -> dict[str, Listed]:
        """Files to read, all by one process once one of them is; those whose names say that they are none, apart."""
        entries = {path: self._entries[path] for path in paths}
        contents: dict[str, bytes] = {}
        wanted = [entry for path, entry in entries.items() if entry.size is not None and why_by_name(path) is None]
        if sum(entry.size or 0 for entry in wanted) > _MOST_OF_COMMIT:
            raise FleetError(
                path="the files of the revision",
                verb="have",
                got=f"more than {_MOST_OF_COMMIT:,} bytes together",
                expected="fewer",
                remedy="name the folder that holds the templates by --path",
            )

        def read(entry: TreeEntry) -> str:
            if (entry.size or 0) > MOST_BYTES:
                raise TooLargeError(entry.path)
            if not contents:
                contents.update(self.git.contents([item.id for item in wanted if (item.size or 0) <= MOST_BYTES]))
            found = contents[entry.id] if entry.id in contents else self.git.contents([entry.id])[entry.id]
            return found.decode("utf-8-sig", errors="replace")

        return {
            path.removeprefix(within): Listed(read=partial(read, entry) if entry.size is not None else None)
            for path, entry in entries.items()
        }


def revision_files(named: str, *, under: str | None = None, repository: Path | None = None) -> RevisionFiles | None:
    """Files of a folder or of a git revision; None where the name is a single file.

    A name that is both is refused: a pull request may add a folder that is named like the base.

    Args:
        named: a path, or a revision, such as `main`, `HEAD~1` or `main:cdk.out`.
        under: folder of the repository in which a revision's templates are; `named` is then a revision. Default: all.
        repository: where git is asked. Default: the working directory.

    Raises:
        FleetError: there is neither such a path nor such a revision, or both.
    """
    path, git = Path(named), GitRepository(repository or Path())
    if under is None and _exists(path):
        if not _is_plainly_a_path(named) and _commit_or_none(git, named) is not None:
            raise FleetError(
                path=named,
                got="a path and a git revision",
                expected="one of them",
                remedy=f"name the path as ./{named}, or the revision with its folder by --path",
            )
        if not path.is_dir():
            return None
        files, broken = listed_files(path)
        return FolderFiles(label=named, files=files, broken=broken)
    commit = git.commit_of(named)
    if commit is None and under is None and ":" in named:
        revision, _, under = named.partition(":")
        commit = git.commit_of(revision)
    if commit is None:
        raise _no_revision(named, is_path=_exists(path))
    return CommitFiles(label=named, git=git, commit=commit, under=under)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, or no name of a file
        return False


def _is_plainly_a_path(named: str) -> bool:
    """True for what is no name of a revision: `./main`, `/tmp/main`, `main/`."""
    return named.startswith((".", "/")) or named.endswith("/")


def _commit_or_none(git: GitRepository, named: str) -> str | None:
    """The commit of a name; None without git, or where it names none."""
    return git.commit_of(named) if git.is_there() else None


def _no_revision(named: str, *, is_path: bool) -> FleetError:
    if is_path:
        return FleetError(
            path=named,
            got="a path, and no git revision here",
            expected="a revision, because --path is a folder of one",
            remedy="leave --path out, or name the revision",
        )
    return FleetError(
        path=named,
        got="neither a path nor a git revision here",
        expected="one of them",
        remedy="correct it, or fetch the revision (a shallow clone has one only)",
    )
