"""Proposed CIDRs: sized by the pools, packed, and never at the cost of one that is stated."""

import ipaddress
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.errors import FleetError
from ultrafleet.rules.ip_budget import PoolIpDemand, node_ip_demand, smallest_prefix_length, subnet_ip_budget
from ultrafleet.rules.network_plan import NoRoomError, SubnetRequest, propose_subnets
from ultrafleet.rules.subnets import SubnetKind, validate_subnets

VPC = "10.0.0.0/16"


def demand(nodes: int, name: str = "rack-a") -> PoolIpDemand:
    node = node_ip_demand(ip_interfaces=1, max_pods=64, ipv4_per_interface=None)
    return PoolIpDemand(pool_name=name, nodes=nodes, per_node=node)


def control(name: str, zone: str, cidr: str | None = None) -> SubnetRequest:
    return SubnetRequest(name=name, kind=SubnetKind.CONTROL_PLANE, availability_zone=zone, cidr=cidr)


def accelerators(name: str, nodes: int, cidr: str | None = None) -> SubnetRequest:
    return SubnetRequest(
        name=name,
        kind=SubnetKind.ACCELERATOR,
        availability_zone="us-east-1-dfw-2a",
        cidr=cidr,
        demands=(demand(nodes, f"{name}-pool"),),
    )


CONTROL = [control("control-a", "us-east-1a"), control("control-b", "us-east-1b")]


def cidrs(*subnets: SubnetRequest, vpc_cidr: str = VPC, headroom: float = 2.0) -> dict[str, str]:
    proposals = propose_subnets(vpc_cidr=vpc_cidr, subnets=subnets, headroom=headroom)
    return {spec.name: spec.cidr for spec in proposals}


def test_makes_a_network_that_a_vpc_can_be_made_of() -> None:
    requests = [
        *CONTROL,
        SubnetRequest(name="nat", kind=SubnetKind.NAT, availability_zone="us-east-1a"),
        SubnetRequest(
            name="system", kind=SubnetKind.SYSTEM, availability_zone="us-east-1a", demands=(demand(4, "system"),)
        ),
        accelerators("dallas", 36),
    ]
    proposals = propose_subnets(vpc_cidr=VPC, subnets=requests)
    validate_subnets([VPC], proposals)
    assert [(spec.name, spec.kind, spec.availability_zone) for spec in proposals] == [
        (request.name, request.kind, request.availability_zone) for request in requests
    ]


def test_leaves_room_for_as_many_nodes_again() -> None:
    proposed = cidrs(*CONTROL, accelerators("dallas", 18))["dallas"]
    subnet_ip_budget(subnet_name="dallas", cidr=proposed, demands=[demand(36)]).check()


def test_takes_the_smallest_subnet_without_headroom() -> None:
    proposed = cidrs(*CONTROL, accelerators("dallas", 18), headroom=1)["dallas"]
    assert ipaddress.IPv4Network(proposed).prefixlen == smallest_prefix_length([demand(18)])


def test_goes_without_headroom_where_no_subnet_is_that_large() -> None:
    # 600 nodes take 57,600 addresses: a /16, and twice as many would fit nowhere
    proposed = propose_subnets(vpc_cidr=VPC, subnets=[accelerators("racks", 600)])
    assert proposed[0].cidr == VPC


def test_stated_cidrs_stay_where_they_are() -> None:
    stated = accelerators("dallas", 1_000, "10.0.128.0/24")  # too small for its pool, and still not moved
    assert cidrs(*CONTROL, stated, accelerators("phoenix", 18))["dallas"] == "10.0.128.0/24"


def test_what_was_proposed_stays_once_it_is_written_down() -> None:
    first = cidrs(*CONTROL, accelerators("dallas", 18))
    written = [
        control(name, zone, first[name]) for name, zone in (("control-a", "us-east-1a"), ("control-b", "us-east-1b"))
    ]
    second = cidrs(*written, accelerators("dallas", 18, first["dallas"]), accelerators("another", 72))
    assert {name: second[name] for name in first} == first


def test_the_order_of_the_requests_does_not_matter() -> None:
    requests = [*CONTROL, accelerators("dallas", 18), accelerators("phoenix", 18), accelerators("atlanta", 36)]
    assert all(cidrs(*order) == cidrs(*requests) for order in itertools.permutations(requests))


def test_fills_the_smallest_gap_that_holds_a_subnet_and_leaves_large_blocks_whole() -> None:
    # a gap of a /26 between stated subnets at the end of a VPC that is otherwise free
    stated = [accelerators("a", 1, "10.0.255.0/26"), accelerators("b", 1, "10.0.255.128/25")]
    assert cidrs(*stated, CONTROL[0])["control-a"] == "10.0.255.64/26"


