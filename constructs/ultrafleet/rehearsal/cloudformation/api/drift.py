"""Operations of drift detection; a detection is over when its call returns."""

import uuid
from typing import Any

from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.api.operations import asked_stack, operation, page, stacks_of
from ultrafleet.rehearsal.cloudformation.engine import drift, requests
from ultrafleet.rehearsal.cloudformation.state import Stack
from ultrafleet.rehearsal.simulated_account import Refusal


def _detect(response: CloudFormationResponse, stack: Stack, logical_ids: list[str]) -> None:
    if stack.status not in requests.UPDATABLE | requests.FAILED | {"UPDATE_ROLLBACK_FAILED"}:
        raise Refusal(
            "ValidationError", f"Drift detection cannot be performed on stack [{stack.name}] in {stack.status} state."
        )
    call = Calls(account_id=response.current_account, region=response.region)
    drift.detect(call, stack, logical_ids)


@operation
def detect_stack_drift(response: CloudFormationResponse) -> ActionResult:
    """DetectStackDrift."""
    stack = asked_stack(response)
    _detect(response, stack, response._get_param("LogicalResourceIds", []))
    detection_id = str(uuid.uuid4())
    stacks_of(response).drift_detections[detection_id] = stack
    return ActionResult({"StackDriftDetectionId": detection_id})


@operation
def detect_stack_resource_drift(response: CloudFormationResponse) -> ActionResult:
    """DetectStackResourceDrift."""
    stack, logical_id = asked_stack(response), response._get_param("LogicalResourceId")
    if logical_id not in stack.resources:
        raise Refusal("ValidationError", f"Resource {logical_id} does not exist for stack {stack.name}")
    _detect(response, stack, [logical_id])
    return ActionResult({"StackResourceDrift": stack.drift[logical_id]})


@operation
def describe_stack_drift_detection_status(response: CloudFormationResponse) -> ActionResult:
    """DescribeStackDriftDetectionStatus."""
    detection_id = response._get_param("StackDriftDetectionId")
    stack = stacks_of(response).drift_detections.get(detection_id)
    if stack is None:
        raise Refusal("ValidationError", f"Stack drift detection {detection_id} does not exist")
    told: dict[str, Any] = {
        "StackId": stack.stack_id,
        "StackDriftDetectionId": detection_id,
        "StackDriftStatus": drift.stack_status(stack),
        "DetectionStatus": "DETECTION_COMPLETE",
        "DriftedStackResourceCount": drift.drifted_count(stack),
        "Timestamp": stack.drift_checked,
    }
    return ActionResult(told)


@operation
def describe_stack_resource_drifts(response: CloudFormationResponse) -> ActionResult:
    """DescribeStackResourceDrifts."""
    wanted = response._get_param("StackResourceDriftStatusFilters", [])
    found = [
        told
        for told in asked_stack(response).drift.values()
        if not wanted or told["StackResourceDriftStatus"] in wanted
    ]
    drifts, token = page(found, response)
    return ActionResult({"StackResourceDrifts": drifts, "NextToken": token})
