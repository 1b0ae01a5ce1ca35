"""The scan of templates by checkov and cloudsplaining, apart from the scanners: `make scan` runs them."""

import json
from typing import Any

import pytest

from tools.iam_documents import Document, documents, resolved
from tools.scan_templates import (
    ACKNOWLEDGEMENTS,
    EXPECTED_OF_PLANTED,
    PLANTED,
    Acknowledgement,
    Finding,
    acknowledgements,
    complaints,
    templates,
)

FOUND = Finding("checkov", "CKV_AWS_18", "AWS::S3::Bucket.TeamCheckpoints8C47C88A", "a.template.json", "logging")
ACCEPTED = Acknowledgement("checkov", "CKV_AWS_18", "AWS::S3::Bucket.TeamCheckpoints*", "CloudTrail has it")


def test_an_acknowledged_finding_is_no_complaint() -> None:
    assert complaints([FOUND], [ACCEPTED]) == []


@pytest.mark.parametrize(
    "other",
    [
        Finding("checkov", "CKV_AWS_20", FOUND.resource, FOUND.template),
        Finding("checkov", "CKV_AWS_18", "AWS::S3::Bucket.Other", FOUND.template),
        Finding("cloudsplaining", "CKV_AWS_18", FOUND.resource, FOUND.template),
    ],
)
def test_fails_on_a_finding_without_acknowledgement(other: Finding) -> None:
    (line,) = complaints([FOUND, other], [ACCEPTED])
    assert line.startswith(f"{other.scanner} {other.rule}: a.template.json: {other.resource}: ")
    assert "acknowledge it with its reason in stacks/scan_acknowledgements.yaml" in line


def test_findings_of_one_risk_of_a_resource_share_a_line() -> None:
    many = [
        Finding("cloudsplaining", f"{risk} s3:{action}", "AWS::IAM::Role.Wide", "a.template.json", "high")
        for risk in ("ResourceExposure", "ServiceWildcard")
        for action in "abcdef"
    ]
    first, second = complaints(many, [])
    assert first.startswith(
        "cloudsplaining ResourceExposure s3:a, ResourceExposure s3:b, ResourceExposure s3:c and 3 more: a.template.json"
    )
    assert second.startswith("cloudsplaining ServiceWildcard s3:a")


def test_fails_on_an_acknowledgement_without_a_finding() -> None:
    (line,) = complaints([], [ACCEPTED])
    assert "nothing was found, expected a finding: delete" in line


@pytest.mark.parametrize("change", [{"reason": None}, {"reason": " "}, {"owner": "me"}, {"rule": 18}])
def test_fails_on_what_is_no_acknowledgement(change: dict[str, Any]) -> None:
    entry = {"scanner": "checkov", "rule": "CKV_AWS_18", "resource": "*", "reason": "it is so", **change}
    with pytest.raises(ValueError, match="expected reason, resource, rule, scanner, each with a text"):
        acknowledgements(json.dumps([entry]))


def test_every_acknowledgement_is_of_a_scanner_and_of_a_type_of_resource() -> None:
    accepted = acknowledgements(ACKNOWLEDGEMENTS.read_text())
    assert accepted
    for item in accepted:
        assert item.scanner in {"checkov", "cloudsplaining"}
        assert item.resource.startswith("AWS::")
        assert not item.resource.endswith(".*"), "names what it is about, not every resource of a type"
    keys = [(item.scanner, item.rule, item.resource) for item in accepted]
    assert len({*keys}) == len(keys)


def test_policy_documents_of_a_template_are_read_inline_and_apart() -> None:
    allow = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": {"Fn::GetAtt": ["Bucket", "Arn"]}}]}
    known = {
        "Statement": [{**allow["Statement"][0], "Resource": "arn:aws:placeholder:us-east-1:111122223333:Bucket.Arn"}]
    }
    template = {
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {"AssumeRolePolicyDocument": allow, "Policies": [{"PolicyDocument": allow}]},
            },
            "Apart": {"Type": "AWS::IAM::RolePolicy", "Properties": {"PolicyDocument": allow}},
            "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": allow}},
            "Topic": {"Type": "AWS::SNS::Topic"},
        }
    }
    assert list(documents(template)) == [
        Document("AWS::IAM::Role.Role", known, grants=True),
        Document("AWS::IAM::Role.Role", known, grants=False),
        Document("AWS::IAM::RolePolicy.Apart", known, grants=True),
        Document("AWS::KMS::Key.Key", known, grants=False),
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::*"]]}, "arn:aws:s3:::*"),
        ({"Ref": "Topic"}, "arn:aws:placeholder:us-east-1:111122223333:Topic"),
        ([{"Ref": "AWS::Region"}, 1], ["us-east-1", 1]),
    ],
)
def test_wildcards_stay_and_what_is_unknown_is_none(value: Any, expected: Any) -> None:
    assert resolved(value) == expected


def test_fails_on_a_function_that_is_not_understood() -> None:
    with pytest.raises(ValueError, match="Fn::If in a policy document, expected Ref"):
        resolved({"Action": {"Fn::If": ["Wide", "*", "s3:GetObject"]}})


def test_the_planted_faults_are_a_public_bucket_and_a_role_that_may_do_everything() -> None:
    (template,) = templates(PLANTED).values()
    assert template["Resources"]["PublicBucket"]["Properties"]["AccessControl"] == "PublicRead"
    grants = [document.policy["Statement"][0] for document in documents(template) if document.grants]
    assert grants == [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    assert {scanner for scanner, _ in EXPECTED_OF_PLANTED} == {"checkov", "cloudsplaining"}
