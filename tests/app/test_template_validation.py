"""Templates are validated when they changed, and only then."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_sqs as sqs

from ultrafleet.app.template_validation import ChangedTemplates, cloudformation_rules, template_checks


class Recorder:
    """A check that notes what it was asked about, and finds what it is told to find."""

    def __init__(self, *findings: str) -> None:
        self.asked: list[list[str]] = []
        self._findings = findings

    def __call__(
        self, stacks: Sequence[cdk.PolicyValidationStack], _: cdk.IPolicyValidationContext
    ) -> list[cdk.PolicyViolation]:
        self.asked.append(sorted(stack.stack_construct_path for stack in stacks))
        return [
            cdk.PolicyViolation(
                rule_name=name,
                description="no",
                severity="error",
                violating_resources=[cdk.PolicyViolatingResource(construct_path="S0/Vpc", locations=[])],
            )
            for name in self._findings
        ]


def plugin(memory: Path, check: Any, *, fingerprint: str = "1") -> ChangedTemplates:
    return ChangedTemplates(name="test", check=check, memory=memory, fingerprint=fingerprint)


def synth(*plugins: ChangedTemplates, cidrs: Sequence[str] = ("10.0.0.0/16", "10.1.0.0/16")) -> None:
    app = cdk.App(analytics_reporting=False, builtin_cloud_formation_validation=False)
    for number, cidr in enumerate(cidrs):
        ec2.CfnVPC(cdk.Stack(app, f"S{number}"), "Vpc", cidr_block=cidr)
    cdk.Validations.of(app).add_plugins(*plugins)
    app.synth()


def test_an_unchanged_template_is_not_checked_again(tmp_path: Path) -> None:
    first, second = Recorder(), Recorder()
    synth(plugin(tmp_path, first))
    synth(plugin(tmp_path, second))
    assert first.asked == [["S0", "S1"]]
    assert second.asked == []


def test_only_what_changed_is_checked(tmp_path: Path) -> None:
    check = Recorder()
    synth(plugin(tmp_path, Recorder()))
    synth(plugin(tmp_path, check), cidrs=("10.0.0.0/16", "10.2.0.0/16"))
    assert check.asked == [["S1"]]


def test_a_template_with_a_finding_is_never_remembered(tmp_path: Path) -> None:
    for _ in range(2):
        check = plugin(tmp_path, Recorder("W1"))
        with pytest.raises(RuntimeError, match="ValidationFailed"):
            synth(check)
        assert check.findings == ["W1: S0/Vpc: no"]
    assert not list(tmp_path.iterdir())


def test_another_version_checks_everything_again(tmp_path: Path) -> None:
    check = Recorder()
    synth(plugin(tmp_path, Recorder()))
    synth(plugin(tmp_path, check, fingerprint="2"))
    assert check.asked == [["S0", "S1"]]


@pytest.mark.parametrize("content", ["", "{", "[1", "null"])
def test_a_broken_memory_checks_everything_again(tmp_path: Path, content: str) -> None:
    (tmp_path / "valid-test.json").write_text(content)
    check = Recorder()
    synth(plugin(tmp_path, check))
    assert check.asked == [["S0", "S1"]]


def test_the_memory_stays_small(tmp_path: Path) -> None:
    (tmp_path / "valid-test.json").write_text(json.dumps([str(number) for number in range(6000)]))
    synth(plugin(tmp_path, Recorder()))
    assert len(json.loads((tmp_path / "valid-test.json").read_text())) == 5000


@pytest.mark.slow
def test_fails_on_what_cloudformation_does_not_take(tmp_path: Path) -> None:
    check = plugin(tmp_path, cloudformation_rules)
    app = cdk.App(analytics_reporting=False, builtin_cloud_formation_validation=False)
    cdk.CfnResource(cdk.Stack(app, "S"), "Subnet", type="AWS::EC2::Subnet", properties={"Bogus": 1})
    cdk.Validations.of(app).add_plugins(check)
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    assert any("Subnet" in finding for finding in check.findings)


@pytest.mark.slow
def test_fails_on_what_cdk_nag_objects_to(tmp_path: Path) -> None:
    reasons = tmp_path / "reasons.py"
    reasons.write_text("")
    checks = template_checks(tmp_path / "memory", acknowledgements=[reasons])
    app = cdk.App(analytics_reporting=False, builtin_cloud_formation_validation=False)
    sqs.Queue(cdk.Stack(app, "S"), "Queue")
    cdk.Validations.of(app).add_plugins(*checks)
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    assert any("AwsSolutions-SQS4" in finding for check in checks for finding in check.findings)


def test_other_acknowledgements_check_everything_again(tmp_path: Path) -> None:
    reasons = tmp_path / "reasons.py"
    fingerprints = set()
    for text in ("", "# another"):
        reasons.write_text(text)
        fingerprints.update(check._fingerprint for check in template_checks(tmp_path, acknowledgements=[reasons]))
    assert len(fingerprints) == 3  # cdk-nag's changed, CloudFormation's did not
