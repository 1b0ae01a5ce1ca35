"""IP budgets: what nodes take, what subnets have, and what is said when they don't fit."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.errors import FleetError
from ultrafleet.rules.ip_budget import (
    PoolIpDemand,
    node_ip_demand,
    parse_cidr,
    prefix_length_of,
    smallest_prefix_length,
    subnet_ip_budget,
)


def pool(nodes: int = 18, *, name: str = "rack-a", interfaces: int = 1, max_pods: int = 64) -> PoolIpDemand:
    per_node = node_ip_demand(ip_interfaces=interfaces, max_pods=max_pods, ipv4_per_interface=None)
    return PoolIpDemand(pool_name=name, nodes=nodes, per_node=per_node)


class TestNode:
    @pytest.mark.parametrize(
        ("max_pods", "prefixes"),
        # prefixes of 16 addresses for the pods, and one more that is warm
        [(1, 2), (16, 2), (17, 3), (64, 5), (110, 8), (250, 17)],
    )
    def test_takes_prefixes_for_its_pods_and_a_warm_one(self, max_pods: int, prefixes: int) -> None:
        assert node_ip_demand(ip_interfaces=1, max_pods=max_pods, ipv4_per_interface=None).prefixes == prefixes

    def test_each_interface_with_an_address_can_spoil_one_block(self) -> None:
        one = node_ip_demand(ip_interfaces=1, max_pods=64, ipv4_per_interface=None)
        sixteen = node_ip_demand(ip_interfaces=16, max_pods=64, ipv4_per_interface=None)
        assert sixteen.blocks - one.blocks == 15

    def test_has_no_more_prefixes_than_its_interfaces_have_slots(self) -> None:
        # 4 slots, one of which is the primary address; two such interfaces
        assert node_ip_demand(ip_interfaces=2, max_pods=250, ipv4_per_interface=4).prefixes == 6

    @given(st.integers(1, 16), st.integers(1, 250), st.none() | st.integers(17, 64))
    def test_its_pods_fit_into_its_prefixes(self, interfaces: int, max_pods: int, slots: int | None) -> None:
        node = node_ip_demand(ip_interfaces=interfaces, max_pods=max_pods, ipv4_per_interface=slots)
        limit = None if slots is None else (slots - 1) * interfaces
        assert node.prefixes * 16 >= max_pods or node.prefixes == limit


class TestSubnet:
    def test_a_rack_of_eighteen_nodes(self) -> None:
        budget = subnet_ip_budget(subnet_name="dallas", cidr="10.0.0.0/20", demands=[pool()])
        # 18 nodes x (1 interface + 4 prefixes of pods + 1 warm) x 16 addresses
        assert budget.used == 1_728
        # the first and the last block of sixteen hold AWS's five addresses
        assert budget.usable == 4_096 - 2 * 16
        assert budget.free == budget.usable - budget.used
        budget.check()

    def test_pools_add_up_and_stand_in_the_order_of_their_names(self) -> None:
        pools = [pool(name="b"), pool(name="a")]
        budget = subnet_ip_budget(subnet_name="dallas", cidr="10.0.0.0/20", demands=pools)
        assert [demand.pool_name for demand in budget.by_pool] == ["a", "b"]
        assert budget.used == 2 * pool().addresses

    def test_a_subnet_of_one_block_has_no_room_for_prefixes(self) -> None:
        assert subnet_ip_budget(subnet_name="tiny", cidr="10.0.0.0/28", demands=[]).usable == 0

    def test_fails_where_pools_do_not_fit_with_needed_and_free_and_the_size_that_fits(self) -> None:
        budget = subnet_ip_budget(subnet_name="rack", cidr="10.0.0.0/26", demands=[pool(), pool(2, name="h200")])
        with pytest.raises(FleetError) as error:
            budget.check()
        message = str(error.value)
        for part in ("subnet rack (10.0.0.0/26)", "32 usable", "1,920", "rack-a 1,728", "h200 192", "/21", "max_pods"):
            assert part in message

    def test_the_size_in_the_message_is_one_that_fits(self) -> None:
        demands = [pool(), pool(2, name="h200")]
        length = smallest_prefix_length(demands)
        subnet_ip_budget(subnet_name="rack", cidr=f"10.0.0.0/{length}", demands=demands).check()
        with pytest.raises(FleetError):
            subnet_ip_budget(subnet_name="rack", cidr=f"10.0.0.0/{length + 1}", demands=demands).check()

    @given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 16), st.integers(1, 250)), min_size=1, max_size=4))
    def test_the_smallest_length_fits_and_the_next_does_not(self, shapes: list[tuple[int, int, int]]) -> None:
        demands = [
            pool(nodes, name=f"p{number}", interfaces=interfaces, max_pods=max_pods)
            for number, (nodes, interfaces, max_pods) in enumerate(shapes)
        ]
        if sum(demand.addresses for demand in demands) > 65_504:
            with pytest.raises(FleetError, match="expected at most 65,504"):
                smallest_prefix_length(demands)
            return
        length = smallest_prefix_length(demands)
        subnet_ip_budget(subnet_name="s", cidr=f"10.0.0.0/{length}", demands=demands).check()
        assert (
            length == 28 or subnet_ip_budget(subnet_name="s", cidr=f"10.0.0.0/{length + 1}", demands=demands).free < 0
        )

    def test_fails_where_the_largest_subnet_is_too_small(self) -> None:
        with pytest.raises(FleetError, match="expected at most 65,504 in the largest subnet"):
            smallest_prefix_length([pool(1_000)])

    def test_no_addresses_fit_into_any_subnet(self) -> None:
        assert prefix_length_of(0) == 28
        assert prefix_length_of(65_536) is None


class TestCidr:
    def test_is_read(self) -> None:
        assert parse_cidr("10.0.0.0/20", of="subnet a") == ipaddress.IPv4Network("10.0.0.0/20")

    @pytest.mark.parametrize(
        "cidr", ["", "10.0.0.0/33", "10.0.0.1/20", "fd00::/64", "${Token[TOKEN.1]}", "10.0.0.0/8/8"]
    )
    def test_fails_on_what_is_none(self, cidr: str) -> None:
        with pytest.raises(FleetError, match=r"CIDR of subnet a is .*expected one such as"):
            parse_cidr(cidr, of="subnet a")

    @pytest.mark.parametrize("cidr", ["10.0.0.0/8", "10.0.0.0/29"])
    def test_fails_on_a_size_that_ec2_does_not_take(self, cidr: str) -> None:
        with pytest.raises(FleetError, match="expected a length from /16 to /28"):
            parse_cidr(cidr, of="subnet a")
