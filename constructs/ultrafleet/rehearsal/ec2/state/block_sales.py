"""Capacity blocks and extensions that EC2 offered."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.rehearsal.assumptions import PAYMENT
from ultrafleet.rules.zones import is_local_zone

_CURRENCY: Final = "USD"


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
class Offering:
    """Offering of a capacity block.

    Attributes:
        id: `cbo-…`.
        request: what it holds.
        availability_zone: zone it is in.
        start: when it would start.
        end: when it would end.
    """

    id: str
    request: BlockRequest
    availability_zone: str
    start: datetime
    end: datetime

    def answer(self) -> dict[str, Any]:
        """Description by the API; without a fee where no source states the price."""
        minutes = int((self.end - self.start).total_seconds()) // 60
        answer: dict[str, Any] = {
            "CapacityBlockOfferingId": self.id,
            "InstanceType": self.request.instance_type,
            "AvailabilityZone": self.availability_zone,
            "InstanceCount": self.request.instance_count * self.request.blocks,
            "StartDate": self.start,
            "EndDate": self.end,
            "CapacityBlockDurationHours": minutes // 60,
            "CapacityBlockDurationMinutes": minutes,
            "CurrencyCode": _CURRENCY,
            "Tenancy": "default",
            "ZoneType": "local-zone" if is_local_zone(self.availability_zone) else "availability-zone",
        }
        if self.request.ultraserver_type is not None:
            answer |= {"UltraserverType": self.request.ultraserver_type, "UltraserverCount": self.request.blocks}
        fee = fee_of(self.request, self.end - self.start)
        return answer | ({"UpfrontFee": fee} if fee is not None else {})


def fee_of(request: BlockRequest, duration: timedelta) -> str | None:
    """Fee in USD as the API spells it, or None where the price is unknown."""
    if request.usd_per_hour is None:
        return None
    return f"{request.usd_per_hour * request.blocks * (duration / timedelta(hours=1)):.4f}"


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
        self.extensions: dict[str, Extension] = {}
        self.history: list[PurchasedExtension] = []
        """Extensions that were bought, in the order of their purchases."""

    def has_pending_extension(self, capacity_reservation_id: str) -> bool:
        """True where an extension of the reservation is not paid yet."""
        return any(
            item.is_pending and item.extension.capacity_reservation_id == capacity_reservation_id
            for item in self.history
        )
