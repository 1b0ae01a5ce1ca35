"""Node groups that the machine leaves as they are, since it can't be sure of their block, and what it reports."""

from datetime import UTC, datetime, timedelta

import pytest

from helpers.fake_capacity import Aws, Block, NodeGroup
from ultrafleet.rules.schedule_tags import LEAD_TAG, RESERVATION_TAG, SCHEDULE_TAG

pytestmark = pytest.mark.slow

START = datetime(2026, 11, 2, 15, 7, tzinfo=UTC)
END = datetime(2026, 11, 4, 11, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BEFORE = ("scheduled", "payment-pending", "assessing", "pending")
ODD = ("unavailable", "delayed", "failed", "payment-failed", "unsupported", "cancelling", "something-new")
OVER = ("expired", "cancelled")


def account(*, desired: int = 18) -> tuple[Aws, NodeGroup, Block]:
    """A node group on a block, beside one that nothing is wrong with."""
    aws = Aws()
    block = Block("cr-a", START, END)
    group = aws.add("a", block, desired=desired)
    aws.add("sound", Block("cr-sound", START, END))
    return aws, group, block


def left_alone(aws: Aws, now: datetime) -> tuple[str, str]:
    """Error and cause of the one report of a tick that changes nothing of the node group."""
    before = aws.node_groups["a"].desired
    execution = aws.tick(now)
    assert (execution.status, execution.retries) == ("SUCCEEDED", 0)
    assert aws.node_groups["a"].desired == before
    assert aws.node_groups["sound"].desired == (18 if START <= now < END - 90 * MINUTE else 0)
    (message,) = aws.messages
    aws.messages.clear()
    assert (message["cluster"], message["pool"], message.get("desired")) == ("training", "a", before)
    assert "wanted" not in message
    return message["error"], message["cause"]


@pytest.mark.parametrize("desired", [0, 18])
@pytest.mark.parametrize("state", [*BEFORE, *ODD])
def test_odd_state_of_a_block_for_one_tick_takes_and_gives_nothing(state: str, desired: int) -> None:
    aws, group, block = account(desired=desired)
    block.shown_as = state
    error, cause = left_alone(aws, START + timedelta(days=1))
    assert error == "BlockNotActive"
    assert cause.startswith(
        f"capacity block cr-a is {state}, starts 2026-11-02T15:07:00Z and ends 2026-11-04T11:30:00Z, "
        f"and the node group has {desired} nodes, expected an active block or no node before its start"
    )
    block.shown_as = None
    aws.tick(START + timedelta(days=1, minutes=5))
    assert (group.desired, aws.messages) == (18, [])


@pytest.mark.parametrize("state", [*BEFORE, *ODD])
def test_odd_state_inside_the_lead_takes_nothing_either(state: str) -> None:
    aws, group, block = account()
    block.shown_as = state
    assert left_alone(aws, END - 60 * MINUTE)[0] == "BlockNotActive"
    aws.tick(END)
    assert (group.desired, aws.messages) == (0, [])


@pytest.mark.parametrize("state", BEFORE)
def test_block_that_has_not_started_is_quiet_and_may_be_five_minutes_late(state: str) -> None:
    aws, group, block = account(desired=0)
    block.shown_as = state
    for moment in (START - timedelta(days=20), START - MINUTE, START, START + 5 * MINUTE):
        assert aws.tick(moment).status == "SUCCEEDED"
    assert (group.desired, aws.messages) == (0, [])
    assert left_alone(aws, START + 6 * MINUTE)[0] == "BlockNotActive"


@pytest.mark.parametrize("state", BEFORE)
def test_nodes_before_the_start_are_reported(state: str) -> None:
    aws, _, block = account(desired=1)
    block.shown_as = state
    error, cause = left_alone(aws, START - timedelta(days=1))
    assert (error, "the node group has 1 nodes" in cause) == ("BlockNotActive", True)


@pytest.mark.parametrize("state", ODD)
def test_block_that_will_never_start_is_reported_before_its_start(state: str) -> None:
    aws, _, block = account(desired=0)
    block.shown_as = state
    assert left_alone(aws, START - timedelta(days=1))[0] == "BlockNotActive"


@pytest.mark.parametrize("desired", [0, 18])
@pytest.mark.parametrize("state", OVER)
def test_block_that_is_over_empties_its_node_group_and_is_quiet(state: str, desired: int) -> None:
    aws, group, block = account(desired=desired)
    block.shown_as = state
    for moment in (START - timedelta(days=1), START + timedelta(days=1), END + timedelta(days=30)):
        aws.tick(moment)
    assert (group.desired, aws.messages) == (0, [])


@pytest.mark.parametrize("state", [*BEFORE, *ODD, "active"])
def test_end_that_has_passed_is_sure(state: str) -> None:
    aws, group, block = account()
    block.shown_as = state
    aws.tick(END)
    assert (group.desired, aws.messages) == (0, [])


@pytest.mark.parametrize("desired", [0, 18])
@pytest.mark.parametrize("reason", ["forgotten", "of another kind"])
def test_block_that_ec2_does_not_list(reason: str, desired: int) -> None:
    aws, _, block = account(desired=desired)
    if reason == "forgotten":
        block.forgotten = True
    else:
        block.reservation_type = "default"
    error, cause = left_alone(aws, START + timedelta(days=1))
    assert error == "UnknownBlock"
    assert cause.startswith(
        f"EC2 lists no capacity block cr-a: correct the tag {RESERVATION_TAG}, or take a block that"
    )


@pytest.mark.parametrize("desired", [0, 18])
@pytest.mark.parametrize(
    ("field", "now"), [("EndDate", START), ("EndDate", START - MINUTE), ("TotalInstanceCount", START)]
)
def test_block_of_which_ec2_leaves_out_something(field: str, now: datetime, desired: int) -> None:
    aws, _, block = account(desired=desired)
    block.left_out = (field,)
    error, cause = left_alone(aws, now)
    assert (error, "EC2 lists cr-a without " in cause, field in cause) == ("IncompleteBlock", True, True)


def test_block_without_a_start_may_have_begun() -> None:
    aws, group, block = account(desired=0)
    block.left_out = ("StartDate",)
    assert left_alone(aws, START - MINUTE)[0] == "BlockNotActive"
    aws.tick(START)
    assert (group.desired, aws.messages) == (18, [])


def test_what_is_not_needed_may_be_left_out() -> None:
    aws, group, block = account()
    block.left_out = ("TotalInstanceCount", "StartDate")
    aws.tick(END - 90 * MINUTE)
    assert (group.desired, aws.messages) == (0, [])
    block.left_out, block.shown_as, group.desired = ("EndDate",), "expired", 18
    aws.tick(END - 85 * MINUTE)
    assert (group.desired, aws.messages) == (0, [])


def test_block_that_holds_fewer_instances_than_run_takes_none_of_them() -> None:
    aws, group, block = account()
    block.instances = 9
    error, cause = left_alone(aws, START)
    assert (error, cause.split(":")[0]) == (
        "FewerInstances",
        "EC2 lists cr-a with 9 instances, expected at least the 18 of the node group",
    )
    aws.tick(END - 90 * MINUTE)
    assert (group.desired, aws.messages) == (0, [])


@pytest.mark.parametrize("desired", [0, 18])
@pytest.mark.parametrize("lead", [None, "", "0", "-5", " 90 ", "090", "90.0", "9e1", "ninety", "84", "1440", "12345"])
def test_wrong_lead(lead: str | None, desired: int) -> None:
    aws, group, _ = account(desired=desired)
    assert group.tags is not None
    tags = {name: value for name, value in group.tags.items() if name != LEAD_TAG}
    group.tags = tags if lead is None else {**tags, LEAD_TAG: lead}
    expected = "expected a whole number of minutes from 85 to 1439: set it"
    found = "missing" if lead is None else lead
    for moment in (START - MINUTE, START, END - 60 * MINUTE):
        assert left_alone(aws, moment) == ("WrongLead", f"tag {LEAD_TAG} is {found}, {expected}")


@pytest.mark.parametrize(
    ("instance_type", "least"), [("p6e-gb200.36xlarge", 85), ("trn2u.48xlarge", 85), ("p5.48xlarge", 55)]
)
def test_least_lead_is_that_of_the_instance_type(instance_type: str, least: int) -> None:
    aws, group, block = account(desired=0)
    block.instance_type = instance_type
    assert group.tags is not None
    group.tags[LEAD_TAG] = str(least - 1)
    assert left_alone(aws, START)[1].endswith(f"from {least} to 1439: set it")
    group.tags[LEAD_TAG] = str(least)
    aws.tick(START)
    assert (group.desired, aws.messages) == (18, [])


@pytest.mark.parametrize("desired", [0, 18])
def test_node_group_that_names_no_reservation(desired: int) -> None:
    aws, group, _ = account(desired=desired)
    assert group.tags is not None
    del group.tags[RESERVATION_TAG]
    # A release before had a group of blocks instead.
    group.tags["ultrafleet:capacity-block-group"] = "training-a"
    error, cause = left_alone(aws, START)
    assert (error, cause.split(":")[-1]) == (
        "NoReservation",
        " set it; docs/migration.md has the steps for a node group on a group of blocks",
    )


@pytest.mark.parametrize("desired", [0, 18])
def test_unknown_schedule(desired: int) -> None:
    aws, group, _ = account(desired=desired)
    assert group.tags is not None
    group.tags[SCHEDULE_TAG] = "holds"
    assert left_alone(aws, START) == (
        "UnknownSchedule",
        "tag ultrafleet:schedule is holds, expected capacity-blocks or hold: set one of them",
    )


@pytest.mark.parametrize("desired", [0, 18])
@pytest.mark.parametrize("tags", [None, {}, {"Name": "a"}, {RESERVATION_TAG: "cr-a", LEAD_TAG: "90"}])
def test_pool_on_a_block_without_the_schedule_tag(tags: dict[str, str] | None, desired: int) -> None:
    aws, group, _ = account(desired=desired)
    group.tags = tags
    assert left_alone(aws, START)[0] == "NoSchedule"


def test_end_that_cannot_be_read_is_reported_and_hold_still_empties() -> None:
    aws, group, block = account()
    aws.blocks["cr-a"].described = lambda now: {**Block.described(block, now), "EndDate": "soon"}  # type: ignore[method-assign]  # one answer of a fake
    assert aws.tick(START).status == "SUCCEEDED"
    assert [(message["pool"], message["error"]) for message in aws.messages] == [("a", "States.QueryEvaluationError")]
    assert (group.desired, aws.node_groups["sound"].desired) == (18, 18)
    assert group.tags is not None
    group.tags[SCHEDULE_TAG] = "hold"
    aws.tick(START + 5 * MINUTE)
    assert group.desired == 0
