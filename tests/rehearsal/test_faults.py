"""Every fault that can be injected: what it ends in, and that nothing is lost and a second deployment mends it."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from helpers.rehearsal_site import Content, DeployedEnvironment, deployed, pool_of, site
from ultrafleet.catalog.source import Source
from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.assumptions import CLEAN_UP
from ultrafleet.rehearsal.eks.clock import Nodes
from ultrafleet.rehearsal.scenarios.advice import advice_for
from ultrafleet.rehearsal.scenarios.assembly import StackFailedError
from ultrafleet.rehearsal.scenarios.audit import audit
from ultrafleet.rehearsal.scenarios.faults.block_actions import STATES
from ultrafleet.rehearsal.scenarios.faults.fault_list import FAULTS
from ultrafleet.rehearsal.scenarios.faults.injections import INJECTIONS
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT
from ultrafleet.rehearsal.stepfunctions.clock import Schedules

pytestmark = pytest.mark.slow

BLOCK, END = "cr-0aaaaaaaaaaaaaaa1", datetime(2026, 12, 15, 11, 30, tzinfo=UTC)
"""The first block of rack-a."""
FAILS_A_DEPLOYMENT = {
    "insufficient-capacity": "dev",
    "vcpu-quota": "dev",
    "reservation-capacity": "training",
    "node-group-quota": "training",
    "cluster-quota": "dev",
    "kubernetes-version-withdrawn": "dev",
    "vpc-quota": "dev",
    "address-quota": "inference",
    "ami-missing": "dev",
    "access-denied": "training",
    "log-group-taken": "dev",
    "stack-fails": "inference",
    "node-group-sizes-refused": "training",
    "zone-not-opted-in": "training",
    "node-never-joins": "dev",
}
"""Fault -> environment whose first deployment it fails."""

FAILS_A_NODE = {"subnet-full": "InsufficientFreeAddresses", "efa-rule-gone": "EfaSecurityGroupRule"}
"""Fault of what stands already -> what EKS says of the pool."""

KEEPS_A_POOL_DOWN = {
    "block-payment-pending": "payment-pending",
    "block-payment-failed": "payment-failed",
    "block-unavailable": "unavailable",
    "block-unlaunchable": "unlaunchable",
    "block-elsewhere": "Availability Zone",
    "block-unknown": "does not exist in this account",
}
"""Fault of a block -> what the status says while the pool stays empty."""

ON_ITS_OWN = {
    "block-impaired", "block-odd-state", "block-short", "block-state-late", "eks-scale-down-moves",
    "extension-payment-fails", "extension-payment-pending", "node-group-starts-with-a-node", "pod-eviction-failure",
    "node-fails", "pool-deleted", "rollback-fails", "schedule-denied", "schedule-off",
    "schedule-throttled", "template-deleted", "throttling", "type-not-sold",
}  # fmt: skip
IN_THE_COMMANDS_TESTS = {"slow"}
IN_THE_TESTS_OF_SALES = {
    "describe-limit", "no-offerings", "offering-gone", "offering-ids-change", "offerings-in-another-currency",
    "offerings-in-segments", "offerings-throttled", "purchase-payment-fails", "ultraservers-not-allowed",
}  # fmt: skip
IN_THE_TESTS_OF_ALARMS = {"gpu-dies", "node-lost", "tick-lost", "update-stuck"}


def everything_stands(made: DeployedEnvironment) -> bool:
    return not [item for item in audit(made.environment.account, made.environment.region) if item.problem]


def told(made: DeployedEnvironment) -> list[str]:
    status = made.simulation.status()
    groups = [group for pool in status["pools"] for group in pool["node_groups"]]
    return [*status["problems"], *(issue for group in groups for issue in group["issues"])]


@pytest.fixture
def training() -> Iterator[DeployedEnvironment]:
    """Training, deployed an hour before its blocks begin."""
    with deployed("training") as made:
        yield made


def test_every_fault_has_a_test_a_source_and_advice() -> None:
    tested = {
        *FAILS_A_DEPLOYMENT,
        *FAILS_A_NODE,
        *KEEPS_A_POOL_DOWN,
        *ON_ITS_OWN,
        *IN_THE_COMMANDS_TESTS,
        *IN_THE_TESTS_OF_ALARMS,
        *IN_THE_TESTS_OF_SALES,
    }
    assert tested == set(FAULTS) == set(INJECTIONS)
    assert len(FAULTS) >= 20
    for fault in FAULTS.values():
        assert isinstance(fault.source, Source)
        assert fault.advice.endswith(".")


@pytest.mark.parametrize("name", FAILS_A_DEPLOYMENT)
def test_a_deployment_that_fails_is_taken_back_and_mended_by_the_next(name: str) -> None:
    with site(FAILS_A_DEPLOYMENT[name]) as made:
        made.simulation.inject(name=name)
        with pytest.raises(StackFailedError) as caught:
            made.deploy()
        assert caught.value.status == "ROLLBACK_COMPLETE"
        assert FAULTS[name].shows in str(caught.value)
        assert any(
            line.startswith(f"what to do ({name})") for line in advice_for(caught.value.reasons, injected=[name])
        )
        failed = made.call("cloudformation", "list_stack_resources", StackName=caught.value.stack_name)
        assert failed["StackResourceSummaries"] == []
        made.simulation.clear()
        made.deploy()
        assert everything_stands(made)
        made.simulation.bring_up()
        for pool in made.environment.pools:
            assert made.pool(pool.name).running == pool.max_nodes


def test_a_reservation_that_is_not_to_be_had_leaves_racks_and_schedule_alone() -> None:
    with site("training") as made:
        made.simulation.inject(name="reservation-capacity")
        with pytest.raises(StackFailedError) as caught:
            made.deploy()
        assert caught.value.stack_name == "training-reservation-b300"
        stacks = made.simulation.status()["stacks"]
        complete = {name for name, status in stacks.items() if status == "CREATE_COMPLETE"}
        assert complete >= {"training-capacity", "training-pool-rack-a", "training-pool-rack-b", "training-operate"}
        made.simulation.bring_up()
        assert made.pool("rack-a").running == made.pool("rack-b").running == 18
        with pytest.raises(StackFailedError):  # again, with the racks running
            made.deploy()
        SIMULATED_ACCOUNT.advance(END - timedelta(minutes=20))
        assert made.node_group("rack-a").running == 0  # drained by its schedule
        assert made.pool("rack-b").running == 18


@pytest.mark.parametrize("name", FAULTS)
def test_what_a_failure_looks_like_is_recognised_without_an_injection(name: str) -> None:
    fault = FAULTS[name]
    if fault.shows:
        assert any(fault.advice in line for line in advice_for([f"CREATE_FAILED {fault.shows}"]))


@pytest.mark.parametrize(("name", "issue"), FAILS_A_NODE.items())
def test_a_pool_that_can_not_launch_says_why_and_fills_when_it_can(
    training: DeployedEnvironment, name: str, issue: str
) -> None:
    training.simulation.inject(name=name, pool="rack-a")
    training.simulation.bring_up()
    assert training.pool("rack-a").running == 0
    assert training.node_group("rack-a").status == "DEGRADED"
    assert issue in str(told(training))
    assert advice_for(told(training))
    training.simulation.clear()
    training.simulation.advance(hours=0.5)
    assert training.pool("rack-a").running == 18
    assert training.node_group("rack-a").issues == ()


@pytest.mark.parametrize(("name", "state"), KEEPS_A_POOL_DOWN.items())
def test_a_pool_waits_for_its_block(training: DeployedEnvironment, name: str, state: str) -> None:
    training.simulation.inject(name=name, pool="rack-a")
    training.simulation.bring_up()
    assert training.pool("rack-a").running == 0
    assert training.pool("rack-b").running == 18
    assert state in str(told(training))
    assert any(line.startswith(f"what to do ({name})") for line in advice_for(told(training)))
    training.simulation.clear()
    training.simulation.advance(hours=0.5)
    assert training.pool("rack-a").running == 18


def test_racks_of_a_type_that_the_zone_does_not_sell_stay_empty_and_say_why(training: DeployedEnvironment) -> None:
    training.simulation.inject(name="type-not-sold", pool="rack-a")
    training.simulation.bring_up()
    assert training.pool("rack-a").running == training.pool("rack-b").running == 0  # one type in one zone
    assert training.pool("b300").running == 2
    assert "(p6e-gb200.36xlarge) is not supported in your requested Availability Zone (us-east-1-dfw-2a)" in str(
        told(training)
    )
    assert any(line.startswith("what to do (type-not-sold)") for line in advice_for(told(training)))
    training.simulation.clear()
    training.simulation.advance(hours=0.5)
    assert training.pool("rack-a").running == training.pool("rack-b").running == 18


def test_a_block_that_is_short_gives_what_there_is(training: DeployedEnvironment) -> None:
    training.simulation.inject(name="block-short", pool="rack-a")
    training.simulation.bring_up()
    assert training.pool("rack-a").running == 17
    assert "holds 17 instances, the file says 18" in str(told(training))


def test_nodes_run_on_while_the_interconnect_is_impaired(training: DeployedEnvironment) -> None:
    training.simulation.bring_up()
    before = training.nodes("rack-a")
    training.simulation.inject(name="block-impaired", pool="rack-a")
    training.simulation.advance(hours=2)
    assert training.nodes("rack-a") == before
    assert "interconnect that is impaired" in str(told(training))


def test_a_node_that_fails_is_replaced_within_its_block(training: DeployedEnvironment) -> None:
    training.simulation.bring_up()
    before = training.nodes("rack-a")
    training.simulation.inject(name="node-fails", pool="rack-a")
    SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + CLEAN_UP)
    after = training.nodes("rack-a")
    assert len(after) == 18
    assert len(after - before) == 1
    assert training.node_group("rack-a").reservations == ("cr-0aaaaaaaaaaaaaaa1",)
    training.simulation.advance(hours=2)
    assert training.nodes("rack-a") == after


def test_the_schedule_tells_of_a_right_that_it_lacks_and_goes_on_when_it_has_it(training: DeployedEnvironment) -> None:
    training.simulation.inject(name="schedule-denied")
    training.simulation.bring_up()
    assert training.pool("rack-a").running == 0
    (queue,) = training.call("sqs", "list_queues")["QueueUrls"]
    messages = training.call("sqs", "receive_message", QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    told_of = {json.loads(message["Body"])["pool"] for message in messages}
    assert told_of == {"rack-a-cr-0aaaaaaaaaaaaaaa1", "rack-b-cr-0bbbbbbbbbbbbbbb1"}
    assert "AccessDenied" in messages[0]["Body"]
    assert "rack-a-cr-0aaaaaaaaaaaaaaa1: Eks.AccessDeniedException" in str(told(training))
    training.simulation.clear()
    training.simulation.advance(hours=0.5)
    assert training.pool("rack-a").running == 18


def test_the_schedule_outlasts_throttling(training: DeployedEnvironment) -> None:
    training.simulation.inject(name="schedule-throttled")
    training.simulation.bring_up()
    assert training.pool("rack-a").running == training.pool("rack-b").running == 18
    runs = SIMULATED_ACCOUNT.part(Schedules, training.environment.account, training.environment.region).runs
    assert {run.status for run in runs} == {"SUCCEEDED"}


def test_cloudformation_outlasts_throttling() -> None:
    with site("dev") as made:
        made.simulation.inject(name="throttling")
        made.deploy()
        assert everything_stands(made)


def test_without_the_schedule_an_ultraserver_is_killed(training: DeployedEnvironment) -> None:
    training.simulation.bring_up()
    training.simulation.inject(name="schedule-off")
    training.simulation.advance(to="2026-12-15T12:00:00Z")
    assert training.simulation.status()["reclaimed"] == 18


def test_a_node_group_that_starts_with_a_node_waits_and_fills() -> None:
    with site("training") as made:
        made.simulation.inject(name="node-group-starts-with-a-node")
        made.deploy()
        assert made.node_group("rack-a").status == "DEGRADED"
        assert any("initial_desired_size" in line for line in advice_for(told(made)))
        made.simulation.bring_up()
        assert made.pool("rack-a").running == made.pool("rack-b").running == 18
        assert made.node_group("rack-a").status == "ACTIVE"


def test_a_stated_size_is_the_way_out_of_both_readings_of_a_first_size() -> None:
    def state(content: Content) -> None:
        for pool in content["pools"]:
            for block in pool.get("blocks", []):
                block["initial_desired_size"] = 0

    with site("training", state) as made:
        for name in ("node-group-sizes-refused", "node-group-starts-with-a-node"):
            made.simulation.inject(name=name)
        made.deploy()
        assert {made.node_group(name).status for name in ("rack-a", "rack-b")} == {"ACTIVE"}
        assert {made.node_group(name).wanted for name in ("rack-a", "rack-b")} == {0}


def test_an_odd_state_of_a_running_block_takes_no_node(training: DeployedEnvironment) -> None:
    training.simulation.bring_up()
    before = training.nodes("rack-a")
    for state in STATES:
        training.simulation.inject(name="block-odd-state", pool="rack-a", state=state, minutes=12)
        training.simulation.advance(hours=0.15)
        assert training.simulation.status()["reservations"][BLOCK]["state"] == state
        assert [line for line in told(training) if line.startswith("schedule: ") and state in line]
        training.simulation.advance(hours=1.5)
        assert training.simulation.status()["reservations"][BLOCK]["state"] == "active"
        assert training.nodes("rack-a") == before
        training.simulation.clear()


def test_an_odd_state_that_ec2_does_not_have_is_refused(training: DeployedEnvironment) -> None:
    with pytest.raises(FleetError, match="state is 'sold', expected one of scheduled"):
        training.simulation.inject(name="block-odd-state", state="sold")


def test_a_start_that_is_told_late_is_followed_late(training: DeployedEnvironment) -> None:
    training.simulation.inject(name="block-state-late")
    training.simulation.advance(to="2026-12-01T11:34:00Z")
    assert training.pool("rack-a").running == 0
    training.simulation.advance(to="2026-12-01T11:40:00Z")
    assert training.pool("rack-a").running == 18


def extend(made: DeployedEnvironment, *, before_end: timedelta) -> None:
    """Buy a week for rack-a's first block."""
    SIMULATED_ACCOUNT.advance(END - before_end)
    key = {"CapacityReservationId": BLOCK}
    offering = made.call(
        "ec2", "describe_capacity_block_extension_offerings", **key, CapacityBlockExtensionDurationHours=7 * 24
    )["CapacityBlockExtensionOfferings"][0]["CapacityBlockExtensionOfferingId"]
    made.call("ec2", "purchase_capacity_block_extension", **key, CapacityBlockExtensionOfferingId=offering)


