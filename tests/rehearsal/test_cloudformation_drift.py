"""Drift in the embedded CloudFormation: what is compared and told, and what a drift-aware change set sends again."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from helpers.rehearsal_site import DeployedEnvironment, deployed
from helpers.stack_calls import (
    IAM,
    QUEUE,
    TAKEN,
    TOPIC,
    create,
    execute,
    network,
    propose,
    queue,
    queues,
    take_name,
    timeout,
)
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.simulated_account import Refusal


def set_timeout(call: Calls, seconds: int) -> None:
    url = call("sqs", "get_queue_url", QueueName="jobs")["QueueUrl"]
    call("sqs", "set_queue_attributes", QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})


def drifts(call: Calls, name: str) -> dict[str, dict[str, Any]]:
    """Drift of a stack's resources by logical id, as `cdk drift` asks for it."""
    detection = call("cloudformation", "detect_stack_drift", StackName=name)["StackDriftDetectionId"]
    told = call("cloudformation", "describe_stack_drift_detection_status", StackDriftDetectionId=detection)
    assert told["DetectionStatus"] == "DETECTION_COMPLETE"
    found = call("cloudformation", "describe_stack_resource_drifts", StackName=name)["StackResourceDrifts"]
    drifted = [one for one in found if one["StackResourceDriftStatus"] in {"MODIFIED", "DELETED"}]
    assert told["DriftedStackResourceCount"] == len(drifted)
    assert told["StackDriftStatus"] == ("DRIFTED" if drifted else "IN_SYNC")
    return {one["LogicalResourceId"]: one for one in found}


