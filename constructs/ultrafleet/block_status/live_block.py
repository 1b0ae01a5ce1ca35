"""Capacity block as the account has it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Extension:
    """Extension of a block that was bought.

    Attributes:
        status: `payment-pending`, `payment-succeeded` or `payment-failed`.
        end: end of the block with it.
        purchased: when it was bought.
    """

    status: str
    end: datetime
    purchased: datetime


@dataclass(frozen=True, kw_only=True)
class LiveBlock:
    """Reservation of a capacity block, and what EC2 says of the block.

    Attributes:
        reservation_id: `cr-…`.
        block_id: `cbr-…`.
        instance_type: type of its instances.
        instance_count: instances that it holds.
        ultraserver_type: UltraServer that it holds whole, or None.
        zone: its zone.
        state: as EC2 spells it.
        start: when it begins.
        end: when it ends; a paid extension moves it.
        created: when it was bought.
        interconnect: `ok`, `impaired` or `insufficient-data`; None where EC2 says nothing.
        unavailable: instances whose status checks fail.
        extensions: extensions that were bought, the newest last.
        tags: of the block and of the reservation.
    """

    reservation_id: str
    block_id: str
    instance_type: str
    instance_count: int
    ultraserver_type: str | None
    zone: str
    state: str
    start: datetime
    end: datetime
    created: datetime | None
    interconnect: str | None
    unavailable: int
    extensions: tuple[Extension, ...] = ()
    tags: Mapping[str, str] | None = None

    @property
    def holds(self) -> str:
        """Contents in words: `u-p6e-gb200x72`, `4 x p5en.48xlarge`."""
        return self.ultraserver_type or f"{self.instance_count} x {self.instance_type}"

    @property
    def sold_type(self) -> str:
        """Type that it is sold as."""
        return self.ultraserver_type or self.instance_type


def read_blocks(client: Any) -> tuple[LiveBlock, ...]:  # noqa: ANN401 - boto3 has no types
    """Every capacity block of an account and region, in the order of their starts.

    Args:
        client: boto3 client of EC2.

    Raises:
        ClientError: EC2 refuses.
        BotoCoreError: EC2 isn't reached.
    """
    blocks = {
        reservation: block
        for block in _pages(client, "describe_capacity_blocks", "CapacityBlocks")
        for reservation in block.get("CapacityReservationIds", [])
    }
    if not blocks:
        return ()
    statuses = {
        item["CapacityBlockId"]: item
        for item in _pages(client, "describe_capacity_block_status", "CapacityBlockStatuses")
    }
    extensions: dict[str, list[Extension]] = {}
    for item in _pages(client, "describe_capacity_block_extension_history", "CapacityBlockExtensions"):
        extensions.setdefault(item["CapacityReservationId"], []).append(
            Extension(
                status=item["CapacityBlockExtensionStatus"],
                end=item["CapacityBlockExtensionEndDate"].astimezone(UTC),
                purchased=item["CapacityBlockExtensionPurchaseDate"].astimezone(UTC),
            )
        )
    found = [
        _live(item, blocks[item["CapacityReservationId"]], statuses, extensions)
        for item in _pages(client, "describe_capacity_reservations", "CapacityReservations")
        if item["CapacityReservationId"] in blocks
    ]
    return tuple(sorted(found, key=lambda block: (block.start, block.reservation_id)))


def _live(
    item: Mapping[str, Any],
    block: Mapping[str, Any],
    statuses: Mapping[str, Mapping[str, Any]],
    extensions: Mapping[str, list[Extension]],
) -> LiveBlock:
    status, reservation = statuses.get(block["CapacityBlockId"], {}), item["CapacityReservationId"]
    own = [
        one for one in status.get("CapacityReservationStatuses", []) if one["CapacityReservationId"] == reservation
    ] or [status]
    created = block.get("CreateDate")
    return LiveBlock(
        reservation_id=reservation,
        block_id=block["CapacityBlockId"],
        instance_type=item["InstanceType"],
        instance_count=item["TotalInstanceCount"],
        ultraserver_type=block.get("UltraserverType"),
        zone=item["AvailabilityZone"],
        state=item["State"],
        start=block["StartDate"].astimezone(UTC),
        end=block["EndDate"].astimezone(UTC),
        created=created.astimezone(UTC) if created is not None else None,
        interconnect=status.get("InterconnectStatus"),
        unavailable=int(own[0].get("TotalUnavailableCapacity") or 0),
        extensions=tuple(sorted(extensions.get(reservation, []), key=lambda one: one.purchased)),
        tags={tag["Key"]: tag.get("Value", "") for source in (block, item) for tag in source.get("Tags", [])},
    )


def _pages(client: Any, operation: str, key: str) -> Iterator[Any]:  # noqa: ANN401 - boto3
    for page in client.get_paginator(operation).paginate():
        yield from page[key]
