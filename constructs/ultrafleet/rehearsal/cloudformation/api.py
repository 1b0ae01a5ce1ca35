"""CloudFormation's API, in the place of moto's: moto skips unknown resource types and never rolls back."""

from collections.abc import Callable
from typing import Any, Final

from moto.cloudformation.responses import CloudFormationResponse
from moto.cloudformation.utils import get_stack_from_s3_url
from moto.core.responses import ActionResult

from ultrafleet.rehearsal.cloudformation.engine import requests
from ultrafleet.rehearsal.cloudformation.engine.operation import Operation
from ultrafleet.rehearsal.cloudformation.engine.template import parse_template
from ultrafleet.rehearsal.cloudformation.state import ChangeSet, Stack, Stacks
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

Handler = Callable[[CloudFormationResponse], ActionResult]

_OPERATIONS: Final[dict[str, Handler]] = {}


def install() -> None:
    """Answer CloudFormation operations with this module."""
    for name, handler in _OPERATIONS.items():
        setattr(CloudFormationResponse, name, handler)
    # moto's answers are objects of its own, which it rewrites; ours are what botocore's model says.
    CloudFormationResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER = {}


def _operation(handler: Handler) -> Handler:
    _OPERATIONS[handler.__name__] = handler
    return handler


def _stacks(response: CloudFormationResponse) -> Stacks:
    return SIMULATED_ACCOUNT.part(Stacks, response.current_account, response.region)


def _asked(response: CloudFormationResponse, stacks: Stacks) -> Stack:
    """Stack that a call describes: name, template, parameters, tags."""
    name = response._get_param("StackName")
    if name.startswith("arn:"):
        name = stacks.get(name).name
    existing = stacks.named(name)
    url = response._get_param("TemplateURL")
    if url:
        body = get_stack_from_s3_url(url, account_id=response.current_account, partition=response.partition)
    elif response._get_param("UsePreviousTemplate") in {True, "true"}:
        body = stacks.get(name).body
    else:
        body = response._get_param("TemplateBody")
    parameters: dict[str, str] = {}
    for given in response._get_param("Parameters", []):
        key = given["ParameterKey"]
        if given.get("UsePreviousValue") in {True, "true"}:
            if existing is None or key not in existing.parameters:
                continue
            parameters[key] = existing.parameters[key]
        else:
            parameters[key] = given["ParameterValue"]
    return requests.new_stack(
        stacks,
        name,
        body if isinstance(body, str) else body.decode(),
        parameters,
        tags={tag["Key"]: tag["Value"] for tag in response._get_param("Tags", [])},
        capabilities=list(response._get_param("Capabilities", [])),
        role_arn=response._get_param("RoleARN"),
    )


def _is(response: CloudFormationResponse, name: str) -> bool:
    return response._get_param(name) in {True, "true"}


@_operation
def create_stack(response: CloudFormationResponse) -> ActionResult:
    """CreateStack."""
    stacks = _stacks(response)
    requested = _asked(response, stacks)
    requested.termination_protection = _is(response, "EnableTerminationProtection")
    stack = requests.create(
        stacks,
        requested,
        disable_rollback=_is(response, "DisableRollback"),
        on_failure=response._get_param("OnFailure", "ROLLBACK"),
    )
    return ActionResult({"StackId": stack.stack_id})


@_operation
def update_stack(response: CloudFormationResponse) -> ActionResult:
    """UpdateStack."""
    stacks = _stacks(response)
    stack = stacks.get(response._get_param("StackName"))
    requests.update(stacks, stack, _asked(response, stacks), disable_rollback=_is(response, "DisableRollback"))
    return ActionResult({"StackId": stack.stack_id})


@_operation
def delete_stack(response: CloudFormationResponse) -> ActionResult:
    """DeleteStack."""
    stacks = _stacks(response)
    stack = stacks.named(response._get_param("StackName"))
    if stack is not None:
        requests.delete(stacks, stack)
    return ActionResult({})


@_operation
def update_termination_protection(response: CloudFormationResponse) -> ActionResult:
    """UpdateTerminationProtection."""
    stack = _stacks(response).get(response._get_param("StackName"))
    stack.termination_protection = _is(response, "EnableTerminationProtection")
    return ActionResult({"StackId": stack.stack_id})


