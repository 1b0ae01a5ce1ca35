"""Operations on change sets."""

from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult

from ultrafleet.rehearsal.cloudformation.api.operations import (
    is_set,
    operation,
    parameter_list,
    requested_stack,
    stacks_of,
    tag_list,
)
from ultrafleet.rehearsal.cloudformation.engine import change_details, change_sets
from ultrafleet.rehearsal.cloudformation.state import ChangeSet
from ultrafleet.rehearsal.simulated_account import Refusal


@operation
def create_change_set(response: CloudFormationResponse) -> ActionResult:
    """CreateChangeSet."""
    imported = {given["LogicalResourceId"]: given for given in response._get_param("ResourcesToImport", [])}
    change_set = change_sets.propose(
        stacks_of(response),
        requested_stack(response),
        kind=response._get_param("ChangeSetType", "UPDATE"),
        name=response._get_param("ChangeSetName"),
        description=response._get_param("Description"),
        imported=imported,
        deployment_mode=response._get_param("DeploymentMode"),
    )
    return ActionResult({"Id": change_set.id, "StackId": change_set.stack.stack_id})


def _change_set(response: CloudFormationResponse) -> ChangeSet:
    return stacks_of(response).change_set(response._get_param("ChangeSetName"), response._get_param("StackName"))


@operation
def describe_change_set(response: CloudFormationResponse) -> ActionResult:
    """DescribeChangeSet; values of properties are listed where they are asked for."""
    change_set = _change_set(response)
    changes = change_set.changes
    if not is_set(response, "IncludePropertyValues"):
        changes = [change_details.without_values(change) for change in changes]
    return ActionResult(
        {
            "ChangeSetName": change_set.name,
            "ChangeSetId": change_set.id,
            "StackId": change_set.stack.stack_id,
            "StackName": change_set.stack.name,
            "Description": change_set.description,
            "Parameters": parameter_list(change_set.requested),
            "CreationTime": change_set.created,
            "ExecutionStatus": change_set.execution_status,
            "Status": change_set.status,
            "StatusReason": change_set.reason,
            "Capabilities": change_set.requested.capabilities,
            "Tags": tag_list(change_set.requested),
            "Changes": changes,
            "DeploymentMode": change_set.deployment_mode,
        }
    )


@operation
def list_change_sets(response: CloudFormationResponse) -> ActionResult:
    """ListChangeSets."""
    stacks = stacks_of(response)
    stack = stacks.get(response._get_param("StackName"))
    summaries = [
        {
            "StackId": stack.stack_id,
            "StackName": stack.name,
            "ChangeSetId": change_set.id,
            "ChangeSetName": change_set.name,
            "ExecutionStatus": change_set.execution_status,
            "Status": change_set.status,
            "StatusReason": change_set.reason,
            "CreationTime": change_set.created,
        }
        for change_set in stacks.change_sets.values()
        if change_set.stack is stack
    ]
    return ActionResult({"Summaries": summaries})


@operation
def delete_change_set(response: CloudFormationResponse) -> ActionResult:
    """DeleteChangeSet."""
    try:
        change_set = _change_set(response)
    except Refusal:
        return ActionResult({})  # as in AWS
    del stacks_of(response).change_sets[change_set.id]
    return ActionResult({})


@operation
def execute_change_set(response: CloudFormationResponse) -> ActionResult:
    """ExecuteChangeSet; the operation is over when the call returns."""
    change_sets.execute(
        stacks_of(response),
        _change_set(response),
        disable_rollback=is_set(response, "DisableRollback"),
        retain_except_on_create=is_set(response, "RetainExceptOnCreate"),
    )
    return ActionResult({})
