"""One policy, four faces: the command's formats, the CDK's plugin, cfn-lint's rules; and acknowledgements."""

import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from cfnlint.api import lint_file
from cfnlint.config import ManualArgs
from cfnlint.helpers import create_rules
from cfnlint.match import Match
from typer.testing import CliRunner

from helpers.policy_faults import DATA, FAULTS, edited
from helpers.policy_group_faults import GROUP_FAULTS
from ultrafleet.cli import app, main
from ultrafleet.errors import FleetError
from ultrafleet.policy import (
    RULES,
    Acknowledgement,
    Severity,
    acknowledge,
    cfn_lint,
    check_templates,
    read_acknowledgements,
)
from ultrafleet.policy.cdk_plugin import FleetPolicy
from ultrafleet.policy.sarif import sarif

ROOT = Path(__file__).parent.parent.parent
DAY = date(2026, 11, 24)
IMDS = Acknowledgement(
    rule="imdsv2", resource="Template", reason="an old agent", owner="ml-platform", until=date(2026, 12, 31)
)
FOUND = check_templates([edited(FAULTS["IMDSv1"][0])])


def written(path: Path, fault: str) -> str:
    path.write_text(json.dumps(edited(FAULTS[fault][0]).content, indent=1))
    return str(path)


class TestAcknowledgements:
    @pytest.mark.parametrize(
        ("file", "covered"),
        [
            ("a.template.json", True),
            ("cdk.out/a.template.json", True),
            ("*/cdk.out/*.json", True),
            ("a.template.jso", False),
            ("other/a.template.json", False),
            ("template.json", False),
        ],
    )
    def test_a_file_is_the_end_of_the_path(self, file: str, covered: bool) -> None:
        (finding,) = FOUND
        found = replace(finding, file="/home/me/cdk.out/a.template.json")
        assert IMDS.model_copy(update={"file": file}).covers(found) is covered

    def test_an_accepted_finding_is_shown_with_its_reason_and_is_no_error(self) -> None:
        (finding,) = acknowledge(FOUND, [IMDS], as_of=DAY)
        assert finding.severity is Severity.ACKNOWLEDGED
        assert "acknowledged by ml-platform until 2026-12-31: an old agent" in finding.message

    def test_it_counts_on_its_last_day_and_not_after(self) -> None:
        assert acknowledge(FOUND, [IMDS], as_of=IMDS.until)[0].severity is Severity.ACKNOWLEDGED
        (finding,) = acknowledge(FOUND, [IMDS], as_of=date(2027, 1, 1))
        assert finding.severity is Severity.ERROR
        assert "its acknowledgement by ml-platform ended 2026-12-31" in finding.message

    @pytest.mark.parametrize("other", [{"rule": "ssh-key"}, {"resource": "Other"}, {"file": "other*"}])
    def test_it_covers_one_rule_of_one_resource_and_says_when_it_covers_nothing(self, other: dict[str, Any]) -> None:
        finding, stale = acknowledge(FOUND, [IMDS.model_copy(update=other)], as_of=DAY, source="a.yaml")
        assert finding.severity is Severity.ERROR
        assert (stale.rule, stale.severity, stale.file) == ("acknowledgement", Severity.WARNING, "a.yaml")

    def test_a_renewed_one_counts_beside_the_one_that_is_over(self) -> None:
        over = IMDS.model_copy(update={"until": date(2026, 1, 1)})
        assert acknowledge(FOUND, [over, IMDS], as_of=DAY)[0].severity is Severity.ACKNOWLEDGED

    def test_is_read_from_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / "a.yaml"
        path.write_text(
            "- rule: imdsv2\n  resource: Template\n  reason: an old agent\n  owner: ml-platform\n  until: 2026-12-31\n"
        )
        assert read_acknowledgements(path) == [IMDS]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("- {rule: imdsv2, resource: T, reason: r, owner: o}", "0.until: field required"),
            ("- {rule: imdsv2, resource: T, reason: '', owner: o, until: 2026-12-31}", "0.reason"),
            ("- {rule: imdsv2, resource: T, reason: r, owner: o, until: 2026-12-31, scope: all}", "0.scope"),
            ("rule: imdsv2", "list"),
            ("[", "can't be read"),
        ],
    )
    def test_fails_on_one_that_lacks_something(self, tmp_path: Path, text: str, message: str) -> None:
        path = tmp_path / "a.yaml"
        path.write_text(text)
        with pytest.raises(FleetError, match=message):
            read_acknowledgements(path)


