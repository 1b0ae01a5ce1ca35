"""checkov and cloudsplaining over every template of a cloud assembly: `make scan`.

A program of its own, in an environment of its own (`scan.lock`): the scanners bring a hundred packages, of which the
library needs none. It fails on a finding that `stacks/scan_acknowledgements.yaml` doesn't acknowledge, on an
acknowledgement without a finding, and where the scanners don't find the faults of `tests/data/scans`.

cloudsplaining reads what AWS's own managed policies allow from an account; here it reads the documents that stand in
the templates. Of its risks, all but changes of infrastructure are asked for whatever limits them, by ARN or condition.
"""

import json
import logging
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from tools.iam_documents import documents

ROOT = Path(__file__).parent.parent.parent
ACKNOWLEDGEMENTS = ROOT / "stacks" / "scan_acknowledgements.yaml"
PLANTED = ROOT / "tests" / "data" / "scans"
EXPECTED_OF_PLANTED = {
    ("checkov", "CKV_AWS_20"),
    ("checkov", "CKV_AWS_53"),
    ("cloudsplaining", "PrivilegeEscalation CreateAccessKey"),
    ("cloudsplaining", "ResourceExposure iam:PutRolePolicy"),
    ("cloudsplaining", "InternetAccess s3:GetObject"),
}
"""Findings of a public bucket and of a role that may do everything."""
_SHOWN = 3
_WIDE = "InfrastructureModification"


@dataclass(frozen=True, order=True)
class Finding:
    """Finding of a scanner.

    Attributes:
        scanner: checkov or cloudsplaining.
        rule: the scanner's id, of cloudsplaining a risk and the action or method.
        resource: type and logical id, with a point between them.
        template: file name.
        message: what the scanner says.
    """

    scanner: str
    rule: str
    resource: str
    template: str
    message: str = ""


@dataclass(frozen=True)
class Acknowledgement:
    """Accepted findings.

    Attributes:
        scanner: checkov or cloudsplaining.
        rule: the scanner's id.
        resource: type and logical id, as a pattern with `*`.
        reason: why they stay.
    """

    scanner: str
    rule: str
    resource: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """True if it is about this finding."""
        same = (finding.scanner, finding.rule) == (self.scanner, self.rule)
        return same and fnmatchcase(finding.resource, self.resource)


def acknowledgements(text: str) -> list[Acknowledgement]:
    """Acknowledgements of a YAML list.

    Raises:
        ValueError: one lacks a key, has another, or an empty one.
    """
    keys = {field.name for field in fields(Acknowledgement)}
    entries = yaml.safe_load(text) or []
    for entry in entries:
        if {*entry} != keys or not all(isinstance(value, str) and value.strip() for value in entry.values()):
            raise ValueError(f"{entry} is no acknowledgement, expected {', '.join(sorted(keys))}, each with a text")
    return [Acknowledgement(**entry) for entry in entries]


def complaints(findings: Sequence[Finding], accepted: Sequence[Acknowledgement]) -> list[str]:
    """Lines on findings that aren't acknowledged, one for a risk of a resource, and on acknowledgements without any."""
    together: dict[tuple[str, str, str, str], list[Finding]] = {}
    for finding in sorted(findings):
        if not any(item.covers(finding) for item in accepted):
            risk = finding.rule.partition(" ")[0]
            together.setdefault((finding.scanner, risk, finding.template, finding.resource), []).append(finding)
    stale = [item for item in accepted if not any(item.covers(finding) for finding in findings)]
    return [
        *(
            f"{scanner} {_rules(items)}: {template}: {resource}: {items[0].message}: repair it, or acknowledge it with "
            f"its reason in {ACKNOWLEDGEMENTS.relative_to(ROOT)}"
            for (scanner, _, template, resource), items in together.items()
        ),
        *(
            f"{item.scanner} {item.rule}: {item.resource}: nothing was found, expected a finding: delete the "
            f"acknowledgement from {ACKNOWLEDGEMENTS.relative_to(ROOT)}"
            for item in stale
        ),
    ]


