"""The state machine that is deployed, run against a fake account, tick by tick."""

from datetime import UTC, datetime, timedelta

import pytest

from helpers.fake_capacity import Aws, Block, NodeGroup
from ultrafleet.rules.schedule_tags import GROUP_TAG, LEAD_TAG, SCHEDULE_TAG

pytestmark = pytest.mark.slow

START = datetime(2026, 11, 2, 15, 7, tzinfo=UTC)
END = datetime(2026, 11, 4, 11, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def block(name: str = "a", *, start: datetime = START, end: datetime = END, instances: int = 18) -> Block:
    return Block(f"cr-{name}", start, end, instances)


@pytest.fixture
def aws() -> Aws:
    return Aws()


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
    aws.add_pool("a", [block()], lead=90)
    assert sizes(aws, "a", START - MINUTE, START, END - 91 * MINUTE, END - 90 * MINUTE, END) == [0, 18, 18, 0, 0]
    assert aws.messages == []


def test_nothing_is_written_when_nothing_changes(aws: Aws) -> None:
    aws.add_pool("a", [block()])
    for _ in aws.ticks(START - 60 * MINUTE, END + 60 * MINUTE):
        pass
    assert aws.writes == 2


def test_deployed_in_the_middle_of_a_block(aws: Aws) -> None:
    aws.add_pool("a", [block()])
    assert sizes(aws, "a", START + timedelta(days=1)) == [18]


def test_deployed_inside_the_lead_or_after_the_end_stays_empty(aws: Aws) -> None:
    aws.add_pool("a", [block()])
    assert sizes(aws, "a", END - 30 * MINUTE, END + 60 * MINUTE) == [0, 0]
    assert aws.writes == 0


def test_extension_is_followed(aws: Aws) -> None:
    aws.add_pool("a", [block()])
    before = sizes(aws, "a", START, END - 120 * MINUTE)
    aws.blocks["cr-a"].end = later = END + timedelta(days=7)
    assert before + sizes(aws, "a", END - 60 * MINUTE, END, later - 91 * MINUTE, later - 90 * MINUTE) == [
        *(18, 18),
        *(18, 18, 18, 0),
    ]


def test_extension_inside_the_lead_brings_the_pool_back(aws: Aws) -> None:
    aws.add_pool("a", [block()])
    before = sizes(aws, "a", START, END - 80 * MINUTE)
    aws.blocks["cr-a"].end += timedelta(days=1)
    assert before + sizes(aws, "a", END - 75 * MINUTE) == [18, 0, 18]


def test_two_blocks_in_a_row(aws: Aws) -> None:
    second = END + 600 * MINUTE
    aws.add_pool("a", [block(), block("b", start=second, end=END + timedelta(days=7))])
    moments = (START, END - 90 * MINUTE, END, second - MINUTE, second, END + timedelta(days=6))
    assert sizes(aws, "a", *moments) == [18, 0, 0, 0, 18, 18]


def test_overlap_waits_for_the_first_to_be_over_so_no_node_lands_on_it(aws: Aws) -> None:
    aws.add_pool("a", [block(), block("b", start=END - 300 * MINUTE, end=END + timedelta(days=7))])
    moments = (END - 301 * MINUTE, END - 200 * MINUTE, END - 90 * MINUTE, END - MINUTE, END)
    assert sizes(aws, "a", *moments) == [18, 18, 0, 0, 18]


def test_blocks_that_run_together_are_added_up(aws: Aws) -> None:
    aws.add_pool("a", [block(instances=4), block("b", instances=8)], max_size=12)
    assert sizes(aws, "a", START) == [12]


def test_never_more_than_the_pool_and_never_more_than_the_block(aws: Aws) -> None:
    aws.add_pool("small-pool", [block(instances=18)], max_size=9)
    aws.add_pool("small-block", [block("b", instances=9)], max_size=18)
    aws.tick(START)
    assert [group.desired for group in aws.node_groups.values()] == [9, 9]


def test_hold_keeps_a_pool_empty_and_empties_one_that_runs(aws: Aws) -> None:
    held = aws.add_pool("a", [block()], hold=True)
    running = aws.add_pool("b", [block("b")])
    aws.tick(START)
    assert (held.desired, running.desired) == (0, 18)
    tags_of(running)[SCHEDULE_TAG] = "hold"
    aws.tick(START + 5 * MINUTE)
    assert running.desired == 0
    assert aws.calls["resourcegroups:listGroupResources"] == 1


@pytest.mark.parametrize("lead", [None, "ninety"])
@pytest.mark.parametrize("target", ["group", "reservation"])
def test_hold_needs_no_lead(aws: Aws, target: str, lead: str | None) -> None:
    if target == "group":
        group = aws.add_pool("a", [block()], hold=True)
    else:
        group = aws.add_pool_on_reservation("a", block(), hold=True)
    group.desired = 18
    tags = {name: value for name, value in tags_of(group).items() if name != LEAD_TAG}
    group.tags = tags if lead is None else {**tags, LEAD_TAG: lead}
    assert sizes(aws, "a", START) == [0]
    assert aws.messages == []


def test_foreign_node_groups_are_left_alone(aws: Aws) -> None:
    aws.node_groups["system"] = NodeGroup(tags={}, max_size=4, desired=3, min_size=2)
    aws.node_groups["theirs"] = NodeGroup(tags={"Name": "theirs"}, max_size=4, desired=4)
    aws.node_groups["without"] = NodeGroup(tags=None, max_size=4, desired=4)
    assert aws.tick(START).status == "SUCCEEDED"
    assert aws.writes == 0
    assert aws.messages == []


def test_reservations_of_others_are_left_out(aws: Aws) -> None:
    aws.add_pool("a", [block("a"), block("od")])
    aws.blocks["cr-other"] = block("other", instances=64)
    aws.blocks["cr-od"].reservation_type = "default"
    aws.blocks["cr-od"].instances = 2
    aws.node_groups["a"].max_size = 64
    assert sizes(aws, "a", START) == [18]


def test_cluster_without_node_groups_and_account_without_reservations(aws: Aws) -> None:
    assert aws.tick(START).status == "SUCCEEDED"


def test_every_listing_is_paged(aws: Aws) -> None:
    aws.page_size = 2
    for index in range(5):
        name = f"p{index}"
        aws.add_pool(name, [block(f"{name}-{part}", instances=6) for part in "abc"])
    aws.tick(START)
    assert [group.desired for group in aws.node_groups.values()] == [18] * 5
    assert aws.calls["eks:listNodegroups"] == 3
    assert aws.calls["ec2:describeCapacityReservations"] == 8
    assert aws.calls["resourcegroups:listGroupResources"] == 10


def test_page_with_nothing_on_it_is_followed_by_the_next(aws: Aws) -> None:
    aws.page_size = 0
    aws.add_pool("a", [block()])
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
    aws.add_pool("a", [block()])
    assert sizes(aws, "a", START) == [18]
    assert aws.calls["ec2:describeCapacityReservations"] == 1


def test_failure_of_one_pool_is_reported_and_stops_no_other(aws: Aws) -> None:
    for name in ("a", "b", "c"):
        aws.add_pool(name, [block(name)])
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


@pytest.mark.parametrize("action", ["eks:describeNodegroup", "resourcegroups:listGroupResources"])
def test_failure_to_read_one_pool_is_reported_without_a_size(aws: Aws, action: str) -> None:
    aws.add_pool("a", [block("a")])
    aws.add_pool("b", [block("b")])
    aws.fail(action, "a" if "describe" in action else "training-a", "Eks.ServerException")
    assert aws.tick(START).status == "SUCCEEDED"
    assert [group.desired for group in aws.node_groups.values()] == [0, 18]
    assert [message["pool"] for message in aws.messages] == ["a"]
    assert "wanted" not in aws.messages[0]


@pytest.mark.parametrize(
    ("tag", "value", "error"),
    [
        (LEAD_TAG, "ninety", "States.QueryEvaluationError"),
        (LEAD_TAG, None, "States.QueryEvaluationError"),
        (GROUP_TAG, None, "ResourceGroups.BadRequestException"),
        (GROUP_TAG, "training-other", "ResourceGroups.NotFoundException"),
        (SCHEDULE_TAG, "holds", "UnknownSchedule"),
    ],
)
def test_wrong_tag_is_reported_and_the_pool_left_as_it_is(aws: Aws, tag: str, value: str | None, error: str) -> None:
    wrong = aws.add_pool("a", [block("a")])
    wrong.desired = 18
    aws.add_pool("b", [block("b")])
    if value is None:
        del tags_of(wrong)[tag]
    else:
        tags_of(wrong)[tag] = value
    execution = aws.tick(END - 60 * MINUTE - timedelta(days=1))
    assert (execution.status, execution.retries) == ("SUCCEEDED", 0)
    assert [group.desired for group in aws.node_groups.values()] == [18, 18]
    assert [(message["pool"], message["error"]) for message in aws.messages] == [("a", error)]


def test_report_that_fails_stops_no_other_pool_and_fails_the_execution(aws: Aws) -> None:
    for name in ("a", "b"):
        aws.add_pool(name, [block(name)])
    aws.fail("eks:updateNodegroupConfig", "a", "Eks.ServerException")
    aws.fail("sqs:sendMessage", "", "Sqs.SqsException")
    execution = aws.tick(START)
    assert (execution.status, execution.error) == ("FAILED", "Unreported")
    assert execution.cause == "pools neither sized nor reported: 1"
    assert aws.node_groups["b"].desired == 18


@pytest.mark.parametrize("action", ["eks:listNodegroups", "ec2:describeCapacityReservations"])
def test_failure_of_a_listing_fails_the_execution_and_touches_no_pool(aws: Aws, action: str) -> None:
    aws.add_pool("a", [block()]).desired = 18
    aws.fail(action, "", "Ec2.Ec2Exception")
    assert aws.tick(START + timedelta(days=1)).status == "FAILED"
    assert aws.node_groups["a"].desired == 18


def test_throttling_is_waited_out(aws: Aws) -> None:
    aws.add_pool("a", [block()])
    aws.fail("ec2:describeCapacityReservations", "", "Ec2.Ec2Exception", "Ec2.Ec2Exception", None)
    aws.fail("eks:updateNodegroupConfig", "a", "Eks.ThrottlingException", None)
    execution = aws.tick(START)
    assert aws.node_groups["a"].desired == 18
    assert (execution.retries, aws.messages) == (3, [])


def test_node_group_in_use_when_coming_up_waits_for_the_next_tick(aws: Aws) -> None:
    group = aws.add_pool("a", [block()])
    group.status = "UPDATING"
    execution = aws.tick(START)
    assert (group.desired, aws.messages, execution.retries) == (0, [], 0)
    group.status = "ACTIVE"
    aws.tick(START + 5 * MINUTE)
    assert group.desired == 18


def test_node_group_in_use_when_draining_is_reported_and_tried_again(aws: Aws) -> None:
    group = aws.add_pool("a", [block()])
    group.desired, group.status = 18, "UPDATING"
    aws.tick(END - 90 * MINUTE)
    assert [message["error"] for message in aws.messages] == ["Eks.ResourceInUseException"]
    group.status = "ACTIVE"
    aws.tick(END - 85 * MINUTE)
    assert group.desired == 0


def test_node_group_deleted_since_it_was_listed_is_nobodys_fault(aws: Aws) -> None:
    aws.add_pool("a", [block("a")])
    aws.add_pool("b", [block("b")])
    aws.fail("eks:describeNodegroup", "a", "Eks.ResourceNotFoundException")
    aws.fail("eks:updateNodegroupConfig", "b", "Eks.ResourceNotFoundException")
    execution = aws.tick(START)
    assert (execution.status, execution.retries, aws.messages) == ("SUCCEEDED", 0, [])


def test_node_group_under_deletion_is_left_alone(aws: Aws) -> None:
    group = aws.add_pool("a", [block()])
    group.desired, group.status = 18, "DELETING"
    aws.tick(END - 60 * MINUTE)
    assert (aws.writes, aws.messages) == (0, [])


def test_node_group_that_is_being_made_is_waited_for(aws: Aws) -> None:
    group = aws.add_pool("a", [block()])
    group.status = "CREATING"
    aws.tick(START + timedelta(days=1))
    assert (aws.writes, aws.messages) == (0, [])
    group.status = "ACTIVE"
    assert sizes(aws, "a", START + timedelta(days=1, minutes=5)) == [18]


@pytest.mark.parametrize("reason", ["EC2 forgot the block", "the group is empty"])
def test_running_pool_is_not_emptied_by_what_aws_leaves_out(aws: Aws, reason: str) -> None:
    group = aws.add_pool("a", [block()])
    group.desired = 18
    if reason == "the group is empty":
        aws.groups["training-a"] = []
    else:
        aws.blocks["cr-a"].forgotten = True
    aws.tick(START + timedelta(days=1))
    assert group.desired == 18
    assert [message["error"] for message in aws.messages] == ["UnknownBlock"]
    tags_of(group)[SCHEDULE_TAG] = "hold"
    aws.tick(START + timedelta(days=1, minutes=5))
    assert group.desired == 0


def test_empty_pool_with_a_forgotten_block_is_fine_and_the_next_block_is_used_to_its_end(aws: Aws) -> None:
    aws.add_pool("a", [block(), block("b", start=END, end=END + timedelta(days=7))])
    aws.blocks["cr-a"].forgotten = True
    end = END + timedelta(days=7)
    assert sizes(aws, "a", END - 5 * MINUTE, END, end - 91 * MINUTE, end - 90 * MINUTE) == [0, 18, 18, 0]
    assert aws.messages == []


def test_pool_is_emptied_after_an_outage_longer_than_the_lead(aws: Aws) -> None:
    aws.add_pool("a", [block()])
    assert sizes(aws, "a", START, END + 30 * MINUTE) == [18, 0]


def test_size_that_somebody_set_by_hand_is_put_right(aws: Aws) -> None:
    group = aws.add_pool("a", [block()])
    group.desired = 3
    assert sizes(aws, "a", START - 60 * MINUTE, START) == [0, 18]


def test_cost_of_a_quiet_tick(aws: Aws) -> None:
    aws.node_groups["system"] = NodeGroup(tags={}, max_size=4, desired=3)
    transitions = []
    for count in (0, 1, 2):
        if count:
            aws.add_pool(f"p{count}", [block(f"p{count}", start=END)])
        transitions.append(aws.tick(START).transitions)
    # The figures of docs/decisions/0006-block-schedule.md.
    assert transitions == [11, 16, 21]


def test_four_hundred_pools_fit_into_one_execution(aws: Aws) -> None:
    for index in range(400):
        aws.add_pool(f"training-pool-{index:03}", [Block(f"cr-{index:017x}", START, END)])
    execution = aws.tick(START - MINUTE)
    # The figure of docs/decisions/0006-block-schedule.md: nothing to write, pages of 50 blocks and 100 names.
    assert (execution.status, execution.transitions) == ("SUCCEEDED", 8 + 5 * 400 + 2 * (7 + 3))


def test_more_blocks_than_a_variable_holds_fail_the_execution_before_any_pool_is_touched(aws: Aws) -> None:
    aws.add_pool("a", [block()]).desired = 18
    for index in range(4000):
        aws.blocks[f"cr-{index:017x}"] = Block(f"cr-{index:017x}", START, END)
    execution = aws.tick(START)
    assert (execution.error, aws.writes) == ("States.DataLimitExceeded", 0)


class TestReservationAsTarget:
    def test_follows_that_block_and_asks_for_no_group(self, aws: Aws) -> None:
        aws.add_pool_on_reservation("a", block())
        moments = (START - MINUTE, START, END - 91 * MINUTE, END - 90 * MINUTE, END)
        assert sizes(aws, "a", *moments) == [0, 18, 18, 0, 0]
        assert aws.calls["resourcegroups:listGroupResources"] == 0
        assert aws.messages == []

    def test_hold(self, aws: Aws) -> None:
        aws.add_pool_on_reservation("a", block(), hold=True).desired = 18
        assert sizes(aws, "a", START) == [0]

    def test_stands_beside_pools_on_groups(self, aws: Aws) -> None:
        aws.add_pool_on_reservation("a", block("a"))
        aws.add_pool("b", [block("b", instances=4)])
        assert sizes(aws, "a", START) == [18]
        assert aws.node_groups["b"].desired == 4

    def test_a_reservation_that_ec2_does_not_know_empties_no_pool(self, aws: Aws) -> None:
        group = aws.add_pool_on_reservation("a", block())
        group.desired = 18
        aws.blocks.clear()
        assert sizes(aws, "a", START) == [18]
        assert [message["error"] for message in aws.messages] == ["UnknownBlock"]

    @pytest.mark.parametrize("lead", [None, "ninety"])
    def test_a_wrong_lead_is_reported_and_the_pool_left_as_it_is(self, aws: Aws, lead: str | None) -> None:
        group = aws.add_pool_on_reservation("a", block())
        group.desired = 18
        aws.add_pool("b", [block("b")])
        if lead is None:
            del tags_of(group)[LEAD_TAG]
        else:
            tags_of(group)[LEAD_TAG] = lead
        execution = aws.tick(START)
        assert (execution.status, execution.retries) == ("SUCCEEDED", 0)
        assert group.desired == 18
        assert aws.node_groups["b"].desired == 18
        assert [(m["pool"], m["error"]) for m in aws.messages] == [("a", "States.QueryEvaluationError")]
