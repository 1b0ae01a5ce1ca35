"""Verbs of the CDK CLI and of CloudFormation over running racks: nodes are lost only where the page says so."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from helpers import verbs
from helpers.cdk_fleet import PATH
from helpers.verbs import Seen

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


@pytest.mark.parametrize("template", sorted((ROOT / "tests" / "golden").glob("*.yaml")), ids=lambda path: path.stem)
def test_no_stack_attaches_rules_or_policies_to_another_stacks_resource(template: Path) -> None:
    """A drift-aware change set takes what another stack attached for drift, and takes it away."""
    resources = yaml.safe_load(template.read_text()).get("Resources", {})
    for logical_id, resource in resources.items():
        for name in _ATTACHED.get(resource["Type"], []):
            for target in _targets(resource["Properties"].get(name)):
                assert target in resources, f"{logical_id} attaches itself to {target}, which isn't of its stack"


def _targets(value: object) -> list[str]:
    """Logical ids that a property names; any other value by its text."""
    if value is None:
        return []
    if isinstance(value, list):
        return [target for item in value for target in _targets(item)]
    if isinstance(value, dict) and "Ref" in value:
        return [str(value["Ref"])]
    if isinstance(value, dict) and "Fn::GetAtt" in value:
        return [str(value["Fn::GetAtt"][0])]
    return [json.dumps(value)]