def _rules(findings: Sequence[Finding]) -> str:
    shown = ", ".join(finding.rule for finding in findings[:_SHOWN])
    more = len(findings) - _SHOWN
    return shown if more <= 0 else f"{shown} and {more} more"


def templates(folder: Path) -> dict[str, dict[str, Any]]:
    """Every template under a folder, by its path in it."""
    return {str(path.relative_to(folder)): json.loads(path.read_text()) for path in folder.rglob("*.template.json")}


def checkov_findings(folder: Path) -> list[Finding]:
    """What checkov's CloudFormation rules find.

    Raises:
        ValueError: it didn't read every resource.
    """
    from checkov.cloudformation.runner import Runner  # noqa: PLC0415 - is in the environment of the scanners alone
    from checkov.runner_filter import RunnerFilter  # noqa: PLC0415

    report = Runner().run(root_folder=str(folder), runner_filter=RunnerFilter(framework=["cloudformation"]))
    resources = sum(len(template["Resources"]) for template in templates(folder).values())
    if report.parsing_errors or len(report.resources) != resources:
        raise ValueError(f"checkov read {len(report.resources)} of {resources} resources: {report.parsing_errors}")
    return [
        Finding("checkov", record.check_id, record.resource, Path(record.file_path).name, record.check_name)
        for record in report.failed_checks
    ]


def cloudsplaining_findings(folder: Path) -> list[Finding]:
    """What cloudsplaining finds in the policy documents of the templates."""
    found = []
    for name, template in templates(folder).items():
        for document in documents(template):
            risks = _granted(document.policy) if document.grants else _open_to_everybody(document.policy)
            for rule, message in risks:
                found.append(Finding("cloudsplaining", rule, document.resource, Path(name).name, message))
    return found


def _granted(policy: dict[str, Any]) -> Iterator[tuple[str, str]]:
    from cloudsplaining.command.scan_policy_file import scan_policy  # noqa: PLC0415

    strict = scan_policy(policy, {}, flag_conditional_statements=True, flag_resource_arn_statements=True)
    for risk, result in {**strict, _WIDE: scan_policy(policy, {})[_WIDE]}.items():
        if risk != "ServicesAffected":
            for item in result["findings"]:
                action = item["type"] if isinstance(item, dict) else item
                yield f"{risk} {action}", f"a risk that is {result['severity']}"


def _open_to_everybody(policy: dict[str, Any]) -> Iterator[tuple[str, str]]:
    from cloudsplaining.scan.resource_policy_document import ResourcePolicyDocument  # noqa: PLC0415

    for statement in policy["Statement"]:
        if statement["Effect"] == "Allow":
            for action in ResourcePolicyDocument({"Statement": [statement]}).internet_accessible_actions:
                yield f"InternetAccess {action}", "every account may"


def scan(folder: Path) -> list[Finding]:
    """What both scanners find."""
    return [*checkov_findings(folder), *cloudsplaining_findings(folder)]


def main() -> int:
    """Print what isn't acknowledged; 1 if there is any, 2 if the scan can't be trusted."""
    logging.disable(logging.WARNING)
    folder = Path(sys.argv[1])
    count = len(templates(folder))
    if not count:
        print(f"{folder} holds no template, expected a cloud assembly: run `make synth` first")
        return 2
    missing = EXPECTED_OF_PLANTED - {(item.scanner, item.rule) for item in scan(PLANTED)}
    if missing:
        print(f"the scanners don't find {sorted(missing)} in {PLANTED.relative_to(ROOT)}, where they are planted")
        return 2
    findings = scan(folder)
    lines = complaints(findings, acknowledgements(ACKNOWLEDGEMENTS.read_text()))
    for line in lines:
        print(line)
    by_scanner = Counter(finding.scanner for finding in findings)
    for scanner in ("checkov", "cloudsplaining"):
        print(f"{scanner} {version(scanner)}: {count} templates, {by_scanner[scanner]} findings")
    print(f"{len(lines)} without acknowledgement, or acknowledged and not found")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
