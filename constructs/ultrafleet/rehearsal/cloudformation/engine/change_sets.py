"""Change sets: proposed, then executed; of resources to change, to import, or of drift to revert."""

import dataclasses
import uuid
from collections.abc import Mapping
from typing import Any, Final

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.engine import change_details, drift, imports, operation, requests, validation
from ultrafleet.rehearsal.cloudformation.state import ChangeSet, Stack, Stacks
from ultrafleet.rehearsal.simulated_account import Refusal

NO_CHANGES: Final = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)
_DRIFT: Final = "REVERT_DRIFT"


def propose(
    stacks: Stacks,
    requested: Stack,
    *,
    kind: str,
    name: str,
    description: str | None = None,
    imported: Mapping[str, Mapping[str, Any]] | None = None,
    deployment_mode: str | None = None,
) -> ChangeSet:
    """CreateChangeSet.

    Args:
        stacks: those of the account and region.
        requested: as the template and its parameters say.
        kind: `CREATE`, `UPDATE` or `IMPORT`.
        name: of the change set.
        description: of the change set.
        imported: resources to import, by logical id: their type and identifier.
        deployment_mode: `REVERT_DRIFT` compares with the live resources.

    Raises:
        Refusal: the stack's state or the template doesn't allow it.
    """
    requests.check(requested)
    if deployment_mode == _DRIFT and kind != "UPDATE":
        raise Refusal("ValidationError", "DeploymentMode REVERT_DRIFT is only supported for UPDATE change sets")
    stack = _stack_of(stacks, requested, kind)
    change_set = ChangeSet(
        id=f"arn:aws:cloudformation:{stacks.region}:{stacks.account_id}:changeSet/{name}/{uuid.uuid4()}",
        name=name,
        kind=kind,
        stack=stack,
        requested=requested,
        changes=[],
        description=description,
        deployment_mode=deployment_mode,
    )
    if kind == "IMPORT":
        change_set.imported = imports.check(stacks, stack, requested, imported or {})
    if deployment_mode == _DRIFT:
        call = Calls(account_id=stacks.account_id, region=stacks.region)
        change_set.live = drift.drifted(call, stack)
    if kind == "CREATE":
        change_set.changes = change_details.additions(stacks, requested)
    else:
        change_set.changes = change_details.changes(
            stacks, stack, requested, live=change_set.live, imported=change_set.imported
        )
        if not change_details.is_changed(stacks, stack, requested, change_set.live):
            change_set.status, change_set.execution_status, change_set.reason = "FAILED", "UNAVAILABLE", NO_CHANGES
    _validate(stacks, change_set)
    stacks.change_sets[change_set.id] = change_set
    return change_set


def _stack_of(stacks: Stacks, requested: Stack, kind: str) -> Stack:
    """Stack that a change set is for; a new one is under review until the change set is executed."""
    existing = stacks.named(requested.name)
    if kind == "CREATE" and existing is not None and existing.status != "REVIEW_IN_PROGRESS":
        raise Refusal("ValidationError", f"Stack [{requested.name}] already exists and cannot be created again")
    if kind == "UPDATE":
        existing = stacks.get(requested.name)
        if existing.status not in requests.UPDATABLE | requests.FAILED:
            requests.check_updatable(existing, disable_rollback=False)
    if existing is not None:
        return existing
    # A stack under review has no template yet (CloudFormation API reference, CreateChangeSet, high).
    stack = stacks.register(dataclasses.replace(requested, body="{}", template={"Resources": {}}, events=[]))
    stack.parameters, stack.tags, stack.resources = {}, {}, {}
    stack.record("REVIEW_IN_PROGRESS", "User Initiated")
    return stack


def _validate(stacks: Stacks, change_set: ChangeSet) -> None:
    """Fail a change set that can't be executed, for reasons that DescribeEvents tells."""
    stack = change_set.stack
    found = validation.failures(stacks, stack, change_set.requested, imported=change_set.imported)
    change_set.failures = stack.validation_events = validation.events(stack, found, "CREATE_CHANGESET")
    if found:
        change_set.status, change_set.execution_status = "FAILED", "UNAVAILABLE"
        change_set.reason = validation.reason(found)


def execute(
    stacks: Stacks, change_set: ChangeSet, *, disable_rollback: bool = False, retain_except_on_create: bool = False
) -> None:
    """ExecuteChangeSet; other change sets of the stack are deleted (CloudFormation API reference, high)."""
    stack, requested = change_set.stack, change_set.requested
    if change_set.execution_status != "AVAILABLE":
        raise Refusal(
            "InvalidChangeSetStatus",
            f"ChangeSet [{change_set.id}] cannot be executed in its current execution status of "
            f"[{change_set.execution_status}]",
        )
    if change_set.kind == "CREATE":
        stacks.claim(stack, "CREATE_STACK", "CREATE_IN_PROGRESS", {"REVIEW_IN_PROGRESS"}, "be created")
    elif change_set.kind == "IMPORT":
        allowed = requests.UPDATABLE | {"REVIEW_IN_PROGRESS"}
        stacks.claim(stack, "UPDATE_STACK", "IMPORT_IN_PROGRESS", allowed, "be updated")
    else:
        requests.check_updatable(stack, disable_rollback=disable_rollback)
        requests.claim_update(stacks, stack)
    change_set.execution_status = "EXECUTE_IN_PROGRESS"
    stack.retain_except_on_create = retain_except_on_create
    for other in [one for one in stacks.change_sets.values() if one.stack is stack and one is not change_set]:
        del stacks.change_sets[other.id]
    if change_set.kind == "CREATE":
        stack.define(requested.requested())
        operation.create(stacks, stack, disable_rollback=disable_rollback)
    elif change_set.kind == "IMPORT":
        operation.import_resources(stacks, stack, requested, change_set.imported)
    else:
        operation.update(stacks, stack, requested, disable_rollback=disable_rollback, live=change_set.live)
    stack.retain_except_on_create = False
    failed = "ROLLBACK" in stack.status or stack.status.endswith("FAILED")
    change_set.execution_status = "EXECUTE_FAILED" if failed else "EXECUTE_COMPLETE"
