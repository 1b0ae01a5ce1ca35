"""Offer of a capacity block or of an extension, as AWS describes it, and the difference between two of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from ultrafleet.purchases.outcome import RefusedError

CURRENCY: Final = "USD"
"""The only currency in which something is bought; a ceiling is one in it."""


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Part of an offer: its own zone, type, count and times.

    Attributes:
        instance_type: type of the instances.
        availability_zone: their zone.
        instance_count: how many there are, of all its blocks.
        start: when they start.
        end: when they end.
    """

    instance_type: str
    availability_zone: str
    instance_count: int
    start: datetime
    end: datetime

    @property
    def hours(self) -> Decimal:
        """Length of time in hours."""
        return Decimal(int((self.end - self.start).total_seconds())) / 3600


@dataclass(frozen=True, kw_only=True)
class Offer:
    """Offer of a capacity block.

    Attributes:
        id: `cbo-…`.
        ultraserver_type: the UltraServers that it holds, or "" for single instances.
        ultraserver_count: how many; 0 for single instances.
        segments: its parts; most offers have one.
        usd: the whole price, paid at once.
        currency: currency of the price.
    """

    id: str
    ultraserver_type: str
    ultraserver_count: int
    segments: tuple[Segment, ...]
    usd: Decimal
    currency: str

    @property
    def start(self) -> datetime:
        """First start."""
        return min(segment.start for segment in self.segments)

    @property
    def end(self) -> datetime:
        """Last end."""
        return max(segment.end for segment in self.segments)

    @property
    def sold(self) -> str:
        """Type that is sold."""
        return self.ultraserver_type or self.segments[0].instance_type

    @property
    def instances(self) -> int:
        """Instances of all segments."""
        return sum(segment.instance_count for segment in self.segments)

    @property
    def instance_hours(self) -> Decimal:
        """Hours of all instances."""
        return sum((segment.hours * segment.instance_count for segment in self.segments), Decimal(0))

    def differences(self, other: "Offer") -> Iterator[str]:
        """Differences to an offer that was shown before, in words.

        Args:
            other: the offer as it was.
        """
        for name in ("ultraserver_type", "ultraserver_count", "usd", "currency", "segments"):
            was, now = getattr(other, name), getattr(self, name)
            if was != now:
                yield f"{name.replace('_', ' ')} {_spelled(was)}, now {_spelled(now)}"


@dataclass(frozen=True, kw_only=True)
class ExtensionOffer:
    """Offer of an extension.

    Attributes:
        id: `cbe-…`.
        capacity_reservation_id: reservation of the block.
        instance_type: type of its instances.
        instance_count: how many there are.
        availability_zone: their zone.
        start: end of the block without it.
        end: end of the block with it.
        usd: the whole price, paid at once.
        currency: currency of the price.
    """

    id: str
    capacity_reservation_id: str
    instance_type: str
    instance_count: int
    availability_zone: str
    start: datetime
    end: datetime
    usd: Decimal
    currency: str

    def differences(self, other: "ExtensionOffer") -> Iterator[str]:
        """Differences to an offer that was shown before, in words.

        Args:
            other: the offer as it was.
        """
        for name in ("instance_type", "instance_count", "availability_zone", "start", "end", "usd", "currency"):
            was, now = getattr(other, name), getattr(self, name)
            if was != now:
                yield f"{name.replace('_', ' ')} {_spelled(was)}, now {_spelled(now)}"


def block_offer(item: Mapping[str, Any]) -> Offer:
    """Offer of an entry of DescribeCapacityBlockOfferings.

    Args:
        item: as boto3 returns it.

    Raises:
        RefusedError: it lacks what an offer needs; one without a price can't be bought under a ceiling.
    """
    try:
        return Offer(
            id=item["CapacityBlockOfferingId"],
            ultraserver_type=item.get("UltraserverType") or "",
            ultraserver_count=item.get("UltraserverCount") or 0,
            segments=tuple(_segment(part) for part in item.get("CapacityBlockOfferingSegments") or [item]),
            usd=Decimal(item["UpfrontFee"]),
            currency=item["CurrencyCode"],
        )
    except (KeyError, InvalidOperation) as error:
        raise _incomplete(item.get("CapacityBlockOfferingId"), error) from error


def extension_offer(item: Mapping[str, Any], reservation: str) -> ExtensionOffer:
    """Offer of an entry of DescribeCapacityBlockExtensionOfferings.

    Args:
        item: as boto3 returns it.
        reservation: reservation that was asked about.

    Raises:
        RefusedError: it lacks what an offer needs.
    """
    try:
        return ExtensionOffer(
            id=item["CapacityBlockExtensionOfferingId"],
            capacity_reservation_id=reservation,
            instance_type=item["InstanceType"],
            instance_count=item["InstanceCount"],
            availability_zone=item["AvailabilityZone"],
            start=item["CapacityBlockExtensionStartDate"],
            end=item["CapacityBlockExtensionEndDate"],
            usd=Decimal(item["UpfrontFee"]),
            currency=item["CurrencyCode"],
        )
    except (KeyError, InvalidOperation) as error:
        raise _incomplete(item.get("CapacityBlockExtensionOfferingId"), error) from error


def refuse_price(usd: Decimal, currency: str, max_usd: Decimal) -> None:
    """Refuse another currency, and a price above the ceiling.

    Args:
        usd: the price.
        currency: its currency.
        max_usd: the ceiling.

    Raises:
        RefusedError: one of them.
    """
    if currency != CURRENCY:
        raise RefusedError(path="the price", got=f"{usd} {currency}", expected=f"{CURRENCY}, as the ceiling is")
    if usd > max_usd:
        raise RefusedError(
            path="the price",
            got=f"{usd:,} USD",
            expected=f"at most {max_usd:,} USD",
            remedy="search for another offer, or raise --max-price-usd",
        )


def _segment(part: Mapping[str, Any]) -> Segment:
    return Segment(
        instance_type=part["InstanceType"],
        availability_zone=part["AvailabilityZone"],
        instance_count=part["InstanceCount"],
        start=part["StartDate"],
        end=part["EndDate"],
    )


def _spelled(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return "; ".join(
            f"{part.instance_count} x {part.instance_type} in {part.availability_zone} from {part.start.isoformat()} "
            f"to {part.end.isoformat()}"
            for part in value
        )
    return str(value)


def _incomplete(offering: object, error: Exception) -> RefusedError:
    return RefusedError(
        path=f"offering {offering}",
        got=f"incomplete ({type(error).__name__}: {error})",
        expected="a price, a currency, a zone, a type, a count and times",
        remedy="search for another one",
    )
