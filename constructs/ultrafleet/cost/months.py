"""Calendar months in UTC, by which cost is counted."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

from ultrafleet.errors import FleetError

_MONTH: Final = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")
_SECONDS_OF_HOUR: Final = 3600
_MONTHS: Final = 12


@dataclass(frozen=True, order=True)
class Month:
    """Calendar month in UTC.

    Attributes:
        year: its year.
        month: its number, from 1 on.
    """

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> "Month":
        """Month of `2026-12`.

        Args:
            text: year and month.

        Raises:
            FleetError: it is none.
        """
        match = _MONTH.fullmatch(text)
        if match is None:
            raise FleetError(
                path="month", got=repr(text), expected="a year and a month, such as 2026-12", remedy="correct --month"
            )
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, moment: datetime) -> "Month":
        """Month of a moment.

        Args:
            moment: with an offset from UTC.
        """
        in_utc = moment.astimezone(UTC)
        return cls(in_utc.year, in_utc.month)

    @property
    def start(self) -> datetime:
        """Its first moment."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def next(self) -> "Month":
        """The month after it."""
        return Month(self.year + self.month // _MONTHS, self.month % _MONTHS + 1)

    @property
    def end(self) -> datetime:
        """First moment of the next one."""
        return self.next.start

    def __str__(self) -> str:
        return f"{self.year}-{self.month:02}"


def months_between(start: datetime, end: datetime) -> Iterator[Month]:
    """Months of which a part lies between two moments.

    Args:
        start: the first moment.
        end: the moment after the last.
    """
    month = Month.of(start)
    while month.start < end:
        yield month
        month = month.next


def hours(start: datetime, end: datetime) -> Fraction:
    """Hours from one moment to another, exactly; 0 where the second isn't later.

    Args:
        start: the first moment.
        end: the second.
    """
    length = end - start
    seconds = Fraction(length.days * 24 * _SECONDS_OF_HOUR + length.seconds) + Fraction(length.microseconds, 10**6)
    return max(Fraction(0), seconds / _SECONDS_OF_HOUR)
