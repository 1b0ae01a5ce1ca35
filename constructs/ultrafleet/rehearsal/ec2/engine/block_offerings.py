"""Offerings of capacity blocks: windows and prices.

Windows follow the catalog's rules of capacity blocks: how far ahead they start, when they end, how long they last. What
real EC2 has for sale at a moment is not known: here the soonest window and the ones of the next days are always for
sale in every zone that the catalog names.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS
from moto.ec2.utils import random_id

from ultrafleet.catalog import CapacityBlockRules, PurchaseOption, UltraServerType, price
from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.assumptions import OFFERINGS_KEEP_THEIR_ID
from ultrafleet.rehearsal.ec2.state.block_sales import (
    CURRENCY,
    OTHER_CURRENCY,
    BlockRequest,
    BlockSales,
    OfferedSegment,
    Offering,
)
from ultrafleet.rehearsal.ec2.state.instance_types import catalog_type
from ultrafleet.rehearsal.ec2.state.moto_backend import moment
from ultrafleet.rehearsal.ec2.state.zones import ZoneGroups, local_zones
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal
from ultrafleet.rules.zones import region_of_zone

IN_SEGMENTS: Final = "offerings-in-segments"
"""Fault under which offerings of several instances come in two segments."""
IN_ANOTHER_CURRENCY: Final = "offerings-in-another-currency"
"""Fault under which fees are in another currency than USD."""
NONE_FOR_SALE: Final = "no-offerings"
"""Fault under which nothing is for sale."""
IDS_CHANGE: Final = OFFERINGS_KEEP_THEIR_ID.fault
"""Fault under which each answer gives the same offering another id."""

_DAY: Final = timedelta(days=1)
_DAYS_BY_THE_DAY: Final = CapacityBlockRules.MAX_DAILY_DURATION.days
_WEEK: Final = 7
_LATER_STARTS: Final = 3
_TWO: Final = 2


def block_requests(params: dict[str, Any], region: str) -> list[BlockRequest]:
    """Requests of a DescribeCapacityBlockOfferings call: one, or one for each of the preferred types.

    Raises:
        Refusal: a type that isn't sold in blocks, not one way to state it, or a count out of range.
    """
    server, instance = params.get("UltraserverType"), params.get("InstanceType")
    preferred = [str(entry.get("InstanceType")) for entry in params.get("InstanceTypePreferences") or []]
    if sum(map(bool, (server, instance, preferred))) != 1:
        raise Refusal(
            "InvalidParameterCombination", "Specify one of InstanceType, InstanceTypePreferences and UltraserverType."
        )
    if server:
        return [ultraserver_request(server, int(params.get("UltraserverCount") or 1), region)]
    count = int(params.get("InstanceCount") or 1)
    return [instances_request(name, count, region) for name in preferred or [str(instance)]]


def ultraserver_request(name: str, count: int, region: str) -> BlockRequest:
    """Request for UltraServers.

    Raises:
        Refusal: no UltraServer of that name, or one of which too little is known.
    """
    try:
        entry = UltraServerType.of(name)
    except FleetError:
        entry = None
    if entry is None or entry.instance_type is None or entry.instance_type.name is None or not entry.instance_count:
        raise Refusal("InvalidParameterValue", f"Invalid value '{name}' for UltraserverType.")
    if count < 1:
        raise Refusal("InvalidParameterValue", f"Invalid value '{count}' for UltraserverCount.")
    return BlockRequest(
        instance_type=entry.instance_type.name,
        instance_count=entry.instance_count,
        blocks=count,
        ultraserver_type=name,
        usd_per_hour=price(name, PurchaseOption.CAPACITY_BLOCK, region).value,
    )


def instances_request(name: str, count: int, region: str) -> BlockRequest:
    """Request for single instances.

    Raises:
        Refusal: a type that isn't sold so, or a count that no block holds.
    """
    entry = catalog_type(name)
    sold = entry is not None and (entry.purchase_options is None or "capacity-block" in entry.purchase_options)
    if entry is None or not sold or entry.is_ultraserver_member:
        raise Refusal("InvalidParameterValue", f"The instance type '{name}' is not supported for Capacity Blocks.")
    if not 1 <= count <= CapacityBlockRules.MAX_INSTANCES:
        raise Refusal("InvalidParameterValue", f"Invalid value '{count}' for InstanceCount.")
    each = price(name, PurchaseOption.CAPACITY_BLOCK, region).value
    return BlockRequest(
        instance_type=name,
        instance_count=count,
        blocks=1,
        ultraserver_type=None,
        usd_per_hour=None if each is None else each * count,
    )


def duration_of(hours: int) -> timedelta:
    """Duration of a block or of an extension.

    Raises:
        Refusal: not a number of days that EC2 sells.
    """
    days, rest = divmod(hours, 24)
    by_the_week = days % _WEEK == 0 and days <= CapacityBlockRules.MAX_DURATION.days
    if rest or days < 1 or not (days <= _DAYS_BY_THE_DAY or by_the_week):
        raise Refusal(
            "InvalidParameterValue",
            f"Invalid value '{hours}' for CapacityDurationHours: 1 to {_DAYS_BY_THE_DAY} days by the day, or multiples "
            f"of {_WEEK} days up to {CapacityBlockRules.MAX_DURATION.days}.",
        )
    return timedelta(hours=hours)


def offered(account_id: str, region: str, params: dict[str, Any]) -> list[Offering]:
    """Offerings for a DescribeCapacityBlockOfferings call."""
    requests = block_requests(params, region)
    duration = duration_of(int(params["CapacityDurationHours"]))
    not_before = moment(params.get("StartDateRange"))
    not_after = moment(params.get("EndDateRange"))
    every = str(params.get("AllAvailabilityZones", "false")).lower() == "true"
    if NONE_FOR_SALE in SIMULATED_ACCOUNT.readings:
        return []
    found = [
        OfferedSegment(request=request, availability_zone=zone, start=start, end=end)
        for request in requests
        for zone in _zones(account_id, region, request, every=every)
        for start, end in _windows(duration, not_before)
        if not_after is None or end <= not_after
    ]
    sales = SIMULATED_ACCOUNT.part(BlockSales, account_id, region)
    return [_offering(sales, segments) for segments in (_halves(found) or [(segment,) for segment in found])]


def _offering(sales: BlockSales, segments: tuple[OfferedSegment, ...]) -> Offering:
    """Offering with an id that stays as long as it is for sale (`assumptions.OFFERINGS_KEEP_THEIR_ID`)."""
    content = repr((sales.account_id, sales.region, segments))
    known = hashlib.sha256(f"{content} {sales.sold[content]}".encode()).hexdigest()[:17]
    changes = IDS_CHANGE in SIMULATED_ACCOUNT.readings
    currency = OTHER_CURRENCY if IN_ANOTHER_CURRENCY in SIMULATED_ACCOUNT.readings else CURRENCY
    return Offering(id=str(random_id("cb")) if changes else f"cb-{known}", segments=segments, currency=currency)


def sell(sales: BlockSales, offering: Offering) -> None:
    """Take an offering that was bought out of the ones for sale."""
    sales.sold[repr((sales.account_id, sales.region, offering.segments))] += 1
    del sales.offerings[offering.id]


def _halves(found: list[OfferedSegment]) -> list[tuple[OfferedSegment, ...]]:
    """Offerings of several instances in two segments, in the fault in which EC2 offers so.

    The second half is in the next zone or of the next type, where there is one, and starts a day later.
    """
    if IN_SEGMENTS not in SIMULATED_ACCOUNT.readings:
        return []
    halves: list[tuple[OfferedSegment, ...]] = []
    for place, segment in enumerate(found):
        request = segment.request
        if request.ultraserver_type is not None or request.instance_count < _TWO:
            return []
        other = next((item for item in found[place:] if _place(item) != _place(segment)), segment)
        later = replace(other, start=segment.start + _DAY, end=segment.end + _DAY)
        first = request.instance_count // _TWO
        halves.append((_part(segment, first), _part(later, request.instance_count - first)))
    return halves


def _place(segment: OfferedSegment) -> tuple[str, str]:
    return segment.availability_zone, segment.request.instance_type


def _part(segment: OfferedSegment, count: int) -> OfferedSegment:
    request = segment.request
    each = None if request.usd_per_hour is None else request.usd_per_hour / request.instance_count
    part = replace(request, instance_count=count, usd_per_hour=None if each is None else each * count)
    return replace(segment, request=part)


def _windows(duration: timedelta, not_before: datetime | None) -> Iterator[tuple[datetime, datetime]]:
    soonest = SIMULATED_ACCOUNT.now + CapacityBlockRules.EARLIEST_START
    first = max(soonest, not_before or soonest).astimezone(UTC)
    latest = SIMULATED_ACCOUNT.now + CapacityBlockRules.LATEST_START
    at_end_time = _next_end_time(first)
    starts = {first, *(at_end_time + _DAY * later for later in range(_LATER_STARTS))}
    for start in sorted(starts):
        if start <= latest:
            yield start, _next_end_time(start + duration)


def _next_end_time(after: datetime) -> datetime:
    """The first 11:30 UTC at or after a moment: a block that starts at another time lasts a part of a day longer."""
    found = datetime.combine(after.date(), CapacityBlockRules.END_TIME_UTC, UTC)
    return found if found >= after else found + _DAY


def _zones(account_id: str, region: str, request: BlockRequest, *, every: bool) -> list[str]:
    groups = SIMULATED_ACCOUNT.part(ZoneGroups, account_id, region)
    server = UltraServerType.of(request.ultraserver_type) if request.ultraserver_type else None
    entry = catalog_type(request.instance_type)
    named = (server.zones if server else None) or (entry.zones if entry else None) or ()
    here = [zone for zone in named if region_of_zone(zone) == region]
    if not named and (server is None or server.region in (None, region)):
        offerings = INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, [])
        here = sorted({item["Location"] for item in offerings if item["InstanceType"] == request.instance_type})
        if not here and server is not None and server.region == region:
            here = [f"{region}a"]
    closed = {zone.name for zone in local_zones(region) if not groups.is_opted_in(zone.name)}
    return [zone for zone in here if every or zone not in closed]
