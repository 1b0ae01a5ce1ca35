"""Days of a plan: whole numbers, each from 11:30 UTC of its date on, because capacity blocks end then."""

from datetime import UTC, date, datetime, timedelta

from ultrafleet.catalog import CapacityBlockRules

HOURS_PER_DAY = 24


def day_of(day: date) -> int:
    """Number of a date."""
    return day.toordinal()


def date_of(day: int) -> date:
    """Date of a number."""
    return date.fromordinal(day)


def moment_of(day: int) -> datetime:
    """Moment at which a day begins."""
    return datetime.combine(date_of(day), CapacityBlockRules.END_TIME_UTC, UTC)


def first_whole_day(start: datetime) -> int:
    """First day that is whole from a moment on.

    Args:
        start: with an offset from UTC.
    """
    day = day_of(start.astimezone(UTC).date())
    return day if start <= moment_of(day) else day + 1


def day_after(end: datetime) -> int:
    """Day after the last whole one before a moment.

    Args:
        end: with an offset from UTC; of a capacity block it is 11:30 UTC.
    """
    return first_whole_day(end + timedelta(microseconds=1)) - 1
