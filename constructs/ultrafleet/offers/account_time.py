"""AWS's time, by which blocks start and end, and how far this machine's clock is from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

MOST_SKEW: Final = timedelta(minutes=1)
"""Difference of clocks that is said: extensions and starts are decided by the minute."""
_SIMULATED: Final = "x-ultrafleet-time"
"""Header in which the embedded AWS says its simulated time."""


@dataclass(frozen=True, kw_only=True)
class AccountTime:
    """Time in AWS at an answer.

    Attributes:
        now: the time.
        warning: a sentence on this machine's clock where it is off by more than a minute, or None.
    """

    now: datetime
    warning: str | None = None


def simulated_time(answer: Mapping[str, Any]) -> datetime | None:
    """Simulated time of the embedded AWS at an answer, or None of AWS itself.

    Args:
        answer: of a boto3 call.
    """
    said = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get(_SIMULATED)
    return None if said is None else datetime.fromisoformat(said)


def account_time(answer: Mapping[str, Any], *, local: datetime) -> AccountTime:
    """Time in AWS by the headers of an answer: the embedded AWS's simulated time, or `Date`, or this machine's.

    Args:
        answer: of a boto3 call.
        local: time of this machine at the answer.
    """
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    simulated = simulated_time(answer)
    if simulated is not None:
        return AccountTime(now=simulated)
    try:
        there = parsedate_to_datetime(headers["date"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        return AccountTime(now=local)
    off = local - there
    if abs(off) <= MOST_SKEW:
        return AccountTime(now=there)
    direction = "ahead of" if off > timedelta(0) else "behind"
    minutes, seconds = divmod(int(abs(off).total_seconds()), 60)
    return AccountTime(
        now=there,
        warning=f"this machine's clock is {minutes} min {seconds} s {direction} AWS's ({there:%H:%M:%S} UTC): starts, "
        "drains and extensions are decided by AWS's; set the clock",
    )
