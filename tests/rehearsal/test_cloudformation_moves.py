"""Resources of the embedded CloudFormation that change hands: imports, refactors, and what leaves a stack and stays."""

from typing import Any

import pytest

from helpers.stack_calls import (
    QUEUE,
    TOPIC,
    create,
    execute,
    network,
    propose,
    queue,
    queues,
    status,
    template,
    timeout,
    update,
)
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.simulated_account import Refusal

KEPT = {**QUEUE, "DeletionPolicy": "Retain"}
REFERRING = {"Topic": {**TOPIC, "Properties": {"DisplayName": {"Fn::GetAtt": ["Queue", "QueueName"]}}}}


class TestImport:
    def given(self, call: Calls, logical_id: str = "Queue", url: str = "") -> dict[str, Any]:
        url = url or call("sqs", "create_queue", QueueName="jobs")["QueueUrl"]
        identifier = {"QueueUrl": url}
        wanted = {"ResourceType": "AWS::SQS::Queue", "LogicalResourceId": logical_id, "ResourceIdentifier": identifier}
        return {"ChangeSetType": "IMPORT", "ResourcesToImport": [wanted]}

    def test_takes_a_resource_over_without_touching_it(self, call: Calls) -> None:
        create(call, "one", {"Topic": TOPIC})
        told = propose(call, "one", {"Topic": TOPIC, "Queue": KEPT}, **self.given(call))
        assert [item["ResourceChange"]["Action"] for item in told["Changes"]] == ["Import"]
        assert execute(call, "one") == "IMPORT_COMPLETE"
        assert timeout(call) == "30"
        assert update(call, "one", {"Topic": TOPIC, "Queue": {**KEPT, **queue(VisibilityTimeout=60)}}) == (
            "UPDATE_COMPLETE"
        )
        assert timeout(call) == "60"

    def test_makes_a_stack(self, call: Calls) -> None:
        propose(call, "one", {"Queue": KEPT}, **self.given(call))
        assert status(call, "one") == "REVIEW_IN_PROGRESS"
        assert execute(call, "one") == "IMPORT_COMPLETE"
        resources = call("cloudformation", "list_stack_resources", StackName="one")["StackResourceSummaries"]
        assert [one["ResourceStatus"] for one in resources] == ["IMPORT_COMPLETE"]

    def test_wants_a_deletion_policy(self, call: Calls) -> None:
        create(call, "one", {"Topic": TOPIC})
        with pytest.raises(Refusal, match=r"\[Queue\] must have DeletionPolicy attribute"):
            propose(call, "one", {"Topic": TOPIC, "Queue": QUEUE}, **self.given(call))

    def test_changes_nothing_else(self, call: Calls) -> None:
        create(call, "one", {"Topic": TOPIC})
        given = self.given(call)
        with pytest.raises(Refusal, match=r"you cannot modify or add \[Resources\]"):
            propose(call, "one", {"Topic": TOPIC, "Other": TOPIC, "Queue": KEPT}, **given)
        more = {"Outputs": {"A": {"Value": "b"}}}
        with pytest.raises(Refusal, match=r"you cannot modify or add \[Outputs\]"):
            propose(call, "one", {"Topic": TOPIC, "Queue": KEPT}, more=more, **given)

    def test_refuses_what_is_not_there_or_belongs_to_a_stack(self, call: Calls) -> None:
        create(call, "one", {"Topic": TOPIC})
        wanted = {"Topic": TOPIC, "Queue": KEPT}
        missing = self.given(call, url="https://sqs.us-east-1.amazonaws.com/111122223333/gone")
        with pytest.raises(Refusal, match="does not exist"):
            propose(call, "one", wanted, **missing)
        create(call, "two", {"Queue": QUEUE})
        url = call("sqs", "get_queue_url", QueueName="jobs")["QueueUrl"]
        with pytest.raises(Refusal, match="already exists in stack arn"):
            propose(call, "one", wanted, **self.given(call, url=url))

    def test_is_told_by_which_properties(self, call: Calls) -> None:
        told = call("cloudformation", "get_template_summary", TemplateBody=template(network("10.0.0.0/24")))
        assert {one["ResourceType"]: one["ResourceIdentifiers"] for one in told["ResourceIdentifierSummaries"]} == {
            "AWS::EC2::VPC": ["VpcId"],
            "AWS::EC2::Subnet": ["SubnetId"],
        }

    def test_of_ec2_resources_knows_their_attributes(self, call: Calls) -> None:
        vpc = call("ec2", "create_vpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        resource = {**network("10.0.0.0/24")["Vpc"], "DeletionPolicy": "Delete"}
        identifier = {"VpcId": vpc}
        wanted = {"ResourceType": "AWS::EC2::VPC", "LogicalResourceId": "Vpc", "ResourceIdentifier": identifier}
        propose(call, "one", {"Vpc": resource}, ChangeSetType="IMPORT", ResourcesToImport=[wanted])
        assert execute(call, "one") == "IMPORT_COMPLETE"
        more = {"Outputs": {"Cidr": {"Value": {"Fn::GetAtt": ["Vpc", "CidrBlock"]}}}}
        assert update(call, "one", {"Vpc": resource}, **more) == "UPDATE_COMPLETE"


class TestRetained:
    def test_resources_stay_when_they_leave_the_template(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE, "Topic": TOPIC})
        assert (
            update(call, "one", {"Queue": {**QUEUE, "DeletionPolicy": "Retain"}, "Topic": TOPIC}) == "UPDATE_COMPLETE"
        )
        assert update(call, "one", {"Topic": TOPIC}) == "UPDATE_COMPLETE"
        assert queues(call) == ["jobs"]

    def test_leave_a_placeholder_in_an_empty_stack(self, call: Calls) -> None:
        create(call, "one", {"Queue": {**QUEUE, "DeletionPolicy": "Retain"}})
        handle = {"CDKOrphanPlaceholder": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}
        assert update(call, "one", handle) == "UPDATE_COMPLETE"
        assert queues(call) == ["jobs"]


