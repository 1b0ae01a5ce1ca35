"""Checks of a secondary network against the region, the VPC and the pools on RoCE, which need it."""

import ipaddress
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from ultrafleet.environment.collected import Found, attempted, known, raised
from ultrafleet.errors import FleetError
from ultrafleet.rules.secondary_network import check_region_of_secondary_network

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ultrafleet.environment.pool_settings import PoolSettings
    from ultrafleet.environment.secondary_network_settings import SecondaryNetworkSettings

_AT: Final = ("network", "secondary_network")


def secondary_network_faults(
    network: "SecondaryNetworkSettings | None",
    *,
    is_stated: bool,
    region: str | None,
    vpc_cidrs: "Sequence[str]",
    pools: "Sequence[PoolSettings]",
    zone_of: "Callable[[str], str | None]",
) -> Iterator[Found]:
    """Faults of the secondary network and of pools on RoCE, which have to be in its zone.

    Args:
        network: the secondary network; None where the file has none, or a wrong one.
        is_stated: whether the file has one.
        region: region of the environment, or None where it is wrong.
        vpc_cidrs: CIDRs of the VPC, as they are written.
        pools: pools in the file's order.
        zone_of: zone of a subnet of the VPC by its name, or None.
    """
    on_roce = [(index, pool) for index, pool in enumerate(pools) if known(partial(_is_on_roce, pool), False)]
    if network is None:
        if not is_stated:
            for index, pool in on_roce:
                yield from attempted(_without_network(index, pool))
        return
    if region is not None and network.secondary_network_id is None:
        yield from raised(_AT, partial(check_region_of_secondary_network, region))
    plan = network.plan
    cidrs = [cidr for cidr in vpc_cidrs if _is_cidr(cidr)]
    yield from raised((*_AT, "cidr"), lambda: plan.check_apart_from(cidrs))
    if region is not None and not network.availability_zone.startswith(region):
        yield (
            (*_AT, "availability_zone"),
            FleetError(
                path="secondary network",
                got=f"in {network.availability_zone}",
                expected=f"a zone of {region}",
                remedy="correct the zone, or the region",
            ),
        )
    for index, pool in on_roce:
        yield from attempted(_of_another_zone(network, index, pool, zone_of))
    yield from raised(
        (*_AT, "cidr"),
        lambda: plan.check_room([(pool.name, pool.max_nodes, _secondary(pool)) for _, pool in on_roce]),
    )


def _is_on_roce(pool: "PoolSettings") -> bool:
    return pool.is_on_roce


def _of_another_zone(
    network: "SecondaryNetworkSettings", index: int, pool: "PoolSettings", zone_of: "Callable[[str], str | None]"
) -> Iterator[Found]:
    zone = zone_of(pool.subnet)
    if zone is not None and zone != network.availability_zone:
        yield (
            ("pools", index, "subnet"),
            FleetError(
                path=f"pool {pool.name}",
                verb="has",
                got=f"fabric roce and its subnet {pool.subnet} in {zone}",
                expected=f"{network.availability_zone}, the zone of the secondary network's subnets",
                remedy="name a subnet there; a secondary network of another zone is another environment's",
            ),
        )


def _without_network(index: int, pool: "PoolSettings") -> Iterator[Found]:
    yield (
        ("pools", index, "fabric"),
        FleetError(
            path=f"pool {pool.name}",
            verb="has",
            got="fabric roce without a network.secondary_network",
            expected="one, with its cidr and availability_zone",
            remedy="state it, or fabric efa",
        ),
    )


def _is_cidr(cidr: str) -> bool:
    """True if the VPC's CIDR can be read; another check says so where it can't."""
    try:
        ipaddress.IPv4Network(cidr)
    except ValueError:
        return False
    return True


def _secondary(pool: "PoolSettings") -> int:
    return sum(interface.is_secondary for interface in pool.layout(pool.instance))
