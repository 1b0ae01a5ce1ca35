"""Validation of the embedded CloudFormation: what it finds before anything happens, and where it tells it."""

from collections.abc import Iterator
from typing import Any

import pytest

from helpers.stack_calls import QUEUE, TOPIC, calls, create, execute, network, propose, queues, reasons, status, update
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.engine import validation

GROUP = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "taken"}}


@pytest.fixture
def call() -> Iterator[Calls]:
    with calls() as made:
        made("logs", "create_log_group", logGroupName="taken")
        yield made


def told(call: Calls, **given: Any) -> list[tuple[str, str, str]]:
    found = call("cloudformation", "describe_events", **given, Filters={"FailedEvents": True})["OperationEvents"]
    return [
        (event["ValidationName"], event["ValidationPath"], event["ValidationStatusReason"])
        for event in found
        if event["EventType"] == "VALIDATION_ERROR"
    ]


CONFLICT = (
    "NAME_CONFLICT_VALIDATION",
    "/Resources/Group",
    "Resource of type 'AWS::Logs::LogGroup' with identifier 'taken' already exists.",
)


class TestNameConflicts:
    def test_stop_a_creation_before_it_makes_anything(self, call: Calls) -> None:
        assert create(call, "one", {"Queue": QUEUE, "Group": {**GROUP, "DependsOn": "Queue"}}) == "ROLLBACK_COMPLETE"
        events = call("cloudformation", "describe_stack_events", StackName="one")["StackEvents"]
        assert {event["LogicalResourceId"] for event in events} == {"one"}
        assert validation.FAILED_OPERATION in reasons(call, "one")
        assert told(call, StackName="one") == [CONFLICT]

    def test_stop_an_update(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        assert update(call, "one", {"Topic": TOPIC, "Group": GROUP}) == "UPDATE_ROLLBACK_COMPLETE"
        assert queues(call) == ["jobs"]
        assert call("sns", "list_topics")["Topics"] == []
        assert update(call, "one", {"Topic": TOPIC}) == "UPDATE_COMPLETE"

    def test_fail_a_change_set(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        described = propose(call, "one", {"Queue": QUEUE, "Group": GROUP})
        assert (described["Status"], described["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
        assert "[AWS::EarlyValidation::ResourceExistenceCheck]" in described["StatusReason"]
        assert told(call, ChangeSetName=described["ChangeSetId"]) == [CONFLICT]

    def test_leave_a_new_stack_without_a_template(self, call: Calls) -> None:
        assert propose(call, "one", {"Group": GROUP}, ChangeSetType="CREATE")["Status"] == "FAILED"
        assert status(call, "one") == "REVIEW_IN_PROGRESS"
        assert call("cloudformation", "get_template", StackName="one")["TemplateBody"] == {}
        call("logs", "delete_log_group", logGroupName="taken")
        assert propose(call, "one", {"Group": GROUP}, change_set="again", ChangeSetType="CREATE")["Changes"]
        assert execute(call, "one", change_set="again") == "CREATE_COMPLETE"

    def test_are_none_for_a_resource_that_the_stack_has_or_takes_over(self, call: Calls) -> None:
        identifier = {"LogGroupName": "taken"}
        wanted = {"ResourceType": GROUP["Type"], "LogicalResourceId": "Group", "ResourceIdentifier": identifier}
        kept = {"Group": {**GROUP, "DeletionPolicy": "Retain"}}
        given = {"ChangeSetType": "IMPORT", "ResourcesToImport": [wanted]}
        assert propose(call, "one", kept, **given)["Status"] == "CREATE_COMPLETE"
        call("cloudformation", "execute_change_set", StackName="one", ChangeSetName="next")
        assert update(call, "one", {**kept, "Topic": TOPIC}) == "UPDATE_COMPLETE"


class TestProperties:
    @pytest.mark.parametrize(
        ("properties", "path", "reason"),
        [
            ({"CidrBlock": "10.0.0.0/24"}, "", "Required property [VpcId] not found"),
            ({"VpcId": "v", "CidrBlok": "10.0.0.0/24"}, "", "Unsupported property [CidrBlok]"),
            ({"VpcId": "v", "Tags": [{"Key": "a"}]}, "/Tags/0", "Required property [Value] not found"),
            ({"VpcId": "v", "Tags": "a"}, "/Tags", "Unsupported value [a]: expected array"),
            ({"VpcId": ["v"]}, "/VpcId", "Unsupported value: expected no list"),
        ],
    )
    def test_that_the_schema_does_not_have_stop_an_operation(
        self, call: Calls, properties: dict[str, Any], path: str, reason: str
    ) -> None:
        subnet = {"Type": "AWS::EC2::Subnet", "Properties": properties}
        assert create(call, "one", {"Queue": QUEUE, "Subnet": subnet}) == "ROLLBACK_COMPLETE"
        assert told(call, StackName="one") == [("PROPERTY_VALIDATION", f"/Resources/Subnet/Properties{path}", reason)]
        described = propose(call, "two", {"Queue": QUEUE, "Subnet": subnet}, ChangeSetType="CREATE")
        assert "[AWS::EarlyValidation::PropertyValidation]" in described["StatusReason"]

    def test_one_of_a_list_is_held_to_it(self, call: Calls) -> None:
        group = {"Type": "AWS::EKS::Nodegroup", "Properties": {"ClusterName": "a", "NodeRole": "b", "Subnets": ["c"]}}
        group["Properties"] |= {"CapacityType": "BLOCKS"}  # type: ignore[operator]  # a mapping
        create(call, "one", {"Group": group})
        ((_, path, reason),) = told(call, StackName="one")
        assert path == "/Resources/Group/Properties/CapacityType"
        assert "[BLOCKS]: expected one of" in reason

    def test_behind_functions_are_not_known_yet(self, call: Calls) -> None:
        resources = network("10.0.0.0/24")
        resources["Subnet"]["Properties"]["Tags"] = {"Fn::If": ["Never", "a", {"Ref": "AWS::NoValue"}]}
        conditions = {"Never": {"Fn::Equals": ["a", "b"]}}
        assert create(call, "one", resources, Conditions=conditions) == "CREATE_COMPLETE"
