"""Reservations of racks that are made up, for planning and rehearsal."""

import hashlib
from datetime import UTC, date, datetime
from typing import Final

from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.rules.capacity_block import CapacityBlock

_ASSUMED: Final = "cr-fa15e"
"""Begin of ids that are made up: it reads as `false`."""
_CHARACTERS: Final = 20


def assumed_reservation_id(rack: str) -> str:
    """Made-up id of a rack's reservation, always the same for its name: `cr-fa15e…`.

    Args:
        rack: name of the rack.
    """
    return (_ASSUMED + hashlib.sha256(rack.encode()).hexdigest())[:_CHARACTERS]


def is_assumed(reservation_id: str) -> bool:
    """True for the id of a reservation that is made up, which no deployment takes.

    Args:
        reservation_id: such as `cr-0123456789abcdef0`.
    """
    return reservation_id.startswith(_ASSUMED)


def assumed_block(*, rack: str, ultraserver_type: str, zone: str, delivery: date, end: date) -> CapacityBlock:
    """Made-up block of a rack: from its delivery on, as long as a block can last.

    Args:
        rack: name of the rack.
        ultraserver_type: name of its type.
        zone: zone of its site.
        delivery: day of its delivery.
        end: day until which it is there.
    """
    start = _at_block_end(delivery)
    return CapacityBlock.from_ultraserver_reservation(
        capacity_reservation_id=assumed_reservation_id(rack),
        ultraserver_type=ultraserver_type,
        availability_zone=zone,
        start=start,
        end=min(_at_block_end(end), start + CapacityBlockRules.MAX_DURATION),
    )


def _at_block_end(day: date) -> datetime:
    return datetime.combine(day, CapacityBlockRules.END_TIME_UTC, tzinfo=UTC)
