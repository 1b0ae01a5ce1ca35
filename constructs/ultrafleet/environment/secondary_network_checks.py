"""Checks of a secondary network against the region, the VPC and the pools on RoCE, which need it."""

import ipaddress
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from ultrafleet.environment.collected import Found
from ultrafleet.errors import FleetError
from ultrafleet.rules.secondary_network import check_region_of_secondary_network

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ultrafleet.environment.document import KeyPath
    from ultrafleet.environment.pool_settings import PoolSettings
    from ultrafleet.environment.secondary_network_settings import SecondaryNetworkSettings

_AT: Final = ("network", "secondary_network")


def secondary_network_faults(
    network: "SecondaryNetworkSettings | None",
    *,
    is_stated: bool,
    region: str | None,
    vpc_cidrs: "Sequence[str]",
    pools: "Sequence[PoolSettings | None]",
    zone_of: "Callable[[str], str | None]",
) -> Iterator[Found]:
    """Faults of the secondary network and of pools on RoCE, which have to be in its zone.

    Args:
        network: the secondary network; None where the file has none, or a wrong one.
        is_stated: whether the file has one.
        region: region of the environment, or None where it is wrong.
        vpc_cidrs: CIDRs of the VPC, as they are written.
        pools: pools in the file's order, None for a wrong one.
        zone_of: zone of a subnet of the VPC by its name, or None.
    """
    on_roce = [(index, pool) for index, pool in enumerate(pools) if pool is not None and pool.is_on_roce]
    if network is None:
        if not is_stated:
            yield from (_without_network(index, pool) for index, pool in on_roce)
        return
    if region is not None and network.secondary_network_id is None:
        yield from _refused(_AT, partial(check_region_of_secondary_network, region))
    plan = network.plan
    known = [cidr for cidr in vpc_cidrs if _is_cidr(cidr)]
    yield from _refused((*_AT, "cidr"), lambda: plan.check_apart_from(known))
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
    demands = [(pool.name, pool.max_nodes, _secondary(pool)) for _, pool in on_roce]
    yield from _refused((*_AT, "cidr"), lambda: plan.check_room(demands))


def _without_network(index: int, pool: "PoolSettings") -> Found:
    return (
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


def _refused(path: "KeyPath", check: "Callable[[], None]") -> Iterator[Found]:
    try:
        check()
    except FleetError as error:
        yield path, error
