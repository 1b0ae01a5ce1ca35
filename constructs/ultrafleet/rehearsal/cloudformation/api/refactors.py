"""Operations of stack refactors."""

from typing import Any

from moto.cloudformation.responses import CloudFormationResponse
from moto.cloudformation.utils import get_stack_from_s3_url
from moto.core.responses import ActionResult

from ultrafleet.rehearsal.cloudformation.api.operations import is_set, operation, page, stacks_of
from ultrafleet.rehearsal.cloudformation.engine import refactors
from ultrafleet.rehearsal.cloudformation.state import StackRefactor
from ultrafleet.rehearsal.simulated_account import Refusal


def _refactor(response: CloudFormationResponse) -> StackRefactor:
    wanted = response._get_param("StackRefactorId")
    found = stacks_of(response).refactors.get(wanted)
    if found is None:
        raise Refusal("StackRefactorNotFoundException", f"Stack refactor {wanted} does not exist")
    return found


@operation
def create_stack_refactor(response: CloudFormationResponse) -> ActionResult:
    """CreateStackRefactor."""
    definitions = {}
    for given in response._get_param("StackDefinitions", []):
        body = given.get("TemplateBody")
        if body is None:
            body = get_stack_from_s3_url(
                given["TemplateURL"], account_id=response.current_account, partition=response.partition
            )
        definitions[given["StackName"]] = body if isinstance(body, str) else body.decode()
    mappings = [
        (
            (given["Source"]["StackName"], given["Source"]["LogicalResourceId"]),
            (given["Destination"]["StackName"], given["Destination"]["LogicalResourceId"]),
        )
        for given in response._get_param("ResourceMappings", [])
    ]
    refactor = refactors.propose(
        stacks_of(response),
        definitions,
        mappings,
        description=response._get_param("Description"),
        may_create=is_set(response, "EnableStackCreation"),
    )
    return ActionResult({"StackRefactorId": refactor.id})


@operation
def describe_stack_refactor(response: CloudFormationResponse) -> ActionResult:
    """DescribeStackRefactor."""
    refactor = _refactor(response)
    return ActionResult({**_summary(refactor), "StackIds": refactor.stack_ids})


@operation
def list_stack_refactors(response: CloudFormationResponse) -> ActionResult:
    """ListStackRefactors."""
    wanted = response._get_param("ExecutionStatusFilter", [])
    found = [
        _summary(one) for one in stacks_of(response).refactors.values() if not wanted or one.execution_status in wanted
    ]
    summaries, token = page(found, response)
    return ActionResult({"StackRefactorSummaries": summaries, "NextToken": token})


@operation
def list_stack_refactor_actions(response: CloudFormationResponse) -> ActionResult:
    """ListStackRefactorActions."""
    stacks, refactor = stacks_of(response), _refactor(response)
    found: list[dict[str, Any]] = []
    for name, requested in refactor.requested.items():
        if stacks.named(name) is None:
            found.append({"Action": "CREATE", "Entity": "STACK", "Description": f"Stack {requested.name} is created."})
    for source, to in refactor.moves:
        stack = stacks.named(source[0])
        resource = None if stack is None else stack.resources.get(source[1])
        found.append(
            {
                "Action": "MOVE",
                "Entity": "RESOURCE",
                "PhysicalResourceId": None if resource is None else resource.physical.physical_id,
                "Description": f"Resource {source[0]}.{source[1]} is moved to {to[0]}.{to[1]}.",
                "Detection": "MANUAL",
                "ResourceMapping": {
                    "Source": {"StackName": source[0], "LogicalResourceId": source[1]},
                    "Destination": {"StackName": to[0], "LogicalResourceId": to[1]},
                },
            }
        )
    actions, token = page(found, response)
    return ActionResult({"StackRefactorActions": actions, "NextToken": token})


@operation
def execute_stack_refactor(response: CloudFormationResponse) -> ActionResult:
    """ExecuteStackRefactor; it is over when the call returns."""
    refactors.execute(stacks_of(response), _refactor(response))
    return ActionResult({})


def _summary(refactor: StackRefactor) -> dict[str, str | None]:
    return {
        "StackRefactorId": refactor.id,
        "Description": refactor.description,
        "Status": refactor.status,
        "StatusReason": refactor.reason,
        "ExecutionStatus": refactor.execution_status,
        "ExecutionStatusReason": refactor.execution_reason,
    }
