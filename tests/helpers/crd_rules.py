"""CEL rules of CustomResourceDefinitions (`x-kubernetes-validations`), evaluated as for new objects."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import cel

Schema = Mapping[str, Any]


def broken_rules(schema: Schema, value: Any, path: str = "") -> Iterator[str]:
    """Rules that a value breaks, each with its place and its text. Defaults of the schema are filled in before."""
    yield from _broken(schema, with_defaults(schema, value), path)


def rules_of(schema: Schema, *, transitions: bool = False) -> set[str]:
    """Rules of a schema at any depth: those for new objects, or those that compare an object with its former self."""
    found = {text for text in _own(schema) if _is_transition(text) is transitions}
    for inner in _inner(schema):
        found |= rules_of(inner, transitions=transitions)
    return found


def with_defaults(schema: Schema, value: Any) -> Any:
    """A value as the API server keeps it: with the defaults of its schema."""
    if isinstance(value, Mapping):
        known = schema.get("properties", {})
        given = {name: inner["default"] for name, inner in known.items() if "default" in inner}
        other = schema.get("additionalProperties")
        other = other if isinstance(other, Mapping) else {}
        return {name: with_defaults(known.get(name, other), inner) for name, inner in {**given, **value}.items()}
    if isinstance(value, list):
        return [with_defaults(schema.get("items", {}), item) for item in value]
    return value


def _broken(schema: Schema, value: Any, path: str) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        if not _is_transition(rule["rule"]) and _program(rule["rule"]).execute({"self": value}) is not True:
            yield f"{path or 'object'}: {rule.get('message') or rule['rule']} ({rule['rule']})"
    if isinstance(value, Mapping):
        other = schema.get("additionalProperties")
        for name, inner in value.items():
            found = schema.get("properties", {}).get(name, other)
            if isinstance(found, Mapping):
                yield from _broken(found, inner, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        for index, item in enumerate(value):
            yield from _broken(schema["items"], item, f"{path}[{index}]")


@cache
def _program(rule: str) -> Any:
    return cel.compile(rule)


def _own(schema: Schema) -> list[str]:
    return [rule["rule"] for rule in schema.get("x-kubernetes-validations", ())]


def _is_transition(rule: str) -> bool:
    """True for rules of updates, which aren't evaluated when an object is made (Kubernetes documentation, high)."""
    return "oldSelf" in rule


def _inner(schema: Schema) -> Iterator[Schema]:
    yield from schema.get("properties", {}).values()
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), Mapping):
            yield schema[key]
