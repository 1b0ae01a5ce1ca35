"""Imports go one way: no circle among modules, no import of a higher layer, no aws_cdk in pure packages."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "constructs"

PURE = {
    "accelerator_addons", "acceptance", "block_status", "capacity_calendar", "catalog", "cell_assembly",
    "cell_queues", "cells", "cli", "consistency", "cost", "doctor", "environment", "fix", "importing", "in_cluster",
    "jobs", "kubernetes", "layout", "offers", "planning", "policy", "preflight", "programme", "programme_preflight",
    "purchases", "queueing", "review", "rollout", "rules", "secondary_network_function", "starter", "templates",
}  # fmt: skip
MAY_IMPORT_CDK = {"ultrafleet.policy.cdk_plugin"}
BELOW = {
    "errors": set(),
    "in_cluster": set(),
    "secondary_network_function": set(),
    "catalog": {"errors"},
    "layout": {"catalog", "errors"},
    "rules": {"catalog", "errors", "layout"},
    "kubernetes": {"catalog", "errors", "layout", "rules"},
    "cell_queues": {
        "accelerator_addons", "catalog", "errors", "in_cluster", "jobs", "kubernetes", "layout", "queueing", "rules",
    },
    "bounded_file": {"errors"},
    "plain_text": set(),
    "templates": {
        "bounded_file", "catalog", "errors", "kubernetes", "layout", "rules", "secondary_network_function",
        "yaml_loader",
    },
    "environment": {
        "accelerator_addons", "bounded_file", "catalog", "cell_queues", "errors", "kubernetes", "layout", "rules",
        "yaml_loader",
    },
    "programme": {"bounded_file", "catalog", "environment", "errors", "kubernetes", "layout", "rules", "yaml_loader"},
    "cells": {
        "bounded_file", "catalog", "cell_queues", "environment", "errors", "kubernetes", "layout", "programme", "rules",
    },
    "code_inputs": set(),
    "cell_assembly": {
        "catalog", "cells", "code_inputs", "environment", "errors", "kubernetes", "layout", "programme", "rules",
        "templates",
    },
    "rollout": {"catalog", "cells", "environment", "errors", "kubernetes", "layout", "programme", "rules"},
    "planning": {"catalog", "environment", "errors", "kubernetes", "layout", "programme", "rules"},
    "capacity_calendar": {"catalog", "environment", "errors", "plain_text", "programme"},
    "cost": {"catalog", "environment", "errors", "programme", "rules"},
    "block_status": {"catalog", "environment", "errors", "rules"},
    "offers": {"catalog", "errors", "layout", "rules"},
    "block_machine": {"catalog", "errors", "kubernetes", "layout", "rules"},
    "importing": {
        "bounded_file", "catalog", "environment", "errors", "layout", "plain_text", "rules", "yaml_loader",
    },
    "doctor": {
        "block_machine", "catalog", "environment", "errors", "kubernetes", "layout", "preflight", "rules", "templates",
    },
    "starter": {"environment", "errors"},
    "preflight": {"catalog", "environment", "errors", "kubernetes", "layout", "rules", "templates"},
    "programme_preflight": {
        "block_machine", "catalog", "cells", "doctor", "environment", "errors", "kubernetes", "layout", "plain_text",
        "programme", "rules",
    },
    "purchases": {"bounded_file", "catalog", "environment", "errors", "layout", "offers", "rules", "yaml_loader"},
    "policy": {
        "accelerator_addons", "bounded_file", "catalog", "errors", "kubernetes", "layout", "plain_text", "rules",
        "templates", "yaml_loader",
    },
    "fix": {"bounded_file", "catalog", "errors", "layout", "policy", "templates"},
}  # fmt: skip
"""What a package may import; a package that isn't here may import whatever isn't above it."""


def modules() -> dict[str, Path]:
    found = {}
    for file in sorted((SOURCES / "ultrafleet").rglob("*.py")):
        parts = file.relative_to(SOURCES).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


MODULES = modules()


def imported(tree: ast.AST) -> Iterator[str]:
    """Names of what a module imports, wherever in it, TYPE_CHECKING included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


IMPORTS = {name: set(imported(ast.parse(file.read_text(encoding="utf-8")))) for name, file in MODULES.items()}


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Modules of one circle, in order; empty without any."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [str(name) for name in error.args[1]]
    return []


def package(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def test_no_modules_import_each_other() -> None:
    graph = {name: {item for item in found if item in MODULES and item != name} for name, found in IMPORTS.items()}
    assert circle(graph) == []


def test_a_circle_is_found() -> None:
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}


def test_pure_packages_never_import_cdk() -> None:
    guilty = [
        name
        for name, found in IMPORTS.items()
        if package(name) in PURE
        and name not in MAY_IMPORT_CDK
        and any(item.split(".")[0] in {"aws_cdk", "constructs", "jsii"} for item in found)
    ]
    assert guilty == []


def test_layers_import_downwards_only() -> None:
    guilty = {
        (name, item)
        for name, found in IMPORTS.items()
        for item in found
        if item.startswith("ultrafleet.")
        and package(name) in BELOW
        and package(item) not in {package(name), *BELOW[package(name)]}
    }
    assert guilty == set()


def test_nothing_below_imports_the_stacks_or_the_app() -> None:
    above = {"stacks": {"stacks", "app"}, "app": {"app"}}
    guilty = [
        (name, item)
        for name, found in IMPORTS.items()
        for item in found
        if item.startswith("ultrafleet.") and package(name) not in above.get(package(item), {package(name)})
    ]
    assert guilty == []


def test_an_assembly_that_is_remembered_needs_no_cdk() -> None:
    (line,) = subprocess.run(
        [sys.executable, "-c", "import sys, ultrafleet.app; print('aws_cdk' in sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    assert line == "False"
