"""Hazard of new principals: rights that come with a role, a user or a policy that the base doesn't have."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.policy import RULES as POLICY_RULES
from ultrafleet.policy import Severity
from ultrafleet.review import iam
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.hazard import HazardRule, Level, Occurrence
from ultrafleet.templates.policy_documents import Statement
from ultrafleet.templates.template import Template

_TAKES_OVER: Final = frozenset({"all-rights", "privilege-escalation", "trust-everybody"})
"""Rules of the policy about principals that become administrators, or that anybody may use."""
_ADMINISTRATOR: Final = "AdministratorAccess"
_REACHES: Final = {
    "kms:Decrypt": "reads whatever any key of the account encrypts",
    "secretsmanager:GetSecretValue": "reads every secret",
    "ssm:GetParameter": "reads every parameter",
    "s3:GetObject": "reads every bucket",
    "s3:DeleteObject": "deletes from every bucket",
    "sts:AssumeRole": "takes every role that trusts the account",
    "eks:CreateAccessEntry": "lets itself into every cluster",
    "ec2:TerminateInstances": "ends every instance",
}
"""Actions of which one on everything is worth a reviewer's look, and what it does."""


def _new_rights(compared: Comparison) -> Iterator[Occurrence]:
    for stack, later in compared.head.stacks.items():
        earlier = compared.base.stacks.get(stack)
        known = earlier.resources if earlier is not None else {}
        new = {name for name in later.resources if name not in known}
        seen = set()
        for name, message in _by_policy(later):
            if name in new:
                seen.add(name)
                yield _occurrence(stack, name, message)
        for holder, (own, managed) in iam.grants(later).items():
            if holder not in new or holder in seen:
                continue
            reached = [
                f"{action} on everything: it {what}" for action, what in _REACHES.items() if _reaches(own, action)
            ]
            reached += [arn.rpartition("/")[2] for arn in sorted(managed) if arn.endswith(_ADMINISTRATOR)]
            if reached:
                yield _occurrence(stack, holder, "; ".join(reached))


def _by_policy(template: Template) -> Iterator[tuple[str, str]]:
    for rule in POLICY_RULES:
        if rule.id in _TAKES_OVER:
            for problem in rule.check(template):
                if problem.severity is not Severity.UNKNOWN:
                    yield problem.resource, problem.message


def _reaches(statements: list[Statement], action: str) -> bool:
    """True if a statement without a condition allows an action on everything."""
    return any(
        statement.get("Effect") == "Allow"
        and not statement.get("Condition")
        and "*" in iam.texts(statement.get("Resource"))
        and any(fnmatchcase(action.lower(), pattern.lower()) for pattern in iam.texts(statement.get("Action")))
        for statement in statements
    )


def _occurrence(stack: str, name: str, message: str) -> Occurrence:
    return Occurrence(subject=f"{stack}/{name}", message=f"it is new, and {message}", keys=((stack, name),))


RULES: Final = (
    HazardRule(
        id="new-rights",
        level=Level.SECURITY,
        protects_from="a new role that can take over the account or read what it isn't for, told only as added",
        source=Source("IAM user guide, grant least privilege; which actions count: ours", Confidence.MEDIUM),
        remedy="name the actions and resources that are needed",
        check=_new_rights,
    ),
)
