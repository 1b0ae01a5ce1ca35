"""Operations on a stack: create, update, import, delete and roll back. The stack is claimed before one begins."""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from ultrafleet.rehearsal.cloudformation.engine import resolution
from ultrafleet.rehearsal.cloudformation.engine.resources import Resources
from ultrafleet.rehearsal.cloudformation.engine.template import creation_order
from ultrafleet.rehearsal.cloudformation.state import Stack, Stacks, Undo, Unfinished
from ultrafleet.rehearsal.simulated_account import Refusal, about_calls

_Given = ParamSpec("_Given")


def _told(
    run: Callable[Concatenate[Stacks, Stack, _Given], None],
) -> Callable[Concatenate[Stacks, Stack, _Given], None]:
    """Decorator: calls of an operation are about its stack."""

    @wraps(run)
    def told(stacks: Stacks, stack: Stack, /, *given: _Given.args, **more: _Given.kwargs) -> None:
        with about_calls(stack=stack.name):
            run(stacks, stack, *given, **more)

    return told


@_told
def create(stacks: Stacks, stack: Stack, *, disable_rollback: bool = False, on_failure: str = "ROLLBACK") -> None:
    """Create every resource of the stack's template; on failure roll back, unless the arguments say otherwise."""
    unfinished = Unfinished(before=stack.definition(), creating=True)
    try:
        _apply(stacks, stack, Resources(stacks, stack, unfinished))
    except Refusal as refusal:
        if disable_rollback or on_failure == "DO_NOTHING":
            stack.unfinished = unfinished
            stack.record("CREATE_FAILED", str(refusal.message))
            return
        stack.record("ROLLBACK_IN_PROGRESS", f"{refusal.message} . Rollback requested by user.")
        _take_back(stack, unfinished)
        if on_failure == "DELETE" and stack.status == "ROLLBACK_COMPLETE":
            stack.deleted = datetime.now(UTC)
            stack.record("DELETE_COMPLETE")
        return
    stack.record("CREATE_COMPLETE")


