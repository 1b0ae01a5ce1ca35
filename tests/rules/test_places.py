"""Zones and regions in which a type is sold: held where a document is certain, else doubted."""

import pytest

from ultrafleet.catalog import Confidence, InstanceType, PurchaseOption, Source, UltraServerType, UltraServerTypeFacts
from ultrafleet.errors import FleetError
from ultrafleet.rules.places import doubt_of_place, validate_place

BLOCK, ON_DEMAND = PurchaseOption.CAPACITY_BLOCK, PurchaseOption.ON_DEMAND
GB200, TRN2 = UltraServerType.U_P6E_GB200X72, UltraServerType.U_TRN2X64
HEARD = UltraServerType.of(
    "u-p6e-gb200x72", facts=UltraServerTypeFacts(zones=("us-east-1-dfw-2a",)), source=Source("a talk", Confidence.LOW)
)
B300_DOUBT = (
    "p6-b300.48xlarge in us-east-2 has no public on-demand price in the catalog, which has those of us-east-1, "
    "us-gov-east-1, us-west-2: see that AWS sells it there (`aws ec2 describe-instance-type-offerings`)"
)


@pytest.mark.parametrize(
    ("sold", "zone", "expected"),
    [
        (GB200, "us-east-2c", "us-east-1-dfw-2a"),
        (GB200, "us-east-1a", "us-east-1-dfw-2a"),
        (InstanceType.P6E_GB200_36XLARGE, "us-east-2c", "us-east-1-dfw-2a"),
        (TRN2, "us-east-1a", "us-east-2"),
    ],
    ids=str,
)
def test_a_zone_of_certain_facts_is_held(sold: UltraServerType | InstanceType, zone: str, expected: str) -> None:
    message = (
        rf"^pool rack has {sold} in {zone}, expected {expected}, where it is sold: .* \(high\): use a subnet there"
    )
    with pytest.raises(FleetError, match=message):
        validate_place("rack", sold, zone)


@pytest.mark.parametrize(
    ("sold", "zone"),
    [
        (GB200, "us-east-1-dfw-2a"),
        (TRN2, "us-east-2b"),
        (UltraServerType.U_P6E_GB300X72, "us-east-2c"),  # no document names a place
        (InstanceType.P5_48XLARGE, "eu-west-1a"),
        (HEARD, "us-east-2c"),
        (UltraServerType.of("u-p6e-gb200x72", facts=UltraServerTypeFacts(zones=("us-east-2c",))), "us-east-2c"),
    ],
    ids=str,
)
def test_other_places_are_free(sold: UltraServerType | InstanceType, zone: str) -> None:
    validate_place("rack", sold, zone)


@pytest.mark.parametrize(
    ("sold", "option", "zone", "doubt"),
    [
        (GB200, BLOCK, "us-east-1-dfw-2a", None),
        (HEARD, BLOCK, "us-east-2c", "u-p6e-gb200x72 in us-east-2c is sold in us-east-1-dfw-2a, by a talk (low)"),
        (
            InstanceType.P6_B300_48XLARGE,
            ON_DEMAND,
            "us-east-2a",
            B300_DOUBT,
        ),
        (InstanceType.P6_B300_48XLARGE, ON_DEMAND, "us-west-2b", None),
        (InstanceType.P5EN_48XLARGE, BLOCK, "eu-north-1a", None),  # a price without a region may be its
        (UltraServerType.U_P6E_GB300X72, BLOCK, "us-east-2c", None),  # no price at all
    ],
    ids=str,
)
def test_a_place_without_a_price_is_doubted(
    sold: UltraServerType | InstanceType, option: PurchaseOption, zone: str, doubt: str | None
) -> None:
    assert doubt_of_place(sold, option, zone) == doubt
