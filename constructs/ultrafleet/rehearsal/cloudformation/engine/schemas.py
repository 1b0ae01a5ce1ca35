"""Schemas of CloudFormation's resource types, and what an update replaces by the classification of updates."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError

from ultrafleet.rehearsal.simulated_account import Refusal
from ultrafleet.templates.schema_effects import effects_of_type
from ultrafleet.templates.update_effects import Effect, effects_of_change


@cache
def schema(resource_type: str, region: str = "us-east-1") -> Mapping[str, Any]:
    """Schema of a resource type.

    Raises:
        ResourceNotFoundError: CloudFormation doesn't have the type (cfn-lint's error).
    """
    found: Mapping[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, resource_type).schema
    return found


def published(resource_type: str) -> Mapping[str, Any]:
    """Schema of a resource type as DescribeType shows it.

    Raises:
        Refusal: CloudFormation doesn't have the type.
    """
    try:
        return schema(resource_type)
    except ResourceNotFoundError as error:
        raise Refusal("TypeNotFoundException", f"The type '{resource_type}' cannot be found.") from error


def replacing(resource_type: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Changed properties that make CloudFormation replace the resource, sorted, as reviews and preflight report."""
    changes = effects_of_change(resource_type, old, new, effects=effects_of_type)
    return sorted(change.path for change in changes if change.effect is Effect.REPLACES)


def keeps_its_name(resource_type: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """True where a replacement would have the name of the resource it replaces, which CloudFormation refuses."""
    return effects_of_type(resource_type).keeps_its_name(old, new)


def known_schema(resource_type: str) -> Mapping[str, Any] | None:
    """Schema of a resource type; None where CloudFormation doesn't have it."""
    try:
        return schema(resource_type)
    except ResourceNotFoundError:
        return None


def recreation(resource_type: str, name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """RequiresRecreation of a changed property: `Always`, `Conditionally` or `Never`."""
    before, after = ({name: properties[name]} if name in properties else {} for properties in (old, new))
    effects = {change.effect for change in effects_of_change(resource_type, before, after, effects=effects_of_type)}
    if Effect.REPLACES in effects:
        return "Always"
    return "Conditionally" if Effect.MAY_REPLACE in effects else "Never"


def write_only(resource_type: str) -> frozenset[str]:
    """Properties that no description of the resource tells, which drift detection leaves out."""
    return frozenset(_first_names(resource_type, "writeOnlyProperties"))


def identifiers(resource_type: str) -> list[tuple[str, ...]]:
    """Sets of properties by which a resource of a type can be imported; none: it can't be."""
    found = known_schema(resource_type)
    if found is None or "read" not in found.get("handlers", {}):
        return []
    listed = [found.get("primaryIdentifier") or [], *(found.get("additionalIdentifiers") or [])]
    return [tuple(str(pointer).removeprefix("/properties/") for pointer in one) for one in listed if one]


def _first_names(resource_type: str, listed: str) -> list[str]:
    pointers = (known_schema(resource_type) or {}).get(listed) or []
    names = [str(pointer).removeprefix("/properties/") for pointer in pointers]
    return [name for name in names if "/" not in name]
