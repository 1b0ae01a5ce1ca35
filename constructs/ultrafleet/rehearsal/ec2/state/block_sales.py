"""Capacity blocks and extensions that EC2 offered."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.rehearsal.assumptions import PAYMENT
from ultrafleet.rehearsal.ec2.state.zones import zone_id
from ultrafleet.rules.zones import is_local_zone

CURRENCY: Final = "USD"
"""Currency of every price of the catalog."""
OTHER_CURRENCY: Final = "EUR"
"""Currency of the fault in which offerings have another one; AWS documents none but USD."""


@dataclass(frozen=True, kw_only=True)
class BlockRequest:
    """Contents of a requested block.

    Attributes:
        instance_type: type of the instances.
        instance_count: instances of one block.
        blocks: blocks to buy together; more than one only for UltraServers.
        ultraserver_type: UltraServer, or None for single instances.
        usd_per_hour: price of one block, or None where no source states it.
    """

    instance_type: str
    instance_count: int
    blocks: int
    ultraserver_type: str | None
    usd_per_hour: float | None


@dataclass(frozen=True, kw_only=True)
class OfferedSegment:
    """Capacity that an offering holds in one zone: a block of its own, or one for each UltraServer.

    Attributes:
        request: what it holds.
        availability_zone: zone it is in.
        start: when it would start.
        end: when it would end.
    """

    request: BlockRequest
    availability_zone: str
    start: datetime
    end: datetime

    @property
    def instance_count(self) -> int:
        """Instances of all its blocks."""
        return self.request.instance_count * self.request.blocks

    @property
    def usd(self) -> float | None:
        """Fee in USD, or None where no source states the price."""
        if self.request.usd_per_hour is None:
            return None
        return self.request.usd_per_hour * self.request.blocks * ((self.end - self.start) / timedelta(hours=1))

    def answer(self, currency: str) -> dict[str, Any]:
        """Description by the API; without a fee where no source states the price."""
        answer: dict[str, Any] = {
            "InstanceType": self.request.instance_type,
            "AvailabilityZone": self.availability_zone,
            "InstanceCount": self.instance_count,
            "StartDate": self.start,
            "EndDate": self.end,
            **_duration(self.start, self.end),
            "CurrencyCode": currency,
            "ZoneType": "local-zone" if is_local_zone(self.availability_zone) else "availability-zone",
        }
        return answer | ({"UpfrontFee": _spelled(self.usd)} if self.usd is not None else {})


@dataclass(frozen=True, kw_only=True)
class Offering:
    """Offering of capacity blocks: one segment, or several that are bought together.

    Attributes:
        id: `cb-…`.
        segments: the capacity; several have a zone, a type, times and a price each.
        currency: of its fee.
    """

    id: str
    segments: tuple[OfferedSegment, ...]
    currency: str = CURRENCY

    @property
    def start(self) -> datetime:
        """Moment at which its first block would start."""
        return min(segment.start for segment in self.segments)

    @property
    def end(self) -> datetime:
        """Moment at which its last block would end."""
        return max(segment.end for segment in self.segments)

    def answer(self) -> dict[str, Any]:
        """Description by the API: of several segments the first one's type and zone, and the sum of the fees."""
        first = self.segments[0]
        answer: dict[str, Any] = first.answer(self.currency) | {
            "CapacityBlockOfferingId": self.id,
            "InstanceCount": sum(segment.instance_count for segment in self.segments),
            "StartDate": self.start,
            "EndDate": self.end,
            **_duration(self.start, self.end),
            "Tenancy": "default",
        }
        if first.request.ultraserver_type is not None:
            answer |= {"UltraserverType": first.request.ultraserver_type, "UltraserverCount": first.request.blocks}
        if len(self.segments) == 1:
            return answer
        fees = [segment.usd for segment in self.segments]
        known = [fee for fee in fees if fee is not None]
        answer.pop("UpfrontFee", None)
        return (
            answer
            | {
                "CapacityBlockOfferingSegments": [
                    segment.answer(self.currency) | {"AvailabilityZoneId": zone_id(segment.availability_zone)}
                    for segment in self.segments
                ]
            }
            | ({"UpfrontFee": _spelled(sum(known))} if len(known) == len(fees) else {})
        )


def _duration(start: datetime, end: datetime) -> dict[str, int]:
    """Hours, and the minutes beside them (EC2 API, CapacityBlockOffering, high)."""
    hours, minutes = divmod(int((end - start).total_seconds()) // 60, 60)
    return {"CapacityBlockDurationHours": hours, "CapacityBlockDurationMinutes": minutes}


def _spelled(fee: float) -> str:
    return f"{fee:.4f}"


def fee_of(request: BlockRequest, duration: timedelta) -> str | None:
    """Fee in USD as the API spells it, or None where the price is unknown."""
    if request.usd_per_hour is None:
        return None
    return _spelled(request.usd_per_hour * request.blocks * (duration / timedelta(hours=1)))


@dataclass(frozen=True, kw_only=True)
class Extension:
    """Offering of a block's extension.

    Attributes:
        id: `cbe-…`.
        capacity_reservation_id: the block's reservation.
        start: end of the block without it.
        end: end of the block with it.
    """

    id: str
    capacity_reservation_id: str
    start: datetime
    end: datetime

    @property
    def duration(self) -> timedelta:
        """Length of the extension."""
        return self.end - self.start


@dataclass(kw_only=True)
class PurchasedExtension:
    """Extension that was bought.

    Attributes:
        extension: what was bought.
        purchased: when.
        status: `payment-pending`, `payment-succeeded` or `payment-failed`.
    """

    extension: Extension
    purchased: datetime
    status: str = "payment-pending"

    @property
    def is_pending(self) -> bool:
        """True until it is paid or has failed."""
        return self.status == "payment-pending"

    @property
    def paid(self) -> datetime:
        """Moment at which it is paid (`assumptions.EXTENSION_PAYMENT`)."""
        return self.purchased + PAYMENT

    @property
    def fails(self) -> datetime:
        """Moment at which it has failed if it isn't paid (EC2 user guide, extend Capacity Blocks, high)."""
        before_end = self.extension.start - CapacityBlockRules.EXTENSION_PAYMENT_FAILS_BEFORE_END
        return min(self.purchased + CapacityBlockRules.EXTENSION_PAYMENT_FAILS_AFTER, before_end)


class BlockSales:
    """Offerings that were shown to an account in a region, and the extensions that it bought."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.offerings: dict[str, Offering] = {}
        self.sold: Counter[str] = Counter()
        """Number of purchases of an offering, by what it holds: the next one of the same has another id."""
        self.extensions: dict[str, Extension] = {}
        self.history: list[PurchasedExtension] = []
        """Extensions that were bought, in the order of their purchases."""

    def has_pending_extension(self, capacity_reservation_id: str) -> bool:
        """True where an extension of the reservation is not paid yet."""
        return any(
            item.is_pending and item.extension.capacity_reservation_id == capacity_reservation_id
            for item in self.history
        )