@_told
def update(
    stacks: Stacks,
    stack: Stack,
    new: Stack,
    *,
    disable_rollback: bool = False,
    live: Mapping[str, Mapping[str, Any] | None] | None = None,
    policy: str | None = None,
) -> None:
    """Update the stack to the template of `new`; on failure roll back.

    Replacements are made first and outputs resolved after them, so that an export in use is refused in the middle of an
    update, which is then rolled back (linz/geostore #630: UPDATE_ROLLBACK_IN_PROGRESS "Export … cannot be updated").

    Args:
        stacks: those of the account and region.
        stack: claimed for the update.
        new: requested.
        disable_rollback: a failure leaves the stack in UPDATE_FAILED, with what was changed.
        live: actual properties of resources that have drifted, of a drift-aware change set.
        policy: stack policy during this update. Default: the stack's.
    """
    unfinished = stack.unfinished or Unfinished(before=stack.definition())
    stack.unfinished = None
    stack.updated = datetime.now(UTC)
    stack.define(new.requested())
    resources = Resources(stacks, stack, unfinished, live=live, policy=policy)
    try:
        wanted = _apply(stacks, stack, resources)
        leaving = [name for name in stack.resources if name not in wanted]
        resources.check_removals(leaving)
    except Refusal as refusal:
        if disable_rollback:
            stack.unfinished = unfinished
            stack.record("UPDATE_FAILED", str(refusal.message))
            return
        stack.record("UPDATE_ROLLBACK_IN_PROGRESS", str(refusal.message))
        _take_back(stack, unfinished)
        return
    stack.record("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    _clean_up(stack, unfinished, resources, leaving)
    stack.record("UPDATE_COMPLETE")


@_told
def import_resources(stacks: Stacks, stack: Stack, new: Stack, imported: Mapping[str, Mapping[str, str]]) -> None:
    """Take existing resources over; on failure they are let go again, as they were."""
    unfinished = Unfinished(before=stack.definition())
    stack.define(new.requested())
    try:
        _apply(stacks, stack, Resources(stacks, stack, unfinished, imported=imported))
    except Refusal as refusal:
        stack.record("IMPORT_ROLLBACK_IN_PROGRESS", str(refusal.message))
        _take_back(stack, unfinished, "IMPORT_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_FAILED")
        return
    stack.record("IMPORT_COMPLETE")


def roll_back(stack: Stack, *, skip: Collection[str] = ()) -> None:
    """Take back what a failed operation did, or the rest that an earlier rollback left.

    Args:
        stack: claimed, with an unfinished operation.
        skip: resources to leave as they are, as the user asks.
    """
    unfinished = stack.unfinished or Unfinished(before=stack.definition())
    for logical_id in skip:
        resource = stack.resources.get(logical_id)
        if resource is not None:
            physical_id = resource.physical.physical_id
            stack.record_resource(logical_id, resource.type, physical_id, "UPDATE_COMPLETE", "Resource was skipped")
    unfinished.undo = [step for step in unfinished.undo if step.logical_id not in skip]
    with about_calls(stack=stack.name):
        _take_back(stack, unfinished)


@_told
def delete(stacks: Stacks, stack: Stack, *, retain: Collection[str] = (), force: bool = False) -> None:
    """Delete the stack's resources except retained ones.

    Args:
        stacks: those of the account and region.
        stack: claimed for the deletion.
        retain: resources that stay as the user asks.
        force: what can't be deleted stays, too.
    """
    resources = Resources(stacks, stack, Unfinished(before={}))
    order = [name for name in creation_order(stack.template.get("Resources", {})) if name in stack.resources]
    order += [name for name in stack.resources if name not in order]
    failed = []
    for logical_id in reversed(order):
        resource = stack.resources[logical_id]
        if resource.kept or logical_id in retain:
            resources.tell(resource, "DELETE_SKIPPED")
            del stack.resources[logical_id]
        elif resources.delete(resource):
            del stack.resources[logical_id]
        elif force:
            resources.tell(resource, "DELETE_SKIPPED")
            del stack.resources[logical_id]
        else:
            failed.append(logical_id)
    if failed:
        stack.record("DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(sorted(failed))}]. ")
        return
    stack.outputs, stack.imports = {}, set()
    stack.deleted = datetime.now(UTC)
    stack.record("DELETE_COMPLETE")


def _apply(stacks: Stacks, stack: Stack, resources: Resources) -> list[str]:
    """Bring every resource of the template about; returns their logical ids."""
    wanted: list[str] = []
    used: set[str] = set()
    scope = resolution.intrinsic_scope(stacks, stack, used=used)
    described = stack.template["Resources"]
    for logical_id in creation_order(described):
        if "Condition" in described[logical_id] and not scope.condition(described[logical_id]["Condition"]):
            continue
        wanted.append(logical_id)
        if stack.cancelled:
            raise Refusal("Cancelled", "User Initiated")
        try:
            resources.bring_about(logical_id, described[logical_id], scope)
        except Refusal as refusal:
            message = f"The following resource(s) failed to {'update' if stack.updated else 'create'}: [{logical_id}]."
            raise Refusal(refusal.code, f"{message} {refusal.message}") from refusal
    if stack.cancelled:
        raise Refusal("Cancelled", "User Initiated")
    resolution.resolve_outputs(stacks, stack, scope)
    stack.imports = used
    return wanted


def _clean_up(stack: Stack, unfinished: Unfinished, resources: Resources, leaving: Collection[str]) -> None:
    """Delete replaced resources and those that the new template no longer has."""
    for replaced in reversed(unfinished.replaced):
        if replaced.kept_on_replacement:
            resources.tell(replaced, "DELETE_SKIPPED")
        else:
            resources.delete(replaced)
    before = unfinished.before.get("template", {}).get("Resources", {})
    order = [name for name in creation_order(before) if name in leaving]
    for logical_id in reversed([*order, *(name for name in leaving if name not in order)]):
        resource = stack.resources.pop(logical_id)
        if resource.kept:
            resources.tell(resource, "DELETE_SKIPPED")
        else:
            # One that can't be deleted is left behind, as CloudFormation leaves it.
            resources.delete(resource)


def _take_back(stack: Stack, unfinished: Unfinished, complete: str = "", failed: str = "") -> None:
    prefix = "ROLLBACK" if unfinished.creating else "UPDATE_ROLLBACK"
    problems: list[str] = []
    left: list[Undo] = []
    # What a creation defined stays: it is what failed.
    stack.define({} if unfinished.creating else unfinished.before)
    for step in reversed(unfinished.undo):
        try:
            step.run()
        except Refusal as refusal:
            problems.append(str(refusal.message))
            left.insert(0, step)
    unfinished.undo = left
    stack.unfinished = unfinished if left else None
    if problems:
        stack.record(failed or f"{prefix}_FAILED", "; ".join(problems))
    else:
        stack.retain_except_on_create = False
        stack.record(complete or f"{prefix}_COMPLETE")
