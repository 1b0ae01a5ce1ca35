"""Files of a folder or of a revision, sorted: templates, those that can't be read, and those that are passed over.

What a template is, is decided after it is parsed: a type may be spelt with escapes. Whatever the manifest of a cloud
assembly names is read, or an error.
"""

import posixpath
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Final

from ultrafleet.bounded_file import TooLargeError
from ultrafleet.errors import FleetError
from ultrafleet.templates.assembly import MANIFEST, is_assembly, manifest_stacks, nested_assemblies
from ultrafleet.templates.other_formats import OTHER_FORMATS, OtherFormat, by_ending, recognised
from ultrafleet.templates.parsing import is_template, may_be_meant, may_be_template, parsed_content, template_of_stack
from ultrafleet.templates.template import Template

TEMPLATE_SUFFIXES: Final = (".json", ".yaml", ".yml", ".template")
_MOST_BYTES: Final = 512 << 20
"""Ours: bytes of all files of a folder together."""
_OTHERS: Final = frozenset({"node_modules", ".venv", "venv", "site-packages", ".git", ".tox", "vendor", "third_party"})
"""Folders in which tools keep what others wrote."""


class Why(StrEnum):
    """Reason for which a file is passed over."""

    ENDING = "with other endings"
    ASSET = "in asset.* folders"
    SIZE = "of more than 16 MB"
    UNPARSED = "that are no JSON or YAML and name no resource type"
    LINK = "that are links, pipes or devices"
    OTHER = "of other tools"


@dataclass(frozen=True, kw_only=True)
class PassedOver:
    """File that was not read as a template.

    Attributes:
        path: its path.
        why: the reason.
        is_template: whether it is a template all the same.
        other: the format of another tool that it has, where that is known.
    """

    path: str
    why: Why
    is_template: bool = False
    other: OtherFormat | None = None


@dataclass(frozen=True, kw_only=True)
class Listed:
    """File that is listed.

    Attributes:
        read: gives its text; None for a link, a pipe or a device.
        glimpse: gives its text if it may be a template although nothing about its name says so. Default: none is.
    """

    read: Callable[[], str] | None
    glimpse: Callable[[], str] | None = None


@dataclass(kw_only=True)
class FilesRead:
    """Files, sorted.

    Attributes:
        templates: templates by path.
        stacks: name and place of the stacks of cloud assemblies, by the path of their template.
        broken: errors by path: files that are meant as templates and can't be read, or that a manifest names.
        passed_over: files that were not read.
        assemblies: manifests, by path, with the number of their stacks.
    """

    templates: dict[str, Template] = field(default_factory=dict)
    stacks: dict[str, tuple[str, str]] = field(default_factory=dict)
    broken: dict[str, FleetError] = field(default_factory=dict)
    passed_over: list[PassedOver] = field(default_factory=list)
    assemblies: dict[str, int] = field(default_factory=dict)

    @property
    def of_others(self) -> list[str]:
        """Templates in folders in which tools keep what others wrote."""
        return [path for path in self.templates if _OTHERS.intersection(PurePosixPath(path).parts[:-1])]


def read_files(
    files: Mapping[str, Listed], *, name: Callable[[str], str] = str, parameters: Mapping[str, Any] | None = None
) -> FilesRead:
    """Files, sorted.

    Args:
        files: the files by their path in a folder, with slashes.
        name: what the template of a path is called. Default: its path.
        parameters: values of template parameters. Default: the templates' own defaults.

    Raises:
        FleetError: all of them together are too large.
    """
    found = FilesRead()
    reader = _Reader()
    _read_manifests(files, found, reader)
    for path in sorted(files):
        if path in found.broken or path in found.assemblies:
            continue
        try:
            _read_one(path, files[path], found, reader, name(path), parameters or {})
        except FleetError as error:
            found.broken[path] = error
    return found


class _Reader:
    """Reader of files, which counts them."""

    def __init__(self) -> None:
        self._left = _MOST_BYTES

    def text(self, path: str, file: Listed) -> str:
        if file.read is None:
            raise FleetError(
                path=path, got="a link, a pipe or a device", expected="a file", remedy="put the file there"
            )
        try:
            text = file.read()
        except OSError as error:
            raise FleetError(path=path, verb="can't be", got=f"read ({error})", expected="a file") from error
        self._left -= len(text)
        if self._left < 0:
            raise FleetError(
                path="the files",
                verb="have",
                got=f"more than {_MOST_BYTES:,} bytes together",
                expected="fewer",
                remedy="name the folder that holds the templates",
            )
        return text


