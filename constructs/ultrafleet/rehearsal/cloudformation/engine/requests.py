"""Requests for stacks: creation, update, deletion, and change sets with their execution."""

import uuid
from collections.abc import Mapping
from typing import Any

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.engine import schemas
from ultrafleet.rehearsal.cloudformation.engine.operation import Operation
from ultrafleet.rehearsal.cloudformation.engine.template import creation_order, parse_template
from ultrafleet.rehearsal.cloudformation.state import ChangeSet, Stack, Stacks
from ultrafleet.rehearsal.simulated_account import Refusal

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
_UPDATABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "CREATE_FAILED"}


def create(stacks: Stacks, requested: Stack, **options: Any) -> Stack:
    """CreateStack."""
    existing = stacks.named(requested.name)
    if existing is not None:
        raise Refusal("AlreadyExistsException", f"Stack [{requested.name}] already exists")
    _check(requested)
    stacks.stacks[requested.stack_id] = requested
    Operation(stacks, requested).create(**options)
    return requested


def update(stacks: Stacks, stack: Stack, requested: Stack, **options: Any) -> Stack:
    """UpdateStack."""
    _check_updatable(stack)
    _check(requested)
    if not changes(stack, requested):
        raise Refusal("ValidationError", "No updates are to be performed.")
    Operation(stacks, stack).update(requested, **options)
    return stack


def propose(stacks: Stacks, requested: Stack, *, kind: str, name: str, description: str | None) -> ChangeSet:
    """CreateChangeSet."""
    existing = stacks.named(requested.name)
    if kind == "CREATE":
        if existing is not None and existing.status != "REVIEW_IN_PROGRESS":
            raise Refusal("ValidationError", f"Stack [{requested.name}] already exists and cannot be created again")
        stack = existing or requested
        if existing is None:
            stack.record("REVIEW_IN_PROGRESS", "User Initiated")
            stacks.stacks[stack.stack_id] = stack
    else:
        stack = stacks.get(requested.name)
        _check_updatable(stack)
    _check(requested)
    change_set = ChangeSet(
        id=f"arn:aws:cloudformation:{stacks.region}:{stacks.account_id}:changeSet/{name}/{uuid.uuid4()}",
        name=name,
        kind=kind,
        stack=stack,
        requested=requested,
        changes=changes(stack, requested) if kind == "UPDATE" else _additions(requested),
        description=description,
    )
    if kind == "UPDATE" and not change_set.changes:
        change_set.status, change_set.execution_status, change_set.reason = "FAILED", "UNAVAILABLE", NO_CHANGES
    stacks.change_sets[change_set.id] = change_set
    return change_set


def execute(stacks: Stacks, change_set: ChangeSet, *, disable_rollback: bool = False) -> None:
    """ExecuteChangeSet."""
    if change_set.execution_status != "AVAILABLE":
        raise Refusal(
            "InvalidChangeSetStatus",
            f"ChangeSet [{change_set.id}] cannot be executed in its current execution status of "
            f"[{change_set.execution_status}]",
        )
    change_set.execution_status = "EXECUTE_IN_PROGRESS"
    stack, requested = change_set.stack, change_set.requested
    if change_set.kind == "CREATE":
        stack.body, stack.template, stack.parameters = requested.body, requested.template, requested.parameters
        stack.resolved_parameters, stack.tags = requested.resolved_parameters, requested.tags
        stack.description, stack.role_arn = requested.description, requested.role_arn
        Operation(stacks, stack).create(disable_rollback=disable_rollback)
    else:
        Operation(stacks, stack).update(requested, disable_rollback=disable_rollback)
    change_set.execution_status = "EXECUTE_COMPLETE"


def delete(stacks: Stacks, stack: Stack) -> None:
    """DeleteStack."""
    if stack.termination_protection:
        raise Refusal(
            "ValidationError", f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
        )
    if stack.status == "DELETE_COMPLETE":
        return
    for export in (name for _, name in stack.outputs.values() if name):
        users = stacks.importers(export)
        if users:
            stack.record("DELETE_FAILED", f"Export {export} cannot be deleted as it is in use by {' and '.join(users)}")
            return
    Operation(stacks, stack).delete()


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


def changes(stack: Stack, requested: Stack) -> list[dict[str, Any]]:
    """Resource changes between a stack and a requested one, as DescribeChangeSet lists them.

    A change of parameters, tags or outputs alone is a change too.
    """
    old, new = stack.template.get("Resources", {}), requested.template["Resources"]
    changes = [_change("Add", name, new[name]["Type"]) for name in new if name not in old]
    changes += [_change("Remove", name, old[name]["Type"]) for name in old if name not in new]
    parameters = stack.resolved_parameters != requested.resolved_parameters
    for name in (name for name in new if name in old):
        if old[name] == new[name] and not parameters:
            continue
        replacing = schemas.replacing(
            new[name]["Type"], old[name].get("Properties", {}), new[name].get("Properties", {})
        )
        changes.append(_change("Modify", name, new[name]["Type"], "True" if replacing else "False"))
    if not changes and (stack.template != requested.template or stack.tags != requested.tags or parameters):
        changes.append(_change("Modify", stack.name, "AWS::CloudFormation::Stack", "False"))
    return changes


def _additions(requested: Stack) -> list[dict[str, Any]]:
    return [_change("Add", name, resource["Type"]) for name, resource in requested.template["Resources"].items()]


def _check(requested: Stack) -> None:
    creation_order(requested.template["Resources"])


def _check_updatable(stack: Stack) -> None:
    if stack.status not in _UPDATABLE:
        raise Refusal("ValidationError", f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")


def _change(action: str, logical_id: str, resource_type: str, replacement: str | None = None) -> dict[str, Any]:
    change = {"Action": action, "LogicalResourceId": logical_id, "ResourceType": resource_type}
    if replacement is not None:
        change["Replacement"] = replacement
    return {"Type": "Resource", "ResourceChange": change}
