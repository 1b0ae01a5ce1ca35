"""The machine against the rule in Python and against EC2's clock, for many blocks and every phase of the ticks."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.fake_capacity import Aws, Block
from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.catalog.limits import SCHEDULE_PRECISION_SECONDS
from ultrafleet.rules.block_clock import (
    EVICTION_MINUTES,
    EXECUTION_MINUTES,
    TICK_MINUTES,
    default_drain_lead_minutes,
    least_drain_lead_minutes,
    wanted_size,
)
from ultrafleet.rules.schedule_tags import FOLLOW_BLOCKS, HOLD, LEAD_TAG, RESERVATION_TAG, SCHEDULE_TAG

pytestmark = pytest.mark.slow

DAY = datetime(2026, 11, 2, 11, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ULTRASERVER, INSTANCE = "p6e-gb200.36xlarge", "p5.48xlarge"
STATES = (
    "active", "expired", "cancelled", "pending", "failed", "scheduled", "payment-pending", "payment-failed",
    "assessing", "delayed", "unsupported", "cancelling", "unavailable", "",
)  # fmt: skip
LEADS = (
    "0",
    "-5",
    " 90 ",
    "90\n",
    "090",
    "9e1",
    "90.0",
    "+90",
    "٩٠",
    "",
    "54",
    "55",
    "84",
    "85",
    "1439",
    "1440",
    "99999",
)


def mostly(usual: st.SearchStrategy[Any], *others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The usual, in most of the examples."""
    return st.integers(0, 9).flatmap(lambda number: st.one_of(*others) if number == 0 else usual)


blocks = st.builds(
    Block,
    id=st.just("cr-a"),
    start=st.integers(-3000, 60).map(lambda minutes: DAY + minutes * MINUTE),
    end=st.integers(61, 3000).map(lambda minutes: DAY + minutes * MINUTE),
    instances=st.integers(0, 18),
    forgotten=mostly(st.just(False), st.just(True)),
    reservation_type=mostly(st.just("capacity-block"), st.just("default")),
    instance_type=st.sampled_from([ULTRASERVER, INSTANCE]),
    shown_as=st.none() | st.sampled_from(STATES),
    left_out=mostly(st.just(()), st.sampled_from(["StartDate", "EndDate", "TotalInstanceCount"]).map(lambda it: (it,))),
)
sound_tags = st.fixed_dictionaries(
    {
        SCHEDULE_TAG: st.just(FOLLOW_BLOCKS),
        RESERVATION_TAG: st.just("cr-a"),
        LEAD_TAG: st.integers(85, 1439).map(str),
    }
)
any_tags = st.fixed_dictionaries(
    {},
    optional={
        SCHEDULE_TAG: mostly(st.just(FOLLOW_BLOCKS), st.sampled_from([HOLD, "holds", ""])),
        RESERVATION_TAG: mostly(st.just("cr-a"), st.sampled_from(["cr-b", ""])),
        LEAD_TAG: st.sampled_from(LEADS) | st.text(max_size=4),
    },
)


@settings(max_examples=400)
@given(
    blocks,
    st.one_of(sound_tags, sound_tags, any_tags),
    st.sampled_from(["start", "end", "lead"]),
    st.integers(-6, 6) | st.integers(-4000, 4000),
    st.sampled_from([0, 0, 1, 59_999]),
    st.integers(1, 18),
    st.just(0) | st.integers(0, 18),
)
def test_machine_does_what_the_rule_says(
    block: Block,
    given_tags: dict[str, str],
    near: str,
    minutes: int,
    milliseconds: int,
    max_size: int,
    desired: int,
) -> None:
    lead = given_tags.get(LEAD_TAG, "")
    lead_minutes = int(lead) if lead in map(str, range(1440)) else 90
    moment = {"start": block.start, "end": block.end, "lead": block.end - lead_minutes * MINUTE}[near]
    now = moment + minutes * MINUTE + timedelta(milliseconds=milliseconds)
    before = min(desired, max_size)
    aws = Aws()
    group = aws.add("a", block, max_size=max_size, desired=before)
    group.tags = given_tags
    assert aws.tick(now).status == "SUCCEEDED"
    seen = block.seen(now) if given_tags.get(RESERVATION_TAG) == block.id else None
    decision = wanted_size(now=now, tags=given_tags, block=seen, size=before, max_size=max_size)
    assert (decision.size is None) is not (decision.left_alone is None)
    assert group.desired == (before if decision.size is None else decision.size)
    assert aws.writes == (group.desired != before)
    assert [message["error"] for message in aws.messages] == ([decision.left_alone] if decision.left_alone else [])


