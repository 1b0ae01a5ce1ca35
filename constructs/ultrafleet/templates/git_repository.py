"""Git repository whose files are read as data: it runs no program of the repository's, and fetches nothing."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ultrafleet.errors import FleetError

_ENVIRONMENT: Final = {
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
}
"""A missing object is no reason to run `core.sshCommand`: git before 2.45 doesn't know the first of them, and asks no
server whose protocol isn't allowed (git manual, environment variables, high)."""
_OPTIONS: Final = (
    "--no-pager",
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.warnAmbiguousRefs=true"),
)


@dataclass(frozen=True, kw_only=True)
class TreeEntry:
    """Entry of a commit.

    Attributes:
        path: its path in the repository.
        id: its object.
        size: its bytes; None for what is no file.
    """

    path: str
    id: str
    size: int | None


@dataclass(frozen=True)
class GitRepository:
    """A repository.

    Attributes:
        folder: a folder in it.
    """

    folder: Path

    def is_there(self) -> bool:
        """True if there is a repository, and git to read it."""
        try:
            return self._run("rev-parse", "--git-dir").returncode == 0
        except FleetError:
            return False

    def commit_of(self, revision: str) -> str | None:
        """Id of the commit that a revision names; None where it names none.

        Raises:
            FleetError: it names several, such as a branch and a tag.
        """
        done = self._run("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
        if b"is ambiguous" in done.stderr:
            raise FleetError(
                path=revision,
                got="more than one revision here, such as a branch and a tag",
                expected="one",
                remedy=f"name it in full, such as refs/heads/{revision}",
            )
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def entries(self, commit: str) -> Iterator[TreeEntry]:
        """Files of a commit, and what else has a path there.

        Raises:
            FleetError: a part of the commit is missing.
        """
        done = self._run("ls-tree", "-r", "-z", "-l", "--full-tree", commit)
        if done.returncode != 0:
            raise _missing(commit)
        for entry in done.stdout.decode(errors="replace").split("\0"):
            about, _, path = entry.partition("\t")
            if path:
                mode, _, object_id, size = about.split()
                is_file = mode.startswith("100")
                if is_file and not size.isdecimal():
                    raise _missing(object_id)
                yield TreeEntry(path=path, id=object_id, size=int(size) if is_file else None)

    def contents(self, objects: list[str]) -> dict[str, bytes]:
        """Contents of files by their objects, all by one process.

        Raises:
            FleetError: one is missing.
        """
        answer = self._run("cat-file", "--batch", given="".join(f"{item}\n" for item in objects).encode()).stdout
        at, found = 0, {}
        for item in objects:
            end = answer.find(b"\n", at)
            about = answer[at:end].split(b" ")
            if end < 0 or len(about) != 3 or about[1] != b"blob":  # noqa: PLR2004 - id, type and size, or "missing"
                raise _missing(item)
            after = end + 1 + int(about[2])
            found[item] = answer[end + 1 : after]
            at = after + 1
        return found

    def changed_files(self, base: str, head: str) -> list[str]:
        """Paths that differ between two commits."""
        done = self._run("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff", base, head)
        return [path for path in done.stdout.decode(errors="replace").split("\0") if path]

    def _run(self, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(  # noqa: S603 - git, with a revision that can't be an option
                ["git", *_OPTIONS, *arguments],  # noqa: S607 - the caller's git
                cwd=self.folder,
                input=given,
                capture_output=True,
                check=False,
                env={**os.environ, **_ENVIRONMENT},
            )
        except (OSError, ValueError) as error:  # no git, or a revision that no program takes
            raise FleetError(
                path="git",
                verb="can't be",
                got=f"run ({error})",
                expected="it for revisions",
                remedy="name folders instead",
            ) from error


def _missing(what: str) -> FleetError:
    return FleetError(
        path=f"object {what}",
        got="not in this repository",
        expected="every object of the revision",
        remedy="fetch it first (a partial or shallow clone has a part only)",
    )
