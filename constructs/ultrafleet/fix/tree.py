"""Places of the values of a template in its text: a tree over JSON, or over YAML with short intrinsics."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from json.decoder import scanstring  # type: ignore[attr-defined]  # it is public, and typeshed lacks it
from typing import Any, Final

import yaml

from ultrafleet.errors import FleetError

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PROPERTIES: Final = re.compile(r"(?:[!&][^\s,\[\]{}]*[ \t\r\n]*)*")
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_ATOM: Final = re.compile(r"[^\s,\]}]+")
_WITHOUT_PREFIX: Final = ("Ref", "Condition")


class CannotEditError(FleetError):
    """A text that can't be edited at some place without changing more than is meant.

    Args:
        got: why not, as part of a sentence.
    """

    def __init__(self, got: str) -> None:
        super().__init__(path="it", verb="has", got=got, expected="values that are written where they are used")


@dataclass(eq=False)
class Node:
    """A value in a text.

    Attributes:
        start: offset of its first character, tags and anchors included.
        end: offset after its last character.
        flow: whether it is in braces or brackets, or a scalar.
        entries: keys and values of a mapping.
        items: members of a list.
        is_map: whether it is a mapping.
        is_list: whether it is a list.
        style: quotes or the sign of a block scalar; "" for a plain one.
        function: long name of its short intrinsic, such as `Fn::Sub`; "" without.
        name: its text, of a key.
        shared: whether an alias repeats it.
    """

    start: int
    end: int
    flow: bool = True
    entries: list[tuple["Node", "Node"]] = field(default_factory=list)
    items: list["Node"] = field(default_factory=list)
    is_map: bool = False
    is_list: bool = False
    style: str = ""
    function: str = ""
    name: str = ""
    shared: bool = False

    def entry(self, key: str | int) -> tuple["Node | None", "Node"] | None:
        """Key and value, or None and the member of a list; None where there is none.

        A short intrinsic is a mapping of its long name.
        """
        if self.function:
            return (None, replace(self, function="")) if key == self.function else None
        if isinstance(key, int):
            return (None, self.items[key]) if self.is_list and key < len(self.items) else None
        return next((pair for pair in self.entries if pair[0].name == key), None)


def tree_of(text: str) -> tuple[Node, bool]:
    """Tree of a template's text, and whether it is JSON.

    Raises:
        CannotEditError: its places aren't known.
    """
    if text.lstrip().startswith(("{", "[")):
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            return _Json(text).value(_space(text, 0))[0], True
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        raise CannotEditError("YAML whose places aren't known") from error
    finally:
        loader.dispose()
    if node is None:
        raise CannotEditError("no document")
    seen: set[int] = set()
    repeated: set[int] = set()
    _count(node, seen, repeated)
    return _from_yaml(node, text, repeated, shared=False), False


def _count(node: yaml.Node, seen: set[int], repeated: set[int]) -> None:
    """Nodes that an alias repeats."""
    if id(node) in seen:
        repeated.add(id(node))
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            for inner in pair:
                _count(inner, seen, repeated)
    elif isinstance(node, yaml.SequenceNode):
        for inner in node.value:
            _count(inner, seen, repeated)


def _from_yaml(node: Any, text: str, repeated: set[int], *, shared: bool) -> Node:  # noqa: ANN401 - PyYAML
    shared = shared or id(node) in repeated
    start, end = node.start_mark.index, node.end_mark.index
    made = Node(start, end, shared=shared)
    if node.tag.startswith("!") and node.tag != "!":
        suffix = node.tag[1:]
        made.function = suffix if suffix in _WITHOUT_PREFIX else f"Fn::{suffix}"
    if shared and id(node) in repeated:
        return made  # nothing in it is edited
    if isinstance(node, yaml.ScalarNode):
        made.name, made.style = str(node.value), node.style or ""
        if made.style in ("|", ">"):
            made.end = start + len(text[start:end].rstrip())
        return made
    made.flow = bool(node.flow_style)
    if isinstance(node, yaml.MappingNode):
        made.is_map = True
        for key, value in node.value:
            pair = (_from_yaml(key, text, repeated, shared=shared), _from_yaml(value, text, repeated, shared=shared))
            made.entries.append(pair)
        last = made.entries[-1][1] if made.entries else None
    else:
        made.is_list = True
        made.items = [_from_yaml(item, text, repeated, shared=shared) for item in node.value]
        last = made.items[-1] if made.items else None
    if not made.flow and last is not None:
        # A repeated value is written elsewhere: the end that the parser gives is behind it.
        made.end = start + len(text[start:end].rstrip()) if last.shared else last.end
    return made


def inner_start(text: str, node: Node) -> int:
    """Offset of a value behind its tag and anchor."""
    match = _PROPERTIES.match(text, node.start, node.end)
    return match.end() if match is not None else node.start


def walked(root: Node, path: tuple[str | int, ...]) -> Iterator[tuple[Node | None, Node]]:
    """Keys and values on the way of a path, as far as it goes, the root first.

    Raises:
        CannotEditError: an alias repeats what is on the way.
    """
    yield None, root
    node = root
    for part in path:
        found = node.entry(part)
        if found is None:
            return
        key, node = found
        if node.shared:
            raise CannotEditError("an alias there, which repeats or is repeated elsewhere")
        yield key, node


def _space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match is not None else at


class _Json:
    """Reader of JSON that is known to be right and not too deep."""

    def __init__(self, text: str) -> None:
        self._text = text

    def value(self, at: int) -> tuple[Node, int]:
        text = self._text
        first = text[at]
        if first == '"':
            value, end = scanstring(text, at + 1, True)
            return Node(at, end, style='"', name=value), end
        if first not in "{[":
            match = _ATOM.match(text, at)
            end = match.end() if match is not None else at + 1
            return Node(at, end, name=text[at:end]), end
        made = Node(at, at, is_map=first == "{", is_list=first == "[")
        here = _space(text, at + 1)
        while text[here] not in "}]":
            if made.is_map:
                key, here = self.value(here)
                here = _space(text, _space(text, here) + 1)
                value, here = self.value(here)
                made.entries.append((key, value))
            else:
                value, here = self.value(here)
                made.items.append(value)
            here = _space(text, here)
            if text[here] == ",":
                here = _space(text, here + 1)
        made.end = here + 1
        return made, made.end
