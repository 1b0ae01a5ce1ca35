"""Capacity block's clock: when it runs, and how early its pool has to be empty."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from ultrafleet.catalog.capacity_blocks import END_RULE, CapacityBlockRules, in_minutes
from ultrafleet.errors import FleetError

EVICTION_MINUTES: Final = in_minutes(CapacityBlockRules.EKS_EVICTION)
"""Minutes that EKS evicts at most when a node group shrinks; disruption budgets are ignored then."""
TICK_MINUTES: Final = 5
"""Interval of the schedule; a drain begins up to this much late, so it is part of the least lead."""

_DEFAULT_LEAD_MINUTES: Final = {True: 90, False: 60}
"""Ten minutes more than the least: a tick that is missed, and an execution that takes all its four minutes."""
_MAX_LEAD_MINUTES: Final = 24 * 60


def _reclaim_minutes(*, ultraserver: bool) -> int:
    reclaim = CapacityBlockRules.ULTRASERVER_RECLAIM if ultraserver else CapacityBlockRules.INSTANCE_RECLAIM
    return in_minutes(reclaim)


def least_drain_lead_minutes(*, ultraserver: bool) -> int:
    """EC2's reclaim, EKS's eviction and one tick: 80 for an UltraServer, 50 for single instances."""
    return _reclaim_minutes(ultraserver=ultraserver) + EVICTION_MINUTES + TICK_MINUTES


def default_drain_lead_minutes(*, ultraserver: bool) -> int:
    """The least and ten minutes, for a missed tick and a slow one: 90 for an UltraServer, 60 for single instances."""
    return _DEFAULT_LEAD_MINUTES[ultraserver]


def lead_or_default(lead_minutes: int | None, *, ultraserver: bool) -> int:
    """The lead, or the default where none is stated.

    Raises:
        FleetError: it is too short or too long.
    """
    if lead_minutes is None:
        return default_drain_lead_minutes(ultraserver=ultraserver)
    validate_drain_lead_minutes(lead_minutes, ultraserver=ultraserver)
    return lead_minutes


def validate_drain_lead_minutes(lead_minutes: int, *, ultraserver: bool) -> None:
    """Refuse a lead in which nodes can't be gone before EC2 takes them.

    Raises:
        FleetError: it is too short, or longer than a day, which is the shortest block.
    """
    least = least_drain_lead_minutes(ultraserver=ultraserver)
    if not least <= lead_minutes < _MAX_LEAD_MINUTES:
        reclaim = _reclaim_minutes(ultraserver=ultraserver)
        raise FleetError(
            path="drain_lead_minutes",
            got=lead_minutes,
            expected=f"{least} to {_MAX_LEAD_MINUTES - 1}",
            remedy=(
                f"EC2 reclaims from {reclaim} minutes before the end, eviction takes up to "
                f"{EVICTION_MINUTES} and the schedule looks every {TICK_MINUTES}, pass at least {least}"
            ),
        )


def validate_block_window(start: datetime, end: datetime) -> None:
    """Reject a start and end that no capacity block can have.

    A block starts at any time of day and ends at 11:30 UTC; extensions give totals of any number of days.

    Raises:
        FleetError: a moment without an offset, an end that is not after the start or not at 11:30 UTC, or more than
            182 days and one.
    """
    _refuse_naive("start", start)
    _refuse_naive("end", end)
    if start >= end:
        raise FleetError(
            path="start",
            got=start.isoformat(),
            expected=f"a moment before the end {end.isoformat()}",
            remedy="correct one of them",
        )
    if end.astimezone(UTC).time() != CapacityBlockRules.END_TIME_UTC:
        raise FleetError(
            path="end",
            got=end.isoformat(),
            expected=f"{END_RULE.value} UTC, when every capacity block ends",
            remedy="copy EndDate from `aws ec2 describe-capacity-reservations`",
        )
    longest = CapacityBlockRules.MAX_DURATION + timedelta(days=1)
    if end - start > longest:
        raise FleetError(
            path=f"start {start.isoformat()} and end {end.isoformat()}",
            verb="are",
            got=f"{(end - start).days} days apart",
            expected=f"at most {CapacityBlockRules.MAX_DURATION.days} and one",
            remedy="correct one of them",
        )


def block_is_over(end: datetime, as_of: datetime) -> bool:
    """True if a block that ends at `end` is over at `as_of`; no clock is read.

    Raises:
        FleetError: a moment without an offset.
    """
    _refuse_naive("end", end)
    _refuse_naive("as_of", as_of)
    return end <= as_of


def _refuse_naive(name: str, moment: datetime) -> None:
    if moment.utcoffset() is None:
        raise FleetError(
            path=name,
            got=moment.isoformat(),
            expected="an offset from UTC",
            remedy=f"write {moment.isoformat()}Z if it is UTC",
        )


@dataclass(frozen=True, kw_only=True)
class BlockState:
    """State of a capacity reservation in EC2.

    Attributes:
        state: as EC2 spells it: `scheduled`, `active`, `expired`, ...
        end: when it ends.
        instance_count: instances it holds.
    """

    state: str
    end: datetime
    instance_count: int


def wanted_size(*, now: datetime, blocks: Iterable[BlockState], drain_lead_minutes: int, max_size: int) -> int:
    """Size that a pool should have: what the schedule's state machine computes, in Python.

    While any active block is inside its lead the pool is empty, so that no node starts on a block about to end.

    Args:
        now: the moment.
        blocks: the pool's blocks as EC2 sees them.
        drain_lead_minutes: how long before a block's end the pool is emptied.
        max_size: size of the pool.

    Raises:
        FleetError: a moment without an offset.
    """
    _refuse_naive("now", now)
    active = [block for block in blocks if block.state == "active"]
    lead = timedelta(minutes=drain_lead_minutes)
    if any(block.end - lead <= now for block in active):
        return 0
    return min(max_size, sum(block.instance_count for block in active))
