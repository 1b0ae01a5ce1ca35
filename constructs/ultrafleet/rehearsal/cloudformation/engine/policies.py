"""Stack policy: which resources of a stack an update may modify, replace or delete."""

import fnmatch
import json
from collections.abc import Mapping
from typing import Any, Final

from ultrafleet.rehearsal.refusals.cloudformation import STACK_POLICY
from ultrafleet.rehearsal.simulated_account import Refusal, refused

DENIED: Final = "Action denied by stack policy"
"""Begins the reason of a resource's event (CloudFormation user guide, protect-stack-resources; wording medium)."""


class StackPolicy:
    """Policy of a stack; None: there is none, and everything is allowed.

    Once there is one, what no statement allows is denied, and a denial has precedence (CloudFormation user guide,
    protect-stack-resources, high).
    """

    def __init__(self, body: str | None) -> None:
        self._statements: list[Mapping[str, Any]] = [] if body is None else json.loads(body)["Statement"]
        self._stated = body is not None

    def check(self, logical_id: str, resource_type: str, action: str) -> None:
        """Hold an update action, `Modify`, `Replace` or `Delete`, to the policy.

        Raises:
            Refusal: it is denied.
        """
        if not self._stated:
            return
        allowed = False
        for number, statement in enumerate(self._statements, 1):
            if not _applies(statement, logical_id, resource_type, f"Update:{action}"):
                continue
            if statement["Effect"] == "Deny":
                raise _denied(f"Statement [#{number}] does not allow", logical_id, action)
            allowed = True
        if not allowed:
            raise _denied("no statement allows", logical_id, action)


def _denied(why: str, logical_id: str, action: str) -> Refusal:
    return refused(STACK_POLICY, f"{DENIED}: {why} [Update:{action}] for resource [{logical_id}];")


def parse_policy(body: str) -> str:
    """Policy as it is kept.

    Raises:
        Refusal: it is no stack policy.
    """
    try:
        parsed = json.loads(body)
        statements = parsed["Statement"]
        for statement in statements:
            effects, resources = (
                statement["Effect"] in {"Allow", "Deny"},
                statement.keys() & {"Resource", "NotResource"},
            )
            if not effects or not resources or not statement.keys() & {"Action", "NotAction"}:
                raise ValueError(statement)  # noqa: TRY301  # told below, with what can't be read
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal("ValidationError", f"Error validating stack policy: Invalid stack policy ({error})") from error
    return body


def _applies(statement: Mapping[str, Any], logical_id: str, resource_type: str, action: str) -> bool:
    resource = f"LogicalResourceId/{logical_id}"
    if "NotResource" in statement:
        resources = not _matches(statement["NotResource"], resource)
    else:
        resources = _matches(statement["Resource"], resource)
    if "NotAction" in statement:
        actions = not _matches(statement["NotAction"], action)
    else:
        actions = _matches(statement["Action"], action)
    types = (statement.get("Condition") or {}).get("StringEquals", {}).get("ResourceType")
    likes = (statement.get("Condition") or {}).get("StringLike", {}).get("ResourceType")
    wanted = types if types is not None else likes
    return resources and actions and (wanted is None or _matches(wanted, resource_type))


def _matches(patterns: Any, value: str) -> bool:
    return any(fnmatch.fnmatchcase(value, one) for one in ([patterns] if isinstance(patterns, str) else patterns))
