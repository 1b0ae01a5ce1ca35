"""Validation before anything happens: properties against CloudFormation's schemas, and names that are taken.

CloudFormation validates every creation, update and change set since 2026-06-30 (AWS DevOps blog, high).
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.engine import resolution, schemas
from ultrafleet.rehearsal.cloudformation.engine.intrinsics import IntrinsicScope
from ultrafleet.rehearsal.cloudformation.providers import PROVIDERS
from ultrafleet.rehearsal.cloudformation.state import Stack, Stacks
from ultrafleet.rehearsal.simulated_account import Refusal

FAILED_OPERATION: Final = "Validation failure detected. See the operation's FAILED event for details."
"""Reason of a stack whose creation or update validation stopped (fullstack-solution-template-for-agentcore, medium)."""
_PROPERTIES: Final = "PROPERTY_VALIDATION"
_NAMES: Final = "NAME_CONFLICT_VALIDATION"
_CHECKS: Final = {
    _PROPERTIES: "AWS::EarlyValidation::PropertyValidation",
    _NAMES: "AWS::EarlyValidation::ResourceExistenceCheck",
}
"""Names in DescribeEvents (aws-cdk-cli, EarlyValidationError) and in the reason of a change set (aws-cdk-cli #1000)."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Reason for which validation stops an operation.

    Attributes:
        name: of the validation.
        path: into the template, `/Resources/Queue/Properties`.
        reason: as DescribeEvents tells it.
    """

    name: str
    logical_id: str
    type: str
    path: str
    reason: str
    physical_id: str = ""


def failures(
    stacks: Stacks, stack: Stack, requested: Stack, *, imported: Mapping[str, Any] | None = None
) -> list[Failure]:
    """Reasons for which an operation can't begin.

    Args:
        stacks: those of the account and region.
        stack: as it stands; the requested one where there is none.
        requested: as the template and its parameters say.
        imported: resources that exist and are taken over, by logical id.
    """
    scope = resolution.preview_scope(stacks, requested, set(requested.template["Resources"]), set())
    call = Calls(account_id=stacks.account_id, region=stacks.region)
    found: list[Failure] = []
    for logical_id, described in requested.template["Resources"].items():
        if "Condition" in described and not scope.condition(described["Condition"]):
            continue
        found += _of_properties(logical_id, described)
        if logical_id not in stack.resources and logical_id not in (imported or {}):
            found += _of_name(call, logical_id, described, scope)
    return found


def reason(found: list[Failure]) -> str:
    """Reason of a change set that failed validation."""
    checks = sorted({_CHECKS[failure.name] for failure in found})
    return (
        f"The following hook(s)/validation failed: [{', '.join(checks)}]. To troubleshoot Early Validation errors, use "
        "the DescribeEvents API for detailed failure information."
    )


def events(stack: Stack, found: list[Failure], operation_type: str) -> list[dict[str, Any]]:
    """Events of an operation that failed validation, as DescribeEvents tells them."""
    operation_id = str(uuid.uuid4()) if operation_type == "CREATE_CHANGESET" else stack.operation_id
    return [
        {
            "EventId": str(uuid.uuid4()),
            "StackId": stack.stack_id,
            "OperationId": operation_id,
            "OperationType": operation_type,
            "EventType": "VALIDATION_ERROR",
            "LogicalResourceId": failure.logical_id,
            "PhysicalResourceId": failure.physical_id,
            "ResourceType": failure.type,
            "Timestamp": datetime.now(UTC),
            "ValidationFailureMode": "FAIL",
            "ValidationName": failure.name,
            "ValidationStatus": "FAILED",
            "ValidationStatusReason": failure.reason,
            "ValidationPath": failure.path,
        }
        for failure in found
    ]


def _of_name(call: Calls, logical_id: str, described: Mapping[str, Any], scope: IntrinsicScope) -> Iterator[Failure]:
    """Failure of a resource whose stated name another resource has."""
    resource_type, properties = described["Type"], described.get("Properties") or {}
    provider = PROVIDERS.get(resource_type)
    if provider is None:
        return
    for names in schemas.identifiers(resource_type):
        try:
            identifier = {name: str(scope.resolve(properties[name])) for name in names}
            if any(resolution.KNOWN_AFTER_APPLY in value for value in identifier.values()):
                continue
            physical = provider.adopt(call, identifier, properties)
        except (KeyError, Refusal):  # it has no stated name, isn't there, or can't be looked up
            continue
        yield Failure(
            name=_NAMES,
            logical_id=logical_id,
            type=resource_type,
            path=f"/Resources/{logical_id}",
            reason=f"Resource of type '{resource_type}' with identifier '{physical.physical_id}' already exists.",
            physical_id=physical.physical_id,
        )


def _of_properties(logical_id: str, described: Mapping[str, Any]) -> Iterator[Failure]:
    resource_type = described["Type"]
    if not resource_type.startswith("AWS::"):
        return
    schema = schemas.known_schema(resource_type)
    if schema is None:
        return
    base = f"/Resources/{logical_id}/Properties"
    for path, text in _problems(schema, schema, described.get("Properties") or {}, base):
        yield Failure(name=_PROPERTIES, logical_id=logical_id, type=resource_type, path=path, reason=text)


def _problems(root: Mapping[str, Any], schema: Mapping[str, Any], value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Path and reason of what a schema doesn't allow; values behind functions can't be known yet.

    The reason of a missing property is CloudFormation's (aws-cdk-cli #1463); the other wordings are ours (low).
    """
    schema = _followed(root, schema)
    if _is_function(value):
        return
    if isinstance(value, Mapping):
        yield from _object_problems(root, schema, value, path)
    elif isinstance(value, list):
        if schema.get("type") not in {None, "array"} and "array" not in schema.get("type", ()):
            yield path, "Unsupported value: expected no list"
        for index, member in enumerate(value):
            yield from _problems(root, schema.get("items") or {}, member, f"{path}/{index}")
    else:
        yield from _scalar_problems(schema, value, path)


def _object_problems(
    root: Mapping[str, Any], schema: Mapping[str, Any], value: Mapping[str, Any], path: str
) -> Iterator[tuple[str, str]]:
    known = schema.get("properties")
    if not isinstance(known, Mapping):
        return
    stated = {key: inner for key, inner in value.items() if inner != {"Ref": "AWS::NoValue"}}
    for name in schema.get("required") or ():
        if name not in stated:
            yield path, f"Required property [{name}] not found"
    patterns = schema.get("patternProperties") or {}
    for name, inner in stated.items():
        if name in known:
            yield from _problems(root, known[name], inner, f"{path}/{name}")
        elif schema.get("additionalProperties") is False and not patterns:
            yield path, f"Unsupported property [{name}]"


def _scalar_problems(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[tuple[str, str]]:
    allowed = schema.get("enum")
    if allowed and str(value).lower() not in {str(one).lower() for one in allowed}:
        yield path, f"Unsupported value [{value}]: expected one of {', '.join(str(one) for one in allowed)}"
    if schema.get("type") in {"object", "array"}:
        yield path, f"Unsupported value [{value}]: expected {schema['type']}"
    try:
        number = float(value)
    except (TypeError, ValueError):
        return
    if schema.get("type") in {"integer", "number"}:
        low, high = schema.get("minimum"), schema.get("maximum")
        if (low is not None and number < low) or (high is not None and number > high):
            yield path, f"Unsupported value [{value}]: expected {low} to {high}"


def _followed(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Schema behind a reference to another part of the root."""
    while "$ref" in schema and str(schema["$ref"]).startswith("#/"):
        target: Any = root
        for part in str(schema["$ref"]).removeprefix("#/").split("/"):
            target = target.get(part.replace("~1", "/").replace("~0", "~"), {})
        schema = target
    return schema


def _is_function(value: Any) -> bool:
    is_one = isinstance(value, Mapping) and len(value) == 1
    return is_one and any(key == "Ref" or key.startswith("Fn::") for key in value)
