"""Block clock: when a block runs, when its pool is emptied, and the pool's size."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.errors import FleetError
from ultrafleet.rules.block_clock import (
    BlockState,
    block_is_over,
    default_drain_lead_minutes,
    least_drain_lead_minutes,
    validate_block_window,
    validate_drain_lead_minutes,
    wanted_size,
)

START = datetime(2026, 11, 2, 15, 7, tzinfo=UTC)
END = datetime(2026, 11, 4, 11, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(("ultraserver", "least", "default"), [(True, 80, 90), (False, 50, 60)])
def test_leads_of_the_issue(*, ultraserver: bool, least: int, default: int) -> None:
    assert least_drain_lead_minutes(ultraserver=ultraserver) == least
    assert default_drain_lead_minutes(ultraserver=ultraserver) == default
    validate_drain_lead_minutes(least, ultraserver=ultraserver)
    validate_drain_lead_minutes(default, ultraserver=ultraserver)


@pytest.mark.parametrize(
    ("lead", "ultraserver", "expected"),
    [
        (79, True, "drain_lead_minutes is 79, expected 80 to 1439: EC2 reclaims from 60 minutes before the end"),
        (49, False, "drain_lead_minutes is 49, expected 50 to 1439: EC2 reclaims from 30 minutes before the end"),
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
        wanted_size(now=naive, blocks=[], drain_lead_minutes=90, max_size=18)


def size(*blocks: BlockState, now: datetime = START, max_size: int = 18) -> int:
    return wanted_size(now=now, blocks=blocks, drain_lead_minutes=90, max_size=max_size)


def active(end: datetime = END, instance_count: int = 18) -> BlockState:
    return BlockState(state="active", end=end, instance_count=instance_count)


def test_size_follows_the_active_blocks_up_to_the_pool() -> None:
    assert size() == 0
    assert size(active()) == 18
    assert size(active(instance_count=9)) == 9
    assert size(active(instance_count=4), active(instance_count=8)) == 12
    assert size(active(), active()) == 18


@pytest.mark.parametrize("state", ["scheduled", "expired", "payment-pending", "unavailable", "cancelled"])
def test_block_that_is_not_active_counts_for_nothing(state: str) -> None:
    other = BlockState(state=state, end=START, instance_count=18)
    assert size(other) == 0
    assert size(other, active()) == 18  # not even as one that ends


def test_pool_is_empty_while_any_of_its_blocks_is_inside_its_lead() -> None:
    later = active(end=END + timedelta(days=7))
    assert size(active(), later, now=END - 91 * MINUTE) == 18
    assert size(active(), later, now=END - 90 * MINUTE) == 0
    assert size(later, now=END - 90 * MINUTE) == 18


blocks = st.lists(
    st.builds(
        BlockState,
        state=st.sampled_from(["scheduled", "active", "expired"]),
        end=st.integers(-200, 200).map(lambda minutes: END + minutes * MINUTE),
        instance_count=st.integers(1, 18),
    ),
    max_size=4,
)


@given(blocks, st.integers(-300, 300), st.integers(50, 120), st.integers(1, 18))
def test_size_is_within_the_pool_and_a_longer_lead_never_asks_for_more(
    given_blocks: list[BlockState], minutes: int, lead: int, max_size: int
) -> None:
    now = END + minutes * MINUTE
    short = wanted_size(now=now, blocks=given_blocks, drain_lead_minutes=lead, max_size=max_size)
    long = wanted_size(now=now, blocks=given_blocks, drain_lead_minutes=lead + 30, max_size=max_size)
    assert 0 <= long <= short <= max_size
