"""Operations on capacity blocks: offerings, purchases, status."""

from typing import Any, Final

from moto.ec2.utils import random_id

from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.catalog.capacity_blocks import NOT_ALLOWED_MESSAGE
from ultrafleet.rehearsal.assumptions import BLOCK_PAYMENT, PAYMENT
from ultrafleet.rehearsal.ec2.api.operations import add_operation, filtered, page
from ultrafleet.rehearsal.ec2.engine.block_offerings import offered, sell
from ultrafleet.rehearsal.ec2.state.block_sales import BlockSales, OfferedSegment
from ultrafleet.rehearsal.ec2.state.moto_backend import put_tags, specified_tags, tags_of
from ultrafleet.rehearsal.ec2.state.reservations import (
    CapacityReservation,
    Reservations,
    new_reservation_id,
)
from ultrafleet.rehearsal.ec2.state.zones import zone_id
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

NOT_ALLOWED: Final = "ultraservers-not-allowed"
"""Fault under which the account isn't on AWS's list of those that may ask for UltraServers."""
SOLD_ELSEWHERE: Final = "offering-gone"
"""Fault under which an offering that was shown is bought by another customer before it is bought here."""

_BLOCK_FILTERS: Final = (
    "availability-zone",
    "capacity-block-id",
    "create-date",
    "end-date",
    "start-date",
    "state",
    "ultraserver-type",
)
_STATUS_FILTERS: Final = ("interconnect-status",)


def install() -> None:
    """Add the operations to moto's EC2."""
    add_operation("DescribeCapacityBlockOfferings", describe_offerings)
    add_operation("PurchaseCapacityBlock", purchase)
    add_operation("DescribeCapacityBlocks", describe_blocks)
    add_operation("DescribeCapacityBlockStatus", describe_status)


def describe_offerings(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeCapacityBlockOfferings."""
    if params.get("UltraserverType") and NOT_ALLOWED in SIMULATED_ACCOUNT.readings:
        raise Refusal("UnauthorizedOperation", NOT_ALLOWED_MESSAGE)  # code inferred
    known = SIMULATED_ACCOUNT.part(BlockSales, account_id, region).offerings
    found, token = page(offered(account_id, region, params), params)
    known |= {offering.id: offering for offering in found}
    return {"CapacityBlockOfferings": [offering.answer() for offering in found], "NextToken": token}


def purchase(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """PurchaseCapacityBlock: one block for each segment, of UltraServers for each of them (EC2 user guide, high)."""
    sales = SIMULATED_ACCOUNT.part(BlockSales, account_id, region)
    offering = sales.offerings.get(params["CapacityBlockOfferingId"])
    if offering is None:
        # EC2 API reference, error codes (high)
        raise Refusal(
            "InvalidCapacityBlockOfferingIdNotFound",
            "The Capacity Block offering ID cannot be found for this account.",
        )
    if SOLD_ELSEWHERE in SIMULATED_ACCOUNT.readings or offering.start < SIMULATED_ACCOUNT.now:
        raise Refusal("InvalidCapacityBlockOfferingIdExpired", "The Capacity Block offering ID is no longer available.")
    reservations = SIMULATED_ACCOUNT.part(Reservations, account_id, region)
    bought = [
        reservations.add(
            _reservation(segment, platform=params["InstancePlatform"]),
            tags=specified_tags(params, "capacity-reservation"),
        )
        for segment in offering.segments
        for _ in range(segment.request.blocks)
    ]
    for block in bought:
        put_tags(account_id, region, str(block.block_id), specified_tags(params, "capacity-block"))
    sell(sales, offering)
    answers = [reservations.answer(block) for block in bought]
    return {
        "CapacityReservation": answers[0],
        "CapacityReservations": answers,
        "CapacityBlocks": [_block_answer(reservations, block) for block in bought],
    }


def _reservation(segment: OfferedSegment, *, platform: str) -> CapacityReservation:
    now = SIMULATED_ACCOUNT.now
    never_paid = BLOCK_PAYMENT.fault in SIMULATED_ACCOUNT.readings
    return CapacityReservation(
        id=new_reservation_id(),
        instance_type=segment.request.instance_type,
        instance_count=segment.request.instance_count,
        availability_zone=segment.availability_zone,
        start=segment.start,
        end=segment.end,
        created=now,
        platform=platform,
        match_criteria="targeted",
        block_id=str(random_id("cbr")),
        ultraserver_type=segment.request.ultraserver_type,
        paid=None if never_paid else now + PAYMENT,
        payment_fails=now + CapacityBlockRules.PAYMENT_FAILS_AFTER if never_paid else None,
    )


def describe_blocks(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeCapacityBlocks."""
    reservations = SIMULATED_ACCOUNT.part(Reservations, account_id, region)
    answers = [_block_answer(reservations, block) for block in _blocks(reservations, params)]
    found, token = page(filtered(answers, params, _BLOCK_FILTERS), params)
    return {"CapacityBlocks": found, "NextToken": token}


def describe_status(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeCapacityBlockStatus."""
    reservations = SIMULATED_ACCOUNT.part(Reservations, account_id, region)
    answers = [_status_answer(reservations, block) for block in _blocks(reservations, params)]
    found, token = page(filtered(answers, params, _STATUS_FILTERS), params)
    return {"CapacityBlockStatuses": found, "NextToken": token}


def _blocks(reservations: Reservations, params: dict[str, Any]) -> list[CapacityReservation]:
    found = {block.block_id: block for block in reservations.by_id.values() if block.is_block}
    wanted = params.get("CapacityBlockIds")
    if not wanted:
        return list(found.values())
    missing = [one for one in wanted if one not in found]
    if missing:
        # Code and message inferred.
        raise Refusal("InvalidCapacityBlockId.NotFound", f"The Capacity Block ID '{missing[0]}' does not exist")
    return [found[one] for one in wanted]


def _block_answer(reservations: Reservations, block: CapacityReservation) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "CapacityBlockId": block.block_id,
        "AvailabilityZone": block.availability_zone,
        "AvailabilityZoneId": zone_id(block.availability_zone),
        "CapacityReservationIds": [block.id],
        "StartDate": block.start,
        "EndDate": block.end,
        "CreateDate": block.created,
        "State": block.state(SIMULATED_ACCOUNT.now),
        "Tags": tags_of(reservations.account_id, reservations.region, str(block.block_id)),
    }
    return answer | ({"UltraserverType": block.ultraserver_type} if block.ultraserver_type else {})


def _status_answer(reservations: Reservations, block: CapacityReservation) -> dict[str, Any]:
    # EC2 API, CapacityBlockStatus (high): unavailable is what fails its status checks, not what is in use.
    capacity = {
        "TotalCapacity": block.instance_count,
        "TotalAvailableCapacity": reservations.available(block),
        "TotalUnavailableCapacity": reservations.unavailable(block),
    }
    return {
        "CapacityBlockId": block.block_id,
        "InterconnectStatus": block.interconnect,
        **capacity,
        "CapacityReservationStatuses": [{"CapacityReservationId": block.id, **capacity}],
    }
