"""The state machine that is deployed, run against a fake account, tick by tick."""

from datetime import UTC, datetime, timedelta

import pytest

from helpers.fake_capacity import Aws, Block, NodeGroup
from ultrafleet.catalog.limits import NODE_GROUPS_PER_CLUSTER_MAXIMUM
from ultrafleet.rules.schedule_tags import LEAD_TAG, RESERVATION_TAG, SCHEDULE_TAG

pytestmark = pytest.mark.slow

START = datetime(2026, 11, 2, 15, 7, tzinfo=UTC)
END = datetime(2026, 11, 4, 11, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def block(name: str = "a", *, start: datetime = START, end: datetime = END, instances: int = 18) -> Block:
    return Block(f"cr-{name}", start, end, instances)


@pytest.fixture(params=[True, False], ids=["managed", "self-managed"])
def aws(request: pytest.FixtureRequest) -> Aws:
    """An account with managed node groups, and one with Auto Scaling groups: the schedule treats them alike."""
    return Aws(managed=request.param)


managed_alone = pytest.mark.parametrize("aws", [True], ids=["managed"], indirect=True)
"""For what is EKS's alone: updates of a node group, and its creation; and for long histories, which are the same."""


def tags_of(group: NodeGroup) -> dict[str, str]:
    assert group.tags is not None
    return group.tags


def sizes(aws: Aws, pool: str, *moments: datetime) -> list[int]:
    found = []
    for moment in moments:
        assert aws.tick(moment).status == "SUCCEEDED"
        found.append(aws.node_groups[pool].desired)
    return found


def test_pool_comes_up_at_its_start_and_is_emptied_a_lead_before_its_end(aws: Aws) -> None:
    aws.add("a", block(), lead=90)
    assert sizes(aws, "a", START - MINUTE, START, END - 91 * MINUTE, END - 90 * MINUTE, END) == [0, 18, 18, 0, 0]
    assert aws.messages == []


@managed_alone
def test_nothing_is_written_when_nothing_changes(aws: Aws) -> None:
    aws.add("a", block())
    for _ in aws.ticks(START - 60 * MINUTE, END + 60 * MINUTE):
        pass
    assert aws.writes == 2


def test_deployed_in_the_middle_of_a_block(aws: Aws) -> None:
    aws.add("a", block())
    assert sizes(aws, "a", START + timedelta(days=1)) == [18]


def test_deployed_inside_the_lead_or_after_the_end_stays_empty(aws: Aws) -> None:
    aws.add("a", block())
    assert sizes(aws, "a", END - 30 * MINUTE, END + 60 * MINUTE) == [0, 0]
    assert aws.writes == 0


def test_extension_is_followed(aws: Aws) -> None:
    aws.add("a", block())
    before = sizes(aws, "a", START, END - 120 * MINUTE)
    aws.blocks["cr-a"].end = later = END + timedelta(days=7)
    assert before + sizes(aws, "a", END - 60 * MINUTE, END, later - 91 * MINUTE, later - 90 * MINUTE) == [
        *(18, 18),
        *(18, 18, 18, 0),
    ]


def test_extension_inside_the_lead_brings_the_pool_back(aws: Aws) -> None:
    aws.add("a", block())
    before = sizes(aws, "a", START, END - 80 * MINUTE)
    aws.blocks["cr-a"].end += timedelta(days=1)
    assert before + sizes(aws, "a", END - 75 * MINUTE) == [18, 0, 18]


def test_never_more_than_the_pool_and_never_more_than_the_block(aws: Aws) -> None:
    aws.add("small-pool", block(instances=18), max_size=9)
    aws.add("small-block", block("b", instances=9), max_size=18)
    aws.tick(START)
    assert [group.desired for group in aws.node_groups.values()] == [9, 9]


def test_two_blocks_of_a_pool_are_two_node_groups_and_each_follows_its_own(aws: Aws) -> None:
    second = END - 300 * MINUTE
    aws.add("first", block())
    aws.add("second", block("b", start=second, end=END + timedelta(days=7)))
    seen = []
    for moment in (second - MINUTE, second, END - 91 * MINUTE, END - 90 * MINUTE, END, END + timedelta(days=6)):
        assert aws.tick(moment).status == "SUCCEEDED"
        seen.append((aws.node_groups["first"].desired, aws.node_groups["second"].desired))
    assert seen == [(18, 0), (18, 18), (18, 18), (0, 18), (0, 18), (0, 18)]
    assert aws.messages == []


@managed_alone
@pytest.mark.parametrize("lead", [90, 600])
def test_a_short_block_takes_nothing_from_another_one(aws: Aws, lead: int) -> None:
    running = aws.add("a", block(end=END + timedelta(days=60)), desired=18)
    aws.add("b", block("b", start=END - timedelta(days=2), end=END), lead=lead)
    for _ in aws.ticks(END - timedelta(hours=12), END + timedelta(hours=2)):
        assert running.desired == 18


@managed_alone
@pytest.mark.parametrize("phase", range(0, 300, 60))
def test_eks_own_scale_down_at_a_stale_end_is_put_right_at_the_next_tick(aws: Aws, phase: int) -> None:
    group = aws.add("a", block(end=END + timedelta(days=7)), desired=18)
    group.desired = 0  # 40 minutes before the end that the block had before its extension
    aws.tick(END - 35 * MINUTE + timedelta(seconds=phase))
    assert (group.desired, aws.messages) == (18, [])


def test_hold_keeps_a_pool_empty_and_empties_one_that_runs(aws: Aws) -> None:
    held = aws.add("a", block(), hold=True)
    running = aws.add("b", block("b"))
    aws.tick(START)
    assert (held.desired, running.desired) == (0, 18)
    tags_of(running)[SCHEDULE_TAG] = "hold"
    aws.tick(START + 5 * MINUTE)
    assert running.desired == 0


@pytest.mark.parametrize("lead", [None, "ninety"])
@pytest.mark.parametrize("reservation", [None, "cr-unknown", "cr-a"])
def test_hold_needs_no_other_tag(aws: Aws, reservation: str | None, lead: str | None) -> None:
    group = aws.add("a", block(), desired=18)
    aws.blocks["cr-a"].left_out = ("EndDate",)
    tags = {SCHEDULE_TAG: "hold", RESERVATION_TAG: reservation, LEAD_TAG: lead}
    group.tags = {name: value for name, value in tags.items() if value is not None}
    assert sizes(aws, "a", START) == [0]
    assert aws.messages == []


@managed_alone
def test_foreign_node_groups_are_left_alone(aws: Aws) -> None:
    ours = {"ultrafleet/pool": "a"}
    for name, group in {
        "system": NodeGroup(tags={}, desired=3, min_size=2, capacity_type="ON_DEMAND", labels=ours),
        "on-demand": NodeGroup(tags={"Name": "x"}, desired=4, capacity_type="ON_DEMAND", labels=ours),
        "theirs": NodeGroup(tags={"Name": "theirs"}, desired=4, labels={"team": "x"}),
        "without": NodeGroup(tags=None, desired=4),
    }.items():
        aws.node_groups[name] = group
    assert aws.tick(START).status == "SUCCEEDED"
    assert (aws.writes, aws.messages) == (0, [])


def test_every_listing_is_paged(aws: Aws) -> None:
    aws.page_size = 2
    for index in range(5):
        aws.add(f"p{index}", block(f"p{index}"))
    aws.tick(START)
    assert [group.desired for group in aws.node_groups.values()] == [18] * 5
    listed = {"eks:listNodegroups": 3 if aws.managed else 1, "autoscaling:describeAutoScalingGroups": 1}
    if not aws.managed:
        listed["autoscaling:describeAutoScalingGroups"] = 3 + 5
    assert {action: aws.calls[action] for action in listed} == listed
    assert aws.calls["ec2:describeCapacityReservations"] == 3


def test_cluster_without_node_groups_and_account_without_reservations(aws: Aws) -> None:
    assert aws.tick(START).status == "SUCCEEDED"


def test_page_with_nothing_on_it_is_followed_by_the_next(aws: Aws) -> None:
    aws.page_size = 0
    aws.add("a", block())
    original = aws._page

    def _page(key: str, items: list[object], arguments: dict[str, object]) -> dict[str, object]:
        if "NextToken" not in arguments:
            return {key: [], "NextToken": "0"}
        aws.page_size = 100
        return original(key, items, arguments)

    aws._page = _page  # type: ignore[method-assign]  # one method of a fake
    assert sizes(aws, "a", START) == [18]


def test_token_that_is_null_ends_the_pages(aws: Aws) -> None:
    aws.null_token = True
    aws.add("a", block())
    assert sizes(aws, "a", START) == [18]
    assert aws.calls["ec2:describeCapacityReservations"] == 1


def test_failure_of_one_pool_is_reported_and_stops_no_other(aws: Aws) -> None:
    for name in ("a", "b", "c"):
        aws.add(name, block(name))
    aws.fail("eks:updateNodegroupConfig", "b", "Eks.InvalidRequestException")
    execution = aws.tick(START)
    assert execution.status == "SUCCEEDED"
    assert [group.desired for group in aws.node_groups.values()] == [18, 0, 18]
    assert aws.messages == [
        {
            "cluster": "training",
            "pool": "b",
            "desired": 0,
            "wanted": 18,
            "error": "Eks.InvalidRequestException",
            "cause": "it says why",
        }
    ]


def test_failure_to_read_one_pool_is_reported_without_a_size(aws: Aws) -> None:
    aws.add("a", block("a"))
    aws.add("b", block("b"))
    aws.fail("eks:describeNodegroup", "a", "Eks.ServerException")
    assert aws.tick(START).status == "SUCCEEDED"
    assert [group.desired for group in aws.node_groups.values()] == [0, 18]
    assert aws.messages == [
        {"cluster": "training", "pool": "a", "error": "Eks.ServerException", "cause": "it says why"}
    ]


def test_report_that_fails_stops_no_other_pool_and_fails_the_execution(aws: Aws) -> None:
    for name in ("a", "b"):
        aws.add(name, block(name))
    aws.fail("eks:updateNodegroupConfig", "a", "Eks.ServerException")
    aws.fail("sqs:sendMessage", "", "Sqs.SqsException")
    execution = aws.tick(START)
    assert (execution.status, execution.error) == ("FAILED", "Unreported")
    assert execution.cause == "pools neither sized nor reported: 1"
    assert aws.node_groups["b"].desired == 18


@pytest.mark.parametrize(
    "action", ["eks:listNodegroups", "autoscaling:describeAutoScalingGroups", "ec2:describeCapacityReservations"]
)
def test_failure_of_a_listing_fails_the_execution_and_touches_no_pool(aws: Aws, action: str) -> None:
    aws.add("a", block()).desired = 18
    aws.fail(action, "", "Ec2.Ec2Exception")
    assert aws.tick(START + timedelta(days=1)).status == "FAILED"
    assert aws.node_groups["a"].desired == 18


def test_throttling_is_waited_out(aws: Aws) -> None:
    aws.add("a", block())
    aws.fail("ec2:describeCapacityReservations", "", "Ec2.Ec2Exception", "Ec2.Ec2Exception", None)
    aws.fail("eks:updateNodegroupConfig", "a", "Eks.ThrottlingException", None)
    execution = aws.tick(START)
    assert aws.node_groups["a"].desired == 18
    assert (execution.retries, aws.messages) == (3, [])


@managed_alone
def test_node_group_in_use_when_coming_up_waits_for_the_next_tick(aws: Aws) -> None:
    group = aws.add("a", block())
    group.status = "UPDATING"
    execution = aws.tick(START)
    assert (group.desired, aws.messages, execution.retries) == (0, [], 0)
    group.status = "ACTIVE"
    aws.tick(START + 5 * MINUTE)
    assert group.desired == 18


@managed_alone
def test_node_group_in_use_when_draining_is_reported_and_tried_again(aws: Aws) -> None:
    group = aws.add("a", block())
    group.desired, group.status = 18, "UPDATING"
    aws.tick(END - 90 * MINUTE)
    assert [message["error"] for message in aws.messages] == ["Eks.ResourceInUseException"]
    group.status = "ACTIVE"
    aws.tick(END - 85 * MINUTE)
    assert group.desired == 0


@managed_alone
def test_updating_over_the_start_of_the_drain_is_reported_at_every_tick(aws: Aws) -> None:
    group = aws.add("a", block(), desired=18)
    group.status = "UPDATING"
    for _ in aws.ticks(END - 90 * MINUTE, END - 50 * MINUTE):
        assert group.desired == 18
    assert {(message["error"], message["wanted"]) for message in aws.messages} == {("Eks.ResourceInUseException", 0)}
    assert len(aws.messages) == 9
    group.status = "DEGRADED"
    aws.tick(END - 45 * MINUTE)
    assert group.desired == 0


def test_missed_tick_is_made_good_by_the_next(aws: Aws) -> None:
    aws.add("a", block(), desired=18)
    assert sizes(aws, "a", END - 91 * MINUTE, END - 81 * MINUTE) == [18, 0]


@managed_alone
def test_node_group_deleted_since_it_was_listed_is_nobodys_fault(aws: Aws) -> None:
    aws.add("a", block("a"))
    aws.add("b", block("b"))
    aws.fail("eks:describeNodegroup", "a", "Eks.ResourceNotFoundException")
    aws.fail("eks:updateNodegroupConfig", "b", "Eks.ResourceNotFoundException")
    execution = aws.tick(START)
    assert (execution.status, execution.retries, aws.messages) == ("SUCCEEDED", 0, [])


def test_node_group_under_deletion_is_left_alone(aws: Aws) -> None:
    group = aws.add("a", block())
    group.desired, group.status = 18, "DELETING"
    aws.tick(END - 60 * MINUTE)
    assert (aws.writes, aws.messages) == (0, [])


@managed_alone
def test_node_group_that_is_being_made_is_waited_for(aws: Aws) -> None:
    group = aws.add("a", block())
    group.status = "CREATING"
    aws.tick(START + timedelta(days=1))
    assert (aws.writes, aws.messages) == (0, [])
    group.status = "ACTIVE"
    assert sizes(aws, "a", START + timedelta(days=1, minutes=5)) == [18]


def test_pool_is_emptied_after_an_outage_longer_than_the_lead(aws: Aws) -> None:
    aws.add("a", block())
    assert sizes(aws, "a", START, END + 30 * MINUTE) == [18, 0]


def test_cost_of_a_quiet_tick(aws: Aws) -> None:
    aws.node_groups["system"] = NodeGroup(tags={}, max_size=4, desired=3)
    transitions = []
    for count in (0, 1, 2):
        if count:
            aws.add(f"p{count}", block(f"p{count}", start=END))
        transitions.append(aws.tick(START).transitions)
    # The figures of docs/decisions/0006-block-schedule.md.
    assert transitions == [16, 20, 24]


def test_impaired_ultraservers_are_counted_at_each_tick(aws: Aws) -> None:
    aws.add("a", block())
    aws.impaired = ["cbr-a", "cbr-b"]
    aws.tick(START)
    aws.impaired = ["cbr-b"]
    aws.tick(START + 5 * MINUTE)
    aws.impaired = []
    aws.tick(START + 10 * MINUTE)
    assert [put["MetricData"] for put in aws.figures] == [
        [{"MetricName": "ImpairedBlocks", "Value": count}] for count in (2, 1, 0)
    ]
    assert {put["Namespace"] for put in aws.figures} == {"Ultrafleet/training"}


@pytest.mark.parametrize("action", ["ec2:describeCapacityBlockStatus", "cloudwatch:putMetricData"])
def test_pools_are_sized_where_impaired_ultraservers_are_not_told(aws: Aws, action: str) -> None:
    aws.add("a", block())
    aws.fail(action, "", "Some.Exception")
    assert sizes(aws, "a", START, END - 30 * MINUTE) == [18, 0]
    assert aws.figures == []


def test_as_many_node_groups_as_eks_allows_fit_into_one_execution(aws: Aws) -> None:
    for index in range(NODE_GROUPS_PER_CLUSTER_MAXIMUM.value):
        aws.add(f"training-pool-{index:03}", Block(f"cr-{index:017x}", START, END))
    execution = aws.tick(START - MINUTE)
    # The figure of docs/decisions/0006-block-schedule.md: nothing to write, pages of 50 blocks and 100 names.
    assert (execution.status, execution.transitions) == ("SUCCEEDED", 12 + 4 * 100 + 2 * 1)


@managed_alone
def test_more_blocks_than_a_variable_holds_fail_the_execution_before_any_pool_is_touched(aws: Aws) -> None:
    aws.add("a", block()).desired = 18
    for index in range(4000):
        aws.blocks[f"cr-{index:017x}"] = Block(f"cr-{index:017x}", START, END)
    execution = aws.tick(START)
    assert (execution.error, aws.writes) == ("States.DataLimitExceeded", 0)


def test_auto_scaling_group_deleted_since_it_was_listed_is_nobodys_fault() -> None:
    aws = Aws(managed=False)
    aws.add("a", block("a"))
    aws.add("b", block("b"))
    listed = aws._describe_auto_scaling_groups

    def gone_meanwhile(arguments: dict[str, object]) -> dict[str, object]:
        return {"AutoScalingGroups": []} if arguments.get("AutoScalingGroupNames") == ["a"] else listed(arguments)

    aws._describe_auto_scaling_groups = gone_meanwhile  # type: ignore[method-assign]  # one method of a fake
    execution = aws.tick(START)
    assert (execution.status, aws.messages, aws.node_groups["b"].desired) == ("SUCCEEDED", [], 18)


def test_auto_scaling_group_without_a_block_is_left_alone_and_one_that_lost_its_order_is_reported() -> None:
    aws = Aws(managed=False)
    aws.node_groups["on-demand"] = NodeGroup(tags={"Name": "x"}, desired=4, managed=False)
    lost = aws.add("lost", block(), desired=18)
    tags_of(lost).pop(SCHEDULE_TAG)
    assert aws.tick(START).status == "SUCCEEDED"
    assert [group.desired for group in aws.node_groups.values()] == [4, 18]
    assert [(message["pool"], message["error"]) for message in aws.messages] == [("lost", "NoSchedule")]


def test_both_kinds_are_sized_in_one_execution() -> None:
    aws = Aws()
    managed = aws.add("managed", block("a"))
    aws.managed = False
    own = aws.add("own", block("b"))
    assert aws.tick(START).status == "SUCCEEDED"
    assert (managed.desired, own.desired) == (18, 18)
    aws.tick(END - 90 * MINUTE)
    assert (managed.desired, own.desired, aws.messages) == (0, 0, [])