@pytest.mark.parametrize("name", ["extension-payment-pending", "extension-payment-fails"])
def test_an_extension_that_is_not_paid_keeps_no_node(training: DeployedEnvironment, name: str) -> None:
    training.simulation.bring_up()
    training.simulation.inject(name=name)
    extend(training, before_end=timedelta(days=1))
    SIMULATED_ACCOUNT.advance(END)
    assert training.node_group("rack-a").running == 0
    assert training.simulation.status()["reclaimed"] == 0
    (bought,) = training.call("ec2", "describe_capacity_block_extension_history")["CapacityBlockExtensions"]
    assert bought["CapacityBlockExtensionStatus"] == "payment-failed"


def test_ekss_own_scale_down_takes_an_extended_rack_and_the_schedule_brings_it_back(
    training: DeployedEnvironment,
) -> None:
    training.simulation.bring_up()
    before = training.node_group("rack-a").running
    extend(training, before_end=timedelta(days=1))
    SIMULATED_ACCOUNT.advance(END - timedelta(minutes=20))
    assert any("EKS's own scale-down took 18 nodes" in line for line in told(training))
    assert any("ends at 2026-12-22T11:30Z, the file says 2026-12-15T11:30Z" in line for line in told(training))
    SIMULATED_ACCOUNT.advance(END + timedelta(minutes=20))
    assert training.node_group("rack-a").running == before == 18


