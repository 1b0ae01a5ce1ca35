"""Local Zones, which moto has none of: those that the catalog names, and any that a block or a subnet is put in.

Source: EC2 user guide, Local Zones (high): a zone group is opted in to before its zones can be used. The embedded
account is opted in to every group unless somebody opts out, since who rehearses with a block there has done so.
"""

import re
from typing import Any, Final

from moto.ec2.models import EC2Backend
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend, Zone
from moto.ec2.responses import EC2Response

from ultrafleet.catalog import InstanceType, UltraServerType
from ultrafleet.rehearsal.ec2.answers import add_operation, backend, filtered
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal
from ultrafleet.rules.zones import is_local_zone, region_of_zone

_LOCAL: Final = re.compile(r"(?P<region>.+-\d)-(?P<place>[a-z]{3})-(?P<number>\d)(?P<letter>[a-z])")
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


class ZoneGroups:
    """Which Local Zone groups an account has opted out of."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.opted_out: set[str] = set()

    def opt(self, group_name: str, *, opted_in: bool) -> None:
        """Opt in to a zone group, `us-east-1-dfw-2`, or out of it."""
        if opted_in:
            self.opted_out.discard(group_name)
        else:
            self.opted_out.add(group_name)

    def is_opted_in(self, zone_name: str) -> bool:
        """Whether a zone can be used."""
        return zone_name[:-1] not in self.opted_out


def zone_id(zone_name: str) -> str:
    """Id of a zone: moto's for an Availability Zone, `use1-dfw2-az1` for `us-east-1-dfw-2a`."""
    match = _LOCAL.fullmatch(zone_name)
    if match is not None:
        short = _short_region(match["region"])
        return f"{short}-{match['place']}{match['number']}-az{ord(match['letter']) - ord('a') + 1}"
    for zone in RegionsAndZonesBackend.zones.get(region_of_zone(zone_name), []):
        if zone.name == zone_name:
            return str(zone.zone_id)
    return ""


def know_zone(zone_name: str) -> None:
    """Let moto put subnets and volumes in a Local Zone."""
    if not is_local_zone(zone_name):
        return
    region = region_of_zone(zone_name)
    # A key of its own: moto makes a default subnet in every zone that it lists under the region.
    known = RegionsAndZonesBackend.zones.setdefault(_local_key(region), [])
    if all(zone.name != zone_name for zone in known):
        known.append(
            Zone(name=zone_name, region_name=region, zone_id=zone_id(zone_name), zone_type="local-zone"),
        )


def local_zones(region: str) -> list[Zone]:
    """Local Zones of a region."""
    return list(RegionsAndZonesBackend.zones.get(_local_key(region), []))


def install() -> None:
    """Teach moto the Local Zones, once."""
    named = [entry.zones for entry in InstanceType.all()] + [entry.zones for entry in UltraServerType.all()]
    for zone_name in sorted({zone for zones in named for zone in zones or ()}):
        know_zone(zone_name)
    add_operation("DescribeAvailabilityZones", _describe)
    add_operation("ModifyAvailabilityZoneGroup", _modify_group)
    if not hasattr(EC2Response, "_ultrafleet_zones"):
        EC2Response._ultrafleet_zones = True  # type: ignore[attr-defined]
        _patch_backend()


def _patch_backend() -> None:
    of_region = EC2Backend.get_zone_by_name
    create_subnet = EC2Backend.create_subnet

    def get_zone_by_name(self: Any, name: str) -> Zone | None:
        local = next((zone for zone in local_zones(self.region_name) if zone.name == name), None)
        return local or of_region(self, name)

    def create(self: Any, *args: Any, **kwargs: Any) -> Any:
        name = kwargs.get("availability_zone") or (args[3] if len(args) > 3 else None)  # noqa: PLR2004 - its position
        groups = SIMULATED_ACCOUNT.part(ZoneGroups, self.account_id, self.region_name)
        if name and _LOCAL.fullmatch(name):
            if not groups.is_opted_in(name):
                usable = ", ".join(zone.name for zone in self.describe_availability_zones())
                raise Refusal(
                    "InvalidParameterValue",
                    f"Value ({name}) for parameter availabilityZone is invalid. Subnets can currently only be created "
                    f"in the following availability zones: {usable}.",
                )
            know_zone(name)
        subnet = create_subnet(self, *args, **kwargs)
        if is_local_zone(subnet.availability_zone):
            # Moto takes the first subnet of a zone for its default one; a Local Zone has none.
            subnet.default_for_az = False
            subnet.map_public_ip_on_launch = False
        return subnet

    EC2Backend.get_zone_by_name = get_zone_by_name  # type: ignore[method-assign]  # this is how moto is extended
    EC2Backend.create_subnet = create  # type: ignore[method-assign]  # this is how moto is extended


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
        # Which zone is the parent no document says for Dallas; the first of the region stands for it (low).
        parent = RegionsAndZonesBackend.zones[zone.region_name][0]
        answer |= {"ParentZoneName": parent.name, "ParentZoneId": parent.zone_id}
    return answer


def _modify_group(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    name, status = params["GroupName"], params["OptInStatus"]
    if name not in {zone.name[:-1] for zone in local_zones(region)}:
        raise Refusal("InvalidParameterValue", f"Invalid availability zone group: [{name}]")
    SIMULATED_ACCOUNT.part(ZoneGroups, account_id, region).opt(name, opted_in=status == "opted-in")
    return {"Return": True}


def _local_key(region: str) -> str:
    return f"{region}/local"


def _short_region(region: str) -> str:
    first = RegionsAndZonesBackend.zones.get(region)
    return str(first[0].zone_id).rpartition("-")[0] if first else region.replace("-", "")
