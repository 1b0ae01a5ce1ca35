"""Template of a stack: parsed, and its resources in the order in which they can be created."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from ultrafleet.rehearsal.simulated_account import Refusal
from ultrafleet.templates.references import references
from ultrafleet.templates.template_text import parsed_text


def parse_template(body: str) -> dict[str, Any]:
    """Template as data, from JSON or YAML.

    Raises:
        Refusal: it is neither, a key is there twice, or it has no resources.
    """
    try:
        template = parsed_text(body)
    except (RecursionError, ValueError) as error:
        raise Refusal("ValidationError", f"Template format error: {error}") from error
    if not isinstance(template, dict) or not template.get("Resources"):
        raise Refusal("ValidationError", "Template format error: At least one Resources member must be defined.")
    return template


def creation_order(resources: Mapping[str, Any]) -> list[str]:
    """Logical ids, each after what it refers to or depends on.

    Raises:
        Refusal: they refer to one another in a circle, or to nothing.
    """
    graph: dict[str, set[str]] = {}
    for logical_id, resource in resources.items():
        depends = resource.get("DependsOn", [])
        needs = {depends} if isinstance(depends, str) else set(depends)
        missing = needs - set(resources)
        if missing:
            raise Refusal(
                "ValidationError",
                f"Template format error: Unresolved resource dependencies {sorted(missing)} in the Resources block "
                "of the template",
            )
        graph[logical_id] = needs | {
            named.name for named in references(resource.get("Properties", {})) if named.name in resources
        }
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise Refusal("ValidationError", f"Circular dependency between resources: {error.args[1]}") from error
