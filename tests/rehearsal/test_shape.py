"""The shape of the rehearsal: every service has the same modules, which import one way, and scenarios are apart."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import ultrafleet.rehearsal

ROOT = Path(__file__).resolve().parents[2] / "constructs"
SERVICES = ("autoscaling", "cloudformation", "ec2", "eks", "kubernetes", "stepfunctions")
LAYERS = ("state", "rules", "engine", "clock", "api")
PROVIDERS = "providers"
"""Of CloudFormation: the resource types, which its engine calls."""


def modules() -> dict[str, Path]:
    files = (ROOT / "ultrafleet" / "rehearsal").rglob("*.py")
    return {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imports() -> dict[str, set[str]]:
    """Modules of the rehearsal -> those that each imports, also within functions and for type checkers."""
    known = modules()
    found: dict[str, set[str]] = {}
    for module, file in known.items():
        names = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        packages = {name.rpartition(".")[0] for name in known}
        found[module] = {name for name in names if name in known and name != module and name not in packages}
    return found


def place(module: str) -> tuple[str, str]:
    """Service and layer of a module, "" where it has none."""
    parts = [*module.split(".")[2:], "", ""]
    return (parts[0], parts[1]) if parts[0] in SERVICES else ("", "")


IMPORTS = imports()


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert list(TopologicalSorter(IMPORTS).static_order())


@pytest.mark.parametrize("service", SERVICES)
def test_services_have_the_same_modules(service: str) -> None:
    found = {place(module)[1] for module in IMPORTS if place(module)[0] == service} - {""}
    assert found <= {*LAYERS, *([PROVIDERS] if service == "cloudformation" else [])}
    for layer in found & set(LAYERS):
        assert f"| `{layer}` |" in str(ultrafleet.rehearsal.__doc__)


def test_layers_import_downwards_and_no_operations_of_other_services() -> None:
    wrong = []
    for module, names in IMPORTS.items():
        service, layer = place(module)
        for name in names:
            its_service, its_layer = place(name)
            if service and name.startswith("ultrafleet.rehearsal.scenarios"):
                wrong.append(f"{module} imports {name}")
            if layer not in LAYERS or its_layer not in LAYERS:
                continue
            if service == its_service and LAYERS.index(its_layer) > LAYERS.index(layer):
                wrong.append(f"{module} imports {name}")
            if service != its_service and its_layer == "api":
                wrong.append(f"{module} imports {name}")
    assert wrong == []
