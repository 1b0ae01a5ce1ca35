"""Capacity blocks and extensions of an account, as EC2 lists them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

_LOST: Final = frozenset({"payment-failed", "cancelled", "failed"})
"""States of a block that isn't paid and isn't there (botocore's model of DescribeCapacityBlocks, high)."""


@dataclass(frozen=True, kw_only=True)
class SoldBlock:
    """Capacity block of an account, as DescribeCapacityBlocks has it.

    Attributes:
        id: `cbr-…`.
        reservations: `cr-…` of each of its reservations.
        availability_zone: its zone.
        start: its start.
        end: its end.
        state: as EC2 says it.
        tags: its tags, and those of its reservations.
        created: when it was bought, or None where EC2 doesn't say.
        instances: number of its instances, where its reservation has a tag and was asked for.
    """

    id: str
    reservations: tuple[str, ...]
    availability_zone: str
    start: datetime
    end: datetime
    state: str
    tags: dict[str, str]
    created: datetime | None = None
    instances: int | None = None

    @property
    def is_lost(self) -> bool:
        """True if its payment failed, and AWS has taken it back."""
        return self.state in _LOST


@dataclass(frozen=True, kw_only=True)
class SoldExtension:
    """Extension in a reservation's history.

    Attributes:
        offering: id of the offering that was bought.
        status: `payment-pending`, `payment-succeeded` or `payment-failed`.
        start: end of the block without it.
        end: end of the block with it.
    """

    offering: str
    status: str
    start: datetime
    end: datetime


def sold_block(item: Any) -> SoldBlock:  # noqa: ANN401 - boto3
    """Block of an item of DescribeCapacityBlocks or of a purchase.

    Args:
        item: as boto3 returns it.
    """
    return SoldBlock(
        id=item["CapacityBlockId"],
        reservations=tuple(item["CapacityReservationIds"]),
        availability_zone=item["AvailabilityZone"],
        start=item["StartDate"],
        end=item["EndDate"],
        state=item["State"],
        tags=tags_of_item(item),
        created=item.get("CreateDate"),
    )


def block_of_reservation(item: Any) -> SoldBlock:  # noqa: ANN401 - boto3
    """Block of an item of DescribeCapacityReservations.

    Args:
        item: as boto3 returns it.
    """
    return SoldBlock(
        id=item.get("CapacityBlockId", ""),
        reservations=(item["CapacityReservationId"],),
        availability_zone=item["AvailabilityZone"],
        start=item["StartDate"],
        end=item["EndDate"],
        state=item["State"],
        tags=tags_of_item(item),
        created=item.get("CreateDate"),
        instances=item["TotalInstanceCount"],
    )


def tags_of_item(item: Any) -> dict[str, str]:  # noqa: ANN401 - boto3
    """Tags of an item.

    Args:
        item: as boto3 returns it.
    """
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}
