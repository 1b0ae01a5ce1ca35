"""Checks of pools with their reservations, and of spare and guaranteed nodes with what the pools have."""

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ultrafleet.environment.collected import Found, attempted
from ultrafleet.environment.parts import Parts, name_of, write_near
from ultrafleet.environment.pool_settings import AcceleratorPoolSettings, UltraServerPoolSettings
from ultrafleet.errors import FleetError

if TYPE_CHECKING:
    from ultrafleet.environment.document import KeyPath
    from ultrafleet.environment.parts import StatedReservation


def reservation_faults(parts: Parts) -> Iterator[Found]:
    """Faults of pools on a reservation of another type or zone, or of fewer instances than the pool has nodes.

    Args:
        parts: parts of the environment.
    """
    for index, pool in enumerate(parts.pools):
        if not isinstance(pool, AcceleratorPoolSettings):
            continue
        for reservation in attempted(_reservation(parts, pool)):
            path: KeyPath = ("pools", index)
            yield from attempted(_of_another_type(path, pool, reservation))
            yield from attempted(_of_another_zone(parts, path, pool, reservation))
            yield from attempted(_too_small(path, pool, reservation))


def _reservation(parts: Parts, pool: AcceleratorPoolSettings) -> "Iterator[StatedReservation]":
    name = pool.capacity_reservation
    yield from (item for item in parts.reservations if name is not None and name_of(item) == name)


def _of_another_type(
    path: "KeyPath", pool: AcceleratorPoolSettings, reservation: "StatedReservation"
) -> Iterator[Found]:
    if reservation.instance_type != pool.instance_type:
        yield (
            (*path, "capacity_reservation"),
            FleetError(
                path=f"capacity reservation {reservation.name}", got=f"of {reservation.instance_type}",
                expected=f"{pool.instance_type}, the pool's instance_type", remedy="correct one of them",
            ),
        )  # fmt: skip


def _of_another_zone(
    parts: Parts, path: "KeyPath", pool: AcceleratorPoolSettings, reservation: "StatedReservation"
) -> Iterator[Found]:
    zone = parts.zone_of(pool.subnet)
    if zone is not None and reservation.availability_zone != zone:
        yield (
            (*path, "capacity_reservation"),
            FleetError(
                path=f"capacity reservation {reservation.name}", got=f"in {reservation.availability_zone}",
                expected=f"{zone}, the zone of the pool's subnet {pool.subnet}",
                remedy="name a subnet in the reservation's zone",
            ),
        )  # fmt: skip


def _too_small(path: "KeyPath", pool: AcceleratorPoolSettings, reservation: "StatedReservation") -> Iterator[Found]:
    if pool.nodes is not None and reservation.instance_count < pool.nodes:
        yield (
            (*path, "nodes"),
            FleetError(
                path="nodes", got=pool.nodes,
                expected=f"at most {reservation.instance_count}, the instances of reservation {reservation.name}",
                remedy="lower it, or raise instance_count of the reservation: no further node would launch",
            ),
        )  # fmt: skip


def spare_faults(parts: Parts) -> Iterator[Found]:
    """Fault of as many spare nodes as an UltraServer has, or more.

    Args:
        parts: parts of the environment.
    """
    kubernetes = parts.kubernetes
    if kubernetes is None or kubernetes.delivery == "none":
        return
    spare = kubernetes.spare_nodes_per_ultraserver
    for pool in parts.pools:
        if isinstance(pool, UltraServerPoolSettings) and pool.nodes_per_group <= spare:
            yield (
                ("kubernetes", "spare_nodes_per_ultraserver"),
                FleetError(
                    path="spare_nodes_per_ultraserver", got=spare, expected=f"0 to {pool.nodes_per_group - 1}",
                    remedy=f"an UltraServer of pool {pool.name} has {pool.nodes_per_group} nodes",
                ),
            )  # fmt: skip
            return


def guarantee_faults(parts: Parts) -> Iterator[Found]:
    """Faults of guaranteed nodes of a type that the team's queue hasn't, where no queue is over cells.

    Args:
        parts: parts of the environment.
    """
    if parts.kubernetes is None or parts.kubernetes.manages is not None:
        return
    capacity: dict[str, set[str]] = defaultdict(set)
    for pool in parts.pools:
        capacity[pool.workload].add(
            pool.ultraserver_type if isinstance(pool, UltraServerPoolSettings) else pool.instance_type
        )
    for index, team in enumerate(parts.teams):
        for name in team.guaranteed_nodes:
            known = sorted(capacity[team.workload])
            if known and name not in known:
                yield (
                    ("teams", index, "guaranteed_nodes", name),
                    FleetError(
                        path=f"guaranteed_nodes of team {team.name}", verb="name", got=name,
                        expected=f"one of {', '.join(known)}, which the queue {team.workload} has",
                        remedy=write_near(name, known, "write one of them"),
                    ),
                )  # fmt: skip
