"""Findings as annotations of code hosts: what a host reads of them, and nothing that a template says is a command."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from helpers.policy_faults import DATA, FAULTS, edited
from ultrafleet.cli import app
from ultrafleet.policy import RULES, Finding, Severity, check_templates
from ultrafleet.policy.annotations import code_quality, repository_path, workflow_commands
from ultrafleet.policy.sarif import sarif

(FOUND,) = check_templates([edited(FAULTS["IMDSv1"][0])])
HOSTILE = "::error::x\r\n::add-mask::y%0A::set-output name=z::\u2028::stop-commands::t\x1b[1m##[set-env name=A]b,line=1"


def runner(line: str) -> tuple[str, dict[str, str], str]:
    """A line as GitHub's runner reads it: command, properties and data (ActionCommand.TryParseV2)."""
    assert line.startswith("::")
    end = line.index("::", 2)
    command, _, stated = line[2:end].partition(" ")
    properties = dict(part.split("=", 1) for part in stated.split(","))
    return command, {name: _back(value) for name, value in properties.items()}, _back(line[end + 2 :])


def _back(text: str) -> str:
    for escape, sign in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escape, sign)
    return text


class TestGitHub:
    def test_a_finding_is_a_command_with_its_line(self) -> None:
        (line,) = workflow_commands([replace(FOUND, file="cdk.out/a.json", line=7)])
        command, properties, text = runner(line)
        assert command == "error"
        assert properties == {"file": "cdk.out/a.json", "line": "7", "title": "ultrafleet imdsv2"}
        assert text == f"Template: {FOUND.message}"

    def test_what_looks_escaped_is_escaped_again(self) -> None:
        (line,) = workflow_commands([replace(FOUND, message="100%0A::error::x", file="a%2Cb.json")])
        assert line.endswith("Template: 100%250A::error::x")
        assert runner(line)[1]["file"] == "a%2Cb.json"

    def test_errors_come_first_and_accepted_ones_not_at_all(self) -> None:
        lines = workflow_commands(replace(FOUND, severity=severity) for severity in reversed(Severity))
        assert [runner(line)[0] for line in lines] == ["error", "warning", "notice"]

    @given(st.text(), st.text(), st.text(min_size=1))
    def test_whatever_a_template_says_is_one_command_of_three_properties(
        self, message: str, resource: str, file: str
    ) -> None:
        for name in (file, HOSTILE):
            found = replace(FOUND, message=message + HOSTILE, resource=resource + HOSTILE, file=name)
            (line,) = workflow_commands([found])
            command, properties, _ = runner(line)
            assert len(line.splitlines()) == 1
            assert line.isprintable()
            assert "##[" not in line
            assert (command, list(properties)) == ("error", ["file", "line", "title"])
            assert (properties["line"], properties["title"]) == (str(found.line), "ultrafleet imdsv2")

    def test_the_command_prints_them_and_counts(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "bad.yaml").write_text(
            (DATA / "rack.yaml").read_text().replace("HttpTokens: required", "HttpTokens: optional")
        )
        result = CliRunner().invoke(app, ["check", str(tmp_path), "--annotations", "github"])
        first, last = result.stdout.splitlines()
        assert result.exit_code == 1
        assert first.startswith("::error file=bad.yaml,line=")
        assert last.startswith("1 template: 1 error")

    def test_no_finding_is_no_command(self) -> None:
        result = CliRunner().invoke(app, ["check", str(DATA / "rack.yaml"), "--annotations", "github"])
        assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1)


class TestGitLab:
    def test_a_finding_is_an_issue_with_its_line(self) -> None:
        (issue,) = code_quality([replace(FOUND, file="./cdk.out/a.json", line=7)])
        assert issue["location"] == {"path": "cdk.out/a.json", "lines": {"begin": 7}}
        assert (issue["check_name"], issue["severity"]) == ("ultrafleet/imdsv2", "critical")
        assert issue["description"] == f"Template: {FOUND.message}"

    def test_fingerprints_are_unique_and_stay_when_a_line_moves(self) -> None:
        twice = code_quality([FOUND, FOUND])
        assert len({issue["fingerprint"] for issue in twice}) == 2
        moved = code_quality([replace(FOUND, line=99)])
        assert moved[0]["fingerprint"] == twice[0]["fingerprint"]
        assert code_quality([replace(FOUND, severity=Severity.ACKNOWLEDGED)]) == []

    @given(st.text(), st.text())
    def test_whatever_a_template_says_is_json(self, message: str, file: str) -> None:
        (issue,) = code_quality([replace(FOUND, message=message, file=file or ".")])
        assert json.loads(json.dumps(issue))["description"].isprintable()

    def test_the_command_prints_the_report_alone(self, tmp_path: Path) -> None:
        (tmp_path / "bad.json").write_text(json.dumps(edited(FAULTS["IMDSv1"][0]).content))
        result = CliRunner().invoke(app, ["check", str(tmp_path), "--annotations", "gitlab"])
        assert [issue["check_name"] for issue in json.loads(result.stdout)] == ["ultrafleet/imdsv2"]


def test_paths_are_those_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert repository_path(str(tmp_path / "a" / "b.json")) == "a/b.json"
    assert repository_path("./a/b.json") == "a/b.json"
    assert repository_path("/elsewhere/b.json") == "/elsewhere/b.json"


def test_sarif_writes_a_path_as_a_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found: Finding = replace(FOUND, file=str(tmp_path / "my fleet#1" / "100%\udcff.json"))
    (result,) = sarif([found], RULES)["runs"][0]["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "my%20fleet%231/100%25%FF.json"
