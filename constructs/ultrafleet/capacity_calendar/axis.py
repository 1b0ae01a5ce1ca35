"""Axis of time: places of moments, and what is written below it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

_MONTHS: Final = 12
_WEEKS_AT_MOST: Final = timedelta(days=100)
_MONTHS_AT_MOST: Final = timedelta(days=800)
_QUARTER: Final = 3


@dataclass(frozen=True)
class Axis:
    """Axis from one moment to another.

    Attributes:
        start: its first moment.
        end: the moment after its last.
        left: place of the first moment.
        width: its length.
    """

    start: datetime
    end: datetime
    left: float
    width: float

    def at(self, moment: datetime) -> float:
        """Place of a moment, at an end of the axis if it is beyond.

        Args:
            moment: the moment.
        """
        part = (moment - self.start) / (self.end - self.start)
        return self.left + self.width * min(1.0, max(0.0, part))

    def ticks(self) -> Iterator[tuple[datetime, str]]:
        """Moments that have a line, each with what is written at it, or "": weeks, months or quarters, as they fit."""
        length = self.end - self.start
        if length <= _WEEKS_AT_MOST:
            monday = self.start.replace(hour=0, minute=0, second=0, microsecond=0)
            monday += timedelta(days=-monday.weekday() % 7)
            while monday < self.end:
                yield monday, f"{monday.day} {monday:%b}"
                monday += timedelta(days=7)
            return
        step = 1 if length <= _MONTHS_AT_MOST else _QUARTER
        for moment in self._months():
            if (moment.month - 1) % step == 0 and moment >= self.start:
                first = moment.month == 1
                yield moment, str(moment.year) if first else (f"{moment:%b}" if step == 1 else "")

    def _months(self) -> Iterator[datetime]:
        year, month = self.start.year, self.start.month
        while (moment := datetime(year, month, 1, tzinfo=UTC)) < self.end:
            yield moment
            year, month = year + month // _MONTHS, month % _MONTHS + 1
