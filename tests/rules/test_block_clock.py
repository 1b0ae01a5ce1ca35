"""Block clock: when a block runs, when its pool is emptied, and the pool's size."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.errors import FleetError
from ultrafleet.rules.block_clock import (
    BlockState,
    LeftAlone,
    SizeDecision,
    block_is_over,
    default_drain_lead_minutes,
    least_drain_lead_minutes,
    validate_block_window,
    validate_drain_lead_minutes,
    wanted_size,
)
from ultrafleet.rules.schedule_tags import (
    FOLLOW_BLOCKS,
    HOLD,
    LEAD_TAG,
    RESERVATION_TAG,
    SCHEDULE_TAG,
    schedule_tags,
)

START = datetime(2026, 11, 2, 15, 7, tzinfo=UTC)
END = datetime(2026, 11, 4, 11, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(("ultraserver", "least", "default"), [(True, 85, 90), (False, 55, 60)])
def test_leads_of_the_issue(*, ultraserver: bool, least: int, default: int) -> None:
    assert least_drain_lead_minutes(ultraserver=ultraserver) == least
    assert default_drain_lead_minutes(ultraserver=ultraserver) == default
    validate_drain_lead_minutes(least, ultraserver=ultraserver)
    validate_drain_lead_minutes(default, ultraserver=ultraserver)


@pytest.mark.parametrize(
    ("lead", "ultraserver", "expected"),
    [
        (84, True, "drain_lead_minutes is 84, expected 85 to 1439: EC2 reclaims from 60 minutes before the end"),
        (54, False, "drain_lead_minutes is 54, expected 55 to 1439: EC2 reclaims from 30 minutes before the end"),
        (-90, True, "drain_lead_minutes is -90"),
        (1440, True, "drain_lead_minutes is 1440"),
    ],
)
def test_fails_with_a_lead_in_which_nodes_cant_be_gone(*, lead: int, ultraserver: bool, expected: str) -> None:
    with pytest.raises(FleetError, match=expected):
        validate_drain_lead_minutes(lead, ultraserver=ultraserver)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (START, END),  # any time of day, any duration
        (END - timedelta(days=20), END),  # a total of extensions
        (END - timedelta(days=183), END),
        (START, datetime(2026, 11, 4, 12, 30, tzinfo=timezone(timedelta(hours=1)))),  # 11:30 UTC elsewhere
    ],
)
def test_window_of_a_block(start: datetime, end: datetime) -> None:
    validate_block_window(start, end)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (START.replace(tzinfo=None), END, "start is 2026-11-02T15:07:00, expected an offset from UTC"),
        (START, END.replace(tzinfo=None), "end is 2026-11-04T11:30:00, expected an offset from UTC"),
        (END, END, "start is 2026-11-04T11:30:00.00:00, expected a moment before the end"),
        (END + MINUTE, END, "expected a moment before the end"),
        (START, END + MINUTE, r"end is 2026-11-04T11:31:00.00:00, expected 11:30 UTC"),
        (START, END + timedelta(microseconds=1), "expected 11:30 UTC"),
        (START, datetime(2026, 11, 4, 11, 30, tzinfo=timezone(timedelta(hours=1))), "expected 11:30 UTC"),
        (END - timedelta(days=183) - MINUTE, END, "are 183 days apart, expected at most 182 and one"),
        (END - timedelta(days=184), END, "are 184 days apart"),
    ],
)
def test_fails_with_what_cant_be_a_block(start: datetime, end: datetime, expected: str) -> None:
    with pytest.raises(FleetError, match=expected):
        validate_block_window(start, end)


def test_block_is_over_at_its_end() -> None:
    assert not block_is_over(END, END - MINUTE)
    assert block_is_over(END, END)
    assert block_is_over(END, END.astimezone(timezone(timedelta(hours=-6))))


def test_fails_with_moments_without_an_offset() -> None:
    naive = END.replace(tzinfo=None)
    with pytest.raises(FleetError, match="end is 2026-11-04T11:30:00, expected an offset"):
        block_is_over(naive, END)
    with pytest.raises(FleetError, match="as_of is 2026-11-04T11:30:00, expected an offset"):
        block_is_over(END, naive)
    with pytest.raises(FleetError, match="now is 2026-11-04T11:30:00, expected an offset"):
        wanted_size(now=naive, tags={}, block=None, size=0, max_size=18)


def decision(
    block: BlockState | None,
    *,
    now: datetime = START,
    size: int = 0,
    max_size: int = 18,
    given_tags: dict[str, str] | None = None,
) -> SizeDecision:
    orders = schedule_tags(capacity_reservation_id="cr-a", drain_lead_minutes=90) if given_tags is None else given_tags
    return wanted_size(now=now, tags=orders, block=block, size=size, max_size=max_size)


def state(state: str = "active", **given: Any) -> BlockState:
    return BlockState(
        **{"state": state, "start": START, "end": END, "instance_count": 18, "is_ultraserver": True, **given}
    )


def sized(size: int) -> SizeDecision:
    return SizeDecision(size=size)


def left_alone(reason: str) -> SizeDecision:
    return SizeDecision(left_alone=LeftAlone(reason))


def test_size_follows_the_active_block_up_to_the_node_group() -> None:
    assert decision(state()) == sized(18)
    assert decision(state(instance_count=9)) == sized(9)
    assert decision(state(), max_size=9) == sized(9)
    assert decision(state(), now=END - 91 * MINUTE, size=18) == sized(18)
    assert decision(state(), now=END - 90 * MINUTE, size=18) == sized(0)


@pytest.mark.parametrize("size", [0, 18])
def test_block_that_is_over_leaves_no_node(size: int) -> None:
    assert decision(state("expired", end=None), size=size) == sized(0)
    assert decision(state("cancelled"), size=size) == sized(0)
    for odd in ("active", "scheduled", "unavailable"):
        assert decision(state(odd), now=END, size=size) == sized(0)


@pytest.mark.parametrize("name", ["scheduled", "payment-pending", "assessing", "pending"])
def test_block_before_its_start_is_normal_without_nodes_and_five_minutes_late(name: str) -> None:
    assert decision(state(name), now=START + 5 * MINUTE) == sized(0)
    assert decision(state(name), now=START + 6 * MINUTE) == left_alone("BlockNotActive")
    assert decision(state(name), now=START - MINUTE, size=1) == left_alone("BlockNotActive")
    assert decision(state(name, start=None), now=START - MINUTE) == left_alone("BlockNotActive")


@pytest.mark.parametrize(
    "name", ["unavailable", "delayed", "failed", "payment-failed", "unsupported", "cancelling", "?"]
)
@pytest.mark.parametrize("size", [0, 18])
def test_nothing_shrinks_or_grows_on_an_odd_state(name: str, size: int) -> None:
    for now in (START - MINUTE, START, END - 60 * MINUTE):
        assert decision(state(name), now=now, size=size) == left_alone("BlockNotActive")


def test_nothing_shrinks_or_grows_on_what_ec2_leaves_out() -> None:
    assert decision(None, size=18) == left_alone("UnknownBlock")
    assert decision(state(end=None), size=18) == left_alone("IncompleteBlock")
    assert decision(state(instance_count=None), size=18) == left_alone("IncompleteBlock")
    assert decision(state(instance_count=9), size=18) == left_alone("FewerInstances")


@pytest.mark.parametrize(("ultraserver", "least"), [(True, 85), (False, 55)])
def test_lead_of_the_tag(*, ultraserver: bool, least: int) -> None:
    block = state(is_ultraserver=ultraserver)
    tags = {SCHEDULE_TAG: FOLLOW_BLOCKS, RESERVATION_TAG: "cr-a"}
    for wrong in ("0", "-5", " 90 ", "090", "90.0", "٩٠", "", str(least - 1), "1440"):
        assert decision(block, given_tags={**tags, LEAD_TAG: wrong}) == left_alone("WrongLead")
    assert decision(block, given_tags=tags) == left_alone("WrongLead")
    for right in (str(least), "1439"):
        assert decision(block, given_tags={**tags, LEAD_TAG: right}) == sized(18)


def test_schedule_of_the_tag() -> None:
    assert decision(None, given_tags={SCHEDULE_TAG: HOLD}, size=18) == sized(0)
    assert decision(state(), given_tags={}) == left_alone("NoSchedule")
    assert decision(state(), given_tags={SCHEDULE_TAG: "holds"}) == left_alone("UnknownSchedule")
    assert decision(state(), given_tags={SCHEDULE_TAG: FOLLOW_BLOCKS}) == left_alone("NoReservation")


@given(st.integers(-300, 300), st.integers(85, 120), st.integers(1, 18), st.integers(0, 18))
def test_a_longer_lead_never_asks_for_more(minutes: int, lead: int, max_size: int, size: int) -> None:
    now = END + minutes * MINUTE
    found = [
        decision(
            state(),
            now=now,
            size=min(size, max_size),
            max_size=max_size,
            given_tags=schedule_tags(capacity_reservation_id="cr-a", drain_lead_minutes=lead + more),
        ).size
        for more in (0, 30)
    ]
    assert found[0] is not None
    assert found[1] is not None
    assert 0 <= found[1] <= found[0] <= max_size