def test_ekss_own_scale_down_may_move_with_the_block(training: DeployedEnvironment) -> None:
    training.simulation.bring_up()
    before = training.nodes("rack-b")
    training.simulation.inject(name="eks-scale-down-moves")
    extend(training, before_end=timedelta(days=1))
    rack = {instance["InstanceId"] for instance in training.instances("rack-a")}
    SIMULATED_ACCOUNT.advance(END + timedelta(minutes=20))
    assert rack < training.nodes("rack-a") | rack
    assert rack <= training.nodes("rack-a")
    assert training.nodes("rack-b") == before
    assert not any("own scale-down took" in line for line in told(training))


def test_an_update_that_can_not_evict_fails_and_is_rolled_back(training: DeployedEnvironment) -> None:
    training.simulation.bring_up()
    before = training.nodes("rack-a")
    training.deploy(lambda content: pool_of(content, "rack-a").update(node={"root_volume_gib": 200}))
    training.simulation.inject(name="pod-eviction-failure")

    def next_version(content: Content) -> None:
        pool_of(content, "rack-a")["blocks"][0]["launch_template_version"] = 2

    with pytest.raises(StackFailedError) as caught:
        training.deploy(next_version)
    assert caught.value.status == "UPDATE_ROLLBACK_COMPLETE"
    assert "PodEvictionFailure" in str(caught.value)
    assert training.nodes("rack-a") == before


