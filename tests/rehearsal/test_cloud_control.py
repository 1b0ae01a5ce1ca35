"""Cloud Control API and DescribeType of the embedded AWS: what `cdk deploy --hotswap` calls."""

import json

import pytest

from helpers.stack_calls import ACCOUNT, QUEUE, REGION, create, timeout
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.api import cloud_control
from ultrafleet.rehearsal.simulated_account import Refusal


def patch(call: Calls, *steps: dict[str, object], identifier: str | None = None) -> None:
    url = identifier or call("sqs", "get_queue_url", QueueName="jobs")["QueueUrl"]
    cloud_control.answer(
        "UpdateResource",
        {"TypeName": "AWS::SQS::Queue", "Identifier": url, "PatchDocument": json.dumps(steps)},
        account_id=ACCOUNT,
        region=REGION,
    )


def test_a_resource_is_updated_and_cloudformation_knows_nothing_of_it(call: Calls) -> None:
    create(call, "one", {"Queue": QUEUE})
    patch(call, {"op": "replace", "path": "/VisibilityTimeout", "value": 60})
    assert timeout(call) == "60"
    call("cloudformation", "detect_stack_drift", StackName="one")
    (drift,) = call("cloudformation", "describe_stack_resource_drifts", StackName="one")["StackResourceDrifts"]
    assert [item["PropertyPath"] for item in drift["PropertyDifferences"]] == ["/VisibilityTimeout"]


def test_what_is_not_modelled_is_refused(call: Calls) -> None:
    create(call, "one", {"Queue": QUEUE})
    with pytest.raises(Refusal, match="does not model a patch of /Tags/a"):
        patch(call, {"op": "add", "path": "/Tags/a", "value": "b"})
    with pytest.raises(Refusal, match="was not found"):
        patch(call, identifier="https://another")
    with pytest.raises(Refusal, match="does not model DeleteResource"):
        cloud_control.answer("DeleteResource", {}, account_id=ACCOUNT, region=REGION)


def test_a_type_is_described_by_its_schema(call: Calls) -> None:
    told = call("cloudformation", "describe_type", Type="RESOURCE", TypeName="AWS::StepFunctions::StateMachine")
    assert "/properties/StateMachineName" in json.loads(told["Schema"])["createOnlyProperties"]
    with pytest.raises(Refusal, match="cannot be found"):
        call("cloudformation", "describe_type", Type="RESOURCE", TypeName="AWS::No::Such")
