"""Deployment of a cloud assembly by CloudFormation's API alone, in the order of its stacks."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.simulated_account import Refusal
from ultrafleet.templates.assembly import AssemblyStack

_MOST_BYTES_INLINE: Final = 51_200
_CAPABILITIES: Final = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
"""As the CDK CLI acknowledges them."""


class StackFailedError(Exception):
    """Error: a stack did not reach the expected status.

    Attributes:
        stack_name: the stack.
        status: state that it is in.
        reasons: why, a line for each resource that failed.
    """

    def __init__(self, stack_name: str, status: str, reasons: list[str]) -> None:
        super().__init__(f"stack {stack_name} is {status}: {'; '.join(reasons)}")
        self.stack_name = stack_name
        self.status = status
        self.reasons = reasons


def deploy_assembly(stacks: list[AssemblyStack], call: Calls) -> dict[str, str]:
    """Create or update every stack of an assembly.

    Returns:
        What was done with each stack: `created`, `updated` or `unchanged`.

    Raises:
        StackFailedError: one could not be brought about; those after it are not tried.
    """
    return {stack.name: _deploy(stack, call) for stack in stacks}


def destroy_assembly(stacks: list[AssemblyStack], call: Calls) -> None:
    """Delete every stack of an assembly, the last first.

    Raises:
        StackFailedError: one could not be deleted.
    """
    for stack in reversed(stacks):
        call("cloudformation", "delete_stack", StackName=stack.name)
        status = stack_status(stack.name, call)
        if status is not None:
            raise StackFailedError(stack.name, status, _reasons(stack.name, call))


def stack_status(name: str, call: Calls) -> str | None:
    """Status of a stack; None where there is none."""
    try:
        return str(call("cloudformation", "describe_stacks", StackName=name)["Stacks"][0]["StackStatus"])
    except Refusal:
        return None


def _deploy(stack: AssemblyStack, call: Calls) -> str:
    status = stack_status(stack.name, call)
    if status in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"}:
        # As the CDK CLI does: what never came about can only be deleted.
        call("cloudformation", "delete_stack", StackName=stack.name)
        status = None
    if status == "UPDATE_ROLLBACK_FAILED":
        # As `ultrafleet local deploy` does with `cdk rollback`.
        call("cloudformation", "continue_update_rollback", StackName=stack.name)
    if status is None:
        call("cloudformation", "create_stack", StackName=stack.name, **_given(stack, call))
        done, wanted = "created", "CREATE_COMPLETE"
    else:
        try:
            call("cloudformation", "update_stack", StackName=stack.name, **_given(stack, call))
        except Refusal as refusal:
            if "No updates are to be performed" in str(refusal.message):
                return "unchanged"
            raise
        done, wanted = "updated", "UPDATE_COMPLETE"
    status = stack_status(stack.name, call)
    if status != wanted:
        raise StackFailedError(stack.name, str(status), _reasons(stack.name, call))
    call(
        "cloudformation",
        "update_termination_protection",
        StackName=stack.name,
        EnableTerminationProtection=stack.termination_protection,
    )
    return done


def _given(stack: AssemblyStack, call: Calls) -> dict[str, Any]:
    """Template and capabilities of a request; one that is too long for a call goes by S3, as with the CDK CLI."""
    if len(stack.template.encode()) <= _MOST_BYTES_INLINE:
        return {"TemplateBody": stack.template, "Capabilities": _CAPABILITIES}
    bucket = f"templates-{call.account_id}-{call.region}"
    with contextlib.suppress(Refusal):  # it is there
        call("s3", "create_bucket", Bucket=bucket)
    call("s3", "put_object", Bucket=bucket, Key=f"{stack.name}.json", Body=stack.template.encode())
    return {"TemplateURL": f"https://{bucket}.s3.amazonaws.com/{stack.name}.json", "Capabilities": _CAPABILITIES}


def _reasons(name: str, call: Calls) -> list[str]:
    told = call("cloudformation", "describe_events", StackName=name, Filters={"FailedEvents": True})["OperationEvents"]
    return [
        *reasons_of(call("cloudformation", "describe_stack_events", StackName=name)["StackEvents"]),
        *validation_reasons_of(told),
    ]


def validation_reasons_of(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Reasons for which validation stopped the last operation or change set, a line each.

    Args:
        events: of DescribeEvents.
    """
    return [
        f"{event['LogicalResourceId']}: {event['ValidationStatusReason']} ({event['ValidationPath']})"
        for event in events
        if event["EventType"] == "VALIDATION_ERROR"
    ]


def reasons_of(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Failure reasons of the last operation on a stack, a line each: of its resources, else of the stack itself.

    Args:
        events: of DescribeStackEvents, the newest first.
    """
    resources, stack = [], []
    for event in events:
        reason = event.get("ResourceStatusReason")
        if reason == "User Initiated":
            break
        if event["ResourceStatus"].endswith("_FAILED"):
            resources.append(f"{event['LogicalResourceId']}: {reason}")
        elif event["ResourceStatus"].endswith("ROLLBACK_IN_PROGRESS"):
            stack.append(f"{event['LogicalResourceId']}: {reason}")
    return list(reversed(resources or stack))
