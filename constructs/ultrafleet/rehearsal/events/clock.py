"""EC2's events about capacity blocks, on the default bus."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from moto.events.utils import EventMessageType

from ultrafleet.catalog.capacity_blocks import CapacityBlockRules
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.rehearsal.ec2.state.reservations import CapacityReservation, Reservations
from ultrafleet.rehearsal.events.delivery import Delivery, deliver
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

DETAIL_TYPES: Final = Source(
    "EC2 user guide, monitor Capacity Blocks with EventBridge; the names differ between pages", Confidence.MEDIUM
)
"""Source of the events' names; all begin with `Capacity Block`."""

_DELIVERED: Final = "Capacity Block Reservation Delivered"
_EXPIRING: Final = "Capacity Block Reservation Expiration Warning"


class EventDeliveries:
    """Deliveries of an account and region, with their moments."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.made: list[tuple[datetime, Delivery]] = []
        self.sent: set[tuple[str, str, datetime]] = set()

    @property
    def problems(self) -> list[str]:
        """Events that their targets refused, each once."""
        found = [
            f"EventBridge rule {item.rule}: {item.refused}: its events are "
            f"{'lost' if item.lost else 'in the dead-letter queue'}"
            for _, item in self.made
            if item.refused
        ]
        return list(dict.fromkeys(found))


class CapacityBlockEvents:
    """Sends an event when a block is delivered, and one some minutes before its reclaim."""

    def next_moment(self, after: datetime) -> datetime | None:
        """Next moment at which EC2 sends an event."""
        return min((moment for _, _, moment in _events() if moment > after), default=None)

    def act(self, now: datetime) -> None:
        """Send the events of this moment, each once."""
        for block, detail_type, moment in _events():
            state = SIMULATED_ACCOUNT.part(EventDeliveries, block.account_id, block.region)
            key = (block.id, detail_type, moment)
            if moment != now or key in state.sent:
                continue
            state.sent.add(key)
            event = _event(block, detail_type, now)
            state.made += [(now, item) for item in deliver(block.account_id, block.region, event)]


def _events() -> Iterator[tuple["_Block", str, datetime]]:
    for reservations in SIMULATED_ACCOUNT.parts(Reservations):
        for reservation in reservations.blocks:
            block = _Block(reservation, reservations.account_id, reservations.region)
            yield block, _DELIVERED, reservation.start
            if reservation.reclaim_start is not None:
                yield block, _EXPIRING, reservation.reclaim_start - CapacityBlockRules.EVENT_BEFORE_RECLAIM


class _Block:
    def __init__(self, reservation: CapacityReservation, account_id: str, region: str) -> None:
        self.id = reservation.id
        self.end = reservation.end
        self.account_id = account_id
        self.region = region


def _event(block: _Block, detail_type: str, now: datetime) -> EventMessageType:
    return {
        "version": "0",
        "source": "aws.ec2",
        "detail-type": detail_type,
        "account": block.account_id,
        "region": block.region,
        "time": now.isoformat(),
        "resources": [f"arn:aws:ec2:{block.region}:{block.account_id}:capacity-reservation/{block.id}"],
        "detail": {
            "capacity-reservation-id": block.id,
            "end-date": block.end.isoformat() if block.end is not None else None,
        },
    }


def install() -> None:
    """Let EC2 send its events, once."""
    SIMULATED_ACCOUNT.add_clock(CapacityBlockEvents())