def _read_manifests(files: Mapping[str, Listed], found: FilesRead, reader: _Reader) -> None:
    """Find the stacks of cloud assemblies, those in folders of assets only where another manifest names them."""
    pending = [path for path in sorted(files) if _is_manifest(path) and not _in_asset(path)]
    seen = set(pending)
    for path in pending:
        try:
            text = reader.text(path, files[path])
            if not is_assembly(text):
                continue  # another program's manifest.json
            stacks = manifest_stacks(text)
            nested = [_beside(path, folder, MANIFEST) for folder in nested_assemblies(text)]
        except FleetError as error:
            found.broken[path] = error
            continue
        found.assemblies[path] = len(stacks)
        for stack in stacks:
            at = _beside(path, stack.template_file)
            if at in files:
                found.stacks[at] = (stack.name, stack.place)
            else:
                found.broken[at] = _missing(path, stack.template_file)
        for at in nested:
            if at not in files:
                found.broken[at] = _missing(path, at)
            elif at not in seen:
                seen.add(at)
                pending.append(at)


def _missing(manifest: str, file: str) -> FleetError:
    return FleetError(
        path=manifest,
        verb="names",
        got=f"{file}, which isn't there",
        expected="a file of the folder",
        remedy="synthesise again, and name the whole folder",
    )


def _is_manifest(path: str) -> bool:
    return PurePosixPath(path).name == MANIFEST


def _in_asset(path: str) -> bool:
    """True for an asset of the CDK, which a template deploys and which is none."""
    return any(part.startswith("asset.") for part in PurePosixPath(path).parts)


def _beside(manifest: str, *parts: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(manifest), *parts))


def _read_one(
    path: str, file: Listed, found: FilesRead, reader: _Reader, name: str, parameters: Mapping[str, Any]
) -> None:
    if path in found.stacks:
        found.templates[path] = template_of_stack(reader.text(path, file), name=name, parameters=parameters)
        return
    why = Why.LINK if file.read is None else why_by_name(path)
    if why is not None:
        is_one = file.glimpse is not None and _is_template(file.glimpse(), path)
        found.passed_over.append(PassedOver(path=name, why=why, is_template=is_one, other=by_ending(path)))
        return
    try:
        text = reader.text(path, file)
    except TooLargeError:
        found.passed_over.append(PassedOver(path=name, why=Why.SIZE))
        return
    if not may_be_template(text):
        _pass_over(path, text, found, name)
        return
    try:
        content = parsed_content(text, name)
    except FleetError:
        if may_be_meant(text):
            raise
        found.passed_over.append(PassedOver(path=name, why=Why.UNPARSED, other=recognised(text, path)))
        return
    if is_template(content):
        found.templates[path] = Template(name=name, content=content, text=text, parameters=parameters)
    else:
        _pass_over(path, text, found, name)


def _pass_over(path: str, text: str, found: FilesRead, name: str) -> None:
    """Name a file of another tool; of what nothing is known nothing is said."""
    other = recognised(text, path)
    if other is not None:
        found.passed_over.append(PassedOver(path=name, why=Why.OTHER, other=other))


def why_by_name(path: str) -> Why | None:
    """Reason for which a file is passed over, by its name alone."""
    if _in_asset(path):
        return Why.ASSET
    return None if PurePosixPath(path).suffix in TEMPLATE_SUFFIXES else Why.ENDING


def _is_template(text: str, path: str) -> bool:
    """True if a file is a template although nothing about its name says so."""
    try:
        return bool(text) and is_template(parsed_content(text, path))
    except FleetError:
        return False


def passed_over_text(items: Sequence[PassedOver]) -> str:
    """`passed over: 3 files (2 with other endings, 1 in asset.* folders)`; nothing without any."""
    if not items:
        return ""
    counts = Counter(f"of {item.other.tool}" if item.other else item.why.value for item in items)
    order = [*Why, *(f"of {tool}" for tool in dict.fromkeys(other.tool for other in OTHER_FORMATS))]
    kinds = ", ".join(f"{counts[why]:,} {why}" for why in order if counts[why])
    return f"passed over: {len(items):,} file{'' if len(items) == 1 else 's'} ({kinds})"


def what_else(items: Sequence[PassedOver]) -> tuple[str, str]:
    """Files of other tools in a folder, for an error, and their remedy; empty without any."""
    others = [item.other for item in items if item.other]
    if not others:
        return "", ""
    counts = Counter(other.tool for other in others)
    kinds = ", ".join(f"{count:,} of {tool}" for tool, count in counts.items())
    remedies = list(dict.fromkeys(other.remedy for other in others))
    return f"files of other tools ({kinds})", remedies[0] if len(
        remedies
    ) == 1 else "name one alone: its error says more"
