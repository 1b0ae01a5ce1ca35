"""YAML file of a person, read within bounds: its content, and the line and column of each key."""

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import yaml

from ultrafleet.bounded_file import read_bounded
from ultrafleet.errors import FleetError
from ultrafleet.yaml_loader import UniqueKeyLoader, refuse_unbounded

KeyPath = tuple[int | str, ...]
"""Keys and positions in lists from the top of a file: `("pools", 0, "name")`."""

_MOST_BYTES: Final = 4 << 20
_MERGE: Final = "tag:yaml.org,2002:merge"
_STRING: Final = "tag:yaml.org,2002:str"
_ALIAS: Final = re.compile(r"alias (\*\S+)")
_IT: Final = "it"
_YAML: Final = {"True": "true", "False": "false", "None": "null"}
_FILE_KIND: Final = "an environment file"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Line and column of a file, both from 1."""

    line: int
    column: int


class FileFaultError(FleetError):
    """A fault of a file's content: the parts of its sentence, with the file, the key, the line and the column.

    Args:
        message: the whole text. Default: composed of the parts.
        file: the file. Default: not stated.
        key: path of the key in it, `pools[0].blocks[1].end`; empty for the whole file.
        place: line and column. Default: none, where the file has no such text.
        parts: as of `FleetError`.
    """

    def __init__(
        self,
        message: str | None = None,
        *,
        file: Path | None = None,
        key: str = "",
        place: Place | None = None,
        **parts: Any,  # noqa: ANN401 - those of FleetError
    ) -> None:
        super().__init__(message, **parts)
        self.file = file
        """The file."""
        self.key = key
        """Path of the key in the file; empty for the whole file."""
        self.place = place
        """Line and column; None where the file has no such text."""

    @classmethod
    def at(cls, file: Path, error: FleetError, *, key: str = "", place: Place | None = None) -> Self:
        """Return an error of a value as one of its file.

        Args:
            file: the file.
            error: the error; its text follows the place and the key.
            key: path of the key. Default: the whole file.
            place: line and column. Default: none.
        """
        where = f"{file}:{place.line}:{place.column}" if place else f"{file}"
        last = re.findall(r"\w+", key)[-1:]
        sentence = in_yaml_words(str(error))
        own = error.path
        if own == _IT or (key and [own] == last):  # the key, or the file, is the subject
            own, sentence = None, sentence.removeprefix(f"{own} ")
        return cls(
            f"{where}: {key}: {sentence}" if key else f"{where}: {sentence}",
            file=file,
            key=key,
            place=place,
            path=f"{file}: {_joined(key, own)}" if key or own else f"{file}",
            got=error.got,
            expected=None if error.expected is None else in_yaml_words(error.expected),
            remedy=None if error.remedy is None else in_yaml_words(error.remedy),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the message and its parts, with file, line, column and key."""
        return {
            **super().as_json(),
            "file": None if self.file is None else str(self.file),
            "line": self.place.line if self.place else None,
            "column": self.place.column if self.place else None,
            "key": self.key,
        }


def in_yaml_words(text: str) -> str:
    """Text of an error in the words of a file: what a construct is passed is written there.

    Args:
        text: of an error, perhaps of a construct.
    """
    text = re.sub(r"\b(\w+)=(True|False|None)\b", lambda found: f"{found[1]}: {_YAML[found[2]]}", text)
    text = re.sub(r"\b(\w+)=(\[)", r"\1: \2", text)
    return re.sub(r"(?<![-`\w])pass (?!through)", "write ", text)


def _joined(key: str, path: str | None) -> str:
    return ": ".join(part for part in (key, path) if part)


class _FileLoader(UniqueKeyLoader):
    """Loader that takes keys as text, and dates that are none; repeated keys are the document's, which names all."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Construct a mapping, whose keys are text as they are written; of a repeated key the last counts."""
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                key.tag = _STRING
        found: dict[Hashable, Any] = super(UniqueKeyLoader, self).construct_mapping(node, deep=deep)
        return found


def _moment(loader: Any, node: yaml.ScalarNode) -> Any:  # noqa: ANN401 - one of two loaders
    try:
        return loader.construct_yaml_timestamp(node)
    except (ValueError, OverflowError):  # the thirteenth month
        return node.value


_FileLoader.add_constructor("tag:yaml.org,2002:timestamp", _moment)


