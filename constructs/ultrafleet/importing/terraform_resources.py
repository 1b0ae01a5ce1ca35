"""Resources of `terraform show -json`: of a plan or a state, through all modules, with what refers to what."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.errors import FleetError
from ultrafleet.importing.source import Document, Source

_MOST_DEPTH: Final = 100
_INDEX: Final = re.compile(r"\[[^\]]*\]$")
_INDEX_ANYWHERE: Final = re.compile(r"\[[^\]]*\]")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource or data source.

    Attributes:
        address: its address.
        type: its type.
        values: its known values.
        references: addresses that its configuration refers to, by argument; empty for a state.
    """

    address: str
    type: str
    values: Source
    references: Mapping[str, Sequence[str]]

    @property
    def module(self) -> str:
        """Address of its module; empty for the root."""
        return self.address[: self._start].rstrip(".")

    @property
    def index(self) -> str:
        """Index of `count` or `for_each`, in brackets; empty without one."""
        found = _INDEX.search(self.address)
        return found[0] if found else ""

    @property
    def local_name(self) -> str:
        """Type and name without the module and the index: `aws_subnet.private`."""
        return _INDEX.sub("", self.address[self._start :])

    @property
    def _start(self) -> int:
        return max(self.address.rfind(f"{self.type}."), 0)

    def block(self, *names: str) -> Source:
        """First block of a name, and of further names in it.

        Args:
            names: at least one.
        """
        found = self.values
        for name in names:
            found = first(found.get(name))
        return found


def first(source: Source) -> Source:
    """First element of a list, or the value itself.

    Args:
        source: the value.
    """
    if isinstance(source.value, list):
        items = source.items()
        return items[0] if items else Source(source.document, source.path, None)
    return source


class Resources:
    """Every resource of a plan or a state.

    Args:
        document: output of `terraform show -json`.
        file: name of the file.
    """

    def __init__(self, document: Document, file: str) -> None:
        self._document = document
        self._file = file
        content = document.value if isinstance(document.value, Mapping) else {}
        planned = _mapping(content.get("planned_values"))
        self.is_plan = bool(planned)
        """True for a plan."""
        self.configuration = _mapping(content.get("configuration"))
        """Configuration of a plan."""
        self.variables = _mapping(content.get("variables"))
        """Values of input variables of a plan."""
        expressions = dict(_expressions(_mapping(self.configuration.get("root_module")), ""))
        root = _mapping((planned or _mapping(content.get("values"))).get("root_module"))
        changes = [] if root else list(_changes(content))
        self.all = [self._resource(item, expressions) for item in (*_walk(root), *changes)]
        """Resources, in the order of the file."""
        prior = _mapping(_mapping(_mapping(content.get("prior_state")).get("values")).get("root_module"))
        here = {item.address for item in self.all}
        self.known_before = [
            found for found in (self._resource(item, {}) for item in _walk(prior)) if found.address not in here
        ]
        """Data sources and resources that the state of a plan has."""

    def of(self, *types: str) -> list[Resource]:
        """Resources of some types.

        Args:
            types: types.
        """
        return [item for item in self.all if item.type in types]

    def read_of(self, *types: str) -> list[Resource]:
        """Resources of some types, those of the plan's state among them.

        Args:
            types: types.
        """
        return [item for item in (*self.all, *self.known_before) if item.type in types]

    def referred(self, resource: Resource, argument: str, candidates: Sequence[Resource]) -> list[Resource]:
        """Candidates that an argument refers to in the configuration; with an index of its own, the one of that index.

        Args:
            resource: the resource that refers.
            argument: its argument.
            candidates: resources that it may refer to.
        """
        stated = [reference for name, items in resource.references.items() if name == argument for reference in items]
        here = [item for item in candidates if item.module == resource.module]
        exact = [
            item
            for item in here
            for reference in stated
            if item.index and f"{reference}.".startswith(f"{item.local_name}{item.index}.")
        ]
        found = exact or [item for item in here for reference in stated if _plain(reference) == item.local_name]
        same = [item for item in found if item.index and item.index == resource.index]
        return list({item.address: item for item in (same or found)}.values())

    def _resource(self, item: Mapping[str, Any], expressions: Mapping[str, Mapping[str, Any]]) -> Resource:
        address, kind = str(item.get("address", "")), str(item.get("type", ""))
        document = Document(f"{self._file}: {address}", _mapping(item.get("values")))
        document.faults = self._document.faults
        plain = _INDEX_ANYWHERE.sub("", address)
        references = {name: list(_references(value)) for name, value in expressions.get(plain, {}).items()}
        return Resource(address=address, type=kind, values=document.root, references=references)


def _plain(reference: str) -> str:
    """Type and name of a reference, without index and attribute."""
    return ".".join(_INDEX_ANYWHERE.sub("", reference).split(".")[:2])


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _changes(content: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Resources of a plan that was cut to its changes, as policy tools keep it."""
    for item in _list(content.get("resource_changes")):
        after = _mapping(_mapping(_mapping(item).get("change")).get("after"))
        if after:
            yield {**_mapping(item), "values": after}


def _walk(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    waiting = [(module, 0)]
    while waiting:
        current, depth = waiting.pop(0)
        if depth > _MOST_DEPTH:
            raise FleetError(
                path="child_modules", verb="are", got="nested too deeply", expected=f"at most {_MOST_DEPTH} levels"
            )
        for item in _list(current.get("resources")):
            yield _mapping(item)
        waiting.extend((_mapping(child), depth + 1) for child in _list(current.get("child_modules")))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _expressions(module: Mapping[str, Any], prefix: str, depth: int = 0) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for item in _list(module.get("resources")):
        yield f"{prefix}{_mapping(item).get('address', '')}", _mapping(_mapping(item).get("expressions"))
    if depth > _MOST_DEPTH:
        return
    for name, call in _mapping(module.get("module_calls")).items():
        yield from _expressions(_mapping(_mapping(call).get("module")), f"{prefix}module.{name}.", depth + 1)


def _references(value: object, depth: int = 0) -> Iterator[str]:
    if depth > _MOST_DEPTH:
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "references":
                yield from (text for text in _list(item) if isinstance(text, str))
            else:
                yield from _references(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item, depth + 1)
