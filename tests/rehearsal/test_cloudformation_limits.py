"""What the embedded CloudFormation refuses by a stack's policy, and by the limits of templates."""

import json
from typing import Any

import pytest

from helpers.stack_calls import QUEUE, TOPIC, create, queue, reasons, status, template, timeout, update
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.simulated_account import Refusal


class TestStackPolicy:
    def policy(self, *denied: str, resource: str = "LogicalResourceId/Queue") -> str:
        allow = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}
        deny = {"Effect": "Deny", "Action": list(denied), "Principal": "*", "Resource": resource}
        return json.dumps({"Statement": [allow, deny]})

    @pytest.mark.parametrize(
        ("denied", "resources", "allowed"),
        [
            ("Update:Modify", {"Queue": queue(VisibilityTimeout=60)}, False),
            ("Update:Replace", {"Queue": queue(VisibilityTimeout=60)}, True),
            ("Update:Replace", {"Queue": queue(QueueName="tasks")}, False),
            ("Update:Delete", {"Topic": TOPIC}, False),
            ("Update:*", {"Queue": QUEUE, "Topic": TOPIC}, True),
        ],
    )
    def test_holds_updates(self, call: Calls, denied: str, resources: dict[str, Any], *, allowed: bool) -> None:
        create(call, "one", {"Queue": QUEUE})
        body = self.policy(denied)
        call("cloudformation", "set_stack_policy", StackName="one", StackPolicyBody=body)
        assert call("cloudformation", "get_stack_policy", StackName="one")["StackPolicyBody"] == body
        wanted = "UPDATE_COMPLETE" if allowed else "UPDATE_ROLLBACK_COMPLETE"
        assert update(call, "one", resources) == wanted
        assert ("Action denied by stack policy" in reasons(call, "one")) is not allowed
        assert timeout(call) == ("30" if not allowed or "Topic" in resources else "60")

    def test_denies_what_no_statement_allows(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        allow = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "NotResource": "LogicalResourceId/Queue"}
        body = json.dumps({"Statement": [allow]})
        call("cloudformation", "set_stack_policy", StackName="one", StackPolicyBody=body)
        assert update(call, "one", {"Queue": queue(VisibilityTimeout=60)}) == "UPDATE_ROLLBACK_COMPLETE"

    def test_gives_way_to_one_for_the_update(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        call("cloudformation", "set_stack_policy", StackName="one", StackPolicyBody=self.policy("Update:*"))
        call(
            "cloudformation",
            "update_stack",
            StackName="one",
            TemplateBody=template({"Queue": queue(VisibilityTimeout=60)}),
            StackPolicyDuringUpdateBody=self.policy("Update:*", resource="LogicalResourceId/Other"),
        )
        assert status(call, "one") == "UPDATE_COMPLETE"
        assert update(call, "one", {"Queue": queue(VisibilityTimeout=90)}) == "UPDATE_ROLLBACK_COMPLETE"

    def test_that_is_none_is_refused(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        with pytest.raises(Refusal, match="Invalid stack policy"):
            call("cloudformation", "set_stack_policy", StackName="one", StackPolicyBody='{"Statement": [{}]}')


class TestLimits:
    def test_of_resources(self, call: Calls) -> None:
        topics = {f"T{number}": TOPIC for number in range(501)}
        with pytest.raises(Refusal, match=r"501, is greater than maximum allowed, 500"):
            create(call, "one", topics)

    def test_of_bytes(self, call: Calls) -> None:
        with pytest.raises(Refusal, match="less than or equal to 51200"):
            create(call, "one", {"Queue": QUEUE}, Metadata={"long": "x" * 51_200})
        call("s3", "create_bucket", Bucket="templates")
        for size, refused in ((60_000, False), (1_000_000, True)):
            body = template({"Queue": QUEUE}, Metadata={"long": "x" * size}).encode()
            call("s3", "put_object", Bucket="templates", Key="one", Body=body)
            given = {"StackName": "one", "TemplateURL": "https://templates.s3.amazonaws.com/one"}
            if refused:
                with pytest.raises(Refusal, match="may not exceed"):
                    call("cloudformation", "update_stack", **given)
            else:
                call("cloudformation", "create_stack", **given)

    @pytest.mark.parametrize(
        ("properties", "given", "needed"),
        [
            ({}, [], "CAPABILITY_IAM"),
            ({"RoleName": "mine"}, ["CAPABILITY_IAM"], "CAPABILITY_NAMED_IAM"),
            ({}, ["CAPABILITY_IAM"], ""),
            ({"RoleName": "mine"}, ["CAPABILITY_NAMED_IAM"], ""),
        ],
    )
    def test_roles_need_a_capability(
        self, call: Calls, properties: dict[str, Any], given: list[str], needed: str
    ) -> None:
        trust = {"Version": "2012-10-17", "Statement": []}
        role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust, **properties}}
        arguments = {"StackName": "one", "TemplateBody": template({"Role": role}), "Capabilities": given}
        if not needed:
            call("cloudformation", "create_stack", **arguments)
            return
        with pytest.raises(Refusal, match=rf"Requires capabilities : \[{needed}\]") as caught:
            call("cloudformation", "create_stack", **arguments)
        assert caught.value.code == "InsufficientCapabilitiesException"
