"""IAM policies compared: statements that allow more than before. Read from the documents, not evaluated by IAM.

A statement is taken as no wider than an earlier one if that one alone covers it: its actions, resources, principals and
conditions. What several earlier statements cover together is reported although it is not wider, so that the
comparison reports too much rather than too little.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from ultrafleet.templates.policy_documents import Statement, statements
from ultrafleet.templates.template import Resource, Template
from ultrafleet.templates.unknown import Unknown

_ROLES: Final = ("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group")
_ATTACHED: Final = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy")
_RESOURCE_POLICIES: Final = {
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::SecretsManager::ResourcePolicy": "ResourcePolicy",
    "AWS::ECR::Repository": "RepositoryPolicyText",
    "AWS::EC2::VPCEndpoint": "PolicyDocument",
}
_ALL: Final = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"}}
"""Policy of an endpoint that states none: everything passes (VPC user guide, endpoint policies, high)."""

Grants = dict[str, tuple[list[Statement], set[str]]]
"""Statements and managed policies, by what they grant: rights, or who may take them."""


def grants(template: Template) -> Grants:
    """Statements by the logical id of their holder: `Role` for permissions, `Role (trust)` for its trust policy."""
    found: Grants = {}

    def add(holder: str, statements: Iterable[Statement], managed: Iterable[str] = ()) -> None:
        own = found.setdefault(holder, ([], set()))
        own[0].extend(statements)
        own[1].update(managed)

    for role in template.of_type(*_ROLES):
        add(role.logical_id, (), map(text, role.items("ManagedPolicyArns")))
        for policy in role.items("Policies"):
            if isinstance(policy, Mapping):
                add(role.logical_id, statements(policy.get("PolicyDocument")))
        if role.get("AssumeRolePolicyDocument") is not None:
            add(f"{role.logical_id} (trust)", statements(role.get("AssumeRolePolicyDocument")))
    for attached in template.of_type(*_ATTACHED):
        for holder in _holders(template, attached):
            add(holder, statements(attached.get("PolicyDocument")))
    for resource in template.of_type(*_RESOURCE_POLICIES):
        key = f"{resource.logical_id} (policy)"
        document = resource.get(_RESOURCE_POLICIES[resource.type])
        add(key, statements(_ALL if document is None and resource.type == "AWS::EC2::VPCEndpoint" else document))
    return found


def widened(before: Grants, after: Grants) -> Iterator[tuple[str, str]]:
    """Holders on both sides that are allowed more, with what."""
    for holder in sorted(before.keys() & after.keys()):
        (was, managed_then), (now, managed_now) = before[holder], after[holder]
        for arn in sorted(managed_now - managed_then):
            yield holder, f"managed policy {arn.rpartition('/')[2]}"
        allowed = [item for item in was if item.get("Effect") == "Allow"]
        denied = [item for item in now if item.get("Effect") == "Deny"]
        for statement in now:
            if statement.get("Effect") == "Allow" and not any(covers(item, statement) for item in allowed):
                yield holder, f"allowed: {_statement_text(statement)}"
        for statement in was:
            if statement.get("Effect") == "Deny" and not any(covers(item, statement) for item in denied):
                yield holder, f"no longer denied: {_statement_text(statement)}"


def covers(wide: Statement, narrow: Statement) -> bool:
    """True if one statement allows everything that another allows."""
    return (
        _side_covers(wide, narrow, "Action", fold=True)
        and _side_covers(wide, narrow, "Resource")
        and _side_covers(wide, narrow, "Principal")
        and _conditions_cover(wide.get("Condition"), narrow.get("Condition"))
    )


def _side_covers(wide: Statement, narrow: Statement, key: str, *, fold: bool = False) -> bool:
    if wide.get(f"Not{key}") is not None or narrow.get(f"Not{key}") is not None:
        return bool(wide.get(key) == narrow.get(key) and wide.get(f"Not{key}") == narrow.get(f"Not{key}"))
    patterns, values = texts(wide.get(key)), texts(narrow.get(key))
    if fold:
        patterns, values = [item.lower() for item in patterns], [item.lower() for item in values]
    return all(any(_matches(pattern, value) for pattern in patterns) for value in values)


def _matches(pattern: str, value: str) -> bool:
    # IAM knows no brackets.
    return pattern == value or fnmatchcase(value, pattern.replace("[", "[[]"))


def _conditions_cover(wide: Any, narrow: Any) -> bool:  # noqa: ANN401 - JSON
    """True if the conditions are wider: all must hold together, so fewer are wider."""
    if not wide:
        return True
    if not isinstance(wide, Mapping) or not isinstance(narrow, Mapping):
        return bool(wide == narrow)
    for operator, stated in wide.items():
        own = narrow.get(operator)
        if not isinstance(stated, Mapping) or not isinstance(own, Mapping):
            return bool(wide == narrow)
        for key, values in stated.items():
            if key not in own:
                return False
            fewer, more = set(texts(own[key])), set(texts(values))
            if "Not" in str(operator):  # more exceptions are narrower
                fewer, more = more, fewer
            if not fewer <= more:
                return False
    return True


def texts(value: Any) -> list[str]:  # noqa: ANN401 - JSON
    """Values of an element, the kinds of principals with them."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [f"{kind}:{item}" for kind, items in value.items() for item in texts(items)]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [text(item) for item in value]
    return [text(value)]


def text(value: Any) -> str:  # noqa: ANN401 - JSON
    """A value in a form that can be compared: what is made at deployment is what makes it."""
    if isinstance(value, Unknown):
        if value.logical_id is not None:
            return f"${{{value.logical_id}{f'.{value.attribute}' if value.attribute else ''}}}"
        if value.parameter is not None:
            return f"${{{value.parameter}}}"
        return value.text or f"${{{value.reason}}}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _holders(template: Template, attached: Resource) -> Iterator[str]:
    """Roles that a policy is attached to; else the policy itself."""
    named = [*attached.items("Roles"), *attached.items("Users"), *attached.items("Groups"), *attached.items("RoleName")]
    found = [role for role in map(template.referred, named) if role is not None]
    yield from (role.logical_id for role in found if role.template is template)
    if not any(role.template is template for role in found):
        yield ", ".join(map(text, named)) or attached.logical_id


def _statement_text(statement: Statement) -> str:
    actions = texts(statement.get("Action")) or [f"all but {', '.join(texts(statement.get('NotAction')))}"]
    parts = [_few(actions)]
    if statement.get("Resource") is not None:
        parts.append(f"on {_few(texts(statement['Resource']))}")
    if statement.get("Principal") is not None:
        parts.append(f"by {_few(texts(statement['Principal']))}")
    if statement.get("Condition"):
        parts.append("under a condition")
    return " ".join(parts)


def _few(values: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(values[:most])
    return shown if len(values) <= most else f"{shown} and {len(values) - most} more"
