"""Calls of tests to the embedded CloudFormation, with small templates."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from moto import mock_aws

from ultrafleet.rehearsal import extension
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

ACCOUNT, REGION = "111122223333", "us-east-1"
QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "jobs", "VisibilityTimeout": 30}}
IAM = ["CAPABILITY_NAMED_IAM"]
TOPIC = {"Type": "AWS::SNS::Topic"}
TAKEN = {
    "Type": "AWS::EC2::LaunchTemplate",
    "Properties": {"LaunchTemplateName": "taken", "LaunchTemplateData": {"ImageId": "ami-0123456789abcdef0"}},
}
"""Launch template that can't be made once `take_name` has made it: its name isn't what identifies it, so that no
validation finds it before."""


@contextmanager
def calls() -> Iterator[Calls]:
    """Calls to a new embedded AWS."""
    extension.install()
    with mock_aws():
        SIMULATED_ACCOUNT.reset(datetime(2026, 12, 1, tzinfo=UTC))
        yield Calls(account_id=ACCOUNT, region=REGION)
        SIMULATED_ACCOUNT.reset()


def template(resources: dict[str, Any], **more: Any) -> str:
    """Template of resources, as text."""
    return json.dumps({"Resources": resources, **more})


def queue(**properties: Any) -> dict[str, Any]:
    """Queue with other properties than `QUEUE`."""
    return {"Type": "AWS::SQS::Queue", "Properties": {**QUEUE["Properties"], **properties}}  # type: ignore[dict-item]  # a mapping


def network(cidr: str) -> dict[str, Any]:
    """VPC with a subnet."""
    return {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Subnet": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": cidr, "AvailabilityZone": "us-east-1a"},
        },
    }


def create(call: Calls, name: str, resources: dict[str, Any], **more: Any) -> str:
    """Status of a stack after its creation."""
    body = template(resources, **more)
    call("cloudformation", "create_stack", StackName=name, TemplateBody=body, Capabilities=IAM)
    return status(call, name)


def update(call: Calls, name: str, resources: dict[str, Any], **more: Any) -> str:
    """Status of a stack after its update."""
    body = template(resources, **more)
    call("cloudformation", "update_stack", StackName=name, TemplateBody=body, Capabilities=IAM)
    return status(call, name)


def propose(call: Calls, name: str, resources: dict[str, Any], *, change_set: str = "next", **given: Any) -> Any:
    """Change set of a stack, described with its property values."""
    body = template(resources, **given.pop("more", {}))
    arguments = {"ChangeSetType": "UPDATE", "Capabilities": IAM, **given}
    call(
        "cloudformation", "create_change_set", StackName=name, ChangeSetName=change_set, TemplateBody=body, **arguments
    )
    return call(
        "cloudformation",
        "describe_change_set",
        StackName=name,
        ChangeSetName=change_set,
        IncludePropertyValues=True,
    )


def execute(call: Calls, name: str, *, change_set: str = "next", **given: Any) -> str:
    """Status of a stack after the execution of a change set."""
    call("cloudformation", "execute_change_set", StackName=name, ChangeSetName=change_set, **given)
    return status(call, name)


def status(call: Calls, name: str) -> str:
    """Status of a stack."""
    stack = call("cloudformation", "describe_stacks", StackName=name)["Stacks"][0]
    return str(stack["StackStatus"])


def reasons(call: Calls, name: str) -> str:
    """Reasons of a stack's events, the newest first."""
    told = call("cloudformation", "describe_stack_events", StackName=name)["StackEvents"]
    return "\n".join(event.get("ResourceStatusReason", "") for event in told)


def queues(call: Calls) -> list[str]:
    """Names of the queues that exist."""
    return [url.rpartition("/")[2] for url in call("sqs", "list_queues").get("QueueUrls", [])]


def timeout(call: Calls, name: str = "jobs") -> str:
    """Visibility timeout of a queue."""
    url = call("sqs", "get_queue_url", QueueName=name)["QueueUrl"]
    attributes = call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return str(attributes["VisibilityTimeout"])


def take_name(call: Calls) -> None:
    """Make the launch template that `TAKEN` can't be made beside."""
    data = {"ImageId": "ami-0123456789abcdef0"}
    call("ec2", "create_launch_template", LaunchTemplateName="taken", LaunchTemplateData=data)