@_operation
def create_change_set(response: CloudFormationResponse) -> ActionResult:
    """CreateChangeSet."""
    stacks = _stacks(response)
    change_set = requests.propose(
        stacks,
        _asked(response, stacks),
        kind=response._get_param("ChangeSetType", "UPDATE"),
        name=response._get_param("ChangeSetName"),
        description=response._get_param("Description"),
    )
    return ActionResult({"Id": change_set.id, "StackId": change_set.stack.stack_id})


def _change_set(response: CloudFormationResponse) -> ChangeSet:
    return _stacks(response).change_set(response._get_param("ChangeSetName"), response._get_param("StackName"))


@_operation
def describe_change_set(response: CloudFormationResponse) -> ActionResult:
    """DescribeChangeSet."""
    change_set = _change_set(response)
    return ActionResult(
        {
            "ChangeSetName": change_set.name,
            "ChangeSetId": change_set.id,
            "StackId": change_set.stack.stack_id,
            "StackName": change_set.stack.name,
            "Description": change_set.description,
            "Parameters": _parameters(change_set.requested),
            "CreationTime": change_set.created,
            "ExecutionStatus": change_set.execution_status,
            "Status": change_set.status,
            "StatusReason": change_set.reason,
            "Capabilities": change_set.requested.capabilities,
            "Tags": _tags(change_set.requested),
            "Changes": change_set.changes,
        }
    )


@_operation
def list_change_sets(response: CloudFormationResponse) -> ActionResult:
    """ListChangeSets."""
    stacks = _stacks(response)
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


@_operation
def delete_change_set(response: CloudFormationResponse) -> ActionResult:
    """DeleteChangeSet."""
    try:
        change_set = _change_set(response)
    except Refusal:
        return ActionResult({})  # as in AWS
    del _stacks(response).change_sets[change_set.id]
    return ActionResult({})


@_operation
def execute_change_set(response: CloudFormationResponse) -> ActionResult:
    """ExecuteChangeSet; the operation is over when the call returns."""
    requests.execute(_stacks(response), _change_set(response), disable_rollback=_is(response, "DisableRollback"))
    return ActionResult({})


@_operation
def describe_stacks(response: CloudFormationResponse) -> ActionResult:
    """DescribeStacks."""
    stacks = _stacks(response)
    name = response._get_param("StackName")
    found = [stacks.get(name)] if name else stacks.live
    return ActionResult({"Stacks": [_described(stack) for stack in found]})


@_operation
def list_stacks(response: CloudFormationResponse) -> ActionResult:
    """ListStacks."""
    wanted = response._get_param("StackStatusFilter", [])
    found = [stack for stack in _stacks(response).stacks.values() if not wanted or stack.status in wanted]
    return ActionResult({"StackSummaries": [_described(stack) for stack in found]})


@_operation
def describe_stack_events(response: CloudFormationResponse) -> ActionResult:
    """DescribeStackEvents, the newest first."""
    stack = _stacks(response).get(response._get_param("StackName"))
    events = [
        {
            "StackId": stack.stack_id,
            "EventId": event.event_id,
            "StackName": stack.name,
            "LogicalResourceId": event.logical_id,
            "PhysicalResourceId": event.physical_id,
            "ResourceType": event.type,
            "Timestamp": event.time,
            "ResourceStatus": event.status,
            "ResourceStatusReason": event.reason,
        }
        for event in reversed(stack.events)
    ]
    return ActionResult({"StackEvents": events})


def _resources(response: CloudFormationResponse) -> list[dict[str, Any]]:
    stack = _stacks(response).get(response._get_param("StackName"))
    wanted = response._get_param("LogicalResourceId")
    return [
        {
            "StackName": stack.name,
            "StackId": stack.stack_id,
            "LogicalResourceId": resource.logical_id,
            "PhysicalResourceId": resource.physical.physical_id,
            "ResourceType": resource.type,
            "Timestamp": resource.changed,
            "LastUpdatedTimestamp": resource.changed,
            "ResourceStatus": resource.status,
            "ResourceStatusReason": resource.reason,
        }
        for resource in stack.resources.values()
        if wanted in {None, resource.logical_id}
    ]


@_operation
def describe_stack_resources(response: CloudFormationResponse) -> ActionResult:
    """DescribeStackResources."""
    return ActionResult({"StackResources": _resources(response)})


