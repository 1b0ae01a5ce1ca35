"""Reservations of racks: assumed ones, and those of a CSV file beside the programme."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.rules.capacity_block import CapacityBlock

_ASSUMED: Final = "cr-fa15e"
"""Begin of ids that are made up: it reads as `false`."""
_DIGITS: Final = 17


def assumed_reservation_id(rack: str) -> str:
    """Made-up id of a rack's reservation, always the same for its name: `cr-fa15e…`.

    Args:
        rack: name of the rack.
    """
    digest = hashlib.sha256(rack.encode()).hexdigest()
    return _ASSUMED + digest[: _DIGITS - len(_ASSUMED.removeprefix("cr-"))]


def is_assumed(reservation_id: str) -> bool:
    """True for the id of a reservation that is made up, which no deployment takes.

    Args:
        reservation_id: such as `cr-0123456789abcdef0`.
    """
    return reservation_id.startswith(_ASSUMED)


def assumed_block(*, rack: str, ultraserver_type: str, zone: str, delivery: datetime, end: datetime) -> CapacityBlock:
    """Made-up block of a rack: from its delivery on, as long as a block can last.

    Args:
        rack: name of the rack.
        ultraserver_type: name of its type.
        zone: zone of its site.
        delivery: moment of its delivery.
        end: moment until which it is there.
    """
    return CapacityBlock.from_ultraserver_reservation(
        capacity_reservation_id=assumed_reservation_id(rack),
        ultraserver_type=ultraserver_type,
        availability_zone=zone,
        start=delivery,
        end=min(end, delivery + CapacityBlockRules.MAX_DURATION),
    )


def at_block_end(day: datetime) -> datetime:
    """Moment of a day at which blocks end, and others begin: 11:30 UTC.

    Args:
        day: any moment of it.
    """
    return datetime.combine(day.date(), CapacityBlockRules.END_TIME_UTC, tzinfo=UTC) + timedelta()
