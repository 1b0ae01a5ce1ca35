"""Checks of what an environment's parts say together: all of their faults, each with the path of its key.

What is wrong alone has no value here: a check that reads it ends there, so that what the others say is checked beside
it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ultrafleet.environment.capacity_checks import guarantee_faults, reservation_faults, spare_faults
from ultrafleet.environment.collected import Found, attempted, known
from ultrafleet.environment.document import KeyPath
from ultrafleet.environment.parts import Parts, name_of, named_twice, write_near
from ultrafleet.environment.pool_settings import AcceleratorPoolSettings
from ultrafleet.environment.secondary_network_checks import secondary_network_faults
from ultrafleet.environment.subnet_checks import cidr_faults, local_zone_faults, region_faults
from ultrafleet.environment.workload_checks import model_faults, shared_name_faults, shared_rack_faults, team_faults
from ultrafleet.errors import FleetError
from ultrafleet.rules.places import validate_place

if TYPE_CHECKING:
    from ultrafleet.environment.pool_settings import PoolSettings

_SUBNETS: Final = ("network", "subnets")


def fleet_checks(parts: Parts) -> Iterator[Iterable[Found]]:
    """Checks of what the parts say together, apart from each other, in the order of the file.

    Args:
        parts: the parts.
    """
    yield region_faults(parts)
    yield _repeated(_SUBNETS, "network.subnets", parts.subnets)
    yield local_zone_faults(parts)
    yield cidr_faults(parts)
    yield secondary_network_faults(
        parts.secondary_network,
        is_stated=parts.states_secondary_network,
        region=parts.region,
        vpc_cidrs=parts.vpc_cidrs,
        pools=parts.pools,
        zone_of=parts.zone_of,
    )
    yield _repeated(("capacity_reservations",), "capacity_reservations", parts.reservations)
    yield _repeated(("pools",), "pools", parts.pools)
    yield _node_group_faults(parts)
    yield _each(parts, "pools", _pool_faults)
    yield _reservation_faults(parts)
    yield reservation_faults(parts)
    yield spare_faults(parts)
    yield guarantee_faults(parts)
    yield _delivery_faults(parts)
    yield shared_name_faults(parts)
    yield _each(parts, "teams", team_faults)
    yield _each(parts, "models", model_faults)
    yield shared_rack_faults(parts)


def _each(parts: Parts, kind: str, check: Callable[[Parts, KeyPath, Any], Iterator[Found]]) -> Iterator[Found]:
    """Faults of a check of each part of a kind."""
    for index, item in enumerate(getattr(parts, kind)):
        yield from attempted(check(parts, (kind, index), item))


def _repeated(path: KeyPath, where: str, parts: Sequence[Any]) -> Iterator[Found]:
    names = [name_of(item) for item in parts]
    for index, name in enumerate(names):
        if name is not None and name in names[:index]:
            yield (*path, index, "name"), named_twice(where, names.count(name), name)


def _node_group_faults(parts: Parts) -> Iterator[Found]:
    users: dict[str, int] = {}
    for index, pool in enumerate(parts.pools):
        for path, group in attempted(_node_groups(index, pool)):
            first = users.setdefault(group, index)
            # The same pool's are the pool's own fault; a second pool of the name has been told of.
            if first != index and name_of(parts.pools[first]) != name_of(pool):
                yield path, named_twice("node groups", 2, group)


def _node_groups(index: int, pool: "PoolSettings") -> Iterator[tuple[KeyPath, str]]:
    """Node groups of a pool, each with the path of what names it."""
    if not pool.blocks:
        yield ("pools", index, "name"), pool.name
    for number in range(len(pool.blocks)):
        path: KeyPath = ("pools", index, "blocks", number, "existing_node_group")
        group = known(partial(_node_group, pool, number), None)
        if group is not None:
            yield path, group


def _node_group(pool: "PoolSettings", number: int) -> str:
    block = pool.blocks[number]
    return block.existing_node_group or f"{pool.name}-{block.capacity_reservation_id}"


def _pool_faults(parts: Parts, path: KeyPath, pool: "PoolSettings") -> Iterator[Found]:
    subnet = parts.subnet(pool.subnet)
    if subnet is None or subnet.kind != "accelerator":
        accelerators = sorted(
            name
            for item in parts.subnets
            if known(partial(getattr, item, "kind"), None) == "accelerator" and (name := name_of(item)) is not None
        )
        yield (
            (*path, "subnet"),
            FleetError(
                path=_of_pool(pool), verb="names", got=f"subnet {pool.subnet!r}",
                expected=f"one of the accelerator subnets {', '.join(accelerators) or '(none)'}",
                remedy=write_near(
                    pool.subnet, accelerators, "name one of them, or add a subnet of kind accelerator"
                ),
            ),
        )  # fmt: skip
        return
    zone = subnet.availability_zone
    for number in range(len(known(lambda: pool.blocks, []))):
        yield from attempted(_block_zone_fault(path, pool, number, zone))
    try:
        validate_place(pool.name, pool.sold, zone)
    except FleetError as error:
        yield (*path, "subnet"), error


def _of_pool(pool: "PoolSettings") -> str:
    name = name_of(pool)
    return f"pool {name}" if name is not None else "the pool"


def _block_zone_fault(path: KeyPath, pool: "PoolSettings", number: int, zone: str) -> Iterator[Found]:
    block = pool.blocks[number]
    if block.availability_zone != zone:
        named = known(lambda: f"block {block.capacity_reservation_id}", "a block")
        yield (
            (*path, "blocks", number, "availability_zone"),
            FleetError(
                path=_of_pool(pool), verb="has", got=f"{named} in {block.availability_zone}",
                expected=f"{zone}, the zone of its subnet {pool.subnet}", remedy="name a subnet in the block's zone",
            ),
        )  # fmt: skip


def _reservation_faults(parts: Parts) -> Iterator[Found]:
    users: dict[str, str] = {}
    for index, pool in enumerate(parts.pools):
        name = name_of(pool)
        if isinstance(pool, AcceleratorPoolSettings):
            yield from attempted(_unknown_reservation(parts, index, pool))
        for path, reservation in _reservations(parts, index, pool) if name is not None else ():
            first = users.setdefault(reservation, name or "")
            if first != name:
                yield (
                    path,
                    FleetError(
                        path=f"capacity reservation {reservation}", got=f"used by pools {first} and {name}",
                        expected="one pool for each reservation", remedy="take it out of one of them",
                    ),
                )  # fmt: skip


def _unknown_reservation(parts: Parts, index: int, pool: "AcceleratorPoolSettings") -> Iterator[Found]:
    name = pool.capacity_reservation
    if name is not None and not parts.has("reservations", name):
        stated = sorted(parts.names("reservations"))
        yield (
            ("pools", index, "capacity_reservation"),
            FleetError(
                path=_of_pool(pool), verb="names", got=f"capacity reservation {name!r}",
                expected=f"one of {', '.join(stated) or '(none)'}",
                remedy=write_near(name, stated, "add it to capacity_reservations, or leave it out"),
            ),
        )  # fmt: skip


def _reservations(parts: Parts, index: int, pool: "PoolSettings") -> Iterator[tuple[KeyPath, str]]:
    """Reservations that a pool uses: by id, and those that are made here by name."""
    for number, block in enumerate(known(lambda: pool.blocks, [])):
        reservation = known(partial(getattr, block, "capacity_reservation_id"), None)
        if reservation is not None:
            yield ("pools", index, "blocks", number, "capacity_reservation_id"), reservation
    if not isinstance(pool, AcceleratorPoolSettings):
        return
    name = known(lambda: pool.capacity_reservation, None)
    if name is not None and name in parts.names("reservations"):
        made = next(item for item in parts.reservations if name_of(item) == name)
        yield (
            ("pools", index, "capacity_reservation"),
            known(lambda: made.capacity_reservation_id, None) or name,
        )


def _delivery_faults(parts: Parts) -> Iterator[Found]:
    kubernetes = parts.kubernetes
    if kubernetes is None or kubernetes.delivery != "none":
        return
    path: KeyPath = ("kubernetes", "delivery")
    if parts.teams or parts.models:
        yield (
            path,
            FleetError(
                path="kubernetes.delivery", got="none, but there are teams or models", expected="kubectl or argo_cd",
                remedy="their objects must be delivered to the cluster",
            ),
        )  # fmt: skip
    if kubernetes.acceptance is not None:
        yield (
            path,
            FleetError(
                path="kubernetes.delivery", got="none, but kubernetes.acceptance is stated",
                expected="kubectl or argo_cd",
                remedy="new nodes of a tested pool take no jobs until the delivered gate releases them",
            ),
        )  # fmt: skip
