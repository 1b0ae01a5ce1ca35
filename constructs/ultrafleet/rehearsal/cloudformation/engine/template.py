"""A template: read, its references found, its resources put in the order in which they can be made."""

import json
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

import yaml
from moto.cloudformation.utils import yaml_tag_constructor
from yaml.parser import ParserError
from yaml.scanner import ScannerError

from ultrafleet.rehearsal.simulated_account import Refusal

_IN_SUB = re.compile(r"\$\{([^!{}][^{}]*)\}")


class _Loader(yaml.SafeLoader):
    """Knows the short forms of the intrinsic functions."""


_Loader.add_multi_constructor("", yaml_tag_constructor)


def parse_template(body: str) -> dict[str, Any]:
    """Template as data, from JSON or YAML.

    Raises:
        Refusal: it is neither, or has no resources.
    """
    try:
        template = json.loads(body) if body.lstrip().startswith("{") else yaml.load(body, Loader=_Loader)  # noqa: S506  # a SafeLoader
    except (json.JSONDecodeError, ParserError, ScannerError) as error:
        raise Refusal("ValidationError", f"Template format error: {error}") from error
    if not isinstance(template, dict) or not template.get("Resources"):
        raise Refusal("ValidationError", "Template format error: At least one Resources member must be defined.")
    return template


def references(value: Any) -> Iterator[str]:
    """Logical ids, parameters and pseudo parameters that a value refers to."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "Ref":
                yield str(inner)
            elif key == "Fn::GetAtt":
                yield inner.split(".")[0] if isinstance(inner, str) else str(inner[0])
            elif key == "Fn::Sub":
                text, names = (inner, {}) if isinstance(inner, str) else inner
                yield from (name.split(".")[0] for name in _IN_SUB.findall(text) if name not in names)
                yield from references(names)
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


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
        graph[logical_id] = needs | {name for name in references(resource.get("Properties", {})) if name in resources}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise Refusal("ValidationError", f"Circular dependency between resources: {error.args[1]}") from error
