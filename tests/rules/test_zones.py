"""Zone names: Availability Zones, Local Zones, and what is neither."""

import pytest

from ultrafleet.errors import FleetError
from ultrafleet.rules.zones import is_local_zone, is_zone, region_of_zone, validate_region, validate_zone

AVAILABILITY_ZONES = [
    ("us-east-1a", "us-east-1"),
    ("ap-southeast-2c", "ap-southeast-2"),
    ("us-gov-west-1b", "us-gov-west-1"),
    ("eusc-de-east-1a", "eusc-de-east-1"),
]
LOCAL_ZONES = [("us-east-1-dfw-2a", "us-east-1"), ("us-west-2-lax-1b", "us-west-2")]


@pytest.mark.parametrize(("zone", "region"), AVAILABILITY_ZONES)
def test_an_availability_zone_is_no_local_zone(zone: str, region: str) -> None:
    assert is_zone(zone)
    assert not is_local_zone(zone)
    assert region_of_zone(zone) == region


@pytest.mark.parametrize(("zone", "region"), LOCAL_ZONES)
def test_a_local_zone_belongs_to_its_parent_region(zone: str, region: str) -> None:
    assert is_local_zone(zone)
    assert region_of_zone(zone) == region


@pytest.mark.parametrize("check", [validate_zone, is_local_zone, region_of_zone])
@pytest.mark.parametrize(
    "zone",
    [
        "",
        "us-east-1",  # a region
        "use1-az4",  # a zone id
        "us-east-1-dfw-2",  # a Local Zone's group
        "us-east-1-wl1-bos-wlz-1",  # a Wavelength Zone
        "us-east-1a ",
        "US-EAST-1A",
        "${Token[TOKEN.1]}",
    ],
)
def test_fails_on_what_is_no_zone_name(check: object, zone: str) -> None:
    assert callable(check)
    assert not is_zone(zone)
    with pytest.raises(FleetError, match="expected an Availability Zone such as us-east-1a or a Local Zone") as error:
        check(zone)
    assert (repr(zone) if "Token" not in zone else "zone is a token") in str(error.value)


@pytest.mark.parametrize(("zone", "region"), AVAILABILITY_ZONES + LOCAL_ZONES)
def test_a_region_is_no_zone(zone: str, region: str) -> None:
    validate_region(region)
    with pytest.raises(
        FleetError, match=f"^region is '{zone}', expected a region such as us-east-1: pass {region}, the zone's region$"
    ):
        validate_region(zone)


@pytest.mark.parametrize("region", ["", "mars-1", "us-east", "use1-az4", "us-east-1-dfw-2", "us-east-1 ", "US-EAST-1"])
def test_fails_on_what_is_no_region_name(region: str) -> None:
    with pytest.raises(FleetError, match=f"^region is '{region}', expected a region such as us-east-1: pass the"):
        validate_region(region)
