"""Rule of rights that become all rights: policies that are changed, roles that are made or passed on."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ultrafleet.catalog.source import Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity
from ultrafleet.templates.policy_documents import Statement, statements
from ultrafleet.templates.template import Resource, Template
from ultrafleet.templates.unknown import Unknown, text_of

_ROLE: Final = "AWS::IAM::Role"
_POLICIES: Final = (
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::RolePolicy",
    "AWS::IAM::UserPolicy",
    "AWS::IAM::GroupPolicy",
)
_HOLDERS: Final = (_ROLE, "AWS::IAM::User", "AWS::IAM::Group", *_POLICIES)
_MANAGED: Final = {
    "policy/IAMFullAccess": "it may change any policy and make any role",
    "policy/PowerUserAccess": "it may do everything but change IAM",
}
_CHANGES: Final = (
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreatePolicyVersion",
    "iam:PutGroupPolicy",
    "iam:PutRolePolicy",
    "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
)
"""Actions each of which gives its caller any right, where it may be used on any role, user or policy."""
_PASSING: Final = "iam:PassRole"
_RUNS: Final = (
    "cloudformation:CreateStack",
    "codebuild:CreateProject",
    "ec2:RunInstances",
    "ecs:RunTask",
    "glue:CreateJob",
    "lambda:CreateFunction",
    "sagemaker:CreateNotebookInstance",
    "sagemaker:CreateTrainingJob",
)
"""Actions that start something with a role that is passed on."""
_HOLE: Final = re.compile(r"\$\{[^{}]{0,255}\}")
_WIDE: Final = re.compile(
    r"\*|arn:[^:]{1,40}:iam::[^:]{0,60}:(\*|(role|user|group|policy)/\*|(role|user|group|policy)\*)"
)


@dataclass
class _Rights:
    """Rights of one role, user or policy.

    Attributes:
        holder: resource that a finding is about.
        allowed: patterns of actions that are allowed on everything and without a condition.
        denied: patterns of actions that are denied on everything.
        managed: AWS's own policies that are attached.
        bounded: whether a boundary limits them.
    """

    holder: Resource
    allowed: list[str] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)
    managed: list[str] = field(default_factory=list)
    bounded: bool = False

    def may(self, action: str) -> bool:
        """True if the action is allowed on everything."""
        lower = action.lower()
        return any(_matches(pattern, lower) for pattern in self.allowed) and not any(
            _matches(pattern, lower) for pattern in self.denied
        )


def _escalation(template: Template) -> Iterator[Problem]:
    for rights in _of_principals(template):
        if rights.bounded or "*" in rights.allowed or "*:*" in rights.allowed:
            continue  # limited, or said of all rights
        ways = [f"{name.removeprefix('policy/')}: {_MANAGED[name]}" for name in rights.managed]
        changes = [action for action in _CHANGES if rights.may(action)]
        runs = [action for action in _RUNS if rights.may(action)]
        if changes:
            ways.append(f"{_few(changes)} on any role or policy")
        elif rights.may(_PASSING) and runs:
            ways.append(f"iam:PassRole of any role with {_few(runs)}")
        if ways:
            harmless = not changes and "policy/IAMFullAccess" not in rights.managed
            yield Problem(
                rights.holder.logical_id,
                f"it has {'; '.join(ways)}; expected the roles and actions that are needed: whoever runs as it can "
                "make itself an administrator or use the account as one, name them, or set a PermissionsBoundary",
                Severity.WARNING if harmless else None,
            )


_SHOWN: Final = 3


def _few(actions: list[str]) -> str:
    return ", ".join(actions[:_SHOWN]) + (f" and {len(actions) - _SHOWN} more" if len(actions) > _SHOWN else "")


def _of_principals(template: Template) -> Iterator[_Rights]:
    """Rights of each role, user and group with the policies attached to it; of other policies alone."""
    boundaries = {
        made.logical_id
        for holder in template.of_type(*_HOLDERS)
        if (made := template.referred(holder.get("PermissionsBoundary"))) is not None
    }
    attached: dict[str, list[Resource]] = defaultdict(list)
    alone: list[Resource] = []
    for policy in template.of_type(*_POLICIES):
        if policy.logical_id in boundaries:
            continue
        named = [*policy.items("Roles"), *policy.items("Users"), *policy.items("Groups")]
        named += [policy.get(key) for key in ("RoleName", "UserName", "GroupName")]
        holders = [made for value in named if (made := template.referred(value)) is not None]
        for made in holders:
            attached[made.logical_id].append(policy)
        if not holders:
            alone.append(policy)
    for holder in template.of_type(_ROLE, "AWS::IAM::User", "AWS::IAM::Group"):
        rights = _Rights(holder, bounded=holder.get("PermissionsBoundary") is not None)
        rights.managed = _managed(holder)
        own = [template.referred(arn) for arn in holder.items("ManagedPolicyArns")]
        documents = [item.get("PolicyDocument") for item in holder.items("Policies") if isinstance(item, Mapping)]
        documents += [item.get("PolicyDocument") for item in (*attached[holder.logical_id], *filter(None, own))]
        alone = [policy for policy in alone if policy not in own]
        for document in documents:
            for statement in statements(document):
                _add(rights, statement)
        yield rights
    for policy in alone:
        rights = _Rights(policy)
        for statement in statements(policy.get("PolicyDocument")):
            _add(rights, statement)
        yield rights


def _managed(holder: Resource) -> list[str]:
    texts = [
        text
        for arn in holder.items("ManagedPolicyArns")
        for text in (text_of(arn), *(arn.options if isinstance(arn, Unknown) else ()))
        if isinstance(text, str)
    ]
    return [name for name in _MANAGED if any(text.endswith(name) for text in texts)]


def _add(rights: _Rights, statement: Statement) -> None:
    actions = [action.lower() for action in _listed(statement.get("Action")) if isinstance(action, str)]
    if statement.get("Effect") == "Deny":
        if "*" in _listed(statement.get("Resource")):
            rights.denied += actions
        return
    wide = statement.get("NotResource") is not None or any(
        _WIDE.fullmatch(_HOLE.sub("x", text_of(resource) or "")) for resource in _listed(statement.get("Resource"))
    )
    if wide and not statement.get("Condition"):
        rights.allowed += actions


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    return value if isinstance(value, list) else [] if value is None else [value]


def _matches(pattern: str, action: str) -> bool:
    """True if a pattern with stars matches: its parts are found one after the other, without going back."""
    first, *others = pattern.split("*")
    if not others:
        return pattern == action
    if not action.startswith(first):
        return False
    at = len(first)
    for part in others[:-1]:
        found = action.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return action.endswith(others[-1]) and len(action) - len(others[-1]) >= at


RULES: Final = (
    PolicyRule(
        id="privilege-escalation",
        number=64,
        severity=Severity.ERROR,
        protects_from="a pod or a job that makes itself an administrator of the account",
        source=Source(
            "IAM user guide, grant least privilege, PassRole, permissions boundaries; that these actions give any "
            "right: AWS Security Blog and IAM Access Analyzer's policy checks",
            address="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",
        ),
        remedy="name roles and actions, or set a PermissionsBoundary",
        check=_escalation,
    ),
)
