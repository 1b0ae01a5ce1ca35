"""Requests for stacks: creation, update, deletion and rollback; each is checked before anything happens."""

import uuid
from collections.abc import Collection, Mapping
from typing import Any, Final

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.engine import change_details, limits, operation, validation
from ultrafleet.rehearsal.cloudformation.engine.template import creation_order, parse_template
from ultrafleet.rehearsal.cloudformation.state import Stack, Stacks
from ultrafleet.rehearsal.refusals.cloudformation import IN_PROGRESS, NOT_TERMINAL, RETAIN_EARLY, RETAIN_GONE, SKIP
from ultrafleet.rehearsal.simulated_account import Refusal, refused

UPDATABLE: Final = frozenset(
    {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}
)
FAILED: Final = frozenset({"CREATE_FAILED", "UPDATE_FAILED"})
"""States that an operation without rollback leaves."""
_DELETABLE: Final = UPDATABLE | FAILED | {
    "DELETE_FAILED", "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "UPDATE_ROLLBACK_FAILED",
    "IMPORT_ROLLBACK_FAILED",
}  # fmt: skip


def create(stacks: Stacks, requested: Stack, **options: Any) -> Stack:
    """CreateStack."""
    check(requested)
    stacks.register(requested)
    stacks.claim(requested, "CREATE_STACK", "CREATE_IN_PROGRESS", {""}, "be created")
    if found := validation.failures(stacks, requested, requested):
        _fail_validation(requested, found, "ROLLBACK")
        return requested
    operation.create(stacks, requested, **options)
    return requested


def update(
    stacks: Stacks, stack: Stack, requested: Stack, *, disable_rollback: bool = False, policy: str | None = None
) -> Stack:
    """UpdateStack; `policy` replaces the stack's own during the update."""
    check(requested)
    check_updatable(stack, disable_rollback=disable_rollback)
    if not change_details.is_changed(stacks, stack, requested):
        raise Refusal("ValidationError", "No updates are to be performed.")
    claim_update(stacks, stack)
    if found := validation.failures(stacks, stack, requested):
        _fail_validation(stack, found, "UPDATE_ROLLBACK")
        return stack
    operation.update(stacks, stack, requested, disable_rollback=disable_rollback, policy=policy)
    return stack


def _fail_validation(stack: Stack, found: list[validation.Failure], prefix: str) -> None:
    """End an operation that validation stopped: nothing was made or changed, and DescribeEvents tells why.

    In which status AWS leaves the stack isn't documented: the one of a rollback is taken (low).
    """
    stack.validation_events = validation.events(stack, found, stack.operation_type)
    stack.record(f"{prefix}_IN_PROGRESS", validation.FAILED_OPERATION)
    stack.record(f"{prefix}_COMPLETE")


def claim_update(stacks: Stacks, stack: Stack) -> None:
    """Begin an update; change sets of the stack are obsolete from then on.

    Raises:
        Refusal: another operation is in progress.
    """
    stacks.claim(stack, "UPDATE_STACK", "UPDATE_IN_PROGRESS", UPDATABLE | FAILED, "be updated")
    for change_set in stacks.change_sets.values():
        if change_set.stack is stack and change_set.execution_status == "AVAILABLE":
            change_set.execution_status = "OBSOLETE"