class TestCommand:
    def test_acknowledged(self, tmp_path: Path) -> None:
        bad = written(tmp_path / "bad.json", "IMDSv1")
        (tmp_path / "a.yaml").write_text(f"- {IMDS.model_dump(mode='json')}")
        arguments = ["check", bad, "--acknowledgements", str(tmp_path / "a.yaml"), "--as-of"]
        accepted, over = (CliRunner().invoke(app, [*arguments, day]) for day in ("2026-12-01", "2027-01-01"))
        assert (accepted.exit_code, over.exit_code) == (0, 1)
        assert "0 unknown, 1 acknowledged" in accepted.stdout

    def test_sarif_names_file_and_line(self, tmp_path: Path) -> None:
        bad = written(tmp_path / "bad.json", "IMDSv1")
        result = CliRunner().invoke(app, ["check", bad, "--sarif"])
        (found,) = json.loads(result.stdout)["runs"][0]["results"]
        (place,) = found["locations"]
        line = place["physicalLocation"]["region"]["startLine"]
        assert result.exit_code == 1
        assert (found["ruleId"], found["level"]) == ("imdsv2", "error")
        assert place["physicalLocation"]["artifactLocation"]["uri"] == bad
        assert '"Template"' in Path(bad).read_text().splitlines()[line - 1]

    def test_sarif_suppresses_what_is_acknowledged(self) -> None:
        log = sarif(acknowledge(FOUND, [IMDS], as_of=DAY), RULES)
        assert log["runs"][0]["results"][0]["suppressions"] == [{"kind": "external", "status": "accepted"}]
        assert {rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]} == {rule.id for rule in RULES}

    def test_text_names_the_line(self, tmp_path: Path) -> None:
        (tmp_path / "bad.yaml").write_text(
            (DATA / "rack.yaml").read_text().replace("HttpTokens: required", "HttpTokens: optional")
        )
        result = CliRunner().invoke(app, ["check", str(tmp_path / "bad.yaml")])
        lines = (tmp_path / "bad.yaml").read_text().splitlines()
        assert f"bad.yaml:{lines.index('  Template:') + 1}: Template: error:" in result.stdout

    def test_fails_on_acknowledgements_that_are_not_there(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        arguments = ["check", str(DATA / "rack.yaml"), "--acknowledgements", "nowhere.yaml"]
        monkeypatch.setattr("sys.argv", ["ultrafleet", *arguments])
        with pytest.raises(SystemExit, match="2"):
            main()
        assert capsys.readouterr().err.startswith("error: nowhere.yaml can't be read")


def eks_v2_app(outdir: Path, *, endpoint: eks.EndpointAccess, policy: FleetPolicy) -> cdk.App:
    """A cluster as people write it with aws_eks_v2."""
    fleet = cdk.App(outdir=str(outdir), analytics_reporting=False, builtin_cloud_formation_validation=False)
    stack = cdk.Stack(fleet, "Fleet")
    eks.Cluster(
        stack,
        "Cluster",
        version=eks.KubernetesVersion.V1_34,
        default_capacity_type=eks.DefaultCapacityType.NODEGROUP,
        default_capacity=0,
        endpoint_access=endpoint,
    )
    ec2.CfnLaunchTemplate(stack, "Launch", launch_template_data={"instanceType": "p6e-gb200.36xlarge"})
    cdk.Validations.of(fleet).add_plugins(policy)
    return fleet


class TestPlugin:
    def report(self, outdir: Path) -> set[tuple[str, str]]:
        (plugin,) = json.loads((outdir / "validation-report.json").read_text())["pluginReports"]
        return {(item["ruleName"], item["severity"]) for item in plugin["violations"]}

    def test_fails_the_synthesis_of_any_app(self, tmp_path: Path) -> None:
        fleet = eks_v2_app(tmp_path, endpoint=eks.EndpointAccess.PUBLIC, policy=FleetPolicy())
        with pytest.raises(RuntimeError, match="ValidationFailed"):
            fleet.synth()
        assert {("public-endpoint", "error"), ("market-and-reservation", "error")} <= self.report(tmp_path)

    def test_takes_acknowledgements_of_the_cdk_and_of_the_file(self, tmp_path: Path) -> None:
        accepted = Acknowledgement(
            rule="market-and-reservation", resource="Launch", reason="r", owner="o", until=date(2026, 12, 31)
        )
        policy = FleetPolicy(acknowledgements=[accepted], as_of=DAY)
        fleet = eks_v2_app(tmp_path, endpoint=eks.EndpointAccess.PUBLIC, policy=policy)
        cdk.Validations.of(fleet).acknowledge(cdk.Acknowledgment(id="ultrafleet::public-endpoint", reason="r"))
        fleet.synth()

    def test_names_every_rule(self) -> None:
        assert FleetPolicy().rule_ids == [rule.id for rule in RULES]


def linted(path: Path, **arguments: Any) -> list[Match]:
    """What cfn-lint reports by our rules."""
    given = ManualArgs(append_rules=["ultrafleet.policy.cfn_lint"], include_checks=["I"], **arguments)
    return [match for match in lint_file(path, given) if "ultrafleet" in match.rule.tags]


class TestCfnLint:
    @pytest.mark.parametrize(
        ("fault", "rule"), [("IMDSv1", "E9706"), ("an SSH key", "W9707"), ("EFA on B300's first card", "E9701")]
    )
    def test_finds_the_same_under_an_id_of_each_rule(self, tmp_path: Path, fault: str, rule: str) -> None:
        (match,) = linted(Path(written(tmp_path / "bad.json", fault)))
        assert match.rule.id == rule
        assert match.message.endswith(f"[{FAULTS[fault][1]}]")
        assert match.rule.shortdesc == f"ultrafleet {FAULTS[fault][1]}"

    def test_ignores_one_rule(self, tmp_path: Path) -> None:
        path = Path(written(tmp_path / "bad.json", "IMDSv1"))
        assert linted(path, ignore_checks=["E9706"]) == []
        assert len(linted(path, ignore_checks=["E9701"])) == 1
        assert linted(path, ignore_checks=["E97"]) == []

    def test_every_rule_has_ids_that_are_its_own(self) -> None:
        made = [rule for rule in create_rules(cfn_lint) if "ultrafleet" in rule.tags]
        assert len({rule.id for rule in made}) == len(made)
        assert len({rule.number for rule in RULES}) == len(RULES)
        assert all(0 < rule.number < 100 for rule in RULES)
        assert {rule.tags[1] for rule in made} == {rule.id for rule in RULES}
        assert all(rule.description for rule in made)
        (targets,) = [rule for rule in made if rule.id == "E9711"]
        assert targets.source_url.startswith("https://docs.aws.amazon.com/")

    def test_every_rule_has_a_name_and_an_address_that_is_there(self) -> None:
        sections = set(re.findall(r"^## `(.+)`$", (ROOT / "docs" / "policy.md").read_text(), re.MULTILINE))
        for rule in create_rules(cfn_lint):
            _, _, section = rule.source_url.partition("docs/policy.md#")
            assert rule.shortdesc == f"ultrafleet {rule.tags[1]}"
            assert rule.source_url.startswith("https://") or section == rule.tags[1]
            assert rule.tags[1] in sections

    def test_an_ignored_rule_silences_no_other(self, tmp_path: Path) -> None:
        bad = edited(FAULTS["IMDSv1"][0]).content
        bad["Resources"]["Template"]["Properties"]["LaunchTemplateData"]["KeyName"] = "old"
        path = tmp_path / "bad.json"
        path.write_text(json.dumps(bad))
        assert {match.rule.id for match in linted(path)} == {"E9706", "W9707"}
        assert {match.rule.id for match in linted(path, ignore_checks=["E9706"])} == {"W9707"}
        assert {match.rule.id for match in linted(path, ignore_checks=["W9707"])} == {"E9706"}

    def test_every_finding_has_an_id(self) -> None:
        ids = {(rule.id[0], rule.tags[1]) for rule in create_rules(cfn_lint)}
        letters = {Severity.ERROR: "E", Severity.WARNING: "W", Severity.UNKNOWN: "I"}
        for edit, *_ in {**FAULTS, **GROUP_FAULTS}.values():
            for finding in check_templates([edited(edit)]):
                assert (letters[finding.severity], finding.rule) in ids
