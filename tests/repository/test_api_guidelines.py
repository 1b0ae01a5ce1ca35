"""Guidelines of the constructs' public API, read off every construct that a package exports: docs/api-guidelines.md."""

import importlib
import inspect
import pkgutil
import re
from types import ModuleType

import pytest
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

import ultrafleet

APPS = {"cli", "rehearsal"}
UNITS = ("_bytes", "_cidr", "_count", "_gb", "_gbps", "_gbs", "_gib", "_hours", "_layers", "_limit", "_minutes")
UNITS += ("_mbps_per_tib", "_per_replica", "_per_ultraserver", "_size", "_version", "nodes", "_seconds", "_per_second")
OTHER_NAMES = {
    "cluster_name": "cluster",
    "cluster_security_group_id": "cluster",
    "placement_group_name": "placement_group",
    "retain": "removal_policy",
    "topic_arn": "topic",
    "volume_size_gib": "root_volume_gib",
}
STATEFUL = {
    "BlockSchedule",
    "EfaSecurityGroup",
    "FleetCluster",
    "FleetNetwork",
    "LustreFileSystem",
    "NetworkFlowLogs",
    "OnDemandCapacityReservation",
    "TrainingTeam",
}
NAMES_ITSELF = {"FleetCluster": {"cluster_name"}}  # the name is what is made


def packages() -> list[ModuleType]:
    return [
        importlib.import_module(f"ultrafleet.{module.name}")
        for module in pkgutil.iter_modules(ultrafleet.__path__)
        if module.ispkg and module.name not in APPS
    ]


def exported() -> dict[str, type[Construct]]:
    found = [getattr(package, name) for package in packages() for name in getattr(package, "__all__", ())]
    return {item.__name__: item for item in found if inspect.isclass(item) and issubclass(item, Construct)}


CONSTRUCTS = exported()


def properties(construct: type[Construct]) -> dict[str, inspect.Parameter]:
    signature = inspect.signature(construct.__init__)
    return {name: item for name, item in signature.parameters.items() if name not in {"self", "scope", "id"}}


def documented(construct: type[Construct]) -> dict[str, str]:
    """Descriptions of the docstring's Args, by property."""
    doc = inspect.getdoc(construct) or ""
    args = re.search(r"^Args:\n(.*?)(?=^\w|\Z)", doc, re.DOTALL | re.MULTILINE)
    entries = re.findall(r"^    (\w+): (.*?)(?=^    \w+: |\Z)", args.group(1) if args else "", re.DOTALL | re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def faults(construct: type[Construct]) -> list[str]:
    described = documented(construct)
    found = []
    for name, item in properties(construct).items():
        text = described.get(name)
        if item.kind is not inspect.Parameter.KEYWORD_ONLY:
            found.append(f"{name} is not keyword-only")
        if text is None:
            found.append(f"{name} is not in the docstring's Args")
        elif item.default is not inspect.Parameter.empty and "Default" not in text:
            found.append(f"{name} is optional and documents no default")
        if item.annotation in {int, float, int | None, float | None} and not name.endswith(UNITS):
            found.append(f"{name} is a number without its unit in the name")
        if name in OTHER_NAMES and name not in NAMES_ITSELF.get(construct.__name__, ()):
            found.append(f"{name} is called {OTHER_NAMES[name]} elsewhere")
    found += [
        f"{name} is documented and no property"
        for name in described
        if name not in {"scope", "id", *properties(construct)}
    ]
    if construct.__name__ in STATEFUL and "removal_policy" not in properties(construct):
        found.append("removal_policy is missing on a stateful construct")
    return found


@pytest.mark.parametrize("name", sorted(CONSTRUCTS))
def test_constructs_keep_the_guidelines(name: str) -> None:
    assert faults(CONSTRUCTS[name]) == []


@pytest.mark.parametrize("name", sorted(CONSTRUCTS))
def test_attributes_are_set_in_the_constructor(name: str) -> None:
    construct = CONSTRUCTS[name]
    for method, function in inspect.getmembers(construct, inspect.isfunction):
        if method != "__init__" and function.__module__.startswith("ultrafleet"):
            assigned = re.findall(r"^\s+self\.([a-z]\w*)(?::[^=\n]+)? = ", inspect.getsource(function), re.MULTILINE)
            assert assigned == [], f"{name}.{method}"


@pytest.mark.parametrize("name", ["AcceleratorPool", "UltraServerPool", "LustreFileSystem", "ModelEndpoint"])
def test_what_has_security_groups_has_connections(name: str) -> None:
    assert isinstance(inspect.getattr_static(CONSTRUCTS[name], "connections"), property)
    assert ec2.IConnectable in CONSTRUCTS[name].__jsii_ifaces__  # type: ignore[attr-defined]


def test_stateful_constructs_are_exported() -> None:
    assert set(CONSTRUCTS) >= STATEFUL


def test_faults_are_found() -> None:
    class Faulty(Construct):
        """Construct that keeps no guideline.

        Args:
            scope: parent.
            id: construct id.
            lead: how long before the end.
            cluster_name: name of the cluster.
            gone: no property any more.
        """

        def __init__(self, scope: Construct, id: str, lead: int = 90, *, cluster_name: str, more: bool) -> None:  # noqa: A002, ARG002
            super().__init__(scope, id)

    assert faults(Faulty) == [
        "lead is not keyword-only",
        "lead is optional and documents no default",
        "lead is a number without its unit in the name",
        "cluster_name is called cluster elsewhere",
        "more is not in the docstring's Args",
        "gone is documented and no property",
    ]
