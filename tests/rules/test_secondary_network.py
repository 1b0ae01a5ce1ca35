"""Subnets of a secondary network, the subnet of each interface, and room for nodes."""

import ipaddress
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.catalog import Fabric, InstanceType
from ultrafleet.errors import FleetError
from ultrafleet.layout import fabric_layout
from ultrafleet.rules.secondary_network import SUBNET_COUNTS, SecondaryNetworkPlan, check_region_of_secondary_network

LAYOUT = fabric_layout(InstanceType.P6E_GB300R_36XLARGE, fabric=Fabric.ROCE)
ZONE = "us-west-2b"


def plan(cidr: str = "172.16.0.0/16", subnets: int = 8, zone: str = ZONE) -> SecondaryNetworkPlan:
    return SecondaryNetworkPlan(cidr=cidr, availability_zone=zone, subnets=subnets)


@given(length=st.integers(12, 25), subnets=st.sampled_from(SUBNET_COUNTS), host=st.integers(0, 2**12 - 1))
def test_subnets_are_equal_parts_in_order(length: int, subnets: int, host: int) -> None:
    cidr = str(ipaddress.IPv4Network((host << 20, length)))
    made = plan(cidr, subnets)
    parts = [ipaddress.IPv4Network(part) for part in made.subnet_cidrs]
    assert len(parts) == subnets
    assert list(ipaddress.collapse_addresses(parts)) == [ipaddress.IPv4Network(cidr)]
    assert {part.num_addresses - 5 for part in parts} == {made.usable_addresses}


@pytest.mark.parametrize("subnets", SUBNET_COUNTS)
def test_interfaces_spread_evenly_over_subnets_by_card(subnets: int) -> None:
    numbers = plan(subnets=subnets).subnet_numbers(LAYOUT)
    assert [interface.card for interface in numbers] == list(range(1, 9))
    assert set(Counter(numbers.values()).values()) == {8 // subnets}
    assert list(numbers.values()) == sorted(numbers.values())


@given(nodes=st.integers(1, 5000), subnets=st.sampled_from(SUBNET_COUNTS), length=st.integers(12, 22))
def test_pools_are_refused_exactly_where_a_subnet_has_too_few_addresses(nodes: int, subnets: int, length: int) -> None:
    made = plan(f"16.0.0.0/{length}", subnets)
    needed = nodes * 8 // subnets
    assert (needed <= made.usable_addresses) is _fits(made, nodes)


def test_the_remedy_names_a_size_that_fits() -> None:
    with pytest.raises(FleetError, match=r"has 251 usable IPs, expected 300 for its pools \(rack 300\)") as caught:
        plan("172.16.0.0/21").check_room([("rack", 300, 8)])
    assert caught.value.remedy == "state a CIDR of /20 or larger"
    plan("172.16.0.0/20").check_room([("rack", 300, 8)])


def test_pools_that_no_network_holds_are_told_to_spread() -> None:
    with pytest.raises(FleetError, match="spread the pools over environments"):
        plan("16.0.0.0/12").check_room([("racks", 10**6, 8)])


def _fits(made: SecondaryNetworkPlan, nodes: int) -> bool:
    try:
        made.check_room([("pool", nodes, 8)])
    except FleetError:
        return False
    return True


@pytest.mark.parametrize(
    ("cidr", "subnets", "zone", "message"),
    [
        ("172.16.0.0/11", 8, ZONE, "expected one such as"),
        ("172.0.0.0/11", 8, ZONE, r"172.0.0.0/11, expected a length from /12 to /28"),
        ("172.16.0.0/26", 8, ZONE, r"expected room for 8 subnets of /28 or larger: state a CIDR of /25 or larger"),
        ("172.16.0.0/16", 3, ZONE, "subnets of the secondary network are 3, expected 1, 2, 4 or 8"),
        ("172.16.0.0/16", 8, "us-east-1-dfw-2a", "is Local Zone us-east-1-dfw-2a, expected an Availability Zone"),
        ("172.16.0.0/16", 8, "dallas", "dallas"),
    ],
)
def test_fails(cidr: str, subnets: int, zone: str, message: str) -> None:
    with pytest.raises(FleetError, match=message):
        plan(cidr, subnets, zone)


def test_fails_over_the_addresses_of_the_vpc() -> None:
    plan().check_apart_from(["10.0.0.0/16"])
    with pytest.raises(FleetError, match=r"172.16.0.0/16, which overlaps 172.16.4.0/22 of the VPC"):
        plan().check_apart_from(["10.0.0.0/16", "172.16.4.0/22"])


def test_fails_in_a_region_whose_cloudformation_has_no_such_type() -> None:
    for region in ("us-east-1", "us-west-2", "ap-south-1"):
        check_region_of_secondary_network(region)
    with pytest.raises(FleetError, match=r"to be made in us-east-2, expected one of ap-south-1, us-east-1, us-west-2"):
        check_region_of_secondary_network("us-east-2")
