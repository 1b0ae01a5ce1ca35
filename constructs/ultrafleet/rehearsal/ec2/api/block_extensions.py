"""Operations on extensions of capacity blocks: offerings, purchases, history."""

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final

from moto.ec2.utils import random_id

from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.rehearsal.assumptions import OFFERINGS_KEEP_THEIR_ID
from ultrafleet.rehearsal.ec2.api.operations import add_operation, filtered, page
from ultrafleet.rehearsal.ec2.engine.block_offerings import duration_of, instances_request, ultraserver_request
from ultrafleet.rehearsal.ec2.state.block_sales import BlockRequest, BlockSales, Extension, PurchasedExtension, fee_of
from ultrafleet.rehearsal.ec2.state.reservations import CapacityReservation, Reservations
from ultrafleet.rehearsal.ec2.state.zones import zone_id
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal
from ultrafleet.rules.zones import is_local_zone, region_of_zone

_FILTERS: Final = (
    "availability-zone",
    "availability-zone-id",
    "capacity-block-extension-offering-id",
    "capacity-block-extension-status",
    "capacity-reservation-id",
    "instance-type",
)


def install() -> None:
    """Add the operations to moto's EC2."""
    add_operation("DescribeCapacityBlockExtensionOfferings", describe_offerings)
    add_operation("PurchaseCapacityBlockExtension", purchase)
    add_operation("DescribeCapacityBlockExtensionHistory", describe_history)


def describe_offerings(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeCapacityBlockExtensionOfferings: none while an extension isn't paid."""
    sales = SIMULATED_ACCOUNT.part(BlockSales, account_id, region)
    block = SIMULATED_ACCOUNT.part(Reservations, account_id, region).get(params["CapacityReservationId"])
    duration = duration_of(int(params["CapacityBlockExtensionDurationHours"]))
    if block.end is None or not _extensible(block, block.end, duration) or sales.has_pending_extension(block.id):
        return {"CapacityBlockExtensionOfferings": []}
    extension = Extension(
        id=_offering_id(sales, block.id, block.end, duration),
        capacity_reservation_id=block.id,
        start=block.end,
        end=block.end + duration,
    )
    sales.extensions[extension.id] = extension
    answer = _answer(block, extension) | {"StartDate": block.start, "Tenancy": block.tenancy}
    return {"CapacityBlockExtensionOfferings": [answer]}


def purchase(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """PurchaseCapacityBlockExtension: the end moves when it is paid, the id stays (EC2 user guide, high)."""
    sales = SIMULATED_ACCOUNT.part(BlockSales, account_id, region)
    block = SIMULATED_ACCOUNT.part(Reservations, account_id, region).get(params["CapacityReservationId"])
    extension = sales.extensions.get(params["CapacityBlockExtensionOfferingId"])
    if extension is None or extension.capacity_reservation_id != block.id or extension.start != block.end:
        # Code inferred from the one for offerings.
        raise Refusal(
            "InvalidCapacityBlockExtensionOfferingIdNotFound",
            "The Capacity Block extension offering ID cannot be found for this account.",
        )
    if sales.has_pending_extension(block.id):
        # EC2 user guide, extend Capacity Blocks (high); code and message inferred.
        raise Refusal("InvalidParameterValue", "The Capacity Block has an extension that is payment-pending.")
    if not _extensible(block, extension.start, extension.duration):
        raise Refusal("InvalidParameterValue", "The Capacity Block can't be extended so late before its end.")
    del sales.extensions[extension.id]
    bought = PurchasedExtension(extension=extension, purchased=SIMULATED_ACCOUNT.now)
    sales.history.append(bought)
    return {"CapacityBlockExtensions": [_purchased(block, bought)]}


def describe_history(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeCapacityBlockExtensionHistory."""
    reservations = SIMULATED_ACCOUNT.part(Reservations, account_id, region)
    wanted = params.get("CapacityReservationIds") or []
    answers = [
        _purchased(reservations.get(item.extension.capacity_reservation_id), item)
        for item in SIMULATED_ACCOUNT.part(BlockSales, account_id, region).history
        if not wanted or item.extension.capacity_reservation_id in wanted
    ]
    found, token = page(filtered(answers, params, _FILTERS), params)
    return {"CapacityBlockExtensions": found, "NextToken": token}


def _offering_id(sales: BlockSales, capacity_reservation_id: str, end: datetime, duration: timedelta) -> str:
    """Id that stays until an extension of the block is bought, as that of an offering of a block."""
    if OFFERINGS_KEEP_THEIR_ID.fault in SIMULATED_ACCOUNT.readings:
        return str(random_id("cbe"))
    bought = sum(item.extension.capacity_reservation_id == capacity_reservation_id for item in sales.history)
    content = f"{capacity_reservation_id} {end.isoformat()} {duration} {bought}"
    return f"cbe-{hashlib.sha256(content.encode()).hexdigest()[:17]}"


def _purchased(block: CapacityReservation, bought: PurchasedExtension) -> dict[str, Any]:
    return _answer(block, bought.extension) | {
        "CapacityReservationId": block.id,
        "CapacityBlockExtensionStatus": bought.status,
        "CapacityBlockExtensionPurchaseDate": bought.purchased,
    }


def _extensible(block: CapacityReservation, end: datetime, duration: timedelta) -> bool:
    """True 56 days to 1 hour before the end, up to 182 days in total (EC2 user guide, Capacity Blocks for ML, high)."""
    if not block.is_block or block.state(SIMULATED_ACCOUNT.now) not in ("scheduled", "active"):
        return False
    left = end - SIMULATED_ACCOUNT.now
    if not CapacityBlockRules.LATEST_EXTENSION <= left <= CapacityBlockRules.EARLIEST_EXTENSION:
        return False
    return end + duration - block.start <= CapacityBlockRules.MAX_DURATION


def _answer(block: CapacityReservation, extension: Extension) -> dict[str, Any]:
    request = _request(block)
    answer: dict[str, Any] = {
        "CapacityBlockExtensionOfferingId": extension.id,
        "InstanceType": block.instance_type,
        "InstanceCount": block.instance_count,
        "AvailabilityZone": block.availability_zone,
        "AvailabilityZoneId": zone_id(block.availability_zone),
        "CapacityBlockExtensionStartDate": extension.start,
        "CapacityBlockExtensionEndDate": extension.end,
        "CapacityBlockExtensionDurationHours": int(extension.duration / timedelta(hours=1)),
        "CurrencyCode": "USD",
        "ZoneType": "local-zone" if is_local_zone(block.availability_zone) else "availability-zone",
    }
    fee = fee_of(request, extension.duration)
    return answer | ({"UpfrontFee": fee} if fee is not None else {})


def _request(block: CapacityReservation) -> BlockRequest:
    region = region_of_zone(block.availability_zone)
    if block.ultraserver_type is not None:
        return ultraserver_request(block.ultraserver_type, 1, region)
    return instances_request(block.instance_type, block.instance_count, region)
