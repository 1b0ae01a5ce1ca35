"""Effects of updates of any resource type: the table's where it has the type, else those of CloudFormation's schema."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final

from ultrafleet.catalog import Confidence, Source
from ultrafleet.templates.node_group import AUTO_SCALING_GROUP
from ultrafleet.templates.update_effects import Classification, Effect, TypeEffects, update_effects

UNCLASSIFIED: Final = Classification(
    effect=Effect.UNCLASSIFIED, source=Source("no source: its effect isn't classified", Confidence.LOW)
)
_LISTS: Final = {
    "createOnlyProperties": Effect.REPLACES,
    "conditionalCreateOnlyProperties": Effect.MAY_REPLACE,
}


@cache
def effects_of_type(resource_type: str) -> TypeEffects:
    """Classification of any resource type; a property without one is `UNCLASSIFIED`."""
    known = update_effects().get(resource_type)
    if known is not None:
        return replace(known, otherwise=UNCLASSIFIED)
    return TypeEffects(
        identity=_names_itself(resource_type),
        entries=dict(_of_schema(resource_type)),
        create_only=(),
        conditional_create_only=(),
        read_only=(),
        otherwise=UNCLASSIFIED,
    )


BY_UPDATE_POLICY: Final = Classification(
    effect=Effect.NO_INTERRUPTION,
    source=Source("CloudFormation user guide, UpdatePolicy attribute: without one instances stay"),
)


def _of_schema(resource_type: str) -> Iterator[tuple[str, Classification]]:
    schema = _schema(resource_type)
    for listed, effect in _LISTS.items():
        for pointer in schema.get(listed) or ():
            path = str(pointer).removeprefix("/properties/").split("/*")[0]
            if resource_type == AUTO_SCALING_GROUP and effect is Effect.MAY_REPLACE:
                yield path, BY_UPDATE_POLICY  # what the condition is, the group's own UpdatePolicy says
            else:
                yield path, Classification(effect=effect, source=Source(f"CloudFormation schema, {listed}"))


def _names_itself(resource_type: str) -> tuple[str, ...]:
    """Properties that name a resource, where a template may state them."""
    schema = _schema(resource_type)
    named = [str(pointer).removeprefix("/properties/") for pointer in schema.get("primaryIdentifier") or ()]
    read_only = {str(pointer).removeprefix("/properties/") for pointer in schema.get("readOnlyProperties") or ()}
    return () if read_only.intersection(named) or any("/" in name for name in named) else tuple(named)


def _schema(resource_type: str) -> Mapping[str, Any]:
    """CloudFormation's schema of a type, where cfn-lint, which ships them, is installed; else nothing."""
    try:
        from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        return {}
    try:
        found: Mapping[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
    except Exception:  # noqa: BLE001 - of a type that CloudFormation doesn't have; its errors are cfn-lint's own
        return {}
    return found