class TestDetection:
    def test_compares_what_the_template_states(self, call: Calls) -> None:
        create(call, "one", {"Queue": queue(DelaySeconds=5), "Topic": TOPIC})
        assert {key: one["StackResourceDriftStatus"] for key, one in drifts(call, "one").items()} == {
            "Queue": "IN_SYNC",
            "Topic": "NOT_CHECKED",
        }
        set_timeout(call, 90)
        told = drifts(call, "one")["Queue"]
        assert told["PropertyDifferences"] == [
            {
                "PropertyPath": "/VisibilityTimeout",
                "ExpectedValue": "30",
                "ActualValue": "90",
                "DifferenceType": "NOT_EQUAL",
            }
        ]
        assert json.loads(told["ExpectedProperties"])["VisibilityTimeout"] == 30
        resources = call("cloudformation", "describe_stack_resources", StackName="one")["StackResources"]
        assert {one["DriftInformation"]["StackResourceDriftStatus"] for one in resources} == {"MODIFIED", "NOT_CHECKED"}

    def test_leaves_out_what_it_does_not_state(self, call: Calls) -> None:
        create(call, "one", {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "jobs"}}})
        set_timeout(call, 90)
        assert drifts(call, "one")["Queue"]["StackResourceDriftStatus"] == "IN_SYNC"

    def test_compares_lists_by_their_members(self, call: Calls) -> None:
        resources = network("10.0.0.0/24")
        resources["Vpc"]["Properties"]["Tags"] = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
        create(call, "one", resources)
        vpc = next(one for one in call("ec2", "describe_vpcs")["Vpcs"] if not one["IsDefault"])["VpcId"]
        call("ec2", "create_tags", Resources=[vpc], Tags=[{"Key": "b", "Value": "3"}, {"Key": "c", "Value": "4"}])
        call("ec2", "delete_tags", Resources=[vpc], Tags=[{"Key": "a"}])
        kinds = {
            item["PropertyPath"]: item["DifferenceType"] for item in drifts(call, "one")["Vpc"]["PropertyDifferences"]
        }
        assert sorted(kinds.values()) == ["ADD", "NOT_EQUAL", "REMOVE"]
        assert kinds["/Tags/1/Value"] == "NOT_EQUAL"

    def test_tells_what_was_deleted(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE, "Topic": TOPIC})
        for url in call("sqs", "list_queues")["QueueUrls"]:
            call("sqs", "delete_queue", QueueUrl=url)
        (topic,) = call("sns", "list_topics")["Topics"]
        call("sns", "delete_topic", TopicArn=topic["TopicArn"])
        assert {one["StackResourceDriftStatus"] for one in drifts(call, "one").values()} == {"DELETED"}

    def test_of_one_resource(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        set_timeout(call, 90)
        given = {"StackName": "one", "LogicalResourceId": "Queue"}
        told = call("cloudformation", "detect_stack_resource_drift", **given)["StackResourceDrift"]
        assert told["StackResourceDriftStatus"] == "MODIFIED"
        with pytest.raises(Refusal, match="Resource Nobody does not exist"):
            call("cloudformation", "detect_stack_resource_drift", StackName="one", LogicalResourceId="Nobody")


class TestRevertDrift:
    def test_sends_again_what_differs(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        set_timeout(call, 90)
        told = propose(call, "one", {"Queue": QUEUE}, DeploymentMode="REVERT_DRIFT")
        (change,) = (item["ResourceChange"] for item in told["Changes"])
        assert (change["Action"], change["ResourceDriftStatus"]) == ("Modify", "MODIFIED")
        target = change["Details"][0]["Target"]
        assert (target["BeforeValueFrom"], target["AfterValueFrom"]) == ("ACTUAL_STATE", "TEMPLATE")
        assert target["Drift"]["ActualValue"] == '"90"'
        assert execute(call, "one") == "UPDATE_COMPLETE"
        assert timeout(call) == "30"

    def test_makes_again_what_was_deleted(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        call("sqs", "delete_queue", QueueUrl=call("sqs", "get_queue_url", QueueName="jobs")["QueueUrl"])
        told = propose(call, "one", {"Queue": QUEUE}, DeploymentMode="REVERT_DRIFT")
        assert told["Changes"][0]["ResourceChange"]["ResourceDriftStatus"] == "DELETED"
        assert execute(call, "one") == "UPDATE_COMPLETE"
        assert queues(call) == ["jobs"]

    def test_without_drift_changes_nothing(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        told = propose(call, "one", {"Queue": QUEUE}, DeploymentMode="REVERT_DRIFT")
        assert (told["Status"], told["DeploymentMode"]) == ("FAILED", "REVERT_DRIFT")

    def test_takes_the_live_value_over_where_the_template_has_it(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        set_timeout(call, 90)
        told = propose(call, "one", {"Queue": queue(VisibilityTimeout="90")}, DeploymentMode="REVERT_DRIFT")
        assert told["Changes"][0]["ResourceChange"]["Action"] == "SyncWithActual"

    def test_leaves_what_can_not_be_changed_in_place(self, call: Calls) -> None:
        role = {"RoleName": "mine", "Path": "/", "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}}
        resources = {"Role": {"Type": "AWS::IAM::Role", "Properties": role}}
        create(call, "one", resources)
        call("iam", "delete_role", RoleName="mine")
        trust = json.dumps(role["AssumeRolePolicyDocument"])
        call("iam", "create_role", RoleName="mine", Path="/other/", AssumeRolePolicyDocument=trust)
        assert drifts(call, "one")["Role"]["PropertyDifferences"][0]["PropertyPath"] == "/Path"
        assert propose(call, "one", resources, DeploymentMode="REVERT_DRIFT")["Status"] == "FAILED"

    def test_that_fails_goes_back_to_what_was_live(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        set_timeout(call, 90)
        take_name(call)
        resources = {"Queue": QUEUE, "Group": {**TAKEN, "DependsOn": "Queue"}}
        propose(call, "one", resources, DeploymentMode="REVERT_DRIFT")
        assert execute(call, "one") == "UPDATE_ROLLBACK_COMPLETE"
        assert timeout(call) == "90"


@pytest.fixture
def training() -> Iterator[DeployedEnvironment]:
    with deployed("training") as made:
        yield made


@pytest.mark.slow
class TestEnvironment:
    def test_tells_of_the_efa_rule_that_is_gone_and_makes_it_again(self, training: DeployedEnvironment) -> None:
        training.simulation.inject(name="efa-rule-gone")
        told = [
            (name, one["ResourceType"], one["LogicalResourceId"])
            for name in training.simulation.status()["stacks"]
            for one in drifts(training.call, name).values()
            if one["StackResourceDriftStatus"] == "DELETED"
        ]
        ((name, resource_type, _),) = told
        assert resource_type == "AWS::EC2::SecurityGroupEgress"
        stack = next(one for one in training.stacks if one.name == name)
        given = {"StackName": name, "ChangeSetName": "revert"}
        body = {"TemplateBody": stack.template, "DeploymentMode": "REVERT_DRIFT", "Capabilities": IAM}
        training.call("cloudformation", "create_change_set", **given, **body)
        training.call("cloudformation", "execute_change_set", **given)
        assert {one["StackResourceDriftStatus"] for one in drifts(training.call, name).values()} <= {
            "IN_SYNC",
            "NOT_CHECKED",
        }

    def test_does_not_drift_by_its_deployment_or_its_schedule(self, training: DeployedEnvironment) -> None:
        training.simulation.bring_up()
        for name in training.simulation.status()["stacks"]:
            told = drifts(training.call, name)
            assert not [one for one in told.values() if one["StackResourceDriftStatus"] in {"MODIFIED", "DELETED"}], (
                name
            )

    def test_tells_of_a_label_and_a_tag_changed_by_hand_and_reverts_them(self, training: DeployedEnvironment) -> None:
        training.simulation.bring_up()
        name = "rack-a-cr-0aaaaaaaaaaaaaaa1"
        named = {"clusterName": "training", "nodegroupName": name}
        group = training.call("eks", "describe_nodegroup", **named)["nodegroup"]
        training.call(
            "eks",
            "update_nodegroup_config",
            **named,
            labels={"addOrUpdateLabels": {"ultrafleet/pool": "other"}},
        )
        training.call("eks", "untag_resource", resourceArn=group["nodegroupArn"], tagKeys=["ultrafleet:schedule"])
        told = [
            one
            for one in drifts(training.call, "training-pool-rack-a").values()
            if one["StackResourceDriftStatus"] == "MODIFIED"
        ]
        assert [item["PropertyPath"] for one in told for item in one["PropertyDifferences"]] == [
            "/Labels/ultrafleet~1pool",
            "/Tags/ultrafleet:schedule",
        ]
        before = training.nodes("rack-a")
        stack = next(one for one in training.stacks if one.name == "training-pool-rack-a")
        given = {"StackName": stack.name, "ChangeSetName": "revert"}
        body = {"TemplateBody": stack.template, "DeploymentMode": "REVERT_DRIFT"}
        training.call("cloudformation", "create_change_set", **given, **body)
        training.call("cloudformation", "execute_change_set", **given)
        now = training.call("eks", "describe_nodegroup", **named)["nodegroup"]
        assert now["labels"] == group["labels"]
        assert now["tags"] == group["tags"]
        assert now["scalingConfig"] == group["scalingConfig"]
        assert training.nodes("rack-a") == before
