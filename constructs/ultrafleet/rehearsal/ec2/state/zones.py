"""Local Zones, which moto lacks: those of the catalog, and any that a block or a subnet is put in.

Source: EC2 user guide, Local Zones (high): a zone group is opted in to before its zones can be used. The embedded
account is opted in to every group until a call opts out: a block there can't be bought without.
"""

import re
from typing import Any, Final

from moto.ec2.models import EC2Backend
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend, Zone
from moto.ec2.responses import EC2Response

from ultrafleet.catalog import InstanceType, UltraServerType
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal
from ultrafleet.rules.zones import is_local_zone, region_of_zone, zone_group

_LOCAL: Final = re.compile(r"(?P<region>.+-\d)-(?P<place>[a-z]{3})-(?P<number>\d)(?P<letter>[a-z])")


class ZoneGroups:
    """Local Zone groups that an account has opted out of."""

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
        """True where the zone's group is opted in."""
        return not is_local_zone(zone_name) or zone_group(zone_name) not in self.opted_out


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
    """Add a Local Zone to moto, for subnets and volumes."""
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
    """Add the catalog's Local Zones to moto, once."""
    named = [entry.zones for entry in InstanceType.all()] + [entry.zones for entry in UltraServerType.all()]
    for zone_name in sorted({zone for zones in named for zone in zones or ()}):
        know_zone(zone_name)
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


def _local_key(region: str) -> str:
    return f"{region}/local"


def _short_region(region: str) -> str:
    first = RegionsAndZonesBackend.zones.get(region)
    return str(first[0].zone_id).rpartition("-")[0] if first else region.replace("-", "")
