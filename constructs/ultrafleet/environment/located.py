"""Places in a file of errors that a construct or a rule raises: it names pools and properties, and knows no file."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ultrafleet.environment.document import Document, FileFaultError, KeyPath, read_document
from ultrafleet.errors import FleetError

_WORD: Final = re.compile(r"[\w./:@+-]+")
_NAMES: Final = ("name", "capacity_reservation_id")
"""Keys by which errors name an entry of a list."""
_RENAMED: Final = {
    "CIDR": "cidr",
    "CIDRs": "cidr",
    "zone": "availability_zone",
    "client_keys": "clients",
    "recipe": "model",
}
"""Words of errors for keys of other names."""


def located(file: Path, error: FleetError) -> FleetError:
    """Return an error of what a file describes as one of the file, with the key, the line and the column.

    The place is that of the entry and the key that the error's path names; else the entry's, else the file.

    Args:
        file: the environment file.
        error: an error that a construct raised.
    """
    try:
        document = read_document(file)
    except FleetError:
        return error.within(str(file))
    path = _path(document, error)
    if not path:
        return FileFaultError.at(file, error)
    return document.fault(path, error)


def _path(document: Document, error: FleetError) -> KeyPath:
    """Path of the key that an error is about; empty where its text names none."""
    subject = _words(error.path or str(error).partition(", expected")[0])
    base: KeyPath = ()
    for word in subject:
        base = _entry(document.content, base, word) or base
    keys = [key for word in subject for part in word.split(".") if (key := _RENAMED.get(part, part))]
    for key in keys:
        found = _key(document.content, base, key)
        if found is not None and key not in _NAMES and document.node(found)[1] is not None:
            base = found
    if not base:  # no entry and no key: the value that is wrong
        for word in _words(error.got or ""):
            base = base or _entry(document.content, base, word)
    return base


def _words(text: str) -> list[str]:
    return [word.strip(".:") for word in _WORD.findall(text)]


def _at(content: Any, path: KeyPath) -> Any:  # noqa: ANN401 - YAML
    for part in path:
        content = content[part]
    return content


def _entry(content: Any, base: KeyPath, name: str) -> KeyPath:  # noqa: ANN401 - YAML
    """Path of the first entry of a list below a path that has a name; empty where there is none."""
    for path, value in _below(_at(content, base), base):
        if isinstance(value, dict) and path and isinstance(path[-1], int) and name in {value.get(key) for key in _NAMES
            if isinstance(value.get(key), str)}:  # fmt: skip
            return path
        if path[-2:-1] == ("racks",) and path[-1] == name:
            return path
    return ()


def _key(content: Any, base: KeyPath, key: str) -> KeyPath | None:  # noqa: ANN401 - YAML
    """Path of the nearest key of a name below a path."""
    found = [path for path, _ in _below(_at(content, base), base) if path[-1:] == (key,) and len(path) > len(base)]
    return min(found, key=len, default=None)


def _below(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:  # noqa: ANN401 - YAML
    yield path, value
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _below(child, (*path, key if isinstance(key, str) else str(key)))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _below(child, (*path, index))
