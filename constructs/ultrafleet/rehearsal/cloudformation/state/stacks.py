"""State of an account and a region: stacks, change sets, refactors, exports."""

import threading
from collections.abc import Collection
from typing import Any

from ultrafleet.rehearsal.cloudformation.state.proposals import ChangeSet, StackRefactor
from ultrafleet.rehearsal.cloudformation.state.stack import Stack, StackResource
from ultrafleet.rehearsal.refusals.cloudformation import IN_PROGRESS
from ultrafleet.rehearsal.simulated_account import Refusal, refused


class Stacks:
    """Stacks of one account and region."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.stacks: dict[str, Stack] = {}
        self.change_sets: dict[str, ChangeSet] = {}
        self.refactors: dict[str, StackRefactor] = {}
        self.drift_detections: dict[str, Stack] = {}
        self.retained: list[tuple[str, StackResource]] = []
        """Resources that a stack let go of and that stay on purpose, with the stack's name."""
        self._lock = threading.RLock()

    def claim(self, stack: Stack, operation_type: str, status: str, allowed: Collection[str], verb: str) -> None:
        """Begin an operation on a stack: one at a time, and only from the states that allow it.

        Args:
            stack: the stack.
            operation_type: as DescribeEvents names it, `UPDATE_STACK`.
            status: of the stack from now on.
            allowed: states from which the operation can begin.
            verb: what the stack can't do or have done, `be updated`.

        Raises:
            Refusal: it is in another state; in AWS's words.
        """
        with self._lock:
            if stack.status not in allowed:
                raise refused(
                    IN_PROGRESS,
                    f"Stack:{stack.stack_id} is in {stack.status} state and can not {verb}.",
                )
            stack.begins(operation_type)
            stack.record(status, "User Initiated")

    def register(self, stack: Stack) -> Stack:
        """Add a new stack.

        Raises:
            Refusal: its name is taken.
        """
        with self._lock:
            if self.named(stack.name) is not None:
                raise Refusal("AlreadyExistsException", f"Stack [{stack.name}] already exists")
            self.stacks[stack.stack_id] = stack
            return stack

    def named(self, name: str) -> Stack | None:
        """The stack of a name that isn't deleted, or of an id."""
        if name in self.stacks:
            return self.stacks[name]
        return next((s for s in self.stacks.values() if s.name == name and s.status != "DELETE_COMPLETE"), None)

    def get(self, name: str) -> Stack:
        """The stack of a name or id.

        Raises:
            Refusal: there is none.
        """
        stack = self.named(name)
        if stack is None:
            raise Refusal("ValidationError", f"Stack with id {name} does not exist")
        return stack

    def change_set(self, name: str, stack_name: str | None) -> ChangeSet:
        """The change set of an ARN, or of a name and a stack."""
        if name in self.change_sets:
            return self.change_sets[name]
        for change_set in reversed(self.change_sets.values()):
            if change_set.name == name and stack_name in {change_set.stack.name, change_set.stack.stack_id}:
                return change_set
        raise Refusal("ChangeSetNotFound", f"ChangeSet [{name}] does not exist")

    @property
    def live(self) -> list[Stack]:
        """Stacks that are not deleted."""
        return [stack for stack in self.stacks.values() if stack.status != "DELETE_COMPLETE"]

    def owner(self, resource_type: str, physical_id: str) -> Stack | None:
        """The stack that a resource belongs to."""
        for stack in self.live:
            for resource in stack.resources.values():
                if (resource.type, resource.physical.physical_id) == (resource_type, physical_id):
                    return stack
        return None

    def exports(self) -> dict[str, tuple[str, Any]]:
        """Exports by name: the exporting stack's id and the value."""
        return {name: (stack.stack_id, value) for stack in self.live for value, name in stack.outputs.values() if name}

    def importers(self, export: str) -> list[str]:
        """Names of the stacks that import an export."""
        return sorted(stack.name for stack in self.live if export in stack.imports)
