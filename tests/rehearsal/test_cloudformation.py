"""The embedded CloudFormation: failures, rollback, replacement, exports. What moto's own doesn't know."""

from typing import Any

import pytest

from helpers.stack_calls import (
    ACCOUNT,
    QUEUE,
    TAKEN,
    TOPIC,
    create,
    queues,
    reasons,
    status,
    take_name,
    template,
    update,
)
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.engine import schemas
from ultrafleet.rehearsal.cloudformation.providers import PROVIDERS
from ultrafleet.rehearsal.scenarios.faults.actions import answers
from ultrafleet.rehearsal.simulated_account import Refusal

IMPOSSIBLE = TAKEN


def outputs(call: Calls, name: str) -> dict[str, str]:
    stack = call("cloudformation", "describe_stacks", StackName=name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def events(call: Calls, name: str) -> list[tuple[str, str]]:
    told = call("cloudformation", "describe_stack_events", StackName=name)["StackEvents"]
    return [(event["LogicalResourceId"], event["ResourceStatus"]) for event in reversed(told)]


class TestCreation:
    def test_makes_resources_and_tells_of_each(self, call: Calls) -> None:
        assert create(call, "one", {"Queue": QUEUE}) == "CREATE_COMPLETE"
        assert queues(call) == ["jobs"]
        assert events(call, "one") == [
            ("one", "CREATE_IN_PROGRESS"),
            ("Queue", "CREATE_IN_PROGRESS"),
            ("Queue", "CREATE_COMPLETE"),
            ("one", "CREATE_COMPLETE"),
        ]

    def test_fails_a_type_that_nobody_models_and_takes_the_rest_back(self, call: Calls) -> None:
        properties = {"Architecture": "ARM64", "GreengrassGroupId": "group"}
        unknown = {"Type": "AWS::RoboMaker::Robot", "DependsOn": "Queue", "Properties": properties}
        assert create(call, "one", {"Queue": QUEUE, "Robot": unknown}) == "ROLLBACK_COMPLETE"
        assert queues(call) == []
        assert ("Robot", "CREATE_FAILED") in events(call, "one")
        assert "does not model AWS::RoboMaker::Robot" in reasons(call, "one")

    def test_fails_a_property_that_nobody_models(self, call: Calls) -> None:
        queue = {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": True}}
        assert create(call, "one", {"Queue": queue}) == "ROLLBACK_COMPLETE"
        assert "does not model FifoQueue of AWS::SQS::Queue" in reasons(call, "one")

    def test_fails_with_what_the_service_says(self, call: Calls) -> None:
        take_name(call)
        assert create(call, "one", {"Group": IMPOSSIBLE}) == "ROLLBACK_COMPLETE"
        assert "InvalidLaunchTemplateName.AlreadyExistsException" in reasons(call, "one")

    def test_without_rollback_leaves_what_was_made(self, call: Calls) -> None:
        take_name(call)
        resources = {"Queue": QUEUE, "Group": {**IMPOSSIBLE, "DependsOn": "Queue"}}
        body = template(resources)
        call("cloudformation", "create_stack", StackName="one", TemplateBody=body, DisableRollback=True)
        assert status(call, "one") == "CREATE_FAILED"
        assert queues(call) == ["jobs"]

    @pytest.mark.parametrize(("policy", "left"), [("Retain", ["jobs"]), ("RetainExceptOnCreate", []), ("Delete", [])])
    def test_rollback_of_a_creation_keeps_only_what_says_retain(
        self, call: Calls, policy: str, left: list[str]
    ) -> None:
        take_name(call)
        resources = {"Queue": {**QUEUE, "DeletionPolicy": policy}, "Group": {**IMPOSSIBLE, "DependsOn": "Queue"}}
        assert create(call, "one", resources) == "ROLLBACK_COMPLETE"
        assert queues(call) == left

    def test_refuses_a_circle(self, call: Calls) -> None:
        with pytest.raises(Refusal, match="Circular dependency"):
            create(call, "one", {"A": {**TOPIC, "DependsOn": "B"}, "B": {**TOPIC, "DependsOn": "A"}})

    def test_refuses_a_name_that_is_taken(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        with pytest.raises(Refusal, match="already exists"):
            create(call, "one", {"Queue": QUEUE})

    def test_skips_a_resource_whose_condition_is_false(self, call: Calls) -> None:
        conditions = {"Never": {"Fn::Equals": ["a", "b"]}}
        resources = {"Queue": QUEUE, "Topic": {**TOPIC, "Condition": "Never"}}
        assert create(call, "one", resources, Conditions=conditions) == "CREATE_COMPLETE"
        assert call("sns", "list_topics")["Topics"] == []


class TestUpdate:
    def test_in_place(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        changed = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "jobs", "VisibilityTimeout": 60}}
        assert update(call, "one", {"Queue": changed}) == "UPDATE_COMPLETE"
        (url,) = call("sqs", "list_queues")["QueueUrls"]
        attributes = call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert attributes["VisibilityTimeout"] == "60"

    def test_adds_and_removes(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        assert update(call, "one", {"Topic": TOPIC}) == "UPDATE_COMPLETE"
        assert queues(call) == []
        assert len(call("sns", "list_topics")["Topics"]) == 1

    def test_replaces_where_the_schema_says_so(self, call: Calls) -> None:
        def queue(name: str) -> dict[str, Any]:
            return {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}}}

        create(call, "one", queue("jobs"))
        assert update(call, "one", queue("tasks")) == "UPDATE_COMPLETE"
        assert queues(call) == ["tasks"]
        told = events(call, "one")
        assert told.index(("Queue", "CREATE_COMPLETE"), 3) < told.index(("Queue", "DELETE_IN_PROGRESS"))

    def test_fails_to_replace_what_has_a_name_of_its_own(self, call: Calls) -> None:
        def role(path: str) -> dict[str, Any]:
            trust = {"Version": "2012-10-17", "Statement": []}
            properties = {"RoleName": "mine", "Path": path, "AssumeRolePolicyDocument": trust}
            return {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}

        create(call, "one", role("/"))
        assert update(call, "one", role("/teams/")) == "UPDATE_ROLLBACK_COMPLETE"
        assert "custom-named resource requires replacing. Rename mine" in reasons(call, "one")
        assert call("iam", "get_role", RoleName="mine")["Role"]["Path"] == "/"

    def test_failing_goes_back_to_what_stood(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        take_name(call)
        changed = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "jobs", "VisibilityTimeout": 60}}
        resources = {"Queue": changed, "Topic": TOPIC, "Group": {**IMPOSSIBLE, "DependsOn": ["Queue", "Topic"]}}
        assert update(call, "one", resources) == "UPDATE_ROLLBACK_COMPLETE"
        (url,) = call("sqs", "list_queues")["QueueUrls"]
        attributes = call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert attributes["VisibilityTimeout"] == "30"
        assert call("sns", "list_topics")["Topics"] == []
        assert update(call, "one", {"Queue": changed}) == "UPDATE_COMPLETE"

    def test_a_failed_way_back_can_be_continued(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        changed = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "jobs", "VisibilityTimeout": 60}}
        mend = answers("sqs", "SetQueueAttributes", "InternalError", "broken")(None)  # type: ignore[arg-type]  # no target
        assert update(call, "one", {"Queue": changed}) == "UPDATE_ROLLBACK_FAILED"
        with pytest.raises(Refusal, match="can not be updated"):
            update(call, "one", {"Queue": changed, "Topic": TOPIC})
        mend()
        call("cloudformation", "continue_update_rollback", StackName="one")
        assert status(call, "one") == "UPDATE_ROLLBACK_COMPLETE"
        assert update(call, "one", {"Queue": changed}) == "UPDATE_COMPLETE"

    def test_refuses_one_that_changes_nothing(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        with pytest.raises(Refusal, match="No updates are to be performed"):
            update(call, "one", {"Queue": QUEUE})

    def test_a_change_set_without_changes_fails_and_says_so(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        given = {"StackName": "one", "ChangeSetName": "again", "ChangeSetType": "UPDATE"}
        call("cloudformation", "create_change_set", **given, TemplateBody=template({"Queue": QUEUE}))
        told = call("cloudformation", "describe_change_set", StackName="one", ChangeSetName="again")
        assert told["Status"] == "FAILED"
        assert "didn't contain changes" in told["StatusReason"]


class TestReplacement:
    def test_paths_of_the_schema_are_compared_deep(self) -> None:
        old = {"CidrBlock": "10.0.0.0/16", "Tags": [{"Key": "a", "Value": "1"}]}
        assert schemas.replacing("AWS::EC2::VPC", old, {**old, "Tags": []}) == []
        assert schemas.replacing("AWS::EC2::VPC", old, {**old, "CidrBlock": "10.1.0.0/16"}) == ["CidrBlock"]


class TestDeletion:
    def test_in_the_order_of_dependence(self, call: Calls) -> None:
        resources = {
            "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
            "Subnet": {
                "Type": "AWS::EC2::Subnet",
                "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.0.0/24", "AvailabilityZone": "us-east-1a"},
            },
        }
        create(call, "one", resources)
        call("cloudformation", "delete_stack", StackName="one")
        with pytest.raises(Refusal, match="does not exist"):
            status(call, "one")
        assert all(vpc["IsDefault"] for vpc in call("ec2", "describe_vpcs")["Vpcs"])

    def test_leaves_what_is_to_be_retained(self, call: Calls) -> None:
        create(call, "one", {"Queue": {**QUEUE, "DeletionPolicy": "RetainExceptOnCreate"}, "Topic": TOPIC})
        call("cloudformation", "delete_stack", StackName="one")
        assert queues(call) == ["jobs"]
        assert call("sns", "list_topics")["Topics"] == []

    def test_refuses_a_protected_stack(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        given = {"StackName": "one", "EnableTerminationProtection": True}
        call("cloudformation", "update_termination_protection", **given)
        with pytest.raises(Refusal, match="TerminationProtection is enabled"):
            call("cloudformation", "delete_stack", StackName="one")

    def test_what_can_not_be_deleted_fails_the_stack(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        mend = answers("sqs", "DeleteQueue", "InternalError", "broken")(None)  # type: ignore[arg-type]  # no target
        call("cloudformation", "delete_stack", StackName="one")
        assert status(call, "one") == "DELETE_FAILED"
        mend()
        call("cloudformation", "delete_stack", StackName="one")
        assert queues(call) == []


class TestExports:
    EXPORTING = ({"Queue": QUEUE}, {"Url": {"Value": {"Ref": "Queue"}, "Export": {"Name": "url"}}})

    def importing(self) -> dict[str, Any]:
        return {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Fn::ImportValue": "url"}}}}

    def test_are_imported(self, call: Calls) -> None:
        create(call, "one", self.EXPORTING[0], Outputs=self.EXPORTING[1])
        assert create(call, "two", self.importing()) == "CREATE_COMPLETE"

    def test_fails_one_that_is_not_there(self, call: Calls) -> None:
        assert create(call, "two", self.importing()) == "ROLLBACK_COMPLETE"
        assert "No export named url found" in reasons(call, "two")

    def test_in_use_can_not_go(self, call: Calls) -> None:
        create(call, "one", self.EXPORTING[0], Outputs=self.EXPORTING[1])
        create(call, "two", self.importing())
        call("cloudformation", "delete_stack", StackName="one")
        assert status(call, "one") == "DELETE_FAILED"
        assert "in use by two" in reasons(call, "one")
        assert queues(call) == ["jobs"]
        call("cloudformation", "delete_stack", StackName="two")
        call("cloudformation", "delete_stack", StackName="one")
        assert queues(call) == []

    def test_fails_a_name_that_another_stack_exports(self, call: Calls) -> None:
        create(call, "one", self.EXPORTING[0], Outputs=self.EXPORTING[1])
        other = {"Topic": TOPIC}
        exported = {"Arn": {"Value": {"Ref": "Topic"}, "Export": {"Name": "url"}}}
        assert create(call, "two", other, Outputs=exported) == "ROLLBACK_COMPLETE"

    def test_outputs_of_other_stacks_are_read(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE}, Outputs={"Url": {"Value": {"Ref": "Queue"}}})
        got = {"Fn::GetStackOutput": {"StackName": "one", "OutputName": "Url"}}
        assert create(call, "two", {"Topic": TOPIC}, Outputs={"Theirs": {"Value": got}}) == "CREATE_COMPLETE"
        assert outputs(call, "two") == {"Theirs": outputs(call, "one")["Url"]}
        wrong = {"Fn::GetStackOutput": {"StackName": "one", "OutputName": "Arn"}}
        assert create(call, "three", {"Topic": TOPIC}, Outputs={"T": {"Value": wrong}}) == "ROLLBACK_COMPLETE"


class TestFunctions:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ({"Fn::Sub": "${AWS::Region}-${Queue.QueueName}-${!literal}"}, "us-east-1-jobs-${literal}"),
            ({"Fn::Sub": ["${a}-${AWS::AccountId}", {"a": {"Fn::Select": [1, ["x", "y"]]}}]}, f"y-{ACCOUNT}"),
            ({"Fn::Join": ["/", {"Fn::Split": [",", "a,b"]}]}, "a/b"),
            ({"Fn::Base64": "abc"}, "YWJj"),
            ({"Fn::FindInMap": ["Map", {"Ref": "AWS::Region"}, "size"]}, "large"),
            ({"Fn::If": ["Always", "yes", "no"]}, "yes"),
            ({"Fn::ToJsonString": {"a": [1, {"Ref": "AWS::NoValue"}]}}, '{"a": [1]}'),
            ({"Ref": "Size"}, "3"),
        ],
    )
    def test_are_resolved(self, call: Calls, value: Any, expected: str) -> None:
        more = {
            "Mappings": {"Map": {"us-east-1": {"size": "large"}}},
            "Conditions": {"Always": {"Fn::Not": [{"Fn::Equals": ["a", "b"]}]}},
            "Parameters": {"Size": {"Type": "Number", "Default": "3"}},
            "Outputs": {"Value": {"Value": value}},
        }
        assert create(call, "one", {"Queue": QUEUE}, **more) == "CREATE_COMPLETE"
        assert outputs(call, "one") == {"Value": expected}

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, "does not know Fn::Cidr"),
            ({"Ref": "Nobody"}, "Nobody"),
            ({"Fn::GetAtt": ["Queue", "Colour"]}, "attribute Colour"),
            ({"Fn::FindInMap": ["Map", "a", "b"]}, "Unable to get mapping"),
        ],
    )
    def test_fails_what_can_not_be_resolved(self, call: Calls, value: Any, message: str) -> None:
        outputs = {"Value": {"Value": value}}
        assert create(call, "one", {"Queue": QUEUE}, Outputs=outputs) == "ROLLBACK_COMPLETE"
        assert message in reasons(call, "one")

    def test_refuses_a_parameter_without_a_value(self, call: Calls) -> None:
        with pytest.raises(Refusal, match="must have values"):
            create(call, "one", {"Queue": QUEUE}, Parameters={"Size": {"Type": "Number"}})


def test_every_provider_knows_only_properties_of_the_schema() -> None:
    for resource_type, provider in PROVIDERS.items():
        if resource_type.startswith("Custom::"):
            continue  # CDK's own: test_update_effects.py holds them to the table
        unknown = provider.known - set(schemas.schema(resource_type)["properties"])
        assert not unknown, resource_type


def test_moto_knows_no_more_of_a_refusal_than_its_code(call: Calls) -> None:
    with pytest.raises(Refusal) as caught:
        call("cloudformation", "describe_stacks", StackName="nobody")
    assert caught.value.code == "ValidationError"
