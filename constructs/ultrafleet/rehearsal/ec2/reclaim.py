"""EC2 taking back the instances of capacity blocks before they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ultrafleet.rehearsal.ec2.answers import backend
from ultrafleet.rehearsal.ec2.instances import Lifetimes
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ultrafleet.rehearsal.ec2.reservations import CapacityReservation

RECLAIM_REASON = "The Capacity Block is ending"
"""Why an instance was terminated, in its state reason (our words: AWS documents none)."""


class Reclaim:
    """Terminates what still runs in a block when EC2 may begin to.

    EC2 begins 30 minutes before the end of a block of single instances and 60 before an UltraServer's (EC2 user guide,
    Capacity Blocks for ML, high). It doesn't say in which order or how fast; here every instance goes at that moment.
    """

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.killed: list[tuple[datetime, str, str]] = []
        """Moment, instance id and reservation id of every instance that EC2 took."""
        self._blocks: list[CapacityReservation] = []
        SIMULATED_ACCOUNT.register(self)

    def watch(self, block: CapacityReservation) -> None:
        """Take the instances of a block when its time has come."""
        self._blocks.append(block)

    def next_moment(self, after: datetime) -> datetime | None:
        """When the next block changes: paid, started, reclaimed or over."""
        moments = [
            moment
            for block in self._blocks
            for moment in (block.paid, block.start, block.reclaim_start, block.end)
            if moment is not None and moment > after
        ]
        return min(moments, default=None)

    def act(self, now: datetime) -> None:
        """Terminate what runs in blocks whose reclaim has begun."""
        lifetimes = SIMULATED_ACCOUNT.part(Lifetimes, self.account_id, self.region)
        for block in self._blocks:
            if block.reclaim_start is None or now < block.reclaim_start:
                continue
            doomed = [lifetime.instance_id for lifetime in lifetimes.in_reservation(block.id)]
            if doomed:
                terminate(self.account_id, self.region, doomed, reason=RECLAIM_REASON)
                self.killed += [(now, instance_id, block.id) for instance_id in doomed]


def terminate(account_id: str, region: str, instance_ids: Sequence[str], *, reason: str) -> None:
    """Terminate instances for somebody other than the account's user; termination protection doesn't count.

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
