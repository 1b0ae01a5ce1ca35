"""Writes constructs/ultrafleet/templates/data/schema_effects.json: what the schemas say of an update, by resource type.

`python tests/tools/update_effects.py`, after a release of cfn-lint or of the CDK CLI. The types are those of
`update_effects.json`, which is written by hand: judgements that no schema makes. A type whose entry there has
`"others": "no_replacement"` takes the template reference's word for its other properties: those that neither a schema's
list nor a judgement covers, and that the reference doesn't replace. In any other type such a property is an error.
"""

import gzip
import json
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

ROOT: Final = Path(__file__).parent.parent.parent
DATA: Final = ROOT / "constructs" / "ultrafleet" / "templates" / "data"
JUDGEMENTS: Final = DATA / "update_effects.json"
GENERATED: Final = DATA / "schema_effects.json"
CUSTOM: Final = "Custom::"
"""CDK's own resources, of which CloudFormation has no schema."""
_LIST_ENDS: Final = re.compile(r"\[[+-]\]$")


def schema(resource_type: str) -> Mapping[str, Any]:
    """CloudFormation's schema of a type."""
    found: Mapping[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
    return found


def resolved(root: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    """A node of a schema with its `$ref` followed."""
    while "$ref" in node:
        target: Any = root
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def pointers(root: Mapping[str, Any], key: str) -> list[str]:
    """Paths in one of a schema's lists, sorted."""
    return sorted({pointer.removeprefix("/properties/") for pointer in root.get(key, [])})


def reference() -> dict[str, Any]:
    """Properties of CloudFormation's template reference by type, as the CDK CLI ships them for `cdk diff`."""
    database = json.loads(gzip.decompress((ROOT / "node_modules" / "aws-cdk" / "db.json.gz").read_bytes()))
    return {item["cloudFormationType"]: item["properties"] for item in database["schema"]["resource"]["entities"]}


def replacing(stated: Any) -> bool:
    """True if the template reference says of a property that its change replaces, or may replace, the resource."""
    versions = stated if isinstance(stated, list) else [stated]
    return bool({"yes", "maybe"} & {item.get("causesReplacement") for item in versions})


def generated() -> dict[str, Any]:
    """Content of the generated file.

    Raises:
        ValueError: a property needs a judgement and has none.
    """
    judged = json.loads(JUDGEMENTS.read_text())["types"]
    stated = reference()
    return {
        "schemas": f"CloudFormation resource schemas of cfn-lint {version('cfn-lint')}",
        "types": {
            name: _of_type(name, entry, stated[name]) for name, entry in judged.items() if not name.startswith(CUSTOM)
        },
    }


def _of_type(name: str, judged: Mapping[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
    root = schema(name)
    create_only = pointers(root, "createOnlyProperties")
    # A judgement says what the condition is, of the property or of each that is in it.
    known = _judged_paths(judged)
    conditional = [
        path
        for path in pointers(root, "conditionalCreateOnlyProperties")
        if not any(one == path or one.startswith(f"{path}/") for one in known)
    ]
    all_read_only = pointers(root, "readOnlyProperties")
    # A read-only property inside one that replaces, or is read-only as a whole, needs no entry of its own.
    whole = {*create_only, *all_read_only}
    read_only = [path for path in all_read_only if not any(path.startswith(f"{outer}/") for outer in whole)]
    covered = {*create_only, *conditional, *read_only, *_judged_paths(judged)}
    others = sorted(_uncovered(root, {"properties": root["properties"]}, covered))
    if others and judged.get("others") != "no_replacement":
        raise ValueError(f"{name} has {', '.join(others)}, expected a judgement of each: add them to {JUDGEMENTS.name}")
    for path in others:
        if replacing(stated.get(path.split("/")[0], {})) and path in stated:
            raise ValueError(f"{name} {path} is replaced by the template reference and not by the schema: judge it")
    primary = pointers(root, "primaryIdentifier")
    return {
        "identity": [] if set(primary) & set(all_read_only) else primary,
        "create_only": create_only,
        "conditional_create_only": conditional,
        "read_only": read_only,
        "no_replacement": others,
    }


def _judged_paths(judged: Mapping[str, Any]) -> set[str]:
    """Paths of judgements; a list's two halves stand for the list."""
    return {_LIST_ENDS.sub("", path) for rule in judged["rules"] for path in rule["paths"]}


def _uncovered(root: Mapping[str, Any], node: Mapping[str, Any], covered: set[str], path: str = "") -> Iterator[str]:
    """Properties without an entry, as deep as entries go."""
    node = resolved(root, node)
    node = resolved(root, node.get("items", node)) if node.get("type") == "array" else node
    for name, child in node.get("properties", {}).items():
        inner = f"{path}/{name}".lstrip("/")
        if inner in covered:
            continue
        if any(other.startswith(f"{inner}/") for other in covered):
            yield from _uncovered(root, child, covered, inner)
        else:
            yield inner


def text() -> str:
    """Text of the generated file."""
    return json.dumps(generated(), indent=2) + "\n"


if __name__ == "__main__":
    GENERATED.write_text(text())
    sys.stdout.write(f"{GENERATED}\n")
