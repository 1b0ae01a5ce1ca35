"""Files of a repository of environments, by their paths."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from ultrafleet.environment.schema import EDITOR_LINE, SCHEMA_FILE, schema_text
from ultrafleet.errors import FleetError
from ultrafleet.starter.library_wheel import LibraryWheel

_FILES: Final = Path(__file__).parent / "files"
_CHECKOUT: Final = Path(__file__).parents[3]
"""Folder of a checkout: it uses some of the files itself; the wheel has them beside the others."""
ENVIRONMENTS: Final = "stacks/environments"
_ANY_EDITOR_LINE: Final = re.compile(rf"^{re.escape(EDITOR_LINE.format(schema=''))}.*\n", re.MULTILINE)
_LIBRARYS: Final = {
    "fleet.mk": "fleet.mk",
    "cdk.json": "cdk.json",
    "package.json": "package.json",
    "package-lock.json": "package-lock.json",
    ".npmrc": ".npmrc",
    ".github/workflows/fleet-synthesis.yml": ".github/workflows/fleet-synthesis.yml",
    ".github/workflows/fleet-review.yml": ".github/workflows/fleet-review.yml",
}
"""Files that a newer version of the library replaces: by their paths, their sources."""
_YOURS: Final = {
    "app.py": "app.py.txt",
    "Makefile": "Makefile",
    "README.md": "README.md.txt",
    "tests/test_fleet.py": "pools_have_their_nodes.py.txt",
    ".gitignore": "gitignore.txt",
}


@dataclass(frozen=True, kw_only=True)
class Start:
    """A repository to begin with.

    Attributes:
        name: name of the repository, for its README.
        environment: name of its first environment.
        wheel: the library.
        text: content of the environment's file. Default: one pool on demand.
        account: account of that pool, where no text is passed. Default: a placeholder.
        region: its region.
        zones: an availability zone with accelerators, and another one for the control plane.
    """

    name: str
    environment: str
    wheel: LibraryWheel
    text: str | None = None
    account: str | None = None
    region: str = "us-east-2"
    zones: tuple[str, str] = ("us-east-2a", "us-east-2b")


def repository_files(start: Start) -> Mapping[str, bytes]:
    """Return every file of a new repository, by its path.

    Args:
        start: the repository.
    """
    words = {"name": start.name, "environment": start.environment, "version": start.wheel.version}
    yours = {path: Template(_read(source)).substitute(words) for path, source in _YOURS.items() if path != "Makefile"}
    yours["Makefile"] = _read("Makefile")  # make has dollars of its own
    yours[f"{ENVIRONMENTS}/{start.environment}.yaml"] = _environment(start)
    return {**{path: text.encode() for path, text in yours.items()}, **library_files(start.wheel)}


def library_files(wheel: LibraryWheel) -> Mapping[str, bytes]:
    """Return the files of a repository that belong to the library, by their paths.

    Args:
        wheel: the library.
    """
    lock = f"{wheel.requirement}\n{_read('requirements.lock')}"
    texts = {path: _read(source) for path, source in _LIBRARYS.items()}
    texts |= {"requirements.lock": lock, f"{ENVIRONMENTS}/{SCHEMA_FILE}": schema_text()}
    return {**{path: text.encode() for path, text in texts.items()}, f"wheels/{wheel.name}": wheel.content}


def _environment(start: Start) -> str:
    line = EDITOR_LINE.format(schema=SCHEMA_FILE)
    if start.text is not None:
        # Its own line may name the schema somewhere else.
        return f"{line}\n{_ANY_EDITOR_LINE.sub('', start.text)}"
    return Template(_read("environment.yaml.txt")).substitute(
        editor_line=line,
        account=start.account or "111122223333",
        account_note="your account" if start.account else "placeholder: put in your account",
        region=start.region,
        zone=start.zones[0],
        other_zone=start.zones[1],
    )


def _read(source: str) -> str:
    for path in (_FILES / source, _CHECKOUT / source):
        if path.exists():
            return path.read_text(encoding="utf-8")
    raise FleetError(
        path=_FILES / source, got="missing", expected="a file of the library", remedy="install the library again"
    )