class TestRefactor:
    def refactor(
        self, call: Calls, definitions: dict[str, str], moves: list[tuple[str, str]], *, creates: bool = False
    ) -> dict[str, Any]:
        mappings = [
            {
                key: dict(zip(("StackName", "LogicalResourceId"), place.split("."), strict=True))
                for key, place in (("Source", source), ("Destination", to))
            }
            for source, to in moves
        ]
        made = call(
            "cloudformation",
            "create_stack_refactor",
            StackDefinitions=[{"StackName": name, "TemplateBody": body} for name, body in definitions.items()],
            ResourceMappings=mappings or None,
            EnableStackCreation=creates,
        )
        return call("cloudformation", "describe_stack_refactor", **made)

    def execute(self, call: Calls, told: dict[str, Any]) -> dict[str, Any]:
        assert (told["Status"], told["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE"), told
        given = {"StackRefactorId": told["StackRefactorId"]}
        call("cloudformation", "execute_stack_refactor", **given)
        return call("cloudformation", "describe_stack_refactor", **given)

    def owner(self, call: Calls, name: str) -> set[str]:
        found = call("cloudformation", "list_stack_resources", StackName=name)["StackResourceSummaries"]
        return {one["LogicalResourceId"] for one in found}

    def test_moves_a_resource_and_touches_nothing(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE, "Topic": TOPIC})
        create(call, "two", {"Other": TOPIC})
        url = call("sqs", "get_queue_url", QueueName="jobs")["QueueUrl"]
        definitions = {"one": template({"Topic": TOPIC}), "two": template({"Other": TOPIC, "Jobs": QUEUE})}
        told = self.refactor(call, definitions, [("one.Queue", "two.Jobs")])
        actions = call("cloudformation", "list_stack_refactor_actions", StackRefactorId=told["StackRefactorId"])
        assert [one["PhysicalResourceId"] for one in actions["StackRefactorActions"]] == [url]
        assert self.execute(call, told)["ExecutionStatus"] == "EXECUTE_COMPLETE"
        assert (self.owner(call, "one"), self.owner(call, "two")) == ({"Topic"}, {"Other", "Jobs"})
        assert queues(call) == ["jobs"]
        changed = {"Other": TOPIC, "Jobs": queue(VisibilityTimeout=60)}
        assert update(call, "two", changed) == "UPDATE_COMPLETE"
        assert timeout(call) == "60"

    def test_turns_references_into_exports(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE, **REFERRING})
        create(call, "two", {"Other": TOPIC})
        importing = {"Topic": {**TOPIC, "Properties": {"DisplayName": {"Fn::ImportValue": "name"}}}}
        outputs = {"Name": {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}, "Export": {"Name": "name"}}}
        definitions = {
            "one": template(importing),
            "two": template({"Other": TOPIC, "Queue": QUEUE}, Outputs=outputs),
        }
        told = self.refactor(call, definitions, [])
        assert self.execute(call, told)["ExecutionStatus"] == "EXECUTE_COMPLETE"
        assert call("cloudformation", "list_imports", ExportName="name")["Imports"] == ["one"]

    def test_makes_a_stack_where_it_is_asked_to(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE, "Topic": TOPIC})
        definitions = {"one": template({"Topic": TOPIC}), "new": template({"Queue": QUEUE})}
        refused = self.refactor(call, definitions, [])
        assert refused["Status"] == "CREATE_FAILED"
        told = self.refactor(call, definitions, [], creates=True)
        assert self.execute(call, told)["ExecutionStatus"] == "EXECUTE_COMPLETE"
        assert status(call, "new") == "CREATE_COMPLETE"
        assert self.owner(call, "new") == {"Queue"}

    def test_renames_a_logical_id(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE, **REFERRING})
        renamed = {"Topic": {**TOPIC, "Properties": {"DisplayName": {"Fn::GetAtt": ["Jobs", "QueueName"]}}}}
        told = self.refactor(call, {"one": template({"Jobs": QUEUE, **renamed})}, [("one.Queue", "one.Jobs")])
        assert self.execute(call, told)["ExecutionStatus"] == "EXECUTE_COMPLETE"
        assert self.owner(call, "one") == {"Jobs", "Topic"}
        assert queues(call) == ["jobs"]

    @pytest.mark.parametrize(
        ("after", "reason"),
        [
            ({"Other": TOPIC, "Queue": queue(VisibilityTimeout=60)}, "modifying resource properties: two.Queue"),
            ({"Other": TOPIC, "Queue": QUEUE, "More": TOPIC}, "adding or removing resources: [two.More]"),
            ({"Other": TOPIC}, "adding or removing resources: [one.Queue]"),
        ],
    )
    def test_changes_nothing_else(self, call: Calls, after: dict[str, Any], reason: str) -> None:
        create(call, "one", {"Queue": QUEUE, "Topic": TOPIC})
        create(call, "two", {"Other": TOPIC})
        told = self.refactor(call, {"one": template({"Topic": TOPIC}), "two": template(after)}, [])
        assert told["Status"] == "CREATE_FAILED"
        assert reason in told["StatusReason"]
        with pytest.raises(Refusal, match="cannot be executed"):
            call("cloudformation", "execute_stack_refactor", StackRefactorId=told["StackRefactorId"])
        assert self.owner(call, "one") == {"Queue", "Topic"}
