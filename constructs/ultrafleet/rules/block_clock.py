"""Capacity block's clock: when it runs, and how early its pool has to be empty."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from ultrafleet.catalog.capacity_blocks import END_RULE, CapacityBlockRules, in_minutes
from ultrafleet.catalog.limits import SCHEDULE_PRECISION_SECONDS
from ultrafleet.errors import FleetError
from ultrafleet.rules.schedule_tags import FOLLOW_BLOCKS, HOLD, LEAD_TAG, RESERVATION_TAG, SCHEDULE_TAG

EVICTION_MINUTES: Final = in_minutes(CapacityBlockRules.EKS_EVICTION)
"""Minutes that EKS evicts at most when a node group shrinks; disruption budgets are ignored then."""
TICK_MINUTES: Final = 5
"""Interval of the schedule; a drain begins up to this much late, so it is part of the least lead."""
PRECISION_MINUTES: Final = in_minutes(timedelta(seconds=SCHEDULE_PRECISION_SECONDS.value))
"""Minutes after its moment within which a tick starts, so a part of the least lead."""
EXECUTION_MINUTES: Final = 4
"""Time limit of an execution, which holds a call that is throttled with its retries: a part of the least lead."""
CLEAN_UP_MINUTES: Final = 10
"""Minutes for which a terminated instance is taken to occupy its block still, before another can start in its place.

EC2 says "several minutes" (fact `capacity-block/clean-up`, high) and not how many: these are a reading (low)."""

_DEFAULT_LEAD_MINUTES: Final = {True: 90, False: 60}
"""Five minutes more than the least, for a tick that is missed."""
LONGEST_LEAD_MINUTES: Final = 24 * 60 - 1
"""Less than a day, which is the shortest block."""
_LEAD: Final = re.compile(r"[1-9][0-9]{1,3}")
_OVER: Final = ("expired", "cancelled")
_BEFORE_THE_START: Final = ("scheduled", "payment-pending", "assessing", "pending")


def _reclaim_minutes(*, ultraserver: bool) -> int:
    reclaim = CapacityBlockRules.ULTRASERVER_RECLAIM if ultraserver else CapacityBlockRules.INSTANCE_RECLAIM
    return in_minutes(reclaim)


def least_drain_lead_minutes(*, ultraserver: bool) -> int:
    """EC2's reclaim, EKS's eviction and the latest start of a drain: 85 for an UltraServer, 55 for single instances.

    The latest start is one tick, its precision and the time limit of an execution after the lead has begun.
    """
    latest = TICK_MINUTES + PRECISION_MINUTES + EXECUTION_MINUTES
    return _reclaim_minutes(ultraserver=ultraserver) + EVICTION_MINUTES + latest


def default_drain_lead_minutes(*, ultraserver: bool) -> int:
    """The least and five minutes, for a missed tick: 90 for an UltraServer, 60 for single instances."""
    return _DEFAULT_LEAD_MINUTES[ultraserver]


def late_drain(end: datetime, lead_minutes: int) -> datetime:
    """Moment from which nodes on a block say that its drain came late or not at all: the latest start of a drain.

    Args:
        end: end of the block.
        lead_minutes: its drain lead.
    """
    return end - timedelta(minutes=lead_minutes - TICK_MINUTES - PRECISION_MINUTES - EXECUTION_MINUTES)


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
    if not least <= lead_minutes <= LONGEST_LEAD_MINUTES:
        reclaim = _reclaim_minutes(ultraserver=ultraserver)
        raise FleetError(
            path="drain_lead_minutes",
            got=lead_minutes,
            expected=f"{least} to {LONGEST_LEAD_MINUTES}",
            remedy=(
                f"EC2 reclaims from {reclaim} minutes before the end, eviction takes up to "
                f"{EVICTION_MINUTES} and the drain begins up to {TICK_MINUTES + PRECISION_MINUTES + EXECUTION_MINUTES} "
                f"late, pass at least {least}"
            ),
        )


def validate_block_window(start: datetime, end: datetime) -> None:
    """Reject a start and end that no capacity block can have.

    A block starts at any time of day and ends at 11:30 UTC; extensions give totals of any number of days.

    Raises:
        FleetError: a moment without an offset, an end that is not after the start or not at 11:30 UTC, or more than
            182 days and one.
    """
    refuse_naive("start", start)
    refuse_naive("end", end)
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
    refuse_naive("end", end)
    refuse_naive("as_of", as_of)
    return end <= as_of


def refuse_naive(name: str, moment: datetime) -> None:
    """Refuse a moment that names no offset from UTC.

    Args:
        name: of the value, for the error.
        moment: the moment.

    Raises:
        FleetError: it has none.
    """
    if moment.utcoffset() is None:
        raise FleetError(
            path=name,
            got=moment.isoformat(),
            expected="an offset from UTC",
            remedy=f"write {moment.isoformat()}Z if it is UTC",
        )


@dataclass(frozen=True, kw_only=True)
class BlockState:
    """Capacity block as EC2 tells of its reservation; None is what EC2 leaves out.

    Attributes:
        state: as EC2 spells it: `scheduled`, `active`, `expired`, ...
        start: when it begins.
        end: when it ends; a paid extension moves it.
        instance_count: instances it holds.
        is_ultraserver: whether its instances are an UltraServer's, which EC2 reclaims earlier.
    """

    state: str
    start: datetime | None
    end: datetime | None
    instance_count: int | None
    is_ultraserver: bool = False


class LeftAlone(StrEnum):
    """Reasons for which the schedule leaves a node group as it is and reports it; the value is the report's error."""

    NO_SCHEDULE = "NoSchedule"
    UNKNOWN_SCHEDULE = "UnknownSchedule"
    NO_RESERVATION = "NoReservation"
    UNKNOWN_BLOCK = "UnknownBlock"
    WRONG_LEAD = "WrongLead"
    INCOMPLETE_BLOCK = "IncompleteBlock"
    FEWER_INSTANCES = "FewerInstances"
    BLOCK_NOT_ACTIVE = "BlockNotActive"


