"""Updates of the embedded CloudFormation: exports in use, one operation at a time, rollbacks, policies, limits."""

import threading
from typing import Any

import pytest

from helpers.stack_calls import (
    ACCOUNT,
    QUEUE,
    REGION,
    TAKEN,
    TOPIC,
    create,
    network,
    propose,
    queue,
    queues,
    reasons,
    status,
    take_name,
    template,
    timeout,
    update,
)
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.state import Stacks
from ultrafleet.rehearsal.scenarios.audit import audit
from ultrafleet.rehearsal.scenarios.faults.actions import answers
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

EXPORT = {"SubnetId": {"Value": {"Ref": "Subnet"}, "Export": {"Name": "subnet"}}}
IMPORTING = {"Topic": {**TOPIC, "Properties": {"DisplayName": {"Fn::ImportValue": "subnet"}}}}


def subnets(call: Calls) -> list[str]:
    found = call("ec2", "describe_subnets", Filters=[{"Name": "default-for-az", "Values": ["false"]}])["Subnets"]
    return sorted(subnet["CidrBlock"] for subnet in found)


class TestExportsInUse:
    def test_refuse_a_changed_subnet_after_it_was_replaced(self, call: Calls) -> None:
        create(call, "network", network("10.0.0.0/24"), Outputs=EXPORT)
        create(call, "pool", IMPORTING)
        assert not [item for item in audit(ACCOUNT, REGION) if item.problem]
        assert call("cloudformation", "list_imports", ExportName="subnet")["Imports"] == ["pool"]
        assert update(call, "network", network("10.0.1.0/24"), Outputs=EXPORT) == "UPDATE_ROLLBACK_COMPLETE"
        told = call("cloudformation", "describe_stack_events", StackName="network")["StackEvents"]
        failed = next(event for event in told if event["ResourceStatus"] == "UPDATE_ROLLBACK_IN_PROGRESS")
        assert failed["ResourceStatusReason"] == "Export subnet cannot be updated as it is in use by pool"
        made = [event for event in told if event["ResourceStatus"] == "CREATE_COMPLETE"]
        assert len([event for event in made if event["LogicalResourceId"] == "Subnet"]) == 2
        assert subnets(call) == ["10.0.0.0/24"]
        assert call("cloudformation", "list_imports", ExportName="subnet")["Imports"] == ["pool"]

    def test_refuse_that_one_goes(self, call: Calls) -> None:
        create(call, "network", network("10.0.0.0/24"), Outputs=EXPORT)
        create(call, "pool", IMPORTING)
        assert update(call, "network", network("10.0.0.0/24")) == "UPDATE_ROLLBACK_COMPLETE"
        assert "Export subnet cannot be deleted as it is in use by pool" in reasons(call, "network")

    def test_are_free_again_when_nothing_imports_them(self, call: Calls) -> None:
        create(call, "network", network("10.0.0.0/24"), Outputs=EXPORT)
        create(call, "pool", IMPORTING)
        assert update(call, "pool", {"Topic": TOPIC}) == "UPDATE_COMPLETE"
        assert update(call, "network", network("10.0.1.0/24"), Outputs=EXPORT) == "UPDATE_COMPLETE"
        assert subnets(call) == ["10.0.1.0/24"]

    def test_are_in_use_still_after_an_update_that_failed(self, call: Calls) -> None:
        create(call, "network", network("10.0.0.0/24"), Outputs=EXPORT)
        create(call, "pool", IMPORTING)
        take_name(call)
        assert update(call, "pool", {"Topic": TOPIC, "Group": TAKEN}) == "UPDATE_ROLLBACK_COMPLETE"
        assert call("cloudformation", "list_imports", ExportName="subnet")["Imports"] == ["pool"]


