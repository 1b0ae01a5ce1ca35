"""Operations on stacks: created, updated, deleted, rolled back, and their policies."""

from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult

from ultrafleet.rehearsal.cloudformation.api.operations import (
    asked_stack,
    is_set,
    operation,
    requested_stack,
    stacks_of,
)
from ultrafleet.rehearsal.cloudformation.engine import policies, requests
from ultrafleet.rehearsal.cloudformation.state import Stack


@operation
def create_stack(response: CloudFormationResponse) -> ActionResult:
    """CreateStack."""
    requested = requested_stack(response)
    requested.termination_protection = is_set(response, "EnableTerminationProtection")
    requested.retain_except_on_create = is_set(response, "RetainExceptOnCreate")
    _take_policy(response, requested)
    stack = requests.create(
        stacks_of(response),
        requested,
        disable_rollback=is_set(response, "DisableRollback"),
        on_failure=response._get_param("OnFailure", "ROLLBACK"),
    )
    return ActionResult({"StackId": stack.stack_id, "OperationId": stack.operation_id})


@operation
def update_stack(response: CloudFormationResponse) -> ActionResult:
    """UpdateStack."""
    stack = asked_stack(response)
    requested = requested_stack(response)
    during = response._get_param("StackPolicyDuringUpdateBody")
    requests.update(
        stacks_of(response),
        stack,
        requested,
        disable_rollback=is_set(response, "DisableRollback"),
        policy=None if during is None else policies.parse_policy(during),
    )
    _take_policy(response, stack)
    return ActionResult({"StackId": stack.stack_id, "OperationId": stack.operation_id})


@operation
def delete_stack(response: CloudFormationResponse) -> ActionResult:
    """DeleteStack."""
    stacks = stacks_of(response)
    stack = stacks.named(response._get_param("StackName"))
    if stack is not None:
        requests.delete(
            stacks,
            stack,
            retain=response._get_param("RetainResources", []),
            force=response._get_param("DeletionMode") == "FORCE_DELETE_STACK",
        )
    return ActionResult({})


@operation
def rollback_stack(response: CloudFormationResponse) -> ActionResult:
    """RollbackStack, of a stack in CREATE_FAILED or UPDATE_FAILED."""
    stack = asked_stack(response)
    requests.roll_back(stacks_of(response), stack, retain_except_on_create=is_set(response, "RetainExceptOnCreate"))
    return ActionResult({"StackId": stack.stack_id, "OperationId": stack.operation_id})


@operation
def continue_update_rollback(response: CloudFormationResponse) -> ActionResult:
    """ContinueUpdateRollback."""
    requests.continue_rollback(
        stacks_of(response),
        asked_stack(response),
        skip=response._get_param("ResourcesToSkip", []),
        force=is_set(response, "ForceRollback"),
    )
    return ActionResult({})


@operation
def cancel_update_stack(response: CloudFormationResponse) -> ActionResult:
    """CancelUpdateStack."""
    requests.cancel(asked_stack(response))
    return ActionResult({})


@operation
def update_termination_protection(response: CloudFormationResponse) -> ActionResult:
    """UpdateTerminationProtection."""
    stack = asked_stack(response)
    stack.termination_protection = is_set(response, "EnableTerminationProtection")
    return ActionResult({"StackId": stack.stack_id})


@operation
def set_stack_policy(response: CloudFormationResponse) -> ActionResult:
    """SetStackPolicy."""
    _take_policy(response, asked_stack(response))
    return ActionResult({})


@operation
def get_stack_policy(response: CloudFormationResponse) -> ActionResult:
    """GetStackPolicy."""
    return ActionResult({"StackPolicyBody": asked_stack(response).policy})


def _take_policy(response: CloudFormationResponse, stack: Stack) -> None:
    body = response._get_param("StackPolicyBody")
    if body is not None:
        stack.policy = policies.parse_policy(body)
