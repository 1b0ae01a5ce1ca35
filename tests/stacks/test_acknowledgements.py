"""Findings of cdk-nag: each is acknowledged on what it is about, and nothing is acknowledged that isn't found."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
import yaml
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks
from constructs import IConstruct

from helpers.environment_changes import Change, Content
from helpers.workload_edits import argo_cd
from ultrafleet.environment import load_environment
from ultrafleet.stacks import acknowledgements
from ultrafleet.stacks.fleet_stage import FleetStage

ENVIRONMENTS = Path(__file__).parent.parent.parent / "stacks" / "environments"
NAMES = sorted(path.stem for path in ENVIRONMENTS.glob("*.yaml"))
OPTIONS: dict[str, Any] = {
    "ssm_sessions": True,
    "addons": ["aws-ebs-csi-driver", "aws-efs-csi-driver", "aws-fsx-csi-driver"],
}
Rules = set[tuple[str, str]]


def every_option(content: Content) -> None:
    """What the shipped environments leave out, without what they have."""
    content["cluster"] = {**content.get("cluster", {}), **OPTIONS}
    content["network"]["flow_logs"] = False


def found(scope: IConstruct) -> Iterator[tuple[str, str]]:
    """Rule and path of each finding."""
    for stack in filter(cdk.Stack.is_stack, scope.node.find_all()):
        for pack in (AwsSolutionsChecks(verbose=True), NIST80053R5Checks(verbose=True)):
            for violation in pack.validate_scope(stack).violations:
                for resource in violation.violating_resources:
                    yield violation.rule_name, resource.construct_path or ""


def compared(path: Path, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> tuple[Rules, Rules]:
    """Findings without acknowledgement, and acknowledgements without a finding, of an environment."""
    reasons: Rules = set()

    def note(scope: IConstruct, entries: dict[str, str]) -> None:
        reasons.update((rule, scope.node.path) for rule in entries if not rule.startswith("@"))  # CDK's own warnings

    monkeypatch.setattr(acknowledgements, "_on", note)
    environment = load_environment(path)
    stage = FleetStage(
        cdk.App(context=context, analytics_reporting=False, builtin_cloud_formation_validation=False),
        environment=environment,
    )
    acknowledgements.acknowledge(stage, environment)
    findings = set(found(stage))
    assert {rule.partition("-")[0] for rule, _ in findings} == {"AwsSolutions", "NIST.800.53.R5"}

    def about(reason: tuple[str, str], finding: tuple[str, str]) -> bool:
        return reason[0] == finding[0] and f"{finding[1]}/".startswith(f"{reason[1]}/")

    return (
        {finding for finding in findings if not any(about(reason, finding) for reason in reasons)},
        {reason for reason in reasons if not any(about(reason, finding) for finding in findings)},
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "edit"),
    [*((name, None) for name in NAMES), ("training", every_option), ("inference", argo_cd)],
)
def test_what_is_found_is_acknowledged_and_nothing_else(
    name: str, edit: Change | None, tmp_path: Path, cdk_context: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = yaml.safe_load((ENVIRONMENTS / f"{name}.yaml").read_text())
    if edit is not None:
        edit(content)
    path = tmp_path / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content))
    assert compared(path, cdk_context, monkeypatch) == (set(), set())


@pytest.mark.slow
def test_a_public_bucket_and_a_role_that_may_do_everything_are_found(cdk_context: dict[str, Any]) -> None:
    path = ENVIRONMENTS / "dev.yaml"
    stage = FleetStage(
        cdk.App(context=cdk_context, analytics_reporting=False, builtin_cloud_formation_validation=False),
        environment=load_environment(path),
    )
    acknowledgements.acknowledge(stage, load_environment(path))
    s3.CfnBucket(stage.network, "Planted", access_control="PublicRead")
    iam.Role(
        stage.cluster,
        "Almighty",
        assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
        inline_policies={
            "everything": iam.PolicyDocument(statements=[iam.PolicyStatement(actions=["*"], resources=["*"])])
        },
    )
    rules = {rule for rule, path in found(stage)}
    assert rules >= {
        "AwsSolutions-S10",
        "NIST.800.53.R5-S3BucketPublicReadProhibited",
        "AwsSolutions-IAM5[Action::*]",
        "NIST.800.53.R5-IAMPolicyNoStatementsWithAdminAccess",
    }
