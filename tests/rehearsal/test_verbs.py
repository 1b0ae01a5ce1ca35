"""Verbs of the CDK CLI and of CloudFormation over running racks: nodes are lost only where the page says so."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers import verbs
from helpers.cdk_fleet import PATH
from helpers.verbs import Seen
from ultrafleet.yaml_loader import TemplateLoader

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "verbs.md"
_ATTACHED = {
    "AWS::EC2::SecurityGroupEgress": ["GroupId"],
    "AWS::EC2::SecurityGroupIngress": ["GroupId"],
    "AWS::IAM::ManagedPolicy": ["Groups", "Roles", "Users"],
    "AWS::IAM::Policy": ["Groups", "Roles", "Users"],
    "AWS::IAM::RolePolicy": ["RoleName"],
}
"""Types that change another resource -> properties that name it."""

_ATTACHED_TO = {"AWS::EC2::SecurityGroup", "AWS::IAM::Group", "AWS::IAM::Role", "AWS::IAM::User"}

ROW = re.compile(r"^\| (?P<name>[^|]+) \| (?P<command>`[^`]+`) \| (?P<lost>[\d,]+) \|", re.MULTILINE)


def page() -> dict[str, tuple[str, int]]:
    """Rows of the page: command and node-minutes lost, by the verb's name."""
    return {
        row["name"]: (row["command"].strip("`"), int(row["lost"].replace(",", "")))
        for row in ROW.finditer(PAGE.read_text())
    }


@pytest.fixture(scope="module")
def seen() -> dict[str, Seen]:
    return verbs.seen()


def test_the_page_has_every_verb_once() -> None:
    names = [row["name"] for row in ROW.finditer(PAGE.read_text())]
    assert sorted(names) == sorted(verbs.NAMES)


def test_only_what_says_so_takes_nodes() -> None:
    keeping, taking = PAGE.read_text().split("## Verbs that take nodes")
    assert {int(row["lost"].replace(",", "")) for row in ROW.finditer(keeping)} == {0}
    assert all(int(row["lost"].replace(",", "")) > 0 for row in ROW.finditer(taking))


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cdk", path=PATH) is None, reason="the CDK CLI is not installed: make setup does")
@pytest.mark.parametrize("name", verbs.NAMES)
def test_a_verb_does_over_running_racks_what_the_page_says(name: str, seen: dict[str, Seen]) -> None:
    assert seen[name].problem == ""
    assert (seen[name].command, seen[name].lost) == page()[name]


@pytest.mark.parametrize("environment", ["dev", "training", "inference"])
def test_no_stack_attaches_rules_or_policies_to_another_stacks_resource(environment: str) -> None:
    """A drift-aware change set takes what another stack attached for drift, and takes it away.

    The security group that EKS makes for a cluster is of no stack.
    """
    templates = [
        yaml.load(path.read_text(), TemplateLoader)  # noqa: S506  # a safe loader
        for path in sorted((ROOT / "tests" / "golden").glob(f"{environment}-*.yaml"))
    ]
    exported = {
        output["Export"]["Name"]: (_name(output["Value"]), template["Resources"])
        for template in templates
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    }
    attachments = 0
    for template in templates:
        for logical_id, resource in template["Resources"].items():
            for target in _targets(resource, template["Resources"], exported):
                attachments += 1
                assert target not in _ATTACHED_TO, f"{logical_id} attaches itself to {target} of another stack"
    assert attachments > 0


def _targets(resource: Any, own: Any, exported: dict[str, tuple[str, Any]]) -> list[str]:
    """What a resource attaches itself to: "" for a resource of its own stack, another one's type, or a value's text."""
    named = [resource["Properties"].get(name) for name in _ATTACHED.get(resource["Type"], [])]
    found = []
    for value in [one for item in named if item is not None for one in (item if isinstance(item, list) else [item])]:
        imported = value.get("Fn::ImportValue") if isinstance(value, dict) else None
        if imported is not None:
            logical_id, resources = exported[imported]
            found.append(str(resources[logical_id]["Type"]))
        else:
            found.append("" if _name(value) in own else str(value))
    return found


def _name(value: Any) -> str:
    """Logical id that a value refers to."""
    if isinstance(value, dict):
        reference = value.get("Fn::GetAtt") or [value.get("Ref")]
        return str(reference if isinstance(reference, str) else reference[0]).split(".")[0]
    return str(value)
