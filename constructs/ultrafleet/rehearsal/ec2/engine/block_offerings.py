"""Offerings of capacity blocks: windows and prices.

Windows follow the catalog's rules of capacity blocks: how far ahead they start, when they end, how long they last. What
real EC2 has for sale at a moment is not known: here the soonest window and the ones of the next days are always for
sale in every zone that the catalog names.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS
from moto.ec2.utils import random_id

from ultrafleet.catalog import CapacityBlockRules, PurchaseOption, UltraServerType, price
from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.ec2.state.block_sales import BlockRequest, Offering
from ultrafleet.rehearsal.ec2.state.instance_types import catalog_type
from ultrafleet.rehearsal.ec2.state.moto_backend import moment
from ultrafleet.rehearsal.ec2.state.zones import ZoneGroups, local_zones
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal
from ultrafleet.rules.zones import region_of_zone

_DAY: Final = timedelta(days=1)
_DAYS_BY_THE_DAY: Final = CapacityBlockRules.MAX_DAILY_DURATION.days
_WEEK: Final = 7
_LATER_STARTS: Final = 3


def block_request(params: dict[str, Any], region: str) -> BlockRequest:
    """Request of a DescribeCapacityBlockOfferings call.

    Raises:
        Refusal: a type that isn't sold in blocks, both kinds or neither, or a count out of range.
    """
    server, instance = params.get("UltraserverType"), params.get("InstanceType")
    if bool(server) == bool(instance):
        raise Refusal("InvalidParameterCombination", "Specify either InstanceType or UltraserverType.")
    if server:
        return ultraserver_request(server, int(params.get("UltraserverCount") or 1), region)
    return instances_request(str(instance), int(params.get("InstanceCount") or 1), region)


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
    request = block_request(params, region)
    duration = duration_of(int(params["CapacityDurationHours"]))
    not_before = moment(params.get("StartDateRange"))
    not_after = moment(params.get("EndDateRange"))
    return [
        Offering(id=str(random_id("cbo")), request=request, availability_zone=zone, start=start, end=end)
        for zone in _zones(account_id, region, request)
        for start, end in _windows(duration, not_before)
        if not_after is None or end <= not_after
    ]


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


def _zones(account_id: str, region: str, request: BlockRequest) -> list[str]:
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
    return [zone for zone in here if zone not in closed]
