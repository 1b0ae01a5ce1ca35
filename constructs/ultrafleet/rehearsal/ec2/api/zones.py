"""Operations on Availability Zones and Local Zones."""

from typing import Any, Final

from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend, Zone

from ultrafleet.rehearsal.ec2.api.operations import add_operation, filtered
from ultrafleet.rehearsal.ec2.state.moto_backend import backend
from ultrafleet.rehearsal.ec2.state.zones import ZoneGroups, local_zones
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

_FILTERS: Final = (
    "group-name",
    "opt-in-status",
    "parent-zone-name",
    "region-name",
    "state",
    "zone-id",
    "zone-name",
    "zone-type",
)


def install() -> None:
    """Add the operations to moto's EC2."""
    add_operation("DescribeAvailabilityZones", _describe)
    add_operation("ModifyAvailabilityZoneGroup", _modify_group)


def _describe(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    groups = SIMULATED_ACCOUNT.part(ZoneGroups, account_id, region)
    zones = [_answer(zone, "opt-in-not-required") for zone in backend(account_id, region).describe_availability_zones()]
    every = str(params.get("AllAvailabilityZones", "false")).lower() == "true"
    for zone in local_zones(region):
        opted_in = groups.is_opted_in(zone.name)
        if opted_in or every:
            zones.append(_answer(zone, "opted-in" if opted_in else "not-opted-in"))
    for parameter, field in (("ZoneNames", "ZoneName"), ("ZoneIds", "ZoneId")):
        wanted = params.get(parameter) or []
        missing = sorted(set(wanted) - {zone[field] for zone in zones})
        if missing:
            raise Refusal("InvalidParameterValue", f"Invalid availability zone: [{missing[0]}]")
        zones = [zone for zone in zones if not wanted or zone[field] in wanted]
    return {"AvailabilityZones": filtered(zones, params, _FILTERS)}


def _answer(zone: Zone, opt_in_status: str) -> dict[str, Any]:
    local = zone.zone_type == "local-zone"
    group = zone.name[:-1] if local else f"{zone.region_name}-zg-1"
    answer = {
        "State": zone.state,
        "OptInStatus": opt_in_status,
        "Messages": zone.messages,
        "RegionName": zone.region_name,
        "ZoneName": zone.name,
        "ZoneId": zone.zone_id,
        "GroupName": group,
        "NetworkBorderGroup": group if local else zone.region_name,
        "ZoneType": zone.zone_type,
    }
    if local:
        # No document names the parent zone for Dallas; the first of the region is used (low).
        parent = RegionsAndZonesBackend.zones[zone.region_name][0]
        answer |= {"ParentZoneName": parent.name, "ParentZoneId": parent.zone_id}
    return answer


def _modify_group(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    name, status = params["GroupName"], params["OptInStatus"]
    if name not in {zone.name[:-1] for zone in local_zones(region)}:
        raise Refusal("InvalidParameterValue", f"Invalid availability zone group: [{name}]")
    SIMULATED_ACCOUNT.part(ZoneGroups, account_id, region).opt(name, opted_in=status == "opted-in")
    return {"Return": True}