@dataclass(kw_only=True)
class Document:
    """A file as YAML.

    Attributes:
        file: its path.
        content: its data.
        root: its parsed nodes; None of an empty file.
        faults: what is wrong with it as YAML, though it can be read: repeated keys.
    """

    file: Path
    content: Any
    root: yaml.Node | None
    faults: list[FileFaultError] = field(default_factory=list)

    def node(self, path: KeyPath) -> tuple[yaml.Node | None, yaml.Node | None]:
        """Nodes of a key and of its value; of an entry of a list the first is None, and both if there is no such."""
        key, value = None, self.root
        for part in path:
            key, value = next(reversed(list(_children(value, part))), (None, None))
            if value is None:
                return None, None
        return key, value

    def place(self, path: KeyPath, *, of_key: bool = False) -> Place | None:
        """Line and column of a value, or of what holds it where the file doesn't have it.

        Args:
            path: path of its key.
            of_key: the place of the key itself. Default: that of a plain value, and the key of a list or a mapping.
        """
        for length in range(len(path), -1, -1):
            key, value = self.node(path[:length])
            if value is None:
                continue
            is_plain = isinstance(value, yaml.ScalarNode)
            found = key if key is not None and (of_key or not is_plain or length < len(path)) else value
            mark = found.start_mark
            return Place(line=mark.line + 1, column=mark.column + 1)
        return None

    def written(self, path: KeyPath) -> str | None:
        """A plain value as it is written, without quotes; None of a list, of a mapping and of what isn't there."""
        _, value = self.node(path)
        return value.value if isinstance(value, yaml.ScalarNode) else None

    def fault(
        self, path: KeyPath, error: FleetError, *, of_key: bool = False, shown: KeyPath | None = None
    ) -> FileFaultError:
        """Return an error of the value at a path with its place.

        Args:
            path: path of its key.
            error: the error.
            of_key: as of `place`.
            shown: path that is shown instead. Default: the same.
        """
        key = spelled(path if shown is None else shown)
        return FileFaultError.at(self.file, error, key=key, place=self.place(path, of_key=of_key))


