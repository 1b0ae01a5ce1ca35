"""Availability Zones and Local Zones, distinguished by their names.

Source: EC2 user guide, Regions and Zones (high): `us-east-1a` is an Availability Zone, `us-east-1-dfw-2a` a Local Zone.
"""

import re

from ultrafleet.errors import FleetError

_ZONE = re.compile(r"(?P<region>[a-z]{2}(?:-[a-z]+)+-\d)(?P<local>-[a-z]{3}-\d)?[a-z]")


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
