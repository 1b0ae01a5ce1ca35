"""Effects of updates: what happens to a resource, and to the nodes on it, when one of its properties changes.

For each resource type the table has every property of its schema, from two files. `data/update_effects.json` is written
by hand: judgements, each with its source. `data/schema_effects.json` is made from CloudFormation's schemas and template
reference by `tests/tools/update_effects.py`, so that nothing here needs them to run.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final, cast

from ultrafleet.catalog import Confidence, Source
from ultrafleet.errors import FleetError


class Effect(StrEnum):
    """Effect of a changed property."""

    NO_INTERRUPTION = "no_interruption"
    """Changed in place; what runs goes on as it was."""
    NEW_VERSION = "new_version"
    """New version; references to an older one keep it."""
    CHANGES_ACCESS = "changes_access"
    """Changed in place; what running nodes or people may reach changes, and nodes stay."""
    DISTURBS_PODS = "disturbs_pods"
    """Changed in place; some pods may be restarted or evicted, and nodes stay."""
    CHANGES_SCHEDULE = "changes_schedule"
    """Changed in place; from then on the block schedule may size pools in another way."""
    RESIZES = "resizes"
    """The number of nodes may change, down to none."""
    ROLLS_NODES = "rolls_nodes"
    """Every node is replaced, some at a time."""
    MAY_REPLACE = "may_replace"
    """Replaced under a condition, or by one of two sources that differ."""
    REPLACES = "replaces"
    """A new resource is made and the old one deleted, unless its policy retains it."""
    REFUSED = "refused"
    """The update fails and is rolled back."""
    UNCLASSIFIED = "unclassified"
    """Changed in place, as far as the schema says; no further effect was examined."""

    @property
    def touches_nodes(self) -> bool:
        """True if nodes may be taken away, replaced or restarted."""
        return self in _TOUCHING

    @property
    def replaces(self) -> bool:
        """True if the resource may get another id."""
        return self in {Effect.REPLACES, Effect.MAY_REPLACE}


_TOUCHING: Final = frozenset(
    {Effect.CHANGES_SCHEDULE, Effect.RESIZES, Effect.ROLLS_NODES, Effect.MAY_REPLACE, Effect.REPLACES}
)

ADDED: Final = "[+]"
"""Ends the path of a list to which a member was added, where that differs from one removed."""
REMOVED: Final = "[-]"
"""Ends the path of a list from which a member was removed."""


@dataclass(frozen=True, kw_only=True)
class Classification:
    """Effect of a property's change, and its source.

    Attributes:
        effect: what it does.
        source: the schema's list or the document.
    """

    effect: Effect
    source: Source


@dataclass(frozen=True, kw_only=True)
class PropertyChange:
    """A property that differs between two templates.

    Attributes:
        path: of the property, as deep as the classification goes: `ScalingConfig/MaxSize`.
        classification: what the change does.
    """

    path: str
    classification: Classification

    @property
    def effect(self) -> Effect:
        """Effect of the change."""
        return self.classification.effect


@dataclass(frozen=True, kw_only=True)
class TypeEffects:
    """Classification of a resource type's properties.

    Attributes:
        identity: properties that together name the resource. While they are stated and stay the same, CloudFormation
            can't replace it: the new one would need the name of the old (CloudFormation user guide, custom-named
            resources, high). Empty where nothing names it.
        entries: classification by path.
        create_only: paths that the schema calls create-only.
        conditional_create_only: paths that the schema calls create-only under a condition.
        read_only: paths that the schema calls read-only: no template can state them.
        otherwise: classification of what has no entry. Default: none, which is an error.
    """

    identity: tuple[str, ...]
    entries: Mapping[str, Classification]
    create_only: tuple[str, ...]
    conditional_create_only: tuple[str, ...]
    read_only: tuple[str, ...]
    otherwise: Classification | None = None

    def below(self, path: str) -> list[str]:
        """Classified paths inside a property."""
        return [entry for entry in self.entries if entry.startswith(f"{path}/")]

    def keeps_its_name(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """True if a replacement would have the name of what it replaces, so that the update is refused."""
        return bool(self.identity) and all(
            old.get(name) is not None and old.get(name) == new.get(name) for name in self.identity
        )


@cache
def update_effects() -> Mapping[str, TypeEffects]:
    """The table, by resource type."""
    schemas, judgements = (_types(name) for name in ("schema_effects.json", "update_effects.json"))
    return {name: _read(name, schemas.get(name, {}), entry) for name, entry in judgements.items()}


def _types(file: str) -> Mapping[str, Mapping[str, Any]]:
    content = json.loads(files("ultrafleet.templates").joinpath("data", file).read_text("utf-8"))
    return cast("Mapping[str, Mapping[str, Any]]", content["types"])


def type_effects(resource_type: str) -> TypeEffects:
    """Classification of one resource type.

    Raises:
        FleetError: it isn't classified.
    """
    found = update_effects().get(resource_type)
    if found is None:
        raise FleetError(
            path=f"resource type {resource_type}",
            got="not classified",
            expected=f"one of {len(update_effects())} that are",
            remedy="add it to templates/data/update_effects.json, every property with its source",
        )
    return found


def effect_of(resource_type: str, path: str, *, effects: Callable[[str], TypeEffects] = type_effects) -> Classification:
    """Classification of one property; a path inside a classified one has the outer one's.

    Raises:
        FleetError: the type or the property isn't classified.
    """
    table = effects(resource_type)
    tried = path
    while tried not in table.entries:
        if "/" not in tried:
            if table.otherwise is not None:
                return table.otherwise
            raise FleetError(
                path=f"property {path} of {resource_type}",
                got="not classified",
                expected="an effect with its source",
                remedy="add it to templates/data/update_effects.json",
            )
        tried = tried.rpartition("/")[0]
    return table.entries[tried]


def effects_of_change(
    resource_type: str,
    old_properties: Mapping[str, Any],
    new_properties: Mapping[str, Any],
    *,
    effects: Callable[[str], TypeEffects] = type_effects,
) -> list[PropertyChange]:
    """Differences between two states of a resource, as deep as the classification goes, by path.

    Args:
        resource_type: CloudFormation type.
        old_properties: as deployed.
        new_properties: as synthesised.
        effects: classification of a type. Default: the table, which knows the types that this library makes.

    Raises:
        FleetError: the type or a property that differs isn't classified.
    """
    table = effects(resource_type)
    return [
        PropertyChange(path=path, classification=effect_of(resource_type, path, effects=effects))
        for name in sorted({*old_properties, *new_properties})
        for path in _differing(table, name, old_properties.get(name), new_properties.get(name))
    ]


def _differing(table: TypeEffects, path: str, old: Any, new: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if old == new:
        return
    if f"{path}{ADDED}" in table.entries:
        yield from _members(path, old, new)
        return
    below = table.below(path)
    if not below:
        yield path
    elif _is_plain_object(old) and _is_plain_object(new):
        before, after = old or {}, new or {}
        for key in sorted({*before, *after}):
            yield from _differing(table, f"{path}/{key}", before.get(key), after.get(key))
    else:  # a function: which part of its value changes is not known here, so every part may
        yield from below


def _members(path: str, old: Any, new: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if not all(value is None or isinstance(value, list) for value in (old, new)):
        yield from (f"{path}{ADDED}", f"{path}{REMOVED}")
        return
    before: Sequence[Any] = old or []
    after: Sequence[Any] = new or []
    if any(member not in before for member in after):
        yield f"{path}{ADDED}"
    if any(member not in after for member in before):
        yield f"{path}{REMOVED}"


def _is_plain_object(value: Any) -> bool:  # noqa: ANN401 - JSON
    if value is None:
        return True
    return isinstance(value, dict) and not any(key == "Ref" or key.startswith("Fn::") for key in value)


_FROM_SCHEMA: Final = {
    "no_replacement": (Effect.NO_INTERRUPTION, "CloudFormation template reference, {type}: no replacement"),
    "read_only": (Effect.REFUSED, "CloudFormation schema, read-only properties"),
    "conditional_create_only": (Effect.MAY_REPLACE, "CloudFormation schema, conditionally create-only properties"),
    "create_only": (Effect.REPLACES, "CloudFormation schema, create-only properties"),
}
"""Lists of the generated file, with the effect and the source of their properties."""


def _read(name: str, schema: Mapping[str, Any], judged: Mapping[str, Any]) -> TypeEffects:
    """Entries of a type: the schema's, and the judgements."""
    entries = {
        path: Classification(
            effect=Effect(rule["effect"]), source=Source(rule["source"], Confidence(rule["confidence"]))
        )
        for rule in judged["rules"]
        for path in rule["paths"]
    }
    for key, (effect, source) in _FROM_SCHEMA.items():
        stated = Classification(effect=effect, source=Source(source.format(type=name)))
        entries |= dict.fromkeys(cast("list[str]", schema.get(key, [])), stated)
    return TypeEffects(
        identity=tuple(judged.get("identity", schema.get("identity", ()))),
        entries=entries,
        create_only=tuple(schema.get("create_only", ())),
        conditional_create_only=tuple(schema.get("conditional_create_only", ())),
        read_only=tuple(schema.get("read_only", ())),
    )
