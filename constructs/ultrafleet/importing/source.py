"""File of another tool as a tree of values that knows what was read of it, and where each value is."""

import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import yaml

from ultrafleet.errors import FleetError
from ultrafleet.plain_text import visible

_PLACEHOLDER: Final = re.compile(
    r"\$\{[^}]*\}|\$[A-Za-z_]\w*|\{\{.*?\}\}|<[A-Za-z_][\w .-]*>|PLACEHOLDER_\w+|(?:cr|vpc|subnet|sg|ami)-x{4,}\w*",
    re.DOTALL,
)
_LONGEST_SHOWN: Final = 60
_MOST_KEYS_SHOWN: Final = 6
_DIGITS: Final = re.compile(r"[+-]?\d{1,18}")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


class Document:
    """One document of a file: its values, the lines that they are on, and its faults.

    Args:
        name: name of the file, as its reader knows it.
        value: the document.
        node: nodes of the document's YAML, for the lines. Default: none, as of JSON.
        number: number of the document in a file that has several. Default: None, the only one.
    """

    def __init__(self, name: str, value: object, node: yaml.Node | None = None, *, number: int | None = None) -> None:
        self.name = name
        self.value = value
        self.number = number
        self.faults: list[FleetError] = []
        self._node = node

    @property
    def root(self) -> "Source":
        """The whole document as a value."""
        return Source(self, (), self.value)

    def line(self, path: Sequence[str | int]) -> int | None:
        """Line of a value, counted from 1; None where it isn't known.

        Args:
            path: keys and positions that lead to it.
        """
        node, line = self._node, None
        for step in path:
            if isinstance(node, yaml.MappingNode):
                found = next((pair for pair in reversed(node.value) if pair[0].value == str(step)), None)
                if found is None:
                    return line
                line, node = found[0].start_mark.line + 1, found[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                line = node.start_mark.line + 1
            else:
                return line
        return line


class Source:
    """One value of a document. What is never read of it can be listed afterwards.

    Args:
        document: the document that it is in.
        path: keys and positions that lead to it.
        value: the value; None where the document hasn't any.
    """

    def __init__(self, document: Document, path: tuple[str | int, ...], value: object) -> None:
        self.document = document
        self.path = path
        self.value = value
        self._children: dict[str | int, Source] = {}
        self._read = False

    def __bool__(self) -> bool:
        """True if the document has the value, and it is neither empty nor null."""
        return self.value is not None and (bool(self.value) or not isinstance(self.value, list | Mapping))

    @property
    def key(self) -> str:
        """Last key of the path."""
        return str(self.path[-1]) if self.path else ""

    @property
    def spelled_path(self) -> str:
        """The path as text: `managedNodeGroups[1].maxSize`."""
        text = ""
        for step in self.path:
            text += f"[{step}]" if isinstance(step, int) else f".{visible(str(step))}" if text else visible(str(step))
        return text

    @property
    def place(self) -> str:
        """File, line where it is known, and path."""
        line = self.document.line(self.path)
        where = visible(self.document.name) + (f":{line}" if line else "")
        return f"{where}: {self.spelled_path}" if self.path else where

    @property
    def shown(self) -> str:
        """The value, shortened, on one line."""
        if isinstance(self.value, str):
            return visible(_cut(self.value)) or "''"
        if isinstance(self.value, bool):
            return str(self.value).lower()
        if isinstance(self.value, Mapping):
            keys = [_cut(str(key)) for key in list(self.value)[:_MOST_KEYS_SHOWN]]
            more = ["…"] if len(self.value) > _MOST_KEYS_SHOWN else []
            return visible(f"{{{', '.join([*keys, *more])}}}")
        return visible(_cut(reprlib.repr(self.value)))

    def get(self, *keys: str) -> "Source":
        """Value under a key, and under further keys in it; one without a value where there is none.

        Args:
            keys: at least one.
        """
        found = self
        for key in keys:
            found = found._child(key)
        return found

    def _child(self, key: str | int) -> "Source":
        if key not in self._children:
            value = self.value.get(key) if isinstance(self.value, Mapping) else None
            self._children[key] = Source(self.document, (*self.path, key), value)
        return self._children[key]

    def items(self) -> list["Source"]:
        """Elements of a list; a fault where it is none."""
        if self.value is None:
            return []
        if not isinstance(self.value, list):
            self.fault("a list")
            return []
        for position, value in enumerate(self.value):
            self._children.setdefault(position, Source(self.document, (*self.path, position), value))
        return [self._children[position] for position in range(len(self.value))]

    def entries(self) -> list["Source"]:
        """Values of a mapping, in its order; a fault where it is none."""
        if self.value is None:
            return []
        if not isinstance(self.value, Mapping):
            self.fault("a mapping")
            return []
        return [self._child(key) for key in self.value]

    def text(self) -> str | None:
        """Text, also of a number or a truth value; a fault where it is none, or a variable that isn't filled in."""
        self._read = True
        if self.value is None:
            return None
        if isinstance(self.value, bool):
            return str(self.value).lower()
        if not isinstance(self.value, str | int | float):
            self.fault("text")
            return None
        text = str(self.value)
        if self._is_filled_in(text):
            return text
        return None

    def loose_text(self) -> str | None:
        """Text of a value that can be done without: None, and no fault, where it is none or isn't filled in."""
        self._read = True
        if isinstance(self.value, bool) or not isinstance(self.value, str | int | float):
            return None
        text = str(self.value)
        return text if _PLACEHOLDER.search(text) is None else None

    @property
    def is_unfilled(self) -> bool:
        """True for a text with a variable that isn't filled in."""
        return isinstance(self.value, str) and _PLACEHOLDER.search(self.value) is not None

    def number(self) -> int | None:
        """Whole number, also in quotes; a fault where it is none."""
        self._read = True
        if self.value is None:
            return None
        if isinstance(self.value, int) and not isinstance(self.value, bool) and abs(self.value) < 10**18:
            return self.value
        if isinstance(self.value, str):
            if not self._is_filled_in(self.value):
                return None
            if _DIGITS.fullmatch(self.value.strip()):
                return int(self.value)
        if isinstance(self.value, float) and self.value.is_integer() and abs(self.value) < 10**18:
            return int(self.value)
        self.fault("a whole number")
        return None

    def flag(self) -> bool | None:
        """Truth value; a fault where it is none."""
        self._read = True
        if self.value is None or isinstance(self.value, bool):
            return self.value
        if isinstance(self.value, str):
            if not self._is_filled_in(self.value):
                return None
            if self.value.lower() in {"true", "false"}:
                return self.value.lower() == "true"
        self.fault("true or false")
        return None

    def texts(self) -> list[str]:
        """Texts of a list, or a single text as a list of one."""
        if isinstance(self.value, str):
            text = self.text()
            return [] if text is None else [text]
        return [text for text in (item.text() for item in self.items()) if text is not None]

    def read(self) -> "Source":
        """Mark it as read, with all that it holds."""
        self._read = True
        return self

    def fault(self, expected: str, remedy: str | None = None) -> None:
        """Add a fault of this value to the document's.

        Args:
            expected: values that it can have.
            remedy: change that resolves it. Default: none; the expected value suffices.
        """
        self._read = True
        self.document.faults.append(FleetError(path=self.place, got=self.shown, expected=expected, remedy=remedy))

    def unread(self) -> Iterator["Source"]:
        """Values that were not read, the uppermost of each branch."""
        if self._read:
            return
        if self.path and not self._children and self.value is not None:
            yield self
        elif isinstance(self.value, Mapping):
            for key in self.value:
                if key in self._children:
                    yield from self._children[key].unread()
                else:
                    yield Source(self.document, (*self.path, key), self.value[key])
        elif isinstance(self.value, list) and self._children:
            for item in self.items():
                yield from item.unread()
        elif self.value is not None:
            yield self

    def _is_filled_in(self, text: str) -> bool:
        found = _PLACEHOLDER.search(text)
        if found is None:
            return True
        self.document.faults.append(
            FleetError(
                path=self.place,
                got=f"{visible(text[:80])}, which is not filled in",
                expected="a value",
                remedy=f"replace {visible(found[0][:60])} in the file"
                + (
                    ", or pass it through envsubst: envsubst < FILE | ultrafleet import -" if found[0][0] == "$" else ""
                ),
            )
        )
        return False
