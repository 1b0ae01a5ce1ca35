"""Policy for any template: a planted fault for every rule, no finding on a correct one, and undecided values."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from helpers.policy_faults import DATA, RACK, Edit, data, edited
from helpers.policy_faults import FAULTS as LAUNCH_FAULTS
from helpers.policy_group_faults import GROUP_FAULTS
from helpers.policy_reach_faults import REACH_FAULTS, TWINS
from helpers.policy_templates import BAD, GOOD, template
from helpers.rehearsal_site import ENVIRONMENTS, synthesised
from ultrafleet.cli import app, main
from ultrafleet.errors import FleetError
from ultrafleet.policy import RULES, Severity, Template, check_templates, parse_template, read_templates
from ultrafleet.templates.intrinsics import Resolver
from ultrafleet.templates.unknown import Unknown

FAULTS = LAUNCH_FAULTS | GROUP_FAULTS | REACH_FAULTS
CONSEQUENCES = {"market-and-reservation": {("capacity-type", "error"), ("node-group-launch-template", "error")}}
"""Findings of another rule for the same fault."""


def found(template: Template) -> set[tuple[str, str]]:
    return {(item.rule, item.severity.value) for item in check_templates([template])}


@pytest.mark.parametrize(("edit", "rule", "severity"), FAULTS.values(), ids=FAULTS)
def test_finds(edit: Edit, rule: str, severity: str) -> None:
    all_found = found(edited(edit))
    assert (rule, severity) in all_found
    assert all_found - CONSEQUENCES.get(rule, set()) == {(rule, severity)}


@pytest.mark.parametrize("edit", TWINS.values(), ids=TWINS)
def test_nothing_is_wrong_with_the_twin_of_a_fault(edit: Edit) -> None:
    assert check_templates([edited(edit)]) == []


@pytest.mark.parametrize("resources", GOOD.values(), ids=GOOD)
def test_nothing_is_wrong_with(resources: dict[str, Any]) -> None:
    assert check_templates([template(resources)]) == []


@pytest.mark.parametrize(("resources", "rules"), BAD.values(), ids=BAD)
def test_finds_what_is_known_to_be_wrong(resources: dict[str, Any], rules: set[str]) -> None:
    assert {(item.rule, item.severity) for item in check_templates([template(resources)])} == {
        (rule, Severity.ERROR) for rule in rules
    }


def test_every_rule_has_a_fault() -> None:
    assert {rule for _, rule, _ in FAULTS.values()} == {rule.id for rule in RULES}


def test_nothing_is_wrong_with_a_rack_as_people_write_it() -> None:
    assert check_templates([Template(name="rack.yaml", content=RACK)]) == []


@pytest.mark.parametrize("name", ["dev", "training", "inference"])
def test_nothing_is_wrong_with_what_the_library_makes(name: str) -> None:
    _, stacks = synthesised((ENVIRONMENTS / f"{name}.yaml").read_text(), name)
    templates = [parse_template(stack.template, name=stack.name) for stack in stacks]
    assert [item for item in check_templates(templates) if item.severity is not Severity.UNKNOWN] == []


OPEN: dict[str, tuple[Edit, str]] = {
    "the market type": (
        lambda r: data(r).update(InstanceMarketOptions={"MarketType": {"Ref": "Vpc"}}),
        "market-and-reservation",
    ),
    "interfaces": (lambda r: data(r).update(NetworkInterfaces={"Fn::Transform": {}}), "efa-layout"),
    "HttpTokens": (lambda r: data(r)["MetadataOptions"].update(HttpTokens={"Ref": "Vpc"}), "imdsv2"),
    "subnets": (lambda r: r["Rack"].update(Subnets={"Ref": "Vpc"}), "one-subnet"),
    "the largest size": (lambda r: r["Rack"]["ScalingConfig"].update(MaxSize={"Ref": "Vpc"}), "ultraserver-size"),
    "the endpoint": (
        lambda r: r["Cluster"]["ResourcesVpcConfig"].update(EndpointPublicAccess={"Ref": "Vpc"}),
        "public-endpoint",
    ),
    "the capacity": (lambda r: r["Scratch"].update(StorageCapacity={"Ref": "Vpc"}), "lustre"),
}


@pytest.mark.parametrize(("edit", "rule"), OPEN.values(), ids=OPEN)
def test_what_is_only_known_at_deployment_is_neither_passed_nor_failed(edit: Edit, rule: str) -> None:
    findings = [item for item in check_templates([edited(edit)]) if item.rule == rule]
    assert [item.severity for item in findings] == [Severity.UNKNOWN]
    assert findings[0].message.startswith("undecided: ")


def test_a_parameter_that_is_given_counts() -> None:
    text = (DATA / "rack.yaml").read_text()
    other = parse_template(text, name="rack", parameters={"Stage": "dev"})
    assert ("market-and-reservation", "error") in found(other)


CONTENT: dict[str, Any] = {
    "Parameters": {
        "A": {"Type": "String", "Default": "a"},
        "L": {"Type": "CommaDelimitedList", "Default": "x, y"},
        "N": {"Type": "String"},
        "S": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/ami"},
    },
    "Mappings": {"M": {"a": {"k": 7}}},
    "Conditions": {
        "Yes": {"Fn::Equals": [{"Ref": "A"}, "a"]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "Open": {"Fn::Equals": [{"Ref": "N"}, "a"]},
        "Either": {"Fn::Or": [{"Condition": "Open"}, {"Condition": "Yes"}]},
        "Both": {"Fn::And": [{"Condition": "Open"}, {"Condition": "No"}]},
        "Loop": {"Fn::Not": [{"Condition": "Loop"}]},
    },
    "Resources": {"T": {"Type": "AWS::SNS::Topic"}},
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "A"}, "a"),
        ({"Ref": "L"}, ["x", "y"]),
        ({"Fn::FindInMap": ["M", {"Ref": "A"}, "k"]}, 7),
        ({"Fn::Sub": "${A}-b-${!literal}"}, "a-b-${literal}"),
        ({"Fn::Sub": ["${X}", {"X": {"Ref": "A"}}]}, "a"),
        ({"Fn::Join": ["-", ["a", 1, True]]}, "a-1-true"),
        ({"Fn::Select": ["1", {"Ref": "L"}]}, "y"),
        ({"Fn::Split": ["-", "a-b"]}, ["a", "b"]),
        ({"Fn::If": ["Yes", 1, 2]}, 1),
        ({"Fn::If": ["No", 1, 2]}, 2),
        ({"Fn::If": ["Either", 1, 2]}, 1),
        ({"Fn::If": ["Both", 1, 2]}, 2),
        ({"Fn::If": ["Open", 3, 3]}, 3),
        ({"a": {"Fn::If": ["No", 1, {"Ref": "AWS::NoValue"}]}, "b": 1}, {"b": 1}),
        ([{"Ref": "AWS::NoValue"}, 1], [1]),
    ],
)
def test_values_are_resolved(value: Any, expected: Any) -> None:
    assert Resolver(CONTENT).resolve(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "N"},
        {"Ref": "S"},
        {"Ref": "T"},
        {"Ref": "AWS::Region"},
        {"Fn::GetAtt": "T.TopicName"},
        {"Fn::Sub": "a-${T.TopicName}"},
        {"Fn::ImportValue": "x"},
        {"Fn::FindInMap": ["M", "b", "k"]},
        {"Fn::If": ["Open", 1, 2]},
        {"Fn::If": ["Loop", 1, 2]},
        {"Fn::Select": [9, {"Ref": "L"}]},
        {"Fn::Join": "broken"},
        {"Fn::Transform": {}},
    ],
)
def test_values_that_nobody_knows_say_so(value: Any) -> None:
    resolved = Resolver(CONTENT).resolve(value)
    assert isinstance(resolved, Unknown)
    assert resolved.reason


def test_a_resource_whose_condition_is_false_is_not_there() -> None:
    content = {**CONTENT, "Resources": {"T": {"Type": "AWS::SNS::Topic", "Condition": "No"}}}
    assert not Template(name="t", content=content).resources


class TestReading:
    def test_a_folder_is_searched_for_templates(self, tmp_path: Path) -> None:
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "a.template.json").write_text(json.dumps(dict(RACK)))
        (tmp_path / "b.yaml").write_text((DATA / "rack.yaml").read_text())
        (tmp_path / "manifest.json").write_text('{"artifacts": {}}')
        (tmp_path / "asset.1").mkdir()
        (tmp_path / "asset.1" / "c.yaml").write_text((DATA / "rack.yaml").read_text())
        assert [Path(item.name).name for item in read_templates([tmp_path])] == ["b.yaml", "a.template.json"]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{", "can't be read"),
            ("a: [", "can't be read"),
            ("kind: Pod", "has no Resources, expected a CloudFormation template"),
            ("", "has no Resources"),
        ],
    )
    def test_fails_on_what_is_no_template(self, tmp_path: Path, text: str, message: str) -> None:
        (tmp_path / "a.yaml").write_text(text)
        with pytest.raises(FleetError, match=message):
            read_templates([tmp_path / "a.yaml"])

    def test_fails_on_what_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(FleetError, match="doesn't exist, expected a template"):
            read_templates([tmp_path / "nothing"])
        with pytest.raises(FleetError, match="holds no template, expected some"):
            read_templates([tmp_path])


class TestCommand:
    def run(self, *arguments: str) -> Any:
        return CliRunner().invoke(app, ["check", *arguments])

    def test_clean(self) -> None:
        result = self.run(str(DATA / "rack.yaml"))
        assert result.exit_code == 0
        assert "1 template: 0 error, 0 warning, 0 unknown" in result.stdout

    def test_errors_found(self, tmp_path: Path) -> None:
        (tmp_path / "bad.json").write_text(json.dumps(edited(FAULTS["IMDSv1"][0]).content))
        result = self.run(str(tmp_path), "--json")
        assert result.exit_code == 1
        (finding,) = json.loads(result.stdout)
        assert set(finding) == {"file", "resource", "rule", "severity", "message"}
        assert (finding["resource"], finding["rule"], finding["severity"]) == ("Template", "imdsv2", "error")

    def test_warnings_alone_are_no_failure(self, tmp_path: Path) -> None:
        (tmp_path / "warn.json").write_text(json.dumps(edited(FAULTS["an SSH key"][0]).content))
        assert self.run(str(tmp_path)).exit_code == 0

    def test_a_parameter_is_given(self) -> None:
        assert self.run(str(DATA / "rack.yaml"), "--parameter", "Stage=dev").exit_code == 1

    def test_a_pseudo_parameter_is_given(self) -> None:
        assert self.run(str(DATA / "rack.yaml"), "--parameter", "AWS::Region=us-east-1").exit_code == 0

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--parameter", "Stagee=dev"], "parameter Stagee is in no template"),
            (["--json", "--sarif"], "--json, --sarif and --annotations are stated together"),
        ],
    )
    def test_fails_on_what_would_be_ignored(
        self,
        arguments: list[str],
        message: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr("sys.argv", ["ultrafleet", "check", str(DATA / "rack.yaml"), *arguments])
        with pytest.raises(SystemExit, match="2"):
            main()
        assert message in capsys.readouterr().err

    @pytest.mark.parametrize("arguments", [["nowhere"], [str(DATA / "rack.yaml"), "--parameter", "Stage"]])
    def test_fails_on_unusable_input(self, arguments: list[str]) -> None:
        assert isinstance(self.run(*arguments).exception, FleetError)
