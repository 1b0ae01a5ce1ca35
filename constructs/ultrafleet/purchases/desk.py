"""Parts that buying, extending and settling share: an environment's file, its journal, its market, the time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from ultrafleet.environment.file_replacement import ChangedFileError
from ultrafleet.environment.text_places import PaymentEntry
from ultrafleet.errors import FleetError
from ultrafleet.purchases.environment_file import EnvironmentFile, match
from ultrafleet.purchases.journal import LOCK_SECONDS, Journal, OpenJournal
from ultrafleet.purchases.market import ENVIRONMENT_TAG, INTENT_TAG, Market
from ultrafleet.purchases.outcome import UnsettledError, settle_command
from ultrafleet.purchases.records import OPEN, PAID, BoughtBlock, Intent, Placement, Purchase, State
from ultrafleet.purchases.sold import SoldBlock

ABSENT_AFTER: Final = timedelta(minutes=15)
"""Time after a call from which EC2's silence counts as "nothing was bought". Ours: a signed request is refused a few
minutes after its signature, and the rest is for what EC2 lists late; not verified on AWS."""
_TRIES: Final = 3
"""Times that an edit is made anew when the file changes under it."""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Desk of an environment.

    Attributes:
        environments: folder of the environment files.
        name: the environment.
        journal: the journal.
        market: EC2 of the environment's account.
        now: the present moment, in UTC.
        compare_clock: compare it with AWS's. Default: True; a simulated clock is another one.
        lock_seconds: time to wait for another purchase.
    """

    environments: Path
    name: str
    journal: Journal
    market: Market
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    compare_clock: bool = True
    lock_seconds: float = LOCK_SECONDS

    def file(self) -> EnvironmentFile:
        """The environment's file as it is now.

        Raises:
            FleetError: it can't be used.
        """
        return EnvironmentFile.read(self.environments, self.name)

    def check_account(self) -> None:
        """Refuse another account's credentials, and a clock of this machine that isn't AWS's.

        Raises:
            FleetError: the credentials can't be used.
            RefusedError: the clock is more than five minutes off.
        """
        # Not `now`: of the embedded AWS that is its simulated time.
        self.market.check_account(datetime.now(UTC) if self.compare_clock else None)

    def purchases(self, book: OpenJournal) -> list[Purchase]:
        """Purchases of the environment.

        Args:
            book: the journal.
        """
        return [item for item in book.purchases.values() if item.intent.environment == self.name]

    def refuse_open(self, purchases: list[Purchase]) -> None:
        """Refuse to buy while an earlier purchase isn't settled.

        Args:
            purchases: of the environment.

        Raises:
            UnsettledError: one isn't.
        """
        for item in purchases:
            if item.state in OPEN:
                got = "bought and not in the file" if item.state is State.BOUGHT else "unknown"
                raise UnsettledError(
                    path=f"the outcome of purchase {item.id} of {item.intent.at.isoformat()}",
                    got=got,
                    expected="a settled one before anything else is bought",
                    remedy=f"nothing was bought now; {settle_command(self.name)}",
                )

    def refuse_unknown(self, purchases: list[Purchase], blocks: list[SoldBlock]) -> None:
        """Refuse to buy while AWS has blocks of the environment that the journal doesn't know as bought.

        Args:
            purchases: of the environment.
            blocks: of the account.

        Raises:
            UnsettledError: there is one.
        """
        known = {item.id for item in purchases if item.state in PAID | {State.RELEASED}}
        for block in self.own(blocks):
            if block.tags[INTENT_TAG] not in known and not block.is_lost:
                raise UnsettledError(
                    path=f"block {block.id} of purchase {block.tags[INTENT_TAG]}",
                    got=f"bought for {self.name}, and not in {self.journal.path}",
                    expected="a journal that has it",
                    remedy=f"take in the journal of the machine that bought it, or {settle_command(self.name)}",
                )

    def own(self, blocks: list[SoldBlock]) -> Iterator[SoldBlock]:
        """Blocks that were bought for the environment with an intent.

        Args:
            blocks: of the account.
        """
        for block in blocks:
            if block.tags.get(ENVIRONMENT_TAG) == self.name and INTENT_TAG in block.tags:
                yield block

    def write_back(self, book: OpenJournal, purchase: Purchase) -> None:
        """Bring what was bought into the environment's file, and say so in the journal.

        Args:
            book: the journal.
            purchase: with state `bought`.

        Raises:
            UnsettledError: the file can't be edited, or doesn't load with it any more; the purchase is in the journal.
        """
        intent = purchase.intent
        try:
            for left in reversed(range(_TRIES)):
                file = self.file()
                if intent.extension is not None:
                    new = file.with_end(intent.extension, paid=payment_of(intent))
                else:
                    places = _places(intent.placements, purchase.blocks)
                    new = file.with_blocks(places, like=intent.like, day=intent.at.date())
                try:
                    if new.text != file.text:
                        file.replace(new)
                    break
                except ChangedFileError:
                    if not left:
                        raise
            book.add(purchase.next(State.WRITTEN, self.now()))
        except (FleetError, OSError) as error:
            raise UnsettledError(
                path=f"purchase {purchase.id}",
                got=f"paid and in {self.journal.path}, and not in the environment's file ({error})",
                expected="both",
                remedy=f"write {_by_hand(purchase)}, then {settle_command(self.name)}",
            ) from error


def payment_of(intent: Intent) -> PaymentEntry:
    """Payment of an intent, as the environment's file has it.

    Args:
        intent: the intent.
    """
    return PaymentEntry(day=intent.at.date(), usd=intent.usd)


def bought(blocks: list[SoldBlock]) -> tuple[BoughtBlock, ...]:
    """Blocks as the journal keeps them.

    Args:
        blocks: as EC2 has them.
    """
    return tuple(
        BoughtBlock(
            capacity_reservation_id=reservation,
            capacity_block_id=block.id,
            availability_zone=block.availability_zone,
            start=block.start,
            end=block.end,
            state=block.state,
        )
        for block in blocks
        for reservation in block.reservations
    )


def _places(places: tuple[Placement, ...], blocks: tuple[BoughtBlock, ...]) -> list[tuple[Placement, str]]:
    found = match(places, blocks)
    if len(found) != len(blocks):
        placed = {reservation for _, reservation in found}
        left = [item.capacity_reservation_id for item in blocks if item.capacity_reservation_id not in placed]
        raise FleetError(path=f"block {', '.join(left)}", got="without a place", expected="a pool in its zone")
    return found


def _by_hand(purchase: Purchase) -> str:
    extension = purchase.intent.extension
    if extension is not None:
        return f"end: {extension.new_end.isoformat()} into block {extension.capacity_reservation_id}"
    return f"into the blocks of {' or '.join(purchase.intent.pools)}: " + "; ".join(
        f"{block.capacity_reservation_id} in {block.availability_zone} from {block.start.isoformat()} to "
        f"{block.end.isoformat()}"
        for block in purchase.blocks
    )
