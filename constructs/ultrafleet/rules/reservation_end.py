"""End of an on-demand capacity reservation: pure logic."""

from datetime import datetime

from ultrafleet.errors import FleetError


def validate_reservation_end(end: datetime) -> None:
    """Refuse an end that names no moment. EC2 refuses one that has passed; no clock is read here.

    Args:
        end: when the reservation ends.

    Raises:
        FleetError: it has no offset from UTC.
    """
    if end.utcoffset() is None:
        raise FleetError(
            path="end",
            got=end.isoformat(),
            expected="an offset from UTC",
            remedy=f"write {end.isoformat()}Z if it is UTC",
        )