def spelled(path: KeyPath) -> str:
    """Path of a key as people write it: `pools[0].name`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _children(node: yaml.Node | None, part: int | str) -> Iterator[tuple[yaml.Node | None, yaml.Node]]:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        yield None, node.value[part]
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == str(part):
                yield key, value


def read_document(
    file: Path, *, text: str | None = None, kind: str = _FILE_KIND, holds: str = "account, region, …"
) -> Document:
    """Read a YAML file whose top is a mapping.

    Args:
        file: the file.
        text: a text in the place of what the file holds. Default: it is read.
        kind: its kind, for errors. Default: an environment file.
        holds: keys at its top, for errors.

    Raises:
        FileFaultError: it can't be read, is no YAML, nested or repeated without bound, or its top is no mapping.
    """
    text = _text(file, kind) if text is None else text
    try:
        refuse_unbounded(text)
        loader = _FileLoader(text)
        try:
            root = loader.get_single_node()
            faults = list(_repeated(file, root))
            content = None if root is None else loader.construct_document(root)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise _no_yaml(file, text, error) from error
    except (ValueError, RecursionError, OverflowError) as error:
        message = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
        raise _unbounded(file, text, message) from error
    document = Document(file=file, content=content, root=root, faults=faults)
    if content is None:
        empty = FleetError(path=_IT, got="empty", expected=f"a mapping with {holds}", remedy="write KEY: VALUE")
        raise FileFaultError.at(file, empty, place=Place(line=1, column=1))
    if not isinstance(content, dict):
        got = "a list" if isinstance(content, list) else "a single value"
        raise document.fault(
            (),
            FleetError(path=_IT, got=got, expected=f"a mapping with {holds}", remedy="write KEY: VALUE at the top"),
        )
    return document


def _text(file: Path, kind: str) -> str:
    unreadable: dict[str, Any] = {"path": _IT, "expected": kind}
    try:
        if file.is_dir():
            raise _whole(file, FleetError(got="a folder", remedy="name a file in it", **unreadable))
        if file.is_symlink() and not file.exists():
            raise _whole(
                file, FleetError(got="a link to a file that isn't there", remedy="remove the link", **unreadable)
            )
        # What isn't UTF-8 is replaced there, and looked for here: both in one would name no line.
        text = read_bounded(file, _MOST_BYTES)
        content = file.read_bytes() if "\ufffd" in text else b""
    except OSError as error:
        raise _whole(
            file, FleetError(verb="can't be", got=f"read ({error.strerror})", remedy="check its path", **unreadable)
        ) from error
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", errors="replace")
        raise FileFaultError.at(
            file,
            FleetError(got=f"not in UTF-8 (byte {content[error.start]:#04x})", remedy="save it as UTF-8", **unreadable),
            place=_place_after(before),
        ) from error
    return text


def _whole(file: Path, error: FleetError) -> FileFaultError:
    return FileFaultError.at(file, error, place=Place(line=1, column=1))


def _place_after(text: str) -> Place:
    lines = text.split("\n")
    return Place(line=len(lines), column=len(lines[-1]) + 1)


def _no_yaml(file: Path, text: str, error: yaml.YAMLError) -> FileFaultError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = Place(line=mark.line + 1, column=mark.column + 1) if mark else None
    if place is None and (position := getattr(error, "position", None)) is not None:
        place = _place_after(text[:position])
    problem = " ".join(str(getattr(error, "problem", None) or getattr(error, "reason", None) or error).split())
    got, expected, remedy = f"no valid YAML: {problem}", "valid YAML", "correct the line, or the one before it"
    if "determine a constructor for the tag" in problem:
        tag = problem.rpartition("tag ")[2].strip("'").replace("tag:yaml.org,2002:", "!!")
        got, expected, remedy = f"tagged {tag}", "a plain value, a list or a mapping", "take the tag out"
    elif "expected a single document" in str(error):
        got, expected, remedy = "two documents", "one", "take out the line --- and what follows, or move it to a file"
    elif place is not None and _character(text, place) == "\t":
        got, expected, remedy = "a tab", "spaces, with which YAML is indented", "replace the tab"
    elif "found undefined alias" in str(error) or "undefined alias" in problem:
        got, remedy = problem, "define it before, with &NAME"
    return FileFaultError.at(file, FleetError(path="the line", got=got, expected=expected, remedy=remedy), place=place)


def _character(text: str, place: Place) -> str:
    lines = text.split("\n")
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    return line[place.column - 1 : place.column]


def _unbounded(file: Path, text: str, message: str) -> FileFaultError:
    """Fault of a file that is nested too deeply, too large with its aliases, or has one that names nothing."""
    alias = _ALIAS.search(message)
    if alias is None:
        error = FleetError(
            path=_IT,
            verb="can't be",
            got=f"read: {message}",
            expected="a file of a usual size and depth",
            remedy="write it out in fewer levels and aliases",
        )
        return FileFaultError.at(file, error, place=Place(line=1, column=1))
    error = FleetError(
        path=alias[1],
        verb="names",
        got="no anchor before it",
        expected="one outside of itself",
        remedy=f"write &{alias[1][1:]} before the value that is meant, or take the alias out",
    )
    begin = text.find(alias[1])
    return FileFaultError.at(file, error, place=_place_after(text[: max(begin, 0)]))


def _repeated(file: Path, node: yaml.Node | None, path: KeyPath = (), depth: int = 0) -> Iterator[FileFaultError]:
    """Repeated keys, each with the line of the second."""
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _repeated(file, item, (*path, index), depth + 1)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: dict[str, int] = {}
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else None
        if key.tag == _MERGE:
            continue  # what it merges may be stated again
        if name is not None and name in seen:
            mark = key.start_mark
            error = FleetError(
                path="the key", got=f"the duplicate of another, {name!r}", expected=f"it once, as in line {seen[name]}",
                remedy="remove one",
            )  # fmt: skip
            yield FileFaultError.at(
                file, error, key=spelled((*path, name)), place=Place(line=mark.line + 1, column=mark.column + 1)
            )
        if name is not None:
            seen.setdefault(name, key.start_mark.line + 1)
            yield from _repeated(file, value, (*path, name), depth + 1)


def near(text: str, known: Sequence[str], *, cutoff: float = 0.7) -> str | None:
    """Known name that is nearest to a misspelt one, or None.

    Args:
        text: as it is written.
        known: names that would be right.
        cutoff: similarity from which one is near, 0 to 1. Default: 0.7.
    """
    import difflib  # noqa: PLC0415 - for errors alone

    by_lower = {name.lower(): name for name in known}
    for form in (text.lower().replace("-", "_"), text.lower()):
        found = difflib.get_close_matches(form, [*by_lower], n=1, cutoff=cutoff)
        if found:
            return by_lower[found[0]]
    return None
