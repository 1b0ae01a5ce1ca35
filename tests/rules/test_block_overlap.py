"""Overlap of a pool's blocks: how many instances run at once."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.fleet import START, WEEK, instance_block, ultraserver_block
from ultrafleet.capacity import CapacityBlock
from ultrafleet.errors import FleetError
from ultrafleet.rules.block_overlap import overlap_note, overlapping, peak_instances, validate_nodes_of_blocks

DAY = timedelta(days=1)


@st.composite
def blocks(draw: st.DrawFn) -> list[CapacityBlock]:
    made = []
    for number in range(1, draw(st.integers(1, 6)) + 1):
        start = draw(st.integers(0, 20))
        end = start + draw(st.integers(1, 20))
        made.append(
            instance_block(
                number, start=START + start * DAY, end=START + end * DAY, instance_count=draw(st.integers(1, 64))
            )
        )
    return made


@given(blocks())
def test_the_peak_is_the_most_that_any_moment_has(drawn: list[CapacityBlock]) -> None:
    def running(day: int) -> int:
        now = START + day * DAY
        return sum(block.instance_count for block in drawn if block.start <= now < block.end)

    assert peak_instances(drawn) == max(running(day) for day in range(41))
    assert peak_instances(drawn[::-1]) == peak_instances(drawn)


@given(blocks())
def test_without_overlap_the_peak_is_the_largest_block(drawn: list[CapacityBlock]) -> None:
    largest = max(block.instance_count for block in drawn)
    pairs = [one.instance_count + other.instance_count for one, other in overlapping(drawn)]
    assert peak_instances(drawn) >= max([largest, *pairs])
    if not pairs:
        assert peak_instances(drawn) == largest


@given(blocks())
def test_pairs_are_those_with_a_common_moment(drawn: list[CapacityBlock]) -> None:
    found = {frozenset((one.capacity_reservation_id, two.capacity_reservation_id)) for one, two in overlapping(drawn)}
    wanted = {
        frozenset((one.capacity_reservation_id, two.capacity_reservation_id))
        for one in drawn
        for two in drawn
        if one is not two
        and any(
            b.start <= START + day * DAY < b.end
            for b in (one,)
            for day in range(41)
            if two.start <= START + day * DAY < two.end
        )
    }
    assert found == wanted


def test_a_block_that_starts_when_another_ends_does_not_overlap_it() -> None:
    in_turn = [ultraserver_block(1), ultraserver_block(2, start=START + WEEK, end=START + 2 * WEEK)]
    assert peak_instances(in_turn) == 18
    assert overlapping(in_turn) == []


def test_no_block_holds_nothing() -> None:
    assert peak_instances([]) == 0


def test_stated_nodes_are_those_of_the_peak() -> None:
    two = [instance_block(1), instance_block(2, end=START + 2 * WEEK, instance_count=2)]
    validate_nodes_of_blocks("h200", None, two)
    validate_nodes_of_blocks("h200", 6, two)
    with pytest.raises(FleetError, match="pool h200 has 4 nodes, expected 6, which its blocks hold at once at most"):
        validate_nodes_of_blocks("h200", 4, two)


def test_every_overlap_is_told_with_its_window_and_the_peak() -> None:
    three = [
        ultraserver_block(1),
        ultraserver_block(2, start=START + 3 * DAY, end=START + 2 * WEEK),
        ultraserver_block(3, start=START + 5 * DAY, end=START + 3 * WEEK),
    ]
    note = overlap_note("rack-a", three)
    assert note is not None
    assert note.count(" and cr-") == 3
    assert "cr-00000000000000001 and cr-00000000000000003 from 2026-12-06T11:30:00Z to 2026-12-08T11:30:00Z" in note
    assert "up to 54 nodes at once" in note
    assert overlap_note("rack-a", three[:1]) is None