def test_a_subnet_in_use_is_replaced_taken_back_and_told_by_its_pools(training: DeployedEnvironment) -> None:
    training.simulation.bring_up()
    before, text = training.nodes("rack-a"), training.text

    def elsewhere(content: Content) -> None:
        next(one for one in content["network"]["subnets"] if one["name"] == "dallas")["cidr"] = "10.64.128.0/19"

    with pytest.raises(StackFailedError) as caught:
        training.deploy(elsewhere)
    assert (caught.value.stack_name, caught.value.status) == ("training-network", "UPDATE_ROLLBACK_COMPLETE")
    reason = (
        "Export training-subnet-dallas-id cannot be updated as it is in use by training-pool-rack-a and "
        "training-pool-rack-b"
    )
    assert reason in str(caught.value)
    assert any("a stack still imports the value" in line for line in advice_for(caught.value.reasons))
    assert training.nodes("rack-a") == before
    training.text = text
    assert training.deploy()["training-network"] == "unchanged"
    assert everything_stands(training)


def test_an_update_that_runs_into_the_drain_of_its_block_loses_nodes_to_ec2(training: DeployedEnvironment) -> None:
    """No fault but of time: a roll of 18 nodes takes hours, and EKS takes no other update meanwhile."""
    training.deploy(lambda content: pool_of(content, "rack-a").update(node={"root_volume_gib": 200}))
    SIMULATED_ACCOUNT.advance(END - timedelta(minutes=100))

    def next_version(content: Content) -> None:
        pool_of(content, "rack-a")["blocks"][0]["launch_template_version"] = 2

    assert training.deploy(next_version)["training-pool-rack-a"] == "updated"
    assert training.simulation.status()["reclaimed"] > 0
    assert any("EC2 reclaimed" in line and BLOCK in line for line in told(training))
    refused = [
        json.loads(given["MessageBody"])["error"]
        for run in SIMULATED_ACCOUNT.part(Schedules, "111122223333", "us-east-1").runs
        for action, given in run.writes
        if action == "SendMessage"
    ]
    assert any("ResourceInUse" in error for error in refused)
    assert training.node_group("rack-b").running == 18