@dataclass(frozen=True, kw_only=True)
class SizeDecision:
    """Size that a node group should have, or the reason for which it is left alone: one of them."""

    size: int | None = None
    left_alone: LeftAlone | None = None


def wanted_size(
    *, now: datetime, tags: Mapping[str, str], block: BlockState | None, size: int, max_size: int
) -> SizeDecision:
    """Size that a block's node group should have: what the schedule's state machine decides, in Python.

    A node group shrinks where that is sure alone: its block is active and inside its lead, or over. It grows while its
    block is active and before its lead. Anything else leaves it alone.

    Args:
        now: the moment.
        tags: tags of the node group.
        block: the block that its tags name, or None if EC2 doesn't list it.
        size: size that the node group has.
        max_size: largest size that it may have.

    Raises:
        FleetError: a moment without an offset.
    """
    refuse_naive("now", now)
    if tags.get(SCHEDULE_TAG) == HOLD:
        return SizeDecision(size=0)
    reason = _wrong_order(tags)
    if reason is not None:
        return SizeDecision(left_alone=reason)
    if block is None:
        return SizeDecision(left_alone=LeftAlone.UNKNOWN_BLOCK)
    lead = _lead(tags, block)
    if lead is None:
        return SizeDecision(left_alone=LeftAlone.WRONG_LEAD)
    return _by_block(now=now, lead=lead, block=block, size=size, max_size=max_size)


def _wrong_order(tags: Mapping[str, str]) -> LeftAlone | None:
    if SCHEDULE_TAG not in tags:
        return LeftAlone.NO_SCHEDULE
    if tags[SCHEDULE_TAG] != FOLLOW_BLOCKS:
        return LeftAlone.UNKNOWN_SCHEDULE
    return None if RESERVATION_TAG in tags else LeftAlone.NO_RESERVATION


def _lead(tags: Mapping[str, str], block: BlockState) -> timedelta | None:
    stated = tags.get(LEAD_TAG, "")
    least = least_drain_lead_minutes(ultraserver=block.is_ultraserver)
    if not _LEAD.fullmatch(stated) or not least <= int(stated) <= LONGEST_LEAD_MINUTES:
        return None
    return timedelta(minutes=int(stated))


def _by_block(*, now: datetime, lead: timedelta, block: BlockState, size: int, max_size: int) -> SizeDecision:
    if block.state in _OVER:
        return SizeDecision(size=0)
    if block.end is None:
        return SizeDecision(left_alone=LeftAlone.INCOMPLETE_BLOCK)
    if block.end <= now:
        return SizeDecision(size=0)
    if block.state == "active":
        return _while_active(is_closing=block.end - lead <= now, held=block.instance_count, size=size, most=max_size)
    not_late = block.start is not None and now <= block.start + CapacityBlockRules.STATE_LATE
    if block.state in _BEFORE_THE_START and size == 0 and not_late:
        return SizeDecision(size=0)
    return SizeDecision(left_alone=LeftAlone.BLOCK_NOT_ACTIVE)


def _while_active(*, is_closing: bool, held: int | None, size: int, most: int) -> SizeDecision:
    if is_closing:
        return SizeDecision(size=0)
    if held is None:
        return SizeDecision(left_alone=LeftAlone.INCOMPLETE_BLOCK)
    if size > held:
        return SizeDecision(left_alone=LeftAlone.FEWER_INSTANCES)
    return SizeDecision(size=min(most, held))
