"""Actions that inject a fault of capacity blocks and of the Local Zones that they are in."""

from datetime import timedelta
from typing import Any, Final

from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.ec2.state.zones import ZoneGroups
from ultrafleet.rehearsal.scenarios.faults.actions import Injection
from ultrafleet.rehearsal.scenarios.faults.fault import FaultTarget, Undo
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT
from ultrafleet.rules.zones import is_local_zone, zone_group

STATES: Final = (
    "scheduled", "pending", "unavailable", "assessing", "delayed", "payment-pending", "payment-failed", "failed",
    "unsupported",
)  # fmt: skip
"""States of a capacity reservation in which nothing can be launched into it (EC2 API, CapacityReservation, high)."""


def block_is(*, state: str | None = None, interconnect: str | None = None) -> Injection:
    """State of every block of the target's pool."""

    def inject(target: FaultTarget) -> Undo:
        ids = _blocks(target)
        reservations = _reservations(target)
        for reservation_id in ids:
            reservations.override(reservation_id, state=state, interconnect=interconnect)

        def undo() -> None:
            for reservation_id in ids:
                reservations.override(reservation_id)

        return undo

    return inject


def block_is_odd(target: FaultTarget) -> Undo:
    """State of the pool's running blocks for some minutes."""
    if target.state not in STATES:
        raise FleetError(path="state", got=repr(target.state), expected=f"one of {', '.join(STATES)}")
    reservations, until = _reservations(target), SIMULATED_ACCOUNT.now + timedelta(minutes=target.minutes)
    for reservation_id in _blocks(target):
        if reservations.get(reservation_id).state(SIMULATED_ACCOUNT.now) == "active":
            reservations.override(reservation_id, state=target.state, until=until)

    def undo() -> None:
        for reservation_id in _blocks(target):
            reservations.override(reservation_id)

    return undo


def zone_is_not_opted_in(target: FaultTarget) -> Undo:
    """The account isn't opted in to the environment's Local Zones."""
    environment = target.environment
    zones = {subnet.availability_zone for subnet in environment.network.subnets}
    local = sorted(zone for zone in zones if is_local_zone(zone))
    if not local:
        raise FleetError(
            path=environment.name, verb="has", got="no subnet in a Local Zone", expected="one", remedy="name another"
        )
    groups = SIMULATED_ACCOUNT.part(ZoneGroups, environment.account, environment.region)

    def opt(*, opted_in: bool) -> None:
        for zone in local:
            groups.opt(zone_group(zone), opted_in=opted_in)

    opt(opted_in=False)
    return lambda: opt(opted_in=True)


def block_has(**facts: Any) -> Injection:  # attributes of a reservation
    """The block differs from the environment file."""

    def inject(target: FaultTarget) -> Undo:
        reservation = _reservations(target).by_id[_blocks(target)[0]]
        before = {name: getattr(reservation, name) for name in facts}
        for name, value in facts.items():
            setattr(reservation, name, value)

        def undo() -> None:
            for name, value in before.items():
                setattr(reservation, name, value)

        return undo

    return inject


def block_is_short(target: FaultTarget) -> Undo:
    """The block holds one instance fewer than the file says."""
    reservation = _reservations(target).by_id[_blocks(target)[0]]
    return block_has(instance_count=reservation.instance_count - 1)(target)


def block_is_unknown(target: FaultTarget) -> Undo:
    """The account has no block of the id that the file names."""
    reservations, reservation_id = _reservations(target), _blocks(target)[0]
    reservation = reservations.by_id.pop(reservation_id)
    reservations.withheld.add(reservation_id)

    def undo() -> None:
        reservations.withheld.discard(reservation_id)
        reservations.by_id[reservation_id] = reservation

    return undo


def _blocks(target: FaultTarget) -> list[str]:
    """Reservation ids of the blocks of the target's pool."""
    named = target.pool
    pools = [pool for pool in target.environment.pools if pool.capacity_blocks and named in {None, pool.name}]
    if not pools:
        raise FleetError(
            path=target.environment.name,
            verb="has",
            got=f"no pool {named or ''} on a capacity block",
            expected="one",
            remedy="name another pool",
        )
    return [block.capacity_reservation_id for block in pools[0].capacity_blocks]


def _reservations(target: FaultTarget) -> Reservations:
    return SIMULATED_ACCOUNT.part(Reservations, target.environment.account, target.environment.region)
