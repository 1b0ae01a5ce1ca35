"""Instances of the embedded AWS and their lifetimes."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.ec2.models.instances import Instance as MotoInstance
from moto.ec2.models.instances import StateReason

from ultrafleet.rehearsal.ec2.state.moto_backend import backend
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT


@dataclass(frozen=True, kw_only=True)
class Instance:
    """Instance that isn't terminated.

    Attributes:
        id: `i-…`.
        state: as EC2 spells it.
        launched: when it was launched.
        subnet_id: subnet of its primary interface.
        instance_type: its type.
        reservation_id: capacity reservation it runs in, or None.
    """

    id: str
    state: str
    launched: datetime
    subnet_id: str
    instance_type: str
    reservation_id: str | None


@dataclass(kw_only=True)
class Lifetime:
    """Lifetime of an instance.

    Attributes:
        instance_id: `i-…`.
        instance_type: its type.
        subnet_id: subnet of its primary interface.
        availability_zone: zone of the subnet.
        reservation_id: capacity reservation it runs in, or None.
        launched: when it was launched.
        terminated: when it was terminated, or None.
        reason: why it was terminated, or "".
    """

    instance_id: str
    instance_type: str
    subnet_id: str
    availability_zone: str
    reservation_id: str | None
    launched: datetime
    terminated: datetime | None = None
    reason: str = ""

    def lived(self, now: datetime) -> timedelta:
        """Duration from launch to termination, or until now."""
        return (self.terminated or now) - self.launched


class Lifetimes:
    """Lifetimes of all instances of an account and region, terminated ones included."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.by_id: dict[str, Lifetime] = {}
        self._alive: dict[str, Lifetime] = {}
        self._in_reservation: dict[str, dict[str, Lifetime]] = {}
        self._left_reservation: dict[str, list[datetime]] = {}

    def begin(self, lifetime: Lifetime) -> None:
        """Record a launch."""
        self.by_id[lifetime.instance_id] = lifetime
        self._alive[lifetime.instance_id] = lifetime
        if lifetime.reservation_id is not None:
            self._in_reservation.setdefault(lifetime.reservation_id, {})[lifetime.instance_id] = lifetime

    def end(self, instance_id: str, reason: str) -> None:
        """Record a termination; a second one changes nothing."""
        lifetime = self._alive.pop(instance_id, None)
        if lifetime is None:
            return
        lifetime.terminated, lifetime.reason = SIMULATED_ACCOUNT.now, reason
        if lifetime.reservation_id is not None:
            self._in_reservation[lifetime.reservation_id].pop(instance_id)
            if lifetime.launched < SIMULATED_ACCOUNT.now:  # one that goes as it comes belongs to a refused launch
                self._left_reservation.setdefault(lifetime.reservation_id, []).append(SIMULATED_ACCOUNT.now)

    def alive(self) -> list[Lifetime]:
        """Instances that aren't terminated."""
        return list(self._alive.values())

    def is_alive(self, instance_id: str) -> bool:
        """True if an instance isn't terminated, or isn't recorded yet."""
        return instance_id in self._alive or instance_id not in self.by_id

    def in_reservation(self, capacity_reservation_id: str) -> list[Lifetime]:
        """Instances that aren't terminated and use a reservation."""
        return list(self._in_reservation.get(capacity_reservation_id, {}).values())

    def left_reservation(self, capacity_reservation_id: str, *, within: timedelta) -> int:
        """Number of instances of a reservation that were terminated less than so long ago."""
        ended = self._left_reservation.get(capacity_reservation_id, [])
        return sum(SIMULATED_ACCOUNT.now - moment < within for moment in ended)

    def node_hours(self, reservation_id: str | None = None) -> float:
        """Instance-hours until now, of all or of one reservation."""
        return sum(
            lifetime.lived(SIMULATED_ACCOUNT.now) / timedelta(hours=1)
            for lifetime in self.by_id.values()
            if reservation_id is None or lifetime.reservation_id == reservation_id
        )


def running(account_id: str, region: str, tags: Mapping[str, str]) -> list[Instance]:
    """Instances that aren't terminated and have all these tags."""
    store = backend(account_id, region)
    instances = {item.id: item for held in store.reservations.values() for item in held.instances}
    found = []
    for lifetime in SIMULATED_ACCOUNT.part(Lifetimes, account_id, region).alive():
        has = store.tags.get(lifetime.instance_id, {})
        if all(has.get(key) == value for key, value in tags.items()):
            found.append(_instance(lifetime, instances[lifetime.instance_id].state))
    return found


def _instance(lifetime: Lifetime, state: str) -> Instance:
    return Instance(
        id=lifetime.instance_id,
        state=state,
        launched=lifetime.launched,
        subnet_id=lifetime.subnet_id,
        instance_type=lifetime.instance_type,
        reservation_id=lifetime.reservation_id,
    )


def install() -> None:
    """Record every termination, whatever call causes it, once."""
    if hasattr(MotoInstance, "termination_reason"):
        return
    MotoInstance.termination_reason = ""  # type: ignore[attr-defined]  # says why, and that moto is patched
    MotoInstance.capacity_reservation_id = None  # type: ignore[attr-defined]  # shown by DescribeInstances
    terminate = MotoInstance.terminate

    def noted(self: Any) -> Any:
        if self.state == "terminated":
            # Moto would look for its interfaces, which are gone; EC2 takes the call as done.
            return copy.copy(self.instance_state)
        previous = terminate(self)
        reason = self.termination_reason
        by = "Service initiated" if reason else "User initiated"
        self._reason = f"{by} ({SIMULATED_ACCOUNT.now:%Y-%m-%d %H:%M:%S} GMT)"
        if reason:
            self.state_reason = StateReason(reason, "")
        store = self.ec2_backend
        SIMULATED_ACCOUNT.part(Lifetimes, store.account_id, store.region_name).end(
            self.id, reason or "TerminateInstances"
        )
        return previous

    MotoInstance.terminate = noted  # type: ignore[method-assign]  # this is how moto is extended


def terminate(account_id: str, region: str, instance_ids: Sequence[str], *, reason: str) -> None:
    """Terminate instances on AWS's behalf, whatever their termination protection.

    Args:
        account_id: their account.
        region: their region.
        instance_ids: the instances; one that is gone already is left alone.
        reason: what the instances' state reason says.
    """
    if not instance_ids:
        return
    store = backend(account_id, region)
    wanted = set(instance_ids)
    for held in list(store.reservations.values()):
        for instance in held.instances:
            if instance.id in wanted and instance.state != "terminated":
                instance.termination_reason = reason
                instance.terminate()
