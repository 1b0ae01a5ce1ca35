"""State of what is proposed: change sets and stack refactors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ultrafleet.rehearsal.cloudformation.state.stack import Stack


@dataclass(kw_only=True)
class ChangeSet:
    """Change set: the stack that an execution would lead to.

    Attributes:
        kind: `CREATE`, `UPDATE` or `IMPORT`.
        imported: identifiers of the resources to import, by logical id.
        live: actual properties of the resources that have drifted, by logical id, None where one was deleted;
            drift-aware change sets alone have them.
        failures: reasons for which validation failed.
    """

    id: str
    name: str
    kind: str
    stack: Stack
    requested: Stack
    changes: list[dict[str, Any]]
    status: str = "CREATE_COMPLETE"
    execution_status: str = "AVAILABLE"
    reason: str | None = None
    description: str | None = None
    deployment_mode: str | None = None
    imported: dict[str, dict[str, str]] = field(default_factory=dict)
    live: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)
    failures: list[dict[str, Any]] = field(default_factory=list)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(kw_only=True)
class StackRefactor:
    """Stack refactor: what moves, and the stacks that it would lead to, by name."""

    id: str
    description: str | None = None
    requested: dict[str, Stack] = field(default_factory=dict)
    stack_ids: list[str] = field(default_factory=list)
    moves: list[tuple[tuple[str, str], tuple[str, str]]] = field(default_factory=list)
    status: str = "CREATE_COMPLETE"
    reason: str | None = None
    execution_status: str = "AVAILABLE"
    execution_reason: str | None = None