def test_larger_subnets_come_first() -> None:
    proposed = cidrs(accelerators("a", 1), accelerators("b", 36))
    assert proposed["b"].startswith("10.0.0.0/")


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.lists(st.integers(0, 255), unique=True, max_size=8))
def test_proposals_fit_their_pools_and_overlap_nothing(sizes: list[int], taken: list[int]) -> None:
    stated = [accelerators(f"stated-{number}", 1, f"10.0.{number}.0/24") for number in taken]
    missing = [accelerators(f"missing-{number}", nodes) for number, nodes in enumerate(sizes)]
    try:
        proposals = propose_subnets(vpc_cidr=VPC, subnets=[*stated, *missing], headroom=1)
    except FleetError as error:
        assert "free" in str(error)  # noqa: PT017 - either it fits, or it says that it doesn't
        return
    networks = [ipaddress.IPv4Network(spec.cidr) for spec in proposals]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(networks, 2))
    assert all(network.subnet_of(ipaddress.IPv4Network(VPC)) for network in networks)
    for request, spec in zip([*stated, *missing], proposals, strict=True):
        if request.cidr is None:
            subnet_ip_budget(subnet_name=spec.name, cidr=spec.cidr, demands=request.demands).check()
        else:
            assert spec.cidr == request.cidr


@given(st.lists(st.sampled_from([1, 3, 7, 15, 31]), min_size=1, max_size=12))
def test_an_empty_vpc_is_filled_to_the_last_address(sizes: list[int]) -> None:
    requests = [accelerators(f"s{number}", nodes) for number, nodes in enumerate(sizes)]
    lengths = [smallest_prefix_length(request.demands) for request in requests]
    total = sum(2 ** (32 - length) for length in lengths)
    fits = total <= 2**16
    try:
        propose_subnets(vpc_cidr=VPC, subnets=requests, headroom=1)
    except FleetError:
        assert not fits
    else:
        assert fits


def test_fails_where_the_vpc_has_no_room_with_needed_and_free() -> None:
    with pytest.raises(FleetError) as error:
        cidrs(accelerators("dallas", 18), control("control-a", "us-east-1a", "10.0.0.0/22"), vpc_cidr="10.0.0.0/21")
    for part in ("subnet dallas needs a /21 (2,048 IPs)", "1,024 free", "the largest block a /22", "larger VPC"):
        assert part in str(error.value)


def test_fails_where_nothing_is_free() -> None:
    with pytest.raises(FleetError, match="has 0 free: state a larger VPC"):
        cidrs(CONTROL[0], accelerators("dallas", 1, VPC))


def test_fails_on_pools_that_no_subnet_holds() -> None:
    with pytest.raises(FleetError, match="largest subnet"):
        cidrs(accelerators("dallas", 1_000))


@pytest.mark.parametrize("kind", [SubnetKind.SYSTEM, SubnetKind.ACCELERATOR])
def test_fails_on_a_subnet_with_nothing_to_size_it_by(kind: SubnetKind) -> None:
    with pytest.raises(FleetError, match="subnet empty has neither a cidr nor pools"):
        cidrs(SubnetRequest(name="empty", kind=kind, availability_zone="us-east-1a"))


@pytest.mark.parametrize("cidr", ["10.1.0.0/24", "10.0.0.0/24"])
def test_fails_on_a_stated_cidr_outside_the_vpc_or_over_another(cidr: str) -> None:
    with pytest.raises(FleetError, match=r"subnet b has .*expected a free part of the VPC's 10\.0\.0\.0/16"):
        cidrs(accelerators("a", 1, "10.0.0.0/20"), accelerators("b", 1, cidr))


def test_fails_on_two_subnets_of_one_name() -> None:
    with pytest.raises(FleetError, match="subnet name control-a is used 2 times"):
        cidrs(CONTROL[0], CONTROL[0])


def test_fails_on_headroom_below_one() -> None:
    with pytest.raises(FleetError, match=r"headroom is 0\.5, expected 1 or more"):
        cidrs(CONTROL[0], headroom=0.5)


RACKS = st.integers(min_value=1, max_value=40)


@given(nodes=RACKS.map(lambda racks: 18 * racks), headrooms=st.lists(st.floats(1, 1e300), min_size=2, max_size=4))
def test_more_headroom_never_fails_where_less_succeeds(nodes: int, headrooms: list[float]) -> None:
    subnets = (*CONTROL, accelerators("dallas", nodes))
    sizes = []
    for headroom in sorted(headrooms):
        try:
            found = cidrs(*subnets, headroom=headroom)
        except FleetError:
            sizes.append(0)
        else:
            sizes.append(ipaddress.IPv4Network(found["dallas"]).num_addresses)
    assert sizes == sorted(sizes)
    assert all(sizes) or not any(sizes)


def test_accelerators_take_a_further_cidr_and_the_others_the_first() -> None:
    proposals = propose_subnets(
        vpc_cidr=VPC, subnets=[*CONTROL, accelerators("dallas", 18)], secondary_cidrs=["100.64.0.0/16"]
    )
    first = ipaddress.IPv4Network(VPC)
    inside = {spec.name: ipaddress.IPv4Network(spec.cidr).subnet_of(first) for spec in proposals}
    assert inside.pop("dallas") is False
    assert all(inside.values())


def test_fails_without_room_with_what_to_state() -> None:
    with pytest.raises(NoRoomError, match=r"state a larger VPC or network\.secondary_cidrs, lower max_pods"):
        cidrs(*CONTROL, accelerators("dallas", 18 * 30))
