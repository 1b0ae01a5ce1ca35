"""Capacity reservations and their state at a moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from moto.ec2.utils import random_id

from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.rehearsal.assumptions import CLEAN_UP, STATE_IN_TIME
from ultrafleet.rehearsal.ec2.state.instances import Lifetimes
from ultrafleet.rehearsal.ec2.state.moto_backend import put_tags, tags_of
from ultrafleet.rehearsal.ec2.state.zones import know_zone, zone_id
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

UNLAUNCHABLE: Final = "unlaunchable"
"""An override of the launch status, not of the state."""

_OVER: Final = ("expired", "cancelled", "payment-failed", "failed")


@dataclass(kw_only=True)
class CapacityReservation:
    """Capacity reservation; that of a capacity block has a `block_id`.

    Attributes:
        id: `cr-…`.
        instance_type: type it holds.
        instance_count: instances it holds.
        availability_zone: zone it is in.
        start: when it becomes active.
        end: when it is over; None for one that is kept until it is cancelled.
        created: when it was made.
        platform: `Linux/UNIX`, ...
        tenancy: `default` or `dedicated`.
        match_criteria: `open` or `targeted`.
        placement_group_arn: cluster placement group it was made in, or None.
        ebs_optimized: as the request said.
        block_id: `cbr-…` of the capacity block, or None.
        ultraserver_type: UltraServer that the block holds whole, or None.
        paid: when the payment of a block is settled, or None.
        payment_fails: when a block that isn't paid becomes `payment-failed`, or None.
        cancelled: whether it was cancelled.
        state_override: state that a fault gave it, or None.
        override_until: when that state ends; None: when the fault is cleared.
        interconnect: `ok`, `impaired` or `insufficient-data`: of a block.
        launchable: False: a fault made it unlaunchable.
    """

    id: str
    instance_type: str
    instance_count: int
    availability_zone: str
    start: datetime
    end: datetime | None
    created: datetime
    platform: str = "Linux/UNIX"
    tenancy: str = "default"
    match_criteria: str = "open"
    placement_group_arn: str | None = None
    ebs_optimized: bool = False
    block_id: str | None = None
    ultraserver_type: str | None = None
    paid: datetime | None = None
    payment_fails: datetime | None = None
    cancelled: bool = False
    state_override: str | None = None
    override_until: datetime | None = None
    interconnect: str = "ok"
    launchable: bool = field(default=True)

    @property
    def is_block(self) -> bool:
        """True for the reservation of a capacity block."""
        return self.block_id is not None

    @property
    def reservation_type(self) -> Literal["default", "capacity-block"]:
        """Reservation type as the API spells it."""
        return "capacity-block" if self.is_block else "default"

    @property
    def reclaim_start(self) -> datetime | None:
        """Moment at which EC2 begins to terminate a block's instances; None: never."""
        if not self.is_block or self.end is None:
            return None
        whole = self.ultraserver_type is not None
        return self.end - (CapacityBlockRules.ULTRASERVER_RECLAIM if whole else CapacityBlockRules.INSTANCE_RECLAIM)

    def state(self, now: datetime) -> str:
        """State at a moment."""
        if self.state_override is not None and (self.override_until is None or now < self.override_until):
            return self.state_override
        if self.cancelled:
            return "cancelled"
        if self.payment_fails is not None:
            return "payment-failed" if now >= self.payment_fails else "payment-pending"
        if self.end is not None and now >= self.end:
            return "expired"
        if self.paid is not None and now < self.paid:
            return "payment-pending"
        late = self.is_block and STATE_IN_TIME.fault in SIMULATED_ACCOUNT.readings
        return "scheduled" if now < self.start + (CapacityBlockRules.STATE_LATE if late else timedelta(0)) else "active"

    @property
    def moments(self) -> list[datetime]:
        """Moments at which a block may change: it is paid or not, starts, reads active, is reclaimed, ends."""
        late = self.start + CapacityBlockRules.STATE_LATE
        known = (self.paid, self.payment_fails, self.start, late, self.override_until, self.reclaim_start, self.end)
        return [moment for moment in known if moment is not None]


