"""Room of a block schedule: the figures by which cells are bounded, against the machine that is deployed."""

from datetime import UTC, datetime, timedelta

import pytest

from helpers.fake_capacity import Aws, Block
from ultrafleet.rules.schedule_room import EVENTS_OF_EXECUTION, EVENTS_PER_NODE_GROUP, most_blocks, most_node_groups

START = datetime(2026, 11, 2, 15, 7, tzinfo=UTC)
END = START.replace(hour=11, minute=30) + timedelta(days=60)
RETRIED = ["Some.Exception"] * 3


def events(groups: int) -> int:
    """Events of an execution in which every call of every node group succeeds, or not, at its last attempt."""
    aws = Aws()
    for index in range(groups):
        name = f"training-pool-{index:03}"
        aws.add(name, Block(f"cr-{index:017x}", START, END))
        aws.fail("eks:describeNodegroup", name, *RETRIED, None)
        aws.fail("eks:updateNodegroupConfig", name, *RETRIED, "Some.Exception")
    execution = aws.tick(START)
    assert execution.status == "SUCCEEDED"
    return int(execution.events)


def test_a_node_group_takes_as_many_events_as_are_counted() -> None:
    few, many = events(2), events(6)
    each = (many - few) / 4
    assert each + 9 <= EVENTS_PER_NODE_GROUP  # its report to the queue may be retried, too
    assert few - 2 * each <= EVENTS_OF_EXECUTION
    assert most_node_groups() == 496


@pytest.mark.slow
def test_as_many_blocks_as_are_counted_fit_into_the_variable() -> None:
    aws = Aws()
    aws.add("a", Block("cr-00000000000000000", START, END))
    for index in range(1, most_blocks()):
        aws.blocks[f"cr-{index:017x}"] = Block(f"cr-{index:017x}", START, END)
    assert aws.tick(START).status == "SUCCEEDED"
