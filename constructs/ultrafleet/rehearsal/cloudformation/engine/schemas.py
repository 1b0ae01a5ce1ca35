"""Schemas of CloudFormation's resource types, and what an update replaces by the classification of updates."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

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


def replacing(resource_type: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Changed properties that make CloudFormation replace the resource, sorted, as reviews and preflight report."""
    changes = effects_of_change(resource_type, old, new, effects=effects_of_type)
    return sorted(change.path for change in changes if change.effect is Effect.REPLACES)


def keeps_its_name(resource_type: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """True where a replacement would have the name of the resource it replaces, which CloudFormation refuses."""
    return effects_of_type(resource_type).keeps_its_name(old, new)