def relabel(pool: str) -> Callable[[Content], None]:
    return lambda content: pool_of(content, pool).update(node={"labels": {"team": "red"}})


def test_a_way_back_that_fails_too_is_continued(training: DeployedEnvironment) -> None:
    training.simulation.bring_up()
    before = training.nodes("rack-a")
    training.simulation.inject(name="rollback-fails")
    with pytest.raises(StackFailedError) as caught:
        training.deploy(relabel("rack-a"))
    assert caught.value.status == "UPDATE_ROLLBACK_FAILED"
    training.simulation.clear()
    training.call("cloudformation", "continue_update_rollback", StackName="training-pool-rack-a")
    assert training.deploy()["training-pool-rack-a"] == "updated"
    assert training.nodes("rack-a") == before
    assert everything_stands(training)


def test_a_pool_that_was_deleted_by_hand_is_made_again(training: DeployedEnvironment) -> None:
    training.simulation.inject(name="pool-deleted", pool="rack-a")
    assert [item.type for item in audit("111122223333", "us-east-1") if item.problem] == ["AWS::EKS::Nodegroup"]
    training.call("cloudformation", "delete_stack", StackName="training-pool-rack-a")
    assert training.deploy()["training-pool-rack-a"] == "created"
    assert everything_stands(training)


