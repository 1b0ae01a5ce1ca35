"""Resource policies as EventBridge meets them: who may publish to a topic, use its key, send to a queue."""

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

EVENTS: Final = "events.amazonaws.com"


def lets_events_publish(policy: str) -> bool:
    """True if a topic's policy lets EventBridge publish.

    "You can't use Condition blocks in Amazon SNS topic policies for EventBridge" (EventBridge user guide,
    resource-based policies, high): a statement with one lets nothing in.
    """
    return any(not statement.get("Condition") for statement in _allowing(policy, "sns:Publish"))


def lets_events_use(policy: str) -> bool:
    """True if a key's policy lets EventBridge encrypt what it publishes.

    With `aws:SourceAccount` or `aws:SourceArn` it can't (SNS developer guide, key management, high).
    """
    return all(
        any(not statement.get("Condition") for statement in _allowing(policy, action))
        for action in ("kms:Decrypt", "kms:GenerateDataKey")
    )


def lets_events_send(policy: str, rule_arn: str) -> bool:
    """True if a queue's policy lets EventBridge send to it on behalf of a rule."""
    return any(_is_about(statement, rule_arn) for statement in _allowing(policy, "sqs:SendMessage"))


def _allowing(policy: str, action: str) -> Iterator[Mapping[str, Any]]:
    """Statements that allow EventBridge an action."""
    statements = json.loads(policy).get("Statement", []) if policy else []
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal", {})
        services = ["*"] if principal == "*" else [*_list(principal.get("Service")), *_list(principal.get("AWS"))]
        named = any(fnmatchcase(action.lower(), pattern.lower()) for pattern in _list(statement.get("Action")))
        if statement.get("Effect") == "Allow" and named and {EVENTS, "*"} & set(services):
            yield statement


def _is_about(statement: Mapping[str, Any], rule_arn: str) -> bool:
    """True if every condition is one on the source's ARN that the rule meets."""
    for conditions in statement.get("Condition", {}).values():
        for key, patterns in conditions.items():
            if key.lower() != "aws:sourcearn" or not any(fnmatchcase(rule_arn, item) for item in _list(patterns)):
                return False
    return True


def _list(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]