@_operation
def describe_stack_resource(response: CloudFormationResponse) -> ActionResult:
    """DescribeStackResource."""
    found = _resources(response)
    if not found:
        logical_id, stack = response._get_param("LogicalResourceId"), response._get_param("StackName")
        raise Refusal("ValidationError", f"Resource {logical_id} does not exist for stack {stack}")
    return ActionResult({"StackResourceDetail": found[0]})


@_operation
def list_stack_resources(response: CloudFormationResponse) -> ActionResult:
    """ListStackResources."""
    return ActionResult({"StackResourceSummaries": _resources(response)})


@_operation
def get_template(response: CloudFormationResponse) -> ActionResult:
    """GetTemplate."""
    stack = _stacks(response).get(response._get_param("StackName"))
    return ActionResult({"TemplateBody": stack.body, "StagesAvailable": ["Original", "Processed"]})


@_operation
def get_template_summary(response: CloudFormationResponse) -> ActionResult:
    """GetTemplateSummary."""
    stacks = _stacks(response)
    name, url = response._get_param("StackName"), response._get_param("TemplateURL")
    if name:
        template = stacks.get(name).template
    elif url:
        template = parse_template(
            get_stack_from_s3_url(url, account_id=response.current_account, partition=response.partition)
        )
    else:
        template = parse_template(response._get_param("TemplateBody"))
    parameters = [
        {"ParameterKey": key, "ParameterType": value["Type"], "DefaultValue": value.get("Default")}
        for key, value in template.get("Parameters", {}).items()
    ]
    types = sorted({resource["Type"] for resource in template["Resources"].values()})
    return ActionResult({"Parameters": parameters, "Description": template.get("Description"), "ResourceTypes": types})


@_operation
def list_exports(response: CloudFormationResponse) -> ActionResult:
    """ListExports."""
    exports = [
        {"ExportingStackId": stack_id, "Name": name, "Value": value}
        for name, (stack_id, value) in sorted(_stacks(response).exports().items())
    ]
    return ActionResult({"Exports": exports})


@_operation
def list_imports(response: CloudFormationResponse) -> ActionResult:
    """ListImports."""
    name = response._get_param("ExportName")
    users = _stacks(response).importers(name)
    if not users:
        raise Refusal("ValidationError", f"Export '{name}' is not imported by any stack.")
    return ActionResult({"Imports": users})


@_operation
def rollback_stack(response: CloudFormationResponse) -> ActionResult:
    """RollbackStack, for a stack in CREATE_FAILED."""
    stacks = _stacks(response)
    stack = stacks.get(response._get_param("StackName"))
    if stack.status != "CREATE_FAILED":
        raise Refusal(
            "ValidationError", f"Stack:{stack.stack_id} is in {stack.status} state and can not be rolled back."
        )
    Operation(stacks, stack).delete()
    stack.record("ROLLBACK_COMPLETE")
    return ActionResult({"StackId": stack.stack_id})


@_operation
def continue_update_rollback(response: CloudFormationResponse) -> ActionResult:
    """ContinueUpdateRollback."""
    stacks = _stacks(response)
    stack = stacks.get(response._get_param("StackName"))
    if stack.status != "UPDATE_ROLLBACK_FAILED":
        raise Refusal(
            "ValidationError",
            f"Stack:{stack.stack_id} is in {stack.status} state and can not continue rollback.",
        )
    Operation(stacks, stack).continue_rollback()
    return ActionResult({})


def _described(stack: Stack) -> dict[str, Any]:
    return {
        "StackId": stack.stack_id,
        "StackName": stack.name,
        "Description": stack.description,
        "TemplateDescription": stack.description,
        "Parameters": _parameters(stack),
        "CreationTime": stack.created,
        "LastUpdatedTime": stack.updated,
        "DeletionTime": stack.deleted,
        "StackStatus": stack.status,
        "StackStatusReason": stack.reason,
        "DisableRollback": False,
        "EnableTerminationProtection": stack.termination_protection,
        "NotificationARNs": [],
        "Capabilities": stack.capabilities,
        "RoleARN": stack.role_arn,
        "Outputs": [
            {"OutputKey": key, "OutputValue": str(value), "ExportName": export}
            for key, (value, export) in stack.outputs.items()
        ],
        "Tags": _tags(stack),
    }


def _parameters(stack: Stack) -> list[dict[str, Any]]:
    return [
        {"ParameterKey": key, "ParameterValue": ",".join(value) if isinstance(value, list) else str(value)}
        for key, value in stack.resolved_parameters.items()
    ]


def _tags(stack: Stack) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in stack.tags.items()]