class Reservations:
    """Capacity reservations of an account and region."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.by_id: dict[str, CapacityReservation] = {}
        self.withheld: set[str] = set()
        """Ids that a fault keeps from being put here."""
        self._by_client_token: dict[str, str] = {}
        self.blocks: list[CapacityReservation] = []
        """Every capacity block, also one that a fault hides from the API."""
        self.failed_checks: set[str] = set()
        """Ids of instances whose status checks fail."""
        self.reclaimed: list[tuple[datetime, str, str]] = []
        """Moment, instance id and reservation id of every instance that EC2 reclaimed."""

    def get(self, capacity_reservation_id: str) -> CapacityReservation:
        """Reservation of an id.

        Raises:
            Refusal: there is none of that id.
        """
        found = self.by_id.get(capacity_reservation_id)
        if found is None:
            raise Refusal(
                "InvalidCapacityReservationId.NotFound",
                f"The capacity reservation ID '{capacity_reservation_id}' does not exist",
            )
        return found

    def add(
        self, reservation: CapacityReservation, *, tags: Mapping[str, str] | None = None, client_token: str = ""
    ) -> CapacityReservation:
        """Add a reservation; one of the same client token is returned instead."""
        known = self._by_client_token.get(client_token)
        if client_token and known is not None:
            return self.by_id[known]
        self.by_id[reservation.id] = reservation
        if client_token:
            self._by_client_token[client_token] = reservation.id
        put_tags(self.account_id, self.region, reservation.id, tags or {})
        if reservation.is_block:
            self.blocks.append(reservation)
        return reservation

    def seed_block(
        self,
        *,
        capacity_reservation_id: str,
        instance_type: str,
        instance_count: int,
        availability_zone: str,
        start: datetime,
        end: datetime,
        ultraserver_type: str | None = None,
    ) -> None:
        """Add a capacity block as if it had been bought and paid before; a later end extends one that exists.

        An earlier end changes nothing: EC2 shortens no block.

        Args:
            capacity_reservation_id: `cr-…`.
            instance_type: type it holds.
            instance_count: instances it holds.
            availability_zone: Availability Zone or Local Zone.
            start: when it becomes active.
            end: when it is over.
            ultraserver_type: UltraServer that it holds whole. Default: a block of single instances.
        """
        if capacity_reservation_id in self.withheld:
            return
        know_zone(availability_zone)
        known = self.by_id.get(capacity_reservation_id)
        if known is not None:
            known.end = max(known.end or end, end)
            return
        self.add(
            CapacityReservation(
                id=capacity_reservation_id,
                instance_type=instance_type,
                instance_count=instance_count,
                availability_zone=availability_zone,
                start=start,
                end=end,
                created=min(SIMULATED_ACCOUNT.now, start),
                match_criteria="targeted",
                block_id=capacity_reservation_id.replace("cr-", "cbr-", 1),
                ultraserver_type=ultraserver_type,
            )
        )

    def override(
        self,
        capacity_reservation_id: str,
        *,
        state: str | None = None,
        interconnect: str | None = None,
        until: datetime | None = None,
    ) -> None:
        """Override the state of a reservation; without arguments the override ends.

        Args:
            capacity_reservation_id: `cr-…`.
            state: `payment-pending`, `payment-failed`, `unavailable`, ... or `unlaunchable`, which leaves the state
                and says that nothing can be launched. Default: the clock's.
            interconnect: `impaired` or `insufficient-data`. Default: `ok`.
            until: when the state ends. Default: when it is overridden again.

        Raises:
            Refusal: there is no such reservation.
        """
        found = self.get(capacity_reservation_id)
        found.launchable = state != UNLAUNCHABLE
        found.state_override = None if state == UNLAUNCHABLE else state
        found.override_until = until
        found.interconnect = interconnect or "ok"

    def available(self, reservation: CapacityReservation) -> int:
        """Instances that can still be launched into a reservation; 0 when it is over.

        A block's instance that was terminated takes its place until EC2 has cleaned up (`assumptions.BLOCK_CLEAN_UP`).
        """
        if reservation.state(SIMULATED_ACCOUNT.now) in _OVER:
            return 0
        lifetimes = SIMULATED_ACCOUNT.part(Lifetimes, self.account_id, self.region)
        used = len(lifetimes.in_reservation(reservation.id))
        if reservation.is_block:
            used += lifetimes.left_reservation(reservation.id, within=CLEAN_UP)
        return max(0, reservation.instance_count - used)

    def unavailable(self, reservation: CapacityReservation) -> int:
        """Instances of a reservation whose status checks fail."""
        lifetimes = SIMULATED_ACCOUNT.part(Lifetimes, self.account_id, self.region)
        return sum(item.instance_id in self.failed_checks for item in lifetimes.in_reservation(reservation.id))

    def arn(self, reservation: CapacityReservation) -> str:
        """ARN of a reservation."""
        return f"arn:aws:ec2:{self.region}:{self.account_id}:capacity-reservation/{reservation.id}"

    def answer(self, reservation: CapacityReservation) -> dict[str, Any]:
        """Description of a reservation by the API."""
        state = reservation.state(SIMULATED_ACCOUNT.now)
        answer = {
            "CapacityReservationId": reservation.id,
            "OwnerId": self.account_id,
            "CapacityReservationArn": self.arn(reservation),
            "AvailabilityZoneId": zone_id(reservation.availability_zone),
            "InstanceType": reservation.instance_type,
            "InstancePlatform": reservation.platform,
            "AvailabilityZone": reservation.availability_zone,
            "Tenancy": reservation.tenancy,
            "TotalInstanceCount": reservation.instance_count,
            "AvailableInstanceCount": self.available(reservation),
            "EbsOptimized": reservation.ebs_optimized,
            "EphemeralStorage": False,
            "State": state,
            "StartDate": reservation.start,
            "EndDateType": "unlimited" if reservation.end is None else "limited",
            "InstanceMatchCriteria": reservation.match_criteria,
            "CreateDate": reservation.created,
            "Tags": tags_of(self.account_id, self.region, reservation.id),
            "ReservationType": reservation.reservation_type,
        }
        if reservation.end is not None:
            answer["EndDate"] = reservation.end
        if reservation.placement_group_arn is not None:
            answer["PlacementGroupArn"] = reservation.placement_group_arn
        if reservation.block_id is not None:
            answer["CapacityBlockId"] = reservation.block_id
        if reservation.ultraserver_type is not None:
            # EC2 API, CapacityReservation.LaunchStatus (high): for UltraServers only.
            launchable = reservation.launchable and state == "active"
            answer["LaunchStatus"] = "launchable" if launchable else UNLAUNCHABLE
        return answer


def new_reservation_id() -> str:
    """New id, `cr-…`."""
    return str(random_id("cr"))
