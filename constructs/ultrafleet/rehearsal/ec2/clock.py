"""EC2's clocks: extensions of blocks are paid or fail, and instances are reclaimed before their block ends."""

from datetime import datetime
from typing import Final

from ultrafleet.rehearsal.assumptions import EXTENSION_PAYMENT
from ultrafleet.rehearsal.ec2.state.block_sales import BlockSales, PurchasedExtension
from ultrafleet.rehearsal.ec2.state.instances import Lifetimes, terminate
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

PAYMENT_PENDING: Final = EXTENSION_PAYMENT.fault
"""Fault under which extensions are not paid."""
PAYMENT_FAILS: Final = "extension-payment-fails"
"""Fault under which the payment of an extension fails."""
RECLAIM_REASON: Final = "The Capacity Block is ending"
"""State reason of an instance that EC2 reclaimed (wording of this emulator: AWS documents none)."""


class ExtensionClock:
    """Settles the extensions of blocks: a paid one moves the end, one that isn't paid in time fails."""

    def next_moment(self, after: datetime) -> datetime | None:
        """Next moment at which an extension is paid or fails."""
        moments = [
            moment
            for sales in SIMULATED_ACCOUNT.parts(BlockSales)
            for bought in sales.history
            if bought.is_pending
            for moment in (bought.paid, bought.fails)
            if moment > after
        ]
        return min(moments, default=None)

    def act(self, now: datetime) -> None:
        """Settle what is due."""
        for sales in SIMULATED_ACCOUNT.parts(BlockSales):
            reservations = SIMULATED_ACCOUNT.part(Reservations, sales.account_id, sales.region)
            for bought in sales.history:
                if bought.is_pending:
                    self._settle(bought, reservations, now)

    def _settle(self, bought: PurchasedExtension, reservations: Reservations, now: datetime) -> None:
        due = now >= bought.paid
        if now >= bought.fails or (due and PAYMENT_FAILS in SIMULATED_ACCOUNT.readings):
            bought.status = "payment-failed"
        elif due and PAYMENT_PENDING not in SIMULATED_ACCOUNT.readings:
            bought.status = "payment-succeeded"
            reservations.get(bought.extension.capacity_reservation_id).end = bought.extension.end
            SIMULATED_ACCOUNT.changes += 1


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
            for moment in block.moments
            if moment > after
        ]
        return min(moments, default=None)

    def act(self, now: datetime) -> None:
        """Terminate what runs in blocks whose reclaim has begun."""
        for reservations in SIMULATED_ACCOUNT.parts(Reservations):
            account_id, region = reservations.account_id, reservations.region
            lifetimes = SIMULATED_ACCOUNT.part(Lifetimes, account_id, region)
            for block in reservations.blocks:
                SIMULATED_ACCOUNT.changes += block.override_until == now
                if block.reclaim_start is None or now < block.reclaim_start:
                    continue
                reclaimed = [lifetime.instance_id for lifetime in lifetimes.in_reservation(block.id)]
                terminate(account_id, region, reclaimed, reason=RECLAIM_REASON)
                reservations.reclaimed += [(now, instance_id, block.id) for instance_id in reclaimed]


def install() -> None:
    """Let EC2 settle the extensions of every account's blocks, and then reclaim instances, once."""
    SIMULATED_ACCOUNT.add_clock(ExtensionClock())
    SIMULATED_ACCOUNT.add_clock(ReclaimClock())
