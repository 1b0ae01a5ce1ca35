"""Offer of a capacity block as EC2 shows it, and the question that it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

from ultrafleet.catalog import InstanceType, UltraServerType
from ultrafleet.errors import FleetError

USD: Final = "USD"
"""Currency of the catalog's prices and of ceilings."""
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Question:
    """Block that is looked for.

    Attributes:
        type: instance type, or UltraServer type.
        count: how many of them.
        days: duration, as EC2 sells it.
    """

    type: str
    count: int
    days: int

    @property
    def is_ultraserver(self) -> bool:
        """True where the type is an UltraServer's."""
        return self.type.startswith("u-")

    @property
    def request(self) -> dict[str, Any]:
        """Parameters of `DescribeCapacityBlockOfferings`, without the dates."""
        kind = "Ultraserver" if self.is_ultraserver else "Instance"
        return {f"{kind}Type": self.type, f"{kind}Count": self.count, "CapacityDurationHours": self.days * 24}

    def as_json(self) -> dict[str, Any]:
        """Keys of JSON output."""
        return {"type": self.type, "count": self.count, "days": self.days}

    def __str__(self) -> str:
        return f"{self.count} x {self.type} for {self.days} day{'s' if self.days > 1 else ''}"


@dataclass(frozen=True, kw_only=True)
class OfferSegment:
    """Capacity of an offer in one zone.

    Attributes:
        type: instance type, or UltraServer type.
        count: how many of them.
        zone: Availability Zone or Local Zone.
        start: when it begins.
        end: when it ends.
        fee: what it costs in the offer's currency; None where EC2 states none.
    """

    type: str
    count: int
    zone: str
    start: datetime
    end: datetime
    fee: float | None

    @property
    def accelerators(self) -> int | None:
        """Accelerators that it holds; None where the catalog doesn't know how many."""
        each = accelerators_of(self.type)
        return None if each is None else each * self.count

    @property
    def accelerator_hours(self) -> float | None:
        """Accelerators times hours; None where the catalog doesn't know how many."""
        return None if self.accelerators is None else self.accelerators * ((self.end - self.start) / _HOUR)

    def as_json(self) -> dict[str, Any]:
        """Keys of JSON output."""
        return {
            "type": self.type,
            "count": self.count,
            "zone": self.zone,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "fee": self.fee,
            "accelerators": self.accelerators,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Segment of JSON output."""
        return cls(
            type=str(content["type"]),
            count=int(content["count"]),
            zone=str(content["zone"]),
            start=datetime.fromisoformat(content["start"]),
            end=datetime.fromisoformat(content["end"]),
            fee=None if content["fee"] is None else float(content["fee"]),
        )


@dataclass(frozen=True, kw_only=True)
class Offer:
    """Offering of capacity blocks, bought as one.

    Attributes:
        id: as EC2 names it.
        account: account that was asked: an offering is its own.
        region: region that was asked.
        question: what was asked for.
        segments: the capacity; more than one where EC2 puts it together from several zones, types or times.
        currency: of its fee.
        fee: what it costs, paid at once; None where EC2 states none.
    """

    id: str
    account: str
    region: str
    question: Question
    segments: tuple[OfferSegment, ...]
    currency: str
    fee: float | None

    @property
    def start(self) -> datetime:
        """Moment at which its first segment begins."""
        return min(segment.start for segment in self.segments)

    @property
    def end(self) -> datetime:
        """Moment at which its last segment ends."""
        return max(segment.end for segment in self.segments)

    @property
    def zones(self) -> tuple[str, ...]:
        """Zones of its segments."""
        return tuple(dict.fromkeys(segment.zone for segment in self.segments))

    @property
    def accelerators(self) -> int | None:
        """Accelerators of all its segments; None where the catalog doesn't know how many."""
        each = [segment.accelerators for segment in self.segments]
        known = [one for one in each if one is not None]
        return sum(known) if len(known) == len(each) else None

    @property
    def per_accelerator_hour(self) -> float | None:
        """Fee for an accelerator and hour in its currency; None where fee or accelerators aren't known."""
        each = [segment.accelerator_hours for segment in self.segments]
        known = [one for one in each if one is not None]
        if self.fee is None or len(known) < len(each) or not sum(known):
            return None
        return self.fee / sum(known)

    @property
    def usd_per_accelerator_hour(self) -> float | None:
        """The same in USD; None in another currency."""
        return self.per_accelerator_hour if self.currency == USD else None

    def as_json(self) -> dict[str, Any]:
        """Keys of JSON output and of the history."""
        return {
            "id": self.id,
            "account": self.account,
            "region": self.region,
            "asked": self.question.as_json(),
            "zones": list(self.zones),
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "accelerators": self.accelerators,
            "currency": self.currency,
            "fee": self.fee,
            "usd_per_accelerator_hour": self.usd_per_accelerator_hour,
            "segments": [segment.as_json() for segment in self.segments],
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Offer of JSON output.

        Raises:
            FleetError: it isn't one.
        """
        try:
            return cls(
                id=str(content["id"]),
                account=str(content["account"]),
                region=str(content["region"]),
                question=Question(**content["asked"]),
                segments=tuple(OfferSegment.from_json(item) for item in content["segments"]),
                currency=str(content["currency"]),
                fee=None if content["fee"] is None else float(content["fee"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FleetError(
                path="offer", got=f"unreadable ({error!r})", expected="what `capacity search --json` prints of one"
            ) from error


def accelerators_of(name: str) -> int | None:
    """Accelerators of one instance or UltraServer; None where the catalog doesn't know."""
    for types in (InstanceType.all(), UltraServerType.all()):
        for known in types:
            if str(known) == name:
                return known.accelerator_count
    return None
