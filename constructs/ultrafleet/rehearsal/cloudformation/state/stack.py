"""State of one stack: its resources, events, and the operation that it hasn't finished."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from ultrafleet.rehearsal.cloudformation.providers.base import PhysicalResource


@dataclass(kw_only=True)
class StackResource:
    """Resource of a stack.

    Attributes:
        properties: resolved, as its service was given them.
        policies: `DeletionPolicy` and `UpdateReplacePolicy` as the template has them.
    """

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    policies: Mapping[str, str]
    physical: PhysicalResource
    status: str = "CREATE_COMPLETE"
    reason: str | None = None
    changed: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def kept(self) -> bool:
        """True where the resource is retained when it leaves the stack."""
        return self.policies.get("DeletionPolicy") in {"Retain", "RetainExceptOnCreate"}

    @property
    def kept_on_replacement(self) -> bool:
        """True where the resource is retained when it is replaced."""
        return self.policies.get("UpdateReplacePolicy") == "Retain"

    @property
    def kept_on_failed_creation(self) -> bool:
        """True where the resource is retained even when its creation is rolled back, which only `Retain` does."""
        return self.policies.get("DeletionPolicy") == "Retain"


@dataclass(frozen=True, kw_only=True)
class Undo:
    """Step that takes back what an operation did to one resource."""

    logical_id: str
    run: Callable[[], None]


@dataclass(kw_only=True)
class Unfinished:
    """Operation that failed and was neither rolled back nor completed.

    Attributes:
        before: definition of the stack in its last stable state.
        undo: steps back to it, in the order of what they take back.
        replaced: resources that a replacement has taken the place of and that still exist.
        creating: the stack has never been complete.
    """

    before: dict[str, Any]
    undo: list[Undo] = field(default_factory=list)
    replaced: list[StackResource] = field(default_factory=list)
    creating: bool = False


@dataclass(frozen=True, kw_only=True)
class Event:
    """Event of a stack. Its time is the wall clock's: tools wait for events newer than their call."""

    event_id: str
    operation_id: str
    operation_type: str
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str | None
    time: datetime


_DEFINITION: Final = (
    "body", "template", "parameters", "resolved_parameters", "tags", "capabilities", "role_arn", "description",
    "outputs", "imports",
)  # fmt: skip
_REQUESTED: Final = tuple(name for name in _DEFINITION if name not in {"outputs", "imports"})


@dataclass(kw_only=True)
class Stack:
    """Stack of an account and a region.

    Attributes:
        resources: by logical id.
        outputs: key -> value, and the name under which it is exported.
        imports: names of the exports that its resources and outputs use.
        operation: counts the operations; part of generated names.
        unfinished: operation that failed and was neither rolled back nor completed.
        policy: stack policy, as JSON.
        validation_events: reasons for which validation stopped the last operation, as DescribeEvents tells them.
        drift: result of the last drift detection by logical id.
        retain_except_on_create: a rollback deletes what it made, also what says `Retain`.
        cancelled: the user cancelled the update in progress.
    """

    stack_id: str
    name: str
    region: str
    account_id: str
    status: str
    body: str = ""
    template: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    resolved_parameters: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    resources: dict[str, StackResource] = field(default_factory=dict)
    outputs: dict[str, tuple[Any, str | None]] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    capabilities: list[str] = field(default_factory=list)
    role_arn: str | None = None
    description: str | None = None
    reason: str | None = None
    termination_protection: bool = False
    policy: str | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime | None = None
    deleted: datetime | None = None
    operation: int = 0
    operation_id: str = ""
    operation_type: str = ""
    unfinished: Unfinished | None = None
    drift: dict[str, dict[str, Any]] = field(default_factory=dict)
    validation_events: list[dict[str, Any]] = field(default_factory=list)
    drift_checked: datetime | None = None
    retain_except_on_create: bool = False
    cancelled: bool = False

    def definition(self) -> dict[str, Any]:
        """Definition of the stack: its template and parameters, with the outputs and imports that came of them."""
        return {name: getattr(self, name) for name in _DEFINITION}

    def define(self, definition: Mapping[str, Any]) -> None:
        """Take a definition over."""
        for name in _DEFINITION:
            if name in definition:
                setattr(self, name, definition[name])

    def requested(self) -> dict[str, Any]:
        """Definition of the stack as a request states it, without outputs and imports."""
        return {name: getattr(self, name) for name in _REQUESTED}

    def begins(self, operation_type: str) -> None:
        """Begin an operation; its events carry its id."""
        self.operation += 1
        self.cancelled = False
        self.operation_id, self.operation_type = str(uuid.uuid4()), operation_type
        self.validation_events = []

    def record(self, status: str, reason: str | None = None) -> None:
        """Change the stack's status and add an event."""
        self.status, self.reason = status, reason
        self._event(self.name, self.stack_id, "AWS::CloudFormation::Stack", status, reason)

    def record_resource(
        self, logical_id: str, resource_type: str, physical_id: str, status: str, reason: str | None = None
    ) -> None:
        """Change a resource's status and add an event."""
        resource = self.resources.get(logical_id)
        if resource is not None and resource.physical.physical_id == physical_id:
            resource.status, resource.reason, resource.changed = status, reason, datetime.now(UTC)
        self._event(logical_id, physical_id, resource_type, status, reason)

    def _event(self, logical_id: str, physical_id: str, resource_type: str, status: str, reason: str | None) -> None:
        self.events.append(
            Event(
                event_id=f"{logical_id}-{status}-{len(self.events):06d}",
                operation_id=self.operation_id,
                operation_type=self.operation_type,
                logical_id=logical_id,
                physical_id=physical_id,
                type=resource_type,
                status=status,
                reason=reason,
                time=datetime.now(UTC),
            )
        )