@settings(max_examples=60)
@given(
    st.booleans(),
    st.integers(0, TICK_MINUTES * 60 - 1),
    st.lists(st.integers(0, SCHEDULE_PRECISION_SECONDS.value - 1), min_size=12, max_size=12),
    st.integers(0, EXECUTION_MINUTES * 60),
)
def test_at_the_least_lead_the_last_node_is_gone_before_the_reclaim(
    ultraserver: bool, phase_seconds: int, late_seconds: list[int], throttled_seconds: int
) -> None:
    """The schedule's ticks are at any phase, each up to its precision late; the drain's first call is throttled."""
    reclaim = CapacityBlockRules.ULTRASERVER_RECLAIM if ultraserver else CapacityBlockRules.INSTANCE_RECLAIM
    lead = least_drain_lead_minutes(ultraserver=ultraserver)
    block = Block("cr-a", DAY - timedelta(days=2), DAY, instance_type=ULTRASERVER if ultraserver else INSTANCE)
    aws = Aws()
    group = aws.add("a", block, lead=lead, desired=18)
    aws.fail("eks:updateNodegroupConfig", "a", "Eks.ThrottlingException", None)
    for moment in ticks(DAY - (lead + 10) * MINUTE, phase_seconds, late_seconds):
        execution = aws.tick(moment)
        assert (group.desired == 0) == (moment >= DAY - lead * MINUTE)
        if group.desired == 0:
            assert execution.retries == 1
            drained = moment + timedelta(seconds=throttled_seconds)
            break
    assert drained + timedelta(minutes=EVICTION_MINUTES) <= DAY - reclaim
    assert aws.messages == []


@settings(max_examples=40)
@given(
    st.booleans(),
    st.integers(0, TICK_MINUTES * 60 - 1),
    st.lists(st.integers(0, SCHEDULE_PRECISION_SECONDS.value - 1), min_size=12, max_size=12),
    st.sampled_from(["missed", "odd state"]),
)
def test_at_the_default_lead_one_tick_may_be_missed_or_find_an_odd_state(
    ultraserver: bool, phase_seconds: int, late_seconds: list[int], fault: str
) -> None:
    reclaim = CapacityBlockRules.ULTRASERVER_RECLAIM if ultraserver else CapacityBlockRules.INSTANCE_RECLAIM
    lead = default_drain_lead_minutes(ultraserver=ultraserver)
    block = Block("cr-a", DAY - timedelta(days=2), DAY, instance_type=ULTRASERVER if ultraserver else INSTANCE)
    aws = Aws()
    group = aws.add("a", block, lead=lead, desired=18)
    closing = [
        moment
        for moment in ticks(DAY - (lead + 10) * MINUTE, phase_seconds, late_seconds)
        if moment >= DAY - lead * MINUTE
    ]
    if fault == "odd state":
        block.shown_as = "unavailable"
        aws.tick(closing[0])
        block.shown_as = None
    assert group.desired == 18
    aws.tick(closing[1])
    assert group.desired == 0
    assert closing[1] + timedelta(minutes=EXECUTION_MINUTES + EVICTION_MINUTES) <= DAY - reclaim


@pytest.mark.parametrize("ultraserver", [True, False])
def test_a_lead_that_is_a_minute_shorter_is_too_late_at_its_worst(*, ultraserver: bool) -> None:
    """The least is the least: with a minute less the worst phase and the worst precision end after the reclaim."""
    reclaim = CapacityBlockRules.ULTRASERVER_RECLAIM if ultraserver else CapacityBlockRules.INSTANCE_RECLAIM
    lead = least_drain_lead_minutes(ultraserver=ultraserver) - 1
    before = DAY - lead * MINUTE - timedelta(seconds=1)
    after = before + TICK_MINUTES * MINUTE + timedelta(seconds=SCHEDULE_PRECISION_SECONDS.value - 1)
    gone = after + timedelta(minutes=EXECUTION_MINUTES + EVICTION_MINUTES)
    assert gone > DAY - reclaim


def ticks(start: datetime, phase_seconds: int, late_seconds: list[int]) -> Iterator[datetime]:
    """Moments at which executions start: every tick from a phase on, each as late as told."""
    for number, late in enumerate(late_seconds):
        yield start + timedelta(seconds=phase_seconds + late, minutes=number * TICK_MINUTES)
