"""The machine against the rule in Python and against EC2's clock, for many blocks and every phase of the ticks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.fake_capacity import Aws, Block
from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.rules.block_clock import EVICTION_MINUTES, TICK_MINUTES, least_drain_lead_minutes, wanted_size

DAY = datetime(2026, 11, 2, 11, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@st.composite
def pool_blocks(draw: st.DrawFn) -> list[Block]:
    """Blocks, one to three, that end at 11:30 UTC within days of one another: apart, in a row or overlapping."""
    return [
        Block(
            f"cr-{index}",
            start=(end := DAY + timedelta(days=draw(st.integers(1, 4)))) - draw(st.integers(90, 4000)) * MINUTE,
            end=end,
            instances=draw(st.integers(1, 18)),
        )
        for index in range(draw(st.integers(1, 3)))
    ]


@settings(max_examples=150)
@given(
    pool_blocks(),
    st.integers(-4000, 8000),
    st.integers(0, 59_999),
    st.integers(50, 1439),
    st.integers(1, 18),
    st.integers(0, 18),
)
def test_machine_does_what_the_rule_says(
    blocks: list[Block], minutes: int, milliseconds: int, lead: int, max_size: int, desired: int
) -> None:
    now = DAY + minutes * MINUTE + timedelta(milliseconds=milliseconds)
    aws = Aws()
    group = aws.add_pool("a", blocks, max_size=max_size, lead=lead)
    group.desired = min(desired, max_size)
    assert aws.tick(now).status == "SUCCEEDED"
    wanted = wanted_size(
        now=now, blocks=[block.seen(now) for block in blocks], drain_lead_minutes=lead, max_size=max_size
    )
    assert (group.desired, aws.messages) == (wanted, [])
    assert aws.writes == (wanted != min(desired, max_size))


@settings(max_examples=50)
@given(pool_blocks(), st.integers(-4000, 8000), st.integers(50, 1439), st.integers(0, 18))
def test_a_pool_on_a_reservation_is_sized_like_one_on_a_group_of_that_block(
    blocks: list[Block], minutes: int, lead: int, desired: int
) -> None:
    aws = Aws()
    alone = aws.add_pool_on_reservation("alone", blocks[0], lead=lead)
    grouped = aws.add_pool("grouped", blocks[:1], lead=lead)
    for other in blocks[1:]:
        aws.blocks[other.id] = other  # nobody's
    alone.desired = grouped.desired = desired
    assert aws.tick(DAY + minutes * MINUTE).status == "SUCCEEDED"
    assert (alone.desired, aws.messages) == (grouped.desired, [])


@settings(max_examples=40)
@given(pool_blocks(), st.integers(0, TICK_MINUTES * 60 - 1), st.booleans())
@pytest.mark.slow
def test_pool_is_empty_before_ec2_reclaims_any_block_that_its_nodes_may_be_on(
    blocks: list[Block], phase_seconds: int, ultraserver: bool
) -> None:
    reclaim = CapacityBlockRules.ULTRASERVER_RECLAIM if ultraserver else CapacityBlockRules.INSTANCE_RECLAIM
    lead = least_drain_lead_minutes(ultraserver=ultraserver)
    aws = Aws()
    group = aws.add_pool("a", blocks, lead=lead)
    up_since: datetime | None = None
    runs = []
    for now in moments_that_matter(blocks, lead, phase_seconds):
        assert aws.tick(now).status == "SUCCEEDED"
        if group.desired and up_since is None:
            up_since = now
        if not group.desired and up_since is not None:
            runs.append((up_since, now))
            up_since = None
    assert up_since is None
    for came_up, drained in runs:
        gone = drained + timedelta(minutes=EVICTION_MINUTES)
        for block in blocks:
            if block.start < drained and came_up < block.end:
                assert gone <= block.end - reclaim
    assert aws.messages == []


def moments_that_matter(blocks: list[Block], lead: int, phase_seconds: int) -> list[datetime]:
    """The ticks of one phase around starts, leads and ends; between those nothing can change."""
    tick = TICK_MINUTES * MINUTE
    origin = DAY - timedelta(days=7) + timedelta(seconds=phase_seconds)
    found = set()
    for event in [moment for b in blocks for moment in (b.start, b.end - lead * MINUTE, b.end)]:
        first = (event - origin) // tick - 2
        found |= {origin + (first + step) * tick for step in range(6)}
    return sorted(found)