def check_updatable(stack: Stack, *, disable_rollback: bool) -> None:
    """Hold an update to the stack's state.

    Raises:
        Refusal: it can't be updated, or not with rollback.
    """
    if stack.status in FAILED and not disable_rollback:
        # aws-cdk-cli's tests of express deployments quote it, verified against CloudFormation (medium).
        raise refused(
            NOT_TERMINAL,
            f"This stack is currently in a non-terminal [{stack.status}] state. To update the stack from this state, "
            "please use the disable-rollback parameter with update-stack API. To rollback to the last known good "
            "state, use the rollback-stack API",
        )
    if stack.status not in UPDATABLE | FAILED:
        raise refused(IN_PROGRESS, f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")


def roll_back(stacks: Stacks, stack: Stack, *, retain_except_on_create: bool = False) -> None:
    """RollbackStack: back to the last stable state of a stack whose creation or update failed without rollback."""
    status = "ROLLBACK_IN_PROGRESS" if stack.status == "CREATE_FAILED" else "UPDATE_ROLLBACK_IN_PROGRESS"
    stacks.claim(stack, "ROLLBACK", status, FAILED, "be rolled back")
    stack.retain_except_on_create = retain_except_on_create
    operation.roll_back(stack)


def continue_rollback(stacks: Stacks, stack: Stack, *, skip: Collection[str] = (), force: bool = False) -> None:
    """ContinueUpdateRollback; what is skipped stays as it is (CloudFormation API reference, high)."""
    if skip and force:
        raise refused(SKIP, "ForceRollback and ResourcesToSkip are mutually exclusive.")
    failed = {
        step.logical_id
        for step in (stack.unfinished.undo if stack.unfinished else [])
        if (resource := stack.resources.get(step.logical_id)) is None or resource.status == "UPDATE_FAILED"
    }
    if wrong := sorted(set(skip) - failed):
        raise refused(
            SKIP,
            f"The following resources [{', '.join(wrong)}] cannot be skipped: they are not in the UPDATE_FAILED state "
            "because a rollback failed",
        )
    stacks.claim(
        stack, "CONTINUE_ROLLBACK", "UPDATE_ROLLBACK_IN_PROGRESS", {"UPDATE_ROLLBACK_FAILED"}, "continue rollback"
    )
    operation.roll_back(stack, skip=failed if force else skip)


def cancel(stack: Stack) -> None:
    """CancelUpdateStack: what is being updated is waited for, then the update is rolled back."""
    if stack.status != "UPDATE_IN_PROGRESS":
        # CloudFormation API reference, CancelUpdateStack (high); the wording is medium.
        raise Refusal("ValidationError", "CancelUpdateStack cannot be called from current stack status")
    stack.cancelled = True


def delete(stacks: Stacks, stack: Stack, *, retain: Collection[str] = (), force: bool = False) -> None:
    """DeleteStack."""
    if stack.termination_protection:
        raise Refusal(
            "ValidationError", f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
        )
    if stack.status == "DELETE_COMPLETE":
        return
    if (retain or force) and stack.status != "DELETE_FAILED":
        # CloudFormation API reference, DeleteStack (high); rebuy-de/aws-nuke #244 met it; the wording is medium.
        raise refused(
            RETAIN_EARLY,
            f"Invalid operation on stack [{stack.stack_id}]. When you delete a stack, specify which resources to "
            "retain only when the stack is in the DELETE_FAILED state.",
        )
    if gone := sorted(set(retain) - set(stack.resources)):
        # rebuy-de/aws-nuke #270
        raise refused(
            RETAIN_GONE,
            "The specified resources to retain must be in a valid state. Do not specify resources that are in the "
            f"DELETE_COMPLETE state. ({', '.join(gone)})",
        )
    if stack.status not in _DELETABLE:
        raise refused(IN_PROGRESS, f"Stack [{stack.stack_id}] cannot be deleted while in status {stack.status}")
    for export in (name for _, name in stack.outputs.values() if name):
        users = stacks.importers(export)
        if users:
            stack.begins("DELETE_STACK")
            stack.record("DELETE_FAILED", f"Export {export} cannot be deleted as it is in use by {' and '.join(users)}")
            return
    stacks.claim(stack, "DELETE_STACK", "DELETE_IN_PROGRESS", _DELETABLE, "be deleted")
    operation.delete(stacks, stack, retain=retain, force=force)


def check(requested: Stack) -> None:
    """Hold the template of a request to what CloudFormation refuses before anything happens."""
    limits.check_count(requested.template)
    limits.check_capabilities(requested.template, requested.capabilities)
    creation_order(requested.template["Resources"])


def new_stack(stacks: Stacks, name: str, body: str, parameters: Mapping[str, str], **more: Any) -> Stack:
    """Stack of a request, not yet registered.

    Raises:
        Refusal: the template can't be read, or a parameter is missing or extra.
    """
    template = parse_template(body)
    return Stack(
        stack_id=f"arn:aws:cloudformation:{stacks.region}:{stacks.account_id}:stack/{name}/{uuid.uuid4()}",
        name=name,
        region=stacks.region,
        account_id=stacks.account_id,
        status="",
        body=body,
        template=template,
        parameters=dict(parameters),
        resolved_parameters=_parameters(stacks, template, parameters),
        description=template.get("Description"),
        **more,
    )


def _parameters(stacks: Stacks, template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    declared = template.get("Parameters", {})
    if extra := sorted(set(given) - set(declared)):
        raise Refusal("ValidationError", f"Parameters: {extra} do not exist in the template")
    resolved = {}
    for name, parameter in declared.items():
        value = given.get(name, parameter.get("Default"))
        if value is None:
            raise Refusal("ValidationError", f"Parameters: [{name}] must have values")
        kind = parameter["Type"]
        if kind.startswith("AWS::SSM::Parameter::Value"):
            call = Calls(account_id=stacks.account_id, region=stacks.region)
            try:
                value = call("ssm", "get_parameter", Name=value)["Parameter"]["Value"]
            except Refusal as refusal:
                raise Refusal(
                    "ValidationError",
                    f"Unable to fetch parameters [{value}] from parameter store for this account.",
                ) from refusal
        is_list = kind == "CommaDelimitedList" or "List<" in kind
        resolved[name] = [item for item in str(value).split(",") if item] if is_list else value
    return resolved
