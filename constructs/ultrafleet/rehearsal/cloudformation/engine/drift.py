"""Drift: how the resources of a stack differ from what its template states, read from their services."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.engine import schemas
from ultrafleet.rehearsal.cloudformation.engine.resources import is_gone, provider_of
from ultrafleet.rehearsal.cloudformation.state import Stack, StackResource
from ultrafleet.rehearsal.simulated_account import Refusal


@dataclass(frozen=True, kw_only=True)
class PropertyDifference:
    """Property whose actual value isn't the stated one.

    Attributes:
        path: `/ScalingConfig/MinSize`.
        kind: `ADD`, `REMOVE` or `NOT_EQUAL`.
    """

    path: str
    expected: Any
    actual: Any
    kind: str


@dataclass(frozen=True, kw_only=True)
class ResourceDrift:
    """Actual state of one resource, compared with its stated properties.

    Attributes:
        status: `IN_SYNC`, `MODIFIED`, `DELETED`, or `NOT_CHECKED` where the embedded AWS can't read the type.
        actual: stated properties as they are; None where the resource was deleted or can't be read.
    """

    status: str
    actual: Mapping[str, Any] | None = None
    differences: list[PropertyDifference] = field(default_factory=list)


def resource_drift(call: Calls, resource: StackResource) -> ResourceDrift:
    """Drift of one resource. Properties that the template doesn't state are not compared (DetectStackDrift, high).

    A service without a `read` hook still tells of a resource that was deleted.
    """
    provider = provider_of(resource.type)
    try:
        live = provider.read(call, resource.physical, resource.properties)
        if live is None:
            provider.describe(call, resource.physical, resource.properties)
            return ResourceDrift(status="NOT_CHECKED")
    except Refusal as refusal:
        if is_gone(refusal):
            return ResourceDrift(status="DELETED")
        raise
    unread = schemas.write_only(resource.type)
    stated = {key: value for key, value in resource.properties.items() if key in live and key not in unread}
    actual = {key: _as_stated(value, live[key]) for key, value in stated.items()}
    differences = [item for key, value in stated.items() for item in _compared(f"/{key}", value, actual[key])]
    if not differences:
        return ResourceDrift(status="IN_SYNC", actual=actual)
    return ResourceDrift(status="MODIFIED", actual=actual, differences=differences)


def drifted(call: Calls, stack: Stack) -> dict[str, Mapping[str, Any] | None]:
    """Properties of the stack's drifted resources as they are, by logical id; None where one was deleted.

    Drift of properties that can't be changed in place is not reverted (CloudFormation user guide,
    drift-aware-change-sets, high): they are taken to be as stated.
    """
    found: dict[str, Mapping[str, Any] | None] = {}
    for logical_id, resource in stack.resources.items():
        state = resource_drift(call, resource)
        if state.status == "DELETED":
            found[logical_id] = None
        elif state.status == "MODIFIED":
            actual = {**resource.properties, **(state.actual or {})}
            fixed = {path.split("/")[0] for path in schemas.replacing(resource.type, actual, resource.properties)}
            actual |= {key: resource.properties[key] for key in fixed}
            if actual != resource.properties:
                found[logical_id] = actual
    return found


def detect(call: Calls, stack: Stack, logical_ids: list[str] | None = None) -> None:
    """Detect the drift of a stack's resources and keep it as DescribeStackResourceDrifts tells it."""
    for logical_id, resource in stack.resources.items():
        if logical_ids and logical_id not in logical_ids:
            continue
        state = resource_drift(call, resource)
        told = {
            "StackId": stack.stack_id,
            "LogicalResourceId": logical_id,
            "PhysicalResourceId": resource.physical.physical_id,
            "ResourceType": resource.type,
            "StackResourceDriftStatus": state.status,
            "Timestamp": datetime.now(UTC),
        }
        if state.status == "NOT_CHECKED":
            told["DriftStatusReason"] = "the embedded AWS does not read this resource type"
        if state.actual is not None:
            told["ExpectedProperties"] = json.dumps({key: resource.properties[key] for key in state.actual})
            told["ActualProperties"] = json.dumps(state.actual)
        if state.differences:
            told["PropertyDifferences"] = [
                {
                    "PropertyPath": item.path,
                    "ExpectedValue": _text(item.expected),
                    "ActualValue": _text(item.actual),
                    "DifferenceType": item.kind,
                }
                for item in state.differences
            ]
        stack.drift[logical_id] = told
    for logical_id in set(stack.drift) - set(stack.resources):
        del stack.drift[logical_id]
    stack.drift_checked = datetime.now(UTC)


def stack_status(stack: Stack) -> str:
    """Drift status of a stack: `DRIFTED`, `IN_SYNC`, or `NOT_CHECKED` before a detection."""
    if stack.drift_checked is None:
        return "NOT_CHECKED"
    return "DRIFTED" if drifted_count(stack) else "IN_SYNC"


def drifted_count(stack: Stack) -> int:
    """Number of drifted resources at the last detection."""
    return sum(told["StackResourceDriftStatus"] in {"MODIFIED", "DELETED"} for told in stack.drift.values())


def _as_stated(expected: Any, actual: Any) -> Any:
    """Actual value without what isn't stated, and in the template's spelling where it means the same."""
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return {key: _as_stated(value, actual[key]) for key, value in expected.items() if key in actual}
    if isinstance(expected, list) and isinstance(actual, list):
        return _members(expected, actual)
    return expected if _same(expected, actual) else actual


def _members(expected: list[Any], actual: list[Any]) -> list[Any]:
    """Actual members, those that mean a stated one first and in its spelling; CloudFormation's order means nothing."""
    left, found = list(actual), []
    for member in expected:
        equal = (one for one in left if _as_stated(member, one) == member)
        of_its_key = (one for one in left if _key(member) is not None and _key(one) == _key(member))
        match = next(chain(equal, of_its_key), None)
        if match is not None:
            left.remove(match)
            found.append(_as_stated(member, match))
    return [*found, *left]


def _key(member: Any) -> Any:
    return member.get("Key") if isinstance(member, Mapping) else None


def _same(expected: Any, actual: Any) -> bool:
    return expected == actual or str(expected).lower() == str(actual).lower()


def _compared(path: str, expected: Any, actual: Any) -> Iterator[PropertyDifference]:
    if expected == actual:
        return
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        for key, value in expected.items():
            inner = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"  # a JSON pointer
            if key in actual:
                yield from _compared(inner, value, actual[key])
            else:
                yield PropertyDifference(path=inner, expected=value, actual=None, kind="REMOVE")
    elif isinstance(expected, list) and isinstance(actual, list):
        for index, member in enumerate(expected):
            same = next((one for one in actual if one == member or (_key(one) == _key(member) is not None)), None)
            if same is None:
                yield PropertyDifference(path=f"{path}/{index}", expected=member, actual=None, kind="REMOVE")
            else:
                yield from _compared(f"{path}/{index}", member, same)
        for index, member in enumerate(actual):
            if not any(one == member or (_key(one) == _key(member) is not None) for one in expected):
                yield PropertyDifference(path=f"{path}/{index}", expected=None, actual=member, kind="ADD")
    else:
        yield PropertyDifference(path=path, expected=expected, actual=actual, kind="NOT_EQUAL")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
