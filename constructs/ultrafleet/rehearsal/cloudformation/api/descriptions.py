"""Descriptions of stacks: their state, events, resources, templates, exports."""

from typing import Any

from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult

from ultrafleet.rehearsal.cloudformation.api.operations import (
    asked_stack,
    operation,
    parameter_list,
    stacks_of,
    tag_list,
    template_body,
)
from ultrafleet.rehearsal.cloudformation.engine import drift, limits, schemas
from ultrafleet.rehearsal.cloudformation.engine.template import parse_template
from ultrafleet.rehearsal.cloudformation.state import Event, Stack
from ultrafleet.rehearsal.simulated_account import Refusal


@operation
def describe_stacks(response: CloudFormationResponse) -> ActionResult:
    """DescribeStacks."""
    stacks = stacks_of(response)
    name = response._get_param("StackName")
    found = [stacks.get(name)] if name else stacks.live
    return ActionResult({"Stacks": [_described(stack) for stack in found]})


@operation
def list_stacks(response: CloudFormationResponse) -> ActionResult:
    """ListStacks."""
    wanted = response._get_param("StackStatusFilter", [])
    found = [stack for stack in stacks_of(response).stacks.values() if not wanted or stack.status in wanted]
    return ActionResult({"StackSummaries": [_described(stack) for stack in found]})


@operation
def describe_stack_events(response: CloudFormationResponse) -> ActionResult:
    """DescribeStackEvents, the newest first."""
    stack = stacks_of(response).get(response._get_param("StackName"))
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


@operation
def describe_events(response: CloudFormationResponse) -> ActionResult:
    """DescribeEvents: of an operation, of a stack, or of the validation of a change set."""
    stacks = stacks_of(response)
    name, stack_name = response._get_param("ChangeSetName"), response._get_param("StackName")
    only_failed = (response._get_param("Filters") or {}).get("FailedEvents") in {True, "true"}
    if name is not None:
        change_set = stacks.change_set(name, stack_name)
        return ActionResult({"OperationEvents": change_set.failures})
    wanted = response._get_param("OperationId")
    if stack_name is None and wanted is None:
        raise Refusal("ValidationError", "One of ChangeSetName, OperationId or StackName must be specified")
    found = stacks.stacks.values() if stack_name is None else [stacks.get(stack_name)]
    events = [
        _operation_event(stack, event)
        for stack in found
        for event in reversed(stack.events)
        if wanted in {None, event.operation_id} and not (only_failed and not event.status.endswith("_FAILED"))
    ]
    events += [
        event
        for stack in found
        for event in reversed(stack.validation_events)
        if wanted in {None, event["OperationId"]}
    ]
    return ActionResult({"OperationEvents": events})


def _operation_event(stack: Stack, event: Event) -> dict[str, Any]:
    failed = event.status.endswith("_FAILED")
    of_stack = event.physical_id == stack.stack_id
    return {
        "EventId": event.event_id,
        "StackId": stack.stack_id,
        "OperationId": event.operation_id,
        "OperationType": event.operation_type or None,
        "OperationStatus": None if not of_stack else _operation_status(event.status),
        "EventType": "STACK_EVENT" if of_stack else "PROVISIONING_ERROR" if failed else "PROGRESS_EVENT",
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.type,
        "Timestamp": event.time,
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason,
    }


def _operation_status(status: str) -> str:
    if status.endswith("_IN_PROGRESS"):
        return "IN_PROGRESS"
    return "FAILED" if status.endswith("_FAILED") or "ROLLBACK" in status else "SUCCEEDED"


def _drift_status(stack: Stack, logical_id: str) -> str:
    return str(stack.drift.get(logical_id, {}).get("StackResourceDriftStatus", "NOT_CHECKED"))


def _resources(response: CloudFormationResponse) -> list[dict[str, Any]]:
    stack = stacks_of(response).get(response._get_param("StackName"))
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
            "DriftInformation": {"StackResourceDriftStatus": _drift_status(stack, resource.logical_id)},
        }
        for resource in stack.resources.values()
        if wanted in {None, resource.logical_id}
    ]


@operation
def describe_stack_resources(response: CloudFormationResponse) -> ActionResult:
    """DescribeStackResources."""
    return ActionResult({"StackResources": _resources(response)})


@operation
def describe_stack_resource(response: CloudFormationResponse) -> ActionResult:
    """DescribeStackResource."""
    found = _resources(response)
    if not found:
        logical_id, stack = response._get_param("LogicalResourceId"), response._get_param("StackName")
        raise Refusal("ValidationError", f"Resource {logical_id} does not exist for stack {stack}")
    return ActionResult({"StackResourceDetail": found[0]})


@operation
def list_stack_resources(response: CloudFormationResponse) -> ActionResult:
    """ListStackResources."""
    return ActionResult({"StackResourceSummaries": _resources(response)})


@operation
def get_template(response: CloudFormationResponse) -> ActionResult:
    """GetTemplate."""
    stack = stacks_of(response).get(response._get_param("StackName"))
    return ActionResult({"TemplateBody": stack.body, "StagesAvailable": ["Original", "Processed"]})


@operation
def get_template_summary(response: CloudFormationResponse) -> ActionResult:
    """GetTemplateSummary, with the properties by which its resources can be imported."""
    stacks = stacks_of(response)
    given = response._get_param("TemplateURL") or response._get_param("TemplateBody")
    template = parse_template(template_body(response, stacks)) if given else asked_stack(response).template
    parameters = [
        {"ParameterKey": key, "ParameterType": value["Type"], "DefaultValue": value.get("Default")}
        for key, value in template.get("Parameters", {}).items()
    ]
    by_type: dict[str, list[str]] = {}
    for logical_id, resource in template["Resources"].items():
        by_type.setdefault(resource["Type"], []).append(logical_id)
    summaries = [
        {
            "ResourceType": resource_type,
            "LogicalResourceIds": logical_ids,
            "ResourceIdentifiers": [",".join(one) for one in schemas.identifiers(resource_type)],
        }
        for resource_type, logical_ids in sorted(by_type.items())
        if schemas.identifiers(resource_type)
    ]
    return ActionResult(
        {
            "Parameters": parameters,
            "Description": template.get("Description"),
            "ResourceTypes": sorted(by_type),
            "Capabilities": limits.needed_capabilities(template),
            "ResourceIdentifierSummaries": summaries,
        }
    )


@operation
def list_exports(response: CloudFormationResponse) -> ActionResult:
    """ListExports."""
    exports = [
        {"ExportingStackId": stack_id, "Name": name, "Value": value}
        for name, (stack_id, value) in sorted(stacks_of(response).exports().items())
    ]
    return ActionResult({"Exports": exports})


@operation
def list_imports(response: CloudFormationResponse) -> ActionResult:
    """ListImports."""
    name = response._get_param("ExportName")
    users = stacks_of(response).importers(name)
    if not users:
        raise Refusal("ValidationError", f"Export '{name}' is not imported by any stack.")
    return ActionResult({"Imports": users})


def _described(stack: Stack) -> dict[str, Any]:
    return {
        "StackId": stack.stack_id,
        "StackName": stack.name,
        "Description": stack.description,
        "TemplateDescription": stack.description,
        "Parameters": parameter_list(stack),
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
        "Tags": tag_list(stack),
        "DriftInformation": {"StackDriftStatus": drift.stack_status(stack), "LastCheckTimestamp": stack.drift_checked},
        "LastOperations": [{"OperationType": stack.operation_type, "OperationId": stack.operation_id}]
        if stack.operation_id
        else [],
    }
