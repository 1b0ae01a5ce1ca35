"""Change sets of the embedded CloudFormation: what they list, and which of them can be executed."""

import json
from typing import Any

import pytest

from helpers.stack_calls import QUEUE, TOPIC, create, execute, network, propose, queue
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.simulated_account import Refusal


class TestChangeSets:
    def test_tell_what_is_replaced(self, call: Calls) -> None:
        create(call, "one", network("10.0.0.0/24"))
        told = propose(call, "one", network("10.0.1.0/24"))
        (change,) = (item["ResourceChange"] for item in told["Changes"])
        assert (change["LogicalResourceId"], change["Replacement"]) == ("Subnet", "True")
        assert (change["Scope"], change["PolicyAction"]) == (["Properties"], "ReplaceAndDelete")
        (detail,) = change["Details"]
        assert (detail["Evaluation"], detail["ChangeSource"]) == ("Static", "DirectModification")
        target = detail["Target"]
        assert (target["Attribute"], target["Name"], target["RequiresRecreation"]) == (
            "Properties",
            "CidrBlock",
            "Always",
        )
        assert (target["BeforeValue"], target["AfterValue"]) == ("10.0.0.0/24", "10.0.1.0/24")
        assert json.loads(change["AfterContext"])["Properties"]["CidrBlock"] == "10.0.1.0/24"

    def test_leave_values_out_where_nobody_asks(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        propose(call, "one", {"Queue": queue(VisibilityTimeout=60)})
        told = call("cloudformation", "describe_change_set", StackName="one", ChangeSetName="next")
        (change,) = (item["ResourceChange"] for item in told["Changes"])
        assert change["Details"][0]["Target"] == {
            "Attribute": "Properties",
            "Name": "VisibilityTimeout",
            "RequiresRecreation": "Never",
        }
        assert change["Replacement"] == "False"
        assert "AfterContext" not in change

    def test_follow_a_replacement_to_what_refers_to_it(self, call: Calls) -> None:
        def resources(cidr: str) -> dict[str, Any]:
            vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": cidr}}
            return {**network("10.0.0.0/24"), "Vpc": vpc}

        create(call, "one", resources("10.0.0.0/16"))
        told = propose(call, "one", resources("10.0.0.0/20"))
        vpc, subnet = (item["ResourceChange"] for item in told["Changes"])
        assert vpc["Replacement"] == "True"
        assert subnet["Replacement"] == "Conditional"
        (detail,) = subnet["Details"]
        assert (detail["Evaluation"], detail["ChangeSource"], detail["CausingEntity"]) == (
            "Dynamic",
            "ResourceReference",
            "Vpc",
        )
        assert detail["Target"]["AfterValue"] == "{{changeSet:KNOWN_AFTER_APPLY}}"

    def test_name_the_parameter_that_changes(self, call: Calls) -> None:
        resources = {"Queue": queue(VisibilityTimeout={"Ref": "Seconds"})}
        more = {"Parameters": {"Seconds": {"Type": "Number", "Default": "30"}}}
        create(call, "one", resources, **more)
        given = [{"ParameterKey": "Seconds", "ParameterValue": "60"}]
        told = propose(call, "one", resources, more=more, Parameters=given)
        (detail,) = told["Changes"][0]["ResourceChange"]["Details"]
        assert (detail["ChangeSource"], detail["CausingEntity"]) == ("ParameterReference", "Seconds")

    def test_tell_of_tags_metadata_and_policies(self, call: Calls) -> None:
        create(call, "one", network("10.0.0.0/24"))
        changed = network("10.0.0.0/24")
        changed["Vpc"]["Properties"]["Tags"] = [{"Key": "a", "Value": "b"}]
        changed["Subnet"] |= {"DeletionPolicy": "Retain", "Metadata": {"a": 1}}
        told = propose(call, "one", changed)
        scopes = {
            item["ResourceChange"]["LogicalResourceId"]: item["ResourceChange"]["Scope"] for item in told["Changes"]
        }
        assert scopes == {"Vpc": ["Tags"], "Subnet": ["Metadata", "DeletionPolicy"]}

    def test_say_what_is_retained_and_deleted(self, call: Calls) -> None:
        create(call, "one", {"Topic": TOPIC, "Queue": {**QUEUE, "DeletionPolicy": "Retain"}, "Other": TOPIC})
        told = propose(call, "one", {"Topic": TOPIC})
        actions = {
            item["ResourceChange"]["LogicalResourceId"]: (
                item["ResourceChange"]["Action"],
                item["ResourceChange"]["PolicyAction"],
            )
            for item in told["Changes"]
        }
        assert actions == {"Queue": ("Remove", "Retain"), "Other": ("Remove", "Delete")}

    def test_are_gone_when_another_was_executed(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        propose(call, "one", {"Queue": queue(VisibilityTimeout=60)}, change_set="first")
        propose(call, "one", {"Queue": queue(VisibilityTimeout=70)}, change_set="second")
        assert execute(call, "one", change_set="second") == "UPDATE_COMPLETE"
        with pytest.raises(Refusal, match="does not exist"):
            execute(call, "one", change_set="first")
        with pytest.raises(Refusal, match="EXECUTE_COMPLETE"):
            execute(call, "one", change_set="second")

    def test_of_outputs_alone_have_no_resources_and_are_executed(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        told = propose(call, "one", {"Queue": QUEUE}, more={"Outputs": {"Url": {"Value": {"Ref": "Queue"}}}})
        assert (told["Status"], told["Changes"]) == ("CREATE_COMPLETE", [])
        assert execute(call, "one") == "UPDATE_COMPLETE"
