"""EC2's clock: instances of capacity blocks are reclaimed before the block ends."""

from datetime import datetime
from typing import Final

from ultrafleet.rehearsal.ec2.state.instances import Lifetimes, terminate
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

RECLAIM_REASON: Final = "The Capacity Block is ending"
"""State reason of an instance that EC2 reclaimed (wording of this emulator: AWS documents none)."""


class ReclaimClock:
    """Terminates the instances of a capacity block when EC2 may begin to.

    EC2 begins 30 minutes before the end of a block of single instances and 60 before an UltraServer's (EC2 user guide,
    Capacity Blocks for ML, high). It doesn't say in which order or how fast; here every instance goes at that moment.
    """

    def next_moment(self, after: datetime) -> datetime | None:
        """Next moment at which a block is paid, starts, is reclaimed or ends."""
        moments = [
            moment
            for reservations in SIMULATED_ACCOUNT.parts(Reservations)
            for block in reservations.blocks
            for moment in (block.paid, block.start, block.reclaim_start, block.end)
            if moment is not None and moment > after
        ]
        return min(moments, default=None)

    def act(self, now: datetime) -> None:
        """Terminate what runs in blocks whose reclaim has begun."""
        for reservations in SIMULATED_ACCOUNT.parts(Reservations):
            account_id, region = reservations.account_id, reservations.region
            lifetimes = SIMULATED_ACCOUNT.part(Lifetimes, account_id, region)
            for block in reservations.blocks:
                if block.reclaim_start is None or now < block.reclaim_start:
                    continue
                reclaimed = [lifetime.instance_id for lifetime in lifetimes.in_reservation(block.id)]
                terminate(account_id, region, reclaimed, reason=RECLAIM_REASON)
                reservations.reclaimed += [(now, instance_id, block.id) for instance_id in reclaimed]


def install() -> None:
    """Let EC2 reclaim the instances of every account's blocks, once."""
    SIMULATED_ACCOUNT.add_clock(ReclaimClock())