def test_nodes_outlive_their_template_and_the_pool_is_made_again(training: DeployedEnvironment) -> None:
    training.simulation.bring_up()
    before = training.nodes("rack-a")
    training.simulation.inject(name="template-deleted", pool="rack-a")
    training.simulation.advance(hours=1)
    assert training.nodes("rack-a") == before
    SIMULATED_ACCOUNT.part(Nodes, "111122223333", "us-east-1").fail_node(min(before))
    training.simulation.advance(hours=1)
    assert training.pool("rack-a").running == 17
    assert "Ec2LaunchTemplateNotFound" in str(told(training))
    training.call("cloudformation", "delete_stack", StackName="training-pool-rack-a")
    training.deploy()
    SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + timedelta(minutes=30))
    assert training.pool("rack-a").running == 18


class TestRefusals:
    @pytest.mark.parametrize(
        "name",
        [
            "subnet-full",
            "efa-rule-gone",
            "pool-deleted",
            "template-deleted",
            "schedule-off",
            "node-fails",
            "node-lost",
            "gpu-dies",
            "update-stuck",
        ],
    )
    def test_one_that_concerns_what_does_not_stand_yet(self, name: str) -> None:
        with site("dev") as made, pytest.raises(FleetError, match="expected"):
            made.simulation.inject(name=name)

    def test_a_fault_that_is_not_known(self, training: DeployedEnvironment) -> None:
        with pytest.raises(FleetError, match="fault is 'flood', expected one of"):
            training.simulation.inject(name="flood")

    def test_a_pool_that_is_not_known(self, training: DeployedEnvironment) -> None:
        with pytest.raises(FleetError, match="pool is 'rack-z', expected one of rack-a, rack-b, b300"):
            training.simulation.inject(name="node-fails", pool="rack-z")

    def test_a_pool_without_blocks(self, training: DeployedEnvironment) -> None:
        with pytest.raises(FleetError, match="no pool b300 on a capacity block"):
            training.simulation.inject(name="block-impaired", pool="b300")

    def test_a_fault_twice(self, training: DeployedEnvironment) -> None:
        training.simulation.inject(name="throttling")
        with pytest.raises(FleetError, match="fault throttling is injected already"):
            training.simulation.inject(name="throttling")

    def test_one_that_was_not_injected(self, training: DeployedEnvironment) -> None:
        with pytest.raises(FleetError, match="fault throttling is not injected"):
            training.simulation.clear(name="throttling")

    def test_a_node_of_an_empty_pool(self, training: DeployedEnvironment) -> None:
        with pytest.raises(FleetError, match="pool rack-a runs no node"):
            training.simulation.inject(name="node-fails", pool="rack-a")

    def test_time_only_passes(self, training: DeployedEnvironment) -> None:
        with pytest.raises(FleetError, match="simulated time does"):
            training.simulation.advance(to="2026-11-01T00:00:00Z")
        with pytest.raises(FleetError, match="without an offset"):
            training.simulation.advance(to="2026-12-02T00:00:00")
        with pytest.raises(FleetError, match="expected one of them"):
            training.simulation.advance()

    def test_a_word_that_is_not_known(self, training: DeployedEnvironment) -> None:
        with pytest.raises(FleetError, match="command is 'dance'"):
            training.simulation.dispatch("dance")
