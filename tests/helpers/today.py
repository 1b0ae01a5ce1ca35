"""The real clock, for tests of what counts by it; no other test or helper reads it.

A test states its moment. Where the code under test takes none, a test that expects the same of two readings has to
bear midnight between them.
"""

from datetime import UTC, date, datetime


def now() -> datetime:
    """The moment, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """The day, in UTC."""
    return now().date()
