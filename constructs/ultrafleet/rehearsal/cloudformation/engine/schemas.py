"""What CloudFormation's own resource schemas say of an update; cfn-lint ships them."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER


@cache
def schema(resource_type: str, region: str = "us-east-1") -> Mapping[str, Any]:
    """Schema of a resource type.

    Raises:
        ResourceNotFoundError: CloudFormation doesn't have the type (cfn-lint's error).
    """
    found: Mapping[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, resource_type).schema
    return found


@cache
def create_only(resource_type: str) -> frozenset[tuple[str, ...]]:
    """Paths of the properties that an update can't change: CloudFormation replaces the resource."""
    return frozenset(_path(pointer) for pointer in schema(resource_type).get("createOnlyProperties", []))


@cache
def name_properties(resource_type: str) -> frozenset[str]:
    """Properties that name the resource, so that two of one name can't be."""
    own = create_only(resource_type)
    identifiers = {_path(pointer) for pointer in schema(resource_type).get("primaryIdentifier", [])}
    identifiers |= {
        _path(pointer)
        for alternative in schema(resource_type).get("additionalIdentifiers", [])
        for pointer in alternative
    }
    return frozenset(path[0] for path in own & identifiers if len(path) == 1)


def replacing(resource_type: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Changed properties that make CloudFormation replace the resource, sorted."""
    return sorted("/".join(path) for path in create_only(resource_type) if list(_at(old, path)) != list(_at(new, path)))


def _path(pointer: str) -> tuple[str, ...]:
    return tuple(pointer.removeprefix("/properties/").split("/"))


def _at(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """Values at a path; `*` is every item of an array."""
    if not path:
        yield value
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _at(value[path[0]], path[1:])
    elif isinstance(value, list):
        rest = path[1:] if path[0] == "*" else path
        for item in value:
            yield from _at(item, rest)