class TestOneOperation:
    def test_at_a_time_is_refused_a_second(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        propose(call, "one", {"Queue": queue(VisibilityTimeout=50)})
        refused: list[str] = []

        def meanwhile(service: str, action: str, _: dict[str, Any]) -> None:
            if (service, action) != ("cloudformation", "Resource"):
                return
            SIMULATED_ACCOUNT.checks.remove(meanwhile)
            for operation, given in (
                ("update_stack", {"TemplateBody": template({"Queue": queue(VisibilityTimeout=70)})}),
                ("execute_change_set", {"ChangeSetName": "next"}),
                ("delete_stack", {}),
            ):
                try:
                    call("cloudformation", operation, StackName="one", **given)
                except Refusal as refusal:
                    refused.append(str(refusal.message))

        SIMULATED_ACCOUNT.checks.append(meanwhile)
        assert update(call, "one", {"Queue": queue(VisibilityTimeout=60)}) == "UPDATE_COMPLETE"
        assert timeout(call) == "60"
        assert "is in UPDATE_IN_PROGRESS state and can not be updated." in refused[0]
        assert "execution status of [OBSOLETE]" in refused[1]
        assert "cannot be deleted while in status UPDATE_IN_PROGRESS" in refused[2]

    def test_is_claimed_once(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        stacks = SIMULATED_ACCOUNT.part(Stacks, ACCOUNT, REGION)
        given = ("UPDATE_STACK", "UPDATE_IN_PROGRESS", {"CREATE_COMPLETE"}, "be updated")
        stacks.claim(stacks.get("one"), *given)
        with pytest.raises(Refusal, match="is in UPDATE_IN_PROGRESS state and can not be updated"):
            stacks.claim(stacks.get("one"), *given)

    def test_wins_where_many_begin_at_once(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        begin = threading.Barrier(4)
        refused: list[str] = []

        def one(seconds: int) -> None:
            mine = Calls(account_id=ACCOUNT, region=REGION)
            begin.wait()
            try:
                update(mine, "one", {"Queue": queue(VisibilityTimeout=seconds)})
            except Refusal as refusal:
                refused.append(str(refusal.message))

        threads = [threading.Thread(target=one, args=(seconds,)) for seconds in (40, 50, 60, 70)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        told = call("cloudformation", "describe_stack_events", StackName="one")["StackEvents"]
        own = [event["ResourceStatus"] for event in reversed(told) if event["LogicalResourceId"] == "one"][2:]
        cycle = ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"]
        assert own == cycle * (4 - len(refused))


class TestRollback:
    def broken(self, call: Calls) -> dict[str, Any]:
        take_name(call)
        return {
            "Queue": queue(VisibilityTimeout=60),
            "Topic": TOPIC,
            "Group": {**TAKEN, "DependsOn": ["Queue", "Topic"]},
        }

    def test_of_an_update_that_failed_without_one(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        body = template(self.broken(call))
        call("cloudformation", "update_stack", StackName="one", TemplateBody=body, DisableRollback=True)
        assert status(call, "one") == "UPDATE_FAILED"
        assert timeout(call) == "60"
        call("cloudformation", "rollback_stack", StackName="one")
        assert status(call, "one") == "UPDATE_ROLLBACK_COMPLETE"
        assert timeout(call) == "30"
        assert set(call("cloudformation", "get_template", StackName="one")["TemplateBody"]["Resources"]) == {"Queue"}
        assert call("sns", "list_topics")["Topics"] == []
        with pytest.raises(Refusal, match="is in UPDATE_ROLLBACK_COMPLETE state and can not be rolled back"):
            call("cloudformation", "rollback_stack", StackName="one")

    def test_goes_back_to_the_last_stable_state_over_two_failures(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        resources = self.broken(call)
        for seconds in (60, 90):
            body = template({**resources, "Queue": queue(VisibilityTimeout=seconds)})
            call("cloudformation", "update_stack", StackName="one", TemplateBody=body, DisableRollback=True)
        assert timeout(call) == "90"
        call("cloudformation", "rollback_stack", StackName="one")
        assert timeout(call) == "30"
        assert update(call, "one", {"Queue": queue(VisibilityTimeout=45)}) == "UPDATE_COMPLETE"

    def test_of_a_creation_deletes_what_was_made(self, call: Calls) -> None:
        body = template(self.broken(call))
        call("cloudformation", "create_stack", StackName="one", TemplateBody=body, DisableRollback=True)
        assert queues(call) == ["jobs"]
        call("cloudformation", "rollback_stack", StackName="one")
        assert status(call, "one") == "ROLLBACK_COMPLETE"
        assert queues(call) == []

    def test_is_asked_for_before_an_update_with_one(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        body = template(self.broken(call))
        call("cloudformation", "update_stack", StackName="one", TemplateBody=body, DisableRollback=True)
        with pytest.raises(Refusal, match=r"non-terminal \[UPDATE_FAILED\] state"):
            update(call, "one", {"Queue": QUEUE})
        body = template({"Queue": queue(VisibilityTimeout=70)})
        call("cloudformation", "update_stack", StackName="one", TemplateBody=body, DisableRollback=True)
        assert status(call, "one") == "UPDATE_COMPLETE"
        assert call("sns", "list_topics")["Topics"] == []

    def test_that_failed_skips_what_it_is_told_to(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE, "Topic": {**TOPIC, "Properties": {"DisplayName": "a"}}})
        changed = {
            "Topic": {**TOPIC, "Properties": {"DisplayName": "b"}},
            "Queue": {**queue(VisibilityTimeout=60), "DependsOn": "Topic"},
        }
        answers("sqs", "SetQueueAttributes", "InternalError", "broken")(None)  # type: ignore[arg-type]  # no target
        assert update(call, "one", changed) == "UPDATE_ROLLBACK_FAILED"
        with pytest.raises(Refusal, match=r"\[Topic\] cannot be skipped"):
            call("cloudformation", "continue_update_rollback", StackName="one", ResourcesToSkip=["Topic"])
        with pytest.raises(Refusal, match="mutually exclusive"):
            call(
                "cloudformation",
                "continue_update_rollback",
                StackName="one",
                ResourcesToSkip=["Queue"],
                ForceRollback=True,
            )
        call("cloudformation", "continue_update_rollback", StackName="one", ResourcesToSkip=["Queue"])
        assert status(call, "one") == "UPDATE_ROLLBACK_COMPLETE"

    def test_that_failed_is_forced(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        answers("sqs", "SetQueueAttributes", "InternalError", "broken")(None)  # type: ignore[arg-type]  # no target
        assert update(call, "one", {"Queue": queue(VisibilityTimeout=60)}) == "UPDATE_ROLLBACK_FAILED"
        call("cloudformation", "continue_update_rollback", StackName="one", ForceRollback=True)
        assert status(call, "one") == "UPDATE_ROLLBACK_COMPLETE"


class TestDeletion:
    def test_retains_only_what_has_failed_to_go(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE, "Topic": TOPIC})
        with pytest.raises(Refusal, match="only when the stack is in the DELETE_FAILED state"):
            call("cloudformation", "delete_stack", StackName="one", RetainResources=["Queue"])
        assert queues(call) == ["jobs"]
        mend = answers("sqs", "DeleteQueue", "InternalError", "broken")(None)  # type: ignore[arg-type]  # no target
        call("cloudformation", "delete_stack", StackName="one")
        assert status(call, "one") == "DELETE_FAILED"
        with pytest.raises(Refusal, match="must be in a valid state"):
            call("cloudformation", "delete_stack", StackName="one", RetainResources=["Topic"])
        call("cloudformation", "delete_stack", StackName="one", RetainResources=["Queue"])
        mend()
        with pytest.raises(Refusal, match="does not exist"):
            status(call, "one")
        assert queues(call) == ["jobs"]

    def test_is_forced_where_one_has_failed(self, call: Calls) -> None:
        create(call, "one", {"Queue": QUEUE})
        answers("sqs", "DeleteQueue", "InternalError", "broken")(None)  # type: ignore[arg-type]  # no target
        call("cloudformation", "delete_stack", StackName="one")
        call("cloudformation", "delete_stack", StackName="one", DeletionMode="FORCE_DELETE_STACK")
        with pytest.raises(Refusal, match="does not exist"):
            status(call, "one")


def test_only_an_update_in_progress_can_be_cancelled(call: Calls) -> None:
    create(call, "one", {"Queue": QUEUE})
    with pytest.raises(Refusal, match="cannot be called from current stack status"):
        call("cloudformation", "cancel_update_stack", StackName="one")


def test_a_cancelled_update_is_rolled_back(call: Calls) -> None:
    create(call, "one", {"Queue": QUEUE})

    def cancel(service: str, _: str, about: dict[str, Any]) -> None:
        if service == "cloudformation" and about.get("logical_id") == "Queue":
            call("cloudformation", "cancel_update_stack", StackName="one")

    SIMULATED_ACCOUNT.checks.append(cancel)
    ended = update(call, "one", {"Queue": queue(VisibilityTimeout=60), "Topic": {**TOPIC, "DependsOn": "Queue"}})
    assert ended == "UPDATE_ROLLBACK_COMPLETE"
    assert timeout(call) == "30"
    assert call("sns", "list_topics")["Topics"] == []
