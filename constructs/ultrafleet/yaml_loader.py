"""YAML loader: PyYAML's safe one, which refuses duplicate keys, and another that reads CloudFormation's short forms.

Both read files of others by `load_yaml`, which counts what aliases and merge keys amount to before anything is made.
"""

import math
from collections.abc import Hashable
from typing import Any, Final

import yaml

_MERGE: Final = "tag:yaml.org,2002:merge"
_TEXT: Final = "tag:yaml.org,2002:str"

_MOST_DEPTH: Final = 100
_MOST_NODES: Final = 1_000_000
_MOST_REPEATED: Final = 200_000
_MOST_REPEATED_CHARACTERS: Final = 4_000_000
_LONGEST_NUMBER: Final = 40
"""Ours, each: CloudFormation takes a megabyte, in which there is room for far less."""

# libyaml where it is installed: as a parser it is ten times as fast.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class UniqueKeyLoader(_Base):  # type: ignore[misc]  # one of two
    """Safe loader that refuses a duplicate key, naming its line, where PyYAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Construct a mapping whose keys are all different; one that `<<` merges may be stated again.

        Raises:
            ConstructorError: a key is there twice.
        """
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                break  # an error of its own, below
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"duplicate key {key!r}: remove one", key_node.start_mark
                )
            seen.add(key)
        found: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return found


class TemplateLoader(UniqueKeyLoader):
    """Loader of CloudFormation templates: short intrinsics in their long form, keys as text, and no timestamps.

    CloudFormation reads a date as text (CloudFormation user guide, template formats, high).
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Construct a mapping whose keys are text, as they are written: an account's id is one of `Mappings`."""
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode) and key_node.tag != _MERGE:
                key_node.tag = _TEXT
        return super().construct_mapping(node, deep=deep)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Take in what `<<` merges, whose keys are text, too."""
        super().flatten_mapping(node)
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode):
                key_node.tag = _TEXT


_WITHOUT_PREFIX: Final = frozenset({"Ref", "Condition"})


def _intrinsic(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:  # noqa: ANN401 - one of two loaders
    """`!GetAtt A.B` as `{"Fn::GetAtt": ["A", "B"]}`."""
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = str(value).split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in _WITHOUT_PREFIX else f"Fn::{suffix}": value}


def _number(loader: Any, node: yaml.ScalarNode) -> Any:  # noqa: ANN401 - one of two loaders
    """A number; text where it is longer than any that is meant, or none."""
    if len(node.value) > _LONGEST_NUMBER:
        return node.value
    kind = node.tag.rpartition(":")[2]
    try:
        value = loader.construct_yaml_int(node) if kind == "int" else loader.construct_yaml_float(node)
    except ValueError:  # such as 0x_
        return node.value
    return value if math.isfinite(value) or not isinstance(loader, TemplateLoader) else node.value


def _written(loader: Any, node: yaml.Node) -> str:  # noqa: ANN401 - one of two loaders
    """A scalar as it is written, whatever YAML takes it for."""
    return str(loader.construct_scalar(node))


for _kind in ("int", "float"):
    UniqueKeyLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _number)
for _kind in ("binary", "timestamp"):
    TemplateLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _written)
for _kind in ("set", "omap", "pairs"):
    TemplateLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", yaml.constructor.SafeConstructor.construct_undefined)
TemplateLoader.add_multi_constructor("!", _intrinsic)
TemplateLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_yaml(text: str, loader: type[UniqueKeyLoader] = TemplateLoader) -> Any:  # noqa: ANN401 - YAML
    """Data of one YAML document.

    Args:
        text: the document.
        loader: what reads it. Default: that of CloudFormation templates.

    Raises:
        ValueError: it is no YAML, is nested more than a hundred levels, or its aliases amount to too much.
    """
    try:
        refuse_unbounded(text)
        return yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def load_yaml_documents(text: str, loader: type[UniqueKeyLoader] = UniqueKeyLoader) -> list[tuple[Any, yaml.Node]]:
    """Data and nodes of each document; the nodes know the lines.

    Args:
        text: the documents.
        loader: what reads them. Default: the one that refuses duplicate keys.

    Raises:
        ValueError: it is no YAML, is nested more than a hundred levels, or its aliases amount to too much.
    """
    try:
        refuse_unbounded(text)
        reader: Any = loader(text)
        found = []
        try:
            while reader.check_node():
                node = reader.get_node()
                found.append((reader.construct_document(node), node))
        finally:
            reader.dispose()
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return found


class _Measure:
    """Sizes of a document so far: nodes and characters, with aliases written out, and without."""

    def __init__(self) -> None:
        self._anchors: dict[str, tuple[int, int]] = {}
        self._open: list[tuple[str | None, int, int]] = []
        self._nodes = self._characters = 0
        self._plain_nodes = self._plain_characters = 0

    def alias(self, event: yaml.AliasEvent) -> None:
        """Count the nodes that an alias, or a merge key by it, repeats."""
        if event.anchor not in self._anchors:
            raise ValueError(f"alias *{event.anchor} has no anchor before it, or refers to itself")
        nodes, characters = self._anchors[event.anchor]
        self._nodes += nodes
        self._characters += characters
        if (
            self._nodes - self._plain_nodes > _MOST_REPEATED
            or self._characters - self._plain_characters > _MOST_REPEATED_CHARACTERS
        ):
            raise ValueError("its aliases and merge keys make it too large")

    def scalar(self, event: yaml.ScalarEvent) -> None:
        """Count a scalar."""
        length = len(event.value)
        self._add(1, length)
        if event.anchor is not None:
            self._anchors[event.anchor] = (1, length)

    def start(self, event: yaml.CollectionStartEvent) -> None:
        """Open a collection."""
        self._open.append((event.anchor, self._nodes, self._characters))
        self._add(1, 0)
        if len(self._open) > _MOST_DEPTH:
            raise ValueError("it is nested too deeply")
        if event.anchor is not None:
            self._anchors.pop(event.anchor, None)  # an alias inside of it refers to itself

    def end(self) -> None:
        """Close the last collection."""
        anchor, nodes, characters = self._open.pop()
        if anchor is not None:
            self._anchors[anchor] = (self._nodes - nodes, self._characters - characters)

    def _add(self, nodes: int, characters: int) -> None:
        self._nodes += nodes
        self._characters += characters
        self._plain_nodes += nodes
        self._plain_characters += characters
        if self._plain_nodes > _MOST_NODES:
            raise ValueError(f"it has more than {_MOST_NODES:,} values")


def refuse_unbounded(text: str) -> None:
    """Refuse what would take time or memory without bound, from the events of the parser, which keeps nothing.

    Args:
        text: a YAML document.

    Raises:
        ValueError: it is nested more than a hundred levels, or its aliases amount to too much.
        YAMLError: it is no YAML.
    """
    measure = _Measure()
    for event in yaml.parse(text, Loader=_Base):
        if isinstance(event, yaml.AliasEvent):
            measure.alias(event)
        elif isinstance(event, yaml.ScalarEvent):
            measure.scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            measure.start(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            measure.end()
