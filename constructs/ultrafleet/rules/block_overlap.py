"""Overlap of a pool's blocks: while two of them run, both of their node groups are up."""

import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from ultrafleet.errors import FleetError
from ultrafleet.rules.capacity_block import CapacityBlock


def peak_instances(blocks: Iterable[CapacityBlock]) -> int:
    """Instances that the blocks hold at once, at most; a block that starts when another ends doesn't overlap it.

    Args:
        blocks: blocks of one pool, in any order. None of them: 0.
    """
    return max((count for _, count in _running(blocks)), default=0)


def overlapping(blocks: Sequence[CapacityBlock]) -> list[tuple[CapacityBlock, CapacityBlock]]:
    """Pairs of blocks that run at the same time, the earlier one first.

    Args:
        blocks: blocks of one pool, in any order.
    """
    ordered = sorted(blocks, key=lambda block: (block.start, block.end))
    return [(one, other) for one, other in itertools.combinations(ordered, 2) if other.start < one.end]


def overlap_note(pool_name: str, blocks: Sequence[CapacityBlock]) -> str | None:
    """Sentence on blocks that run at the same time, for people who read the synthesis; None where none do.

    Args:
        pool_name: name of the pool.
        blocks: its blocks, in any order.
    """
    windows = [
        f"{one.capacity_reservation_id} and {other.capacity_reservation_id} from {_utc(other.start)} to "
        f"{_utc(min(one.end, other.end))}"
        for one, other in overlapping(blocks)
    ]
    if not windows:
        return None
    return (
        f"pool {pool_name} runs blocks at the same time: {'; '.join(windows)}: up to {peak_instances(blocks)} nodes at "
        "once, and each block is paid for"
    )


def validate_nodes_of_blocks(pool_name: str, nodes: int | None, blocks: Sequence[CapacityBlock]) -> None:
    """Refuse a stated number of nodes that isn't what the blocks hold.

    Args:
        pool_name: name of the pool.
        nodes: the stated number, or None for none.
        blocks: the pool's blocks.

    Raises:
        FleetError: it isn't what they hold at once at most.
    """
    peak = peak_instances(blocks)
    if nodes is not None and nodes != peak:
        raise FleetError(
            path=f"pool {pool_name}",
            verb="has",
            got=f"{nodes} nodes",
            expected=f"{peak}, which its blocks hold at once at most",
            remedy="leave nodes out, each block brings its own",
        )


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _running(blocks: Iterable[CapacityBlock]) -> Iterable[tuple[datetime, int]]:
    """Instances that run from each moment at which a block starts or ends."""
    changes = sorted(
        (moment, change)
        for block in blocks
        for moment, change in ((block.start, block.instance_count), (block.end, -block.instance_count))
    )
    running = 0
    for moment, group in itertools.groupby(changes, key=lambda item: item[0]):
        running += sum(change for _, change in group)
        yield moment, running
