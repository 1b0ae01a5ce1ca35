"""Regions, Availability Zones and Local Zones, distinguished by their names.

Source: EC2 user guide, Regions and Zones (high): `us-east-1a` is an Availability Zone, `us-east-1-dfw-2a` a Local Zone.
"""

import re

from ultrafleet.errors import FleetError

REGION_PATTERN = r"(?:[a-z]{2}|eusc)(?:-[a-z]+)+-\d"
"""Regular expression of a region's name: `us-east-1`, `us-gov-west-1`, `eusc-de-east-1`."""
ZONE_PATTERN = rf"{REGION_PATTERN}(?:-[a-z]{{3}}-\d)?[a-z]"
"""Regular expression of a zone's name: `us-east-1a`, `us-east-1-dfw-2a`."""
_ZONE = re.compile(rf"(?P<region>{REGION_PATTERN})(?P<local>-[a-z]{{3}}-\d)?[a-z]")


def validate_region(region: str) -> None:
    """Refuse what is no region name. Whether the region exists isn't checked.

    Raises:
        FleetError: a zone, a zone id or anything else.
    """
    if re.fullmatch(REGION_PATTERN, region):
        return
    raise FleetError(
        path="region",
        got=repr(region),
        expected="a region such as us-east-1",
        remedy=f"pass {region_of_zone(region)}, the zone's region" if is_zone(region) else "pass the region's name",
    )


def _match(zone: str) -> re.Match[str]:
    match = _ZONE.fullmatch(zone)
    if match is None:
        raise FleetError(
            path="zone",
            got=repr(zone),
            expected="an Availability Zone such as us-east-1a or a Local Zone such as us-east-1-dfw-2a",
            remedy="pass the zone's name, not its id",
        )
    return match


def is_zone(name: str) -> bool:
    """True if the name is that of an Availability Zone or a Local Zone."""
    return _ZONE.fullmatch(name) is not None


def validate_zone(zone: str) -> None:
    """Refuse what is no zone name.

    Raises:
        FleetError: a region, a zone id or anything else.
    """
    _match(zone)


def is_local_zone(zone: str) -> bool:
    """True if the zone is a Local Zone.

    Raises:
        FleetError: it is no zone name.
    """
    return _match(zone)["local"] is not None


def zone_group(zone: str) -> str:
    """Group of a Local Zone, which an account opts in to: `us-east-1-dfw-2` of `us-east-1-dfw-2a`.

    Raises:
        FleetError: it is no Local Zone.
    """
    match = _match(zone)
    if match["local"] is None:
        raise FleetError(path="zone", got=repr(zone), expected="a Local Zone such as us-east-1-dfw-2a")
    return f"{match['region']}{match['local']}"


def region_of_zone(zone: str) -> str:
    """Region that the zone belongs to.

    Raises:
        FleetError: it is no zone name.
    """
    return _match(zone)["region"]


def zone_suffix(zone: str) -> str:
    """Part of a zone's name after the region: `a`, `-dfw-2a`.

    Raises:
        FleetError: it is no zone name.
    """
    return zone.removeprefix(region_of_zone(zone))
