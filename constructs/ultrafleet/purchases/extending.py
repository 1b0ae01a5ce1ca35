"""Extension of a capacity block: looked at, checked, journalled, paid once, written into the environment file.

An extension takes no tags. What settles it is the block's extension history, compared with the one before the call, and
the block's end.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.environment.block_settings import BlockSettings
from ultrafleet.environment.pool_settings import PoolSettings
from ultrafleet.environment.text_places import PaymentEntry
from ultrafleet.errors import FleetError
from ultrafleet.purchases.approval import Approved, Wanted, buyer, require_approval
from ultrafleet.purchases.buying import refuse_changed, refuse_used
from ultrafleet.purchases.desk import Desk
from ultrafleet.purchases.environment_file import EnvironmentFile, refuse_overlap
from ultrafleet.purchases.journal import OpenJournal
from ultrafleet.purchases.offers import ExtensionOffer, refuse_price
from ultrafleet.purchases.outcome import RefusedError, settle_command
from ultrafleet.purchases.paying import pay, record_bought
from ultrafleet.purchases.records import PAID, BoughtBlock, Extension, Intent, Placement, Purchase, new_intent_id
from ultrafleet.purchases.signals import recorded_first

SAME_WISH: Final = timedelta(hours=24)
"""Time for which the same extension is taken for a repetition of the first command. Ours."""
_PENDING: Final = "payment-pending"
_DAY_HOURS: Final = 24


@dataclass(frozen=True, kw_only=True)
class ExtensionWish:
    """Wish for an extension.

    Attributes:
        pool: the pool.
        days: length of the extension.
        max_usd: ceiling of the price.
        block: reservation of the block. Default: None, the pool's last one.
        approval: file of a second person's approval. Default: none.
        again: extend once more, though the same extension was bought within a day. Default: False.
        max_overlap: longest time beside another block of the pool. Default: a day.
    """

    pool: str
    days: int
    max_usd: Decimal
    block: str | None = None
    approval: Path | None = None
    again: bool = False
    max_overlap: timedelta = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class ExtensionProposal:
    """Extension that passed every check that can be made before it is paid.

    Attributes:
        offer: the offer.
        extension: of the block.
        file: the environment's file as it is.
        edited: as it would be.
        approved: the approval, where one is needed.
        buyer: who buys.
    """

    offer: ExtensionOffer
    extension: Extension
    file: EnvironmentFile
    edited: EnvironmentFile
    approved: Approved | None
    buyer: str


def look(desk: Desk, wish: ExtensionWish) -> ExtensionProposal | Purchase:
    """Dry run: a proposal, or the same extension's purchase of the last day. Nothing is written.

    Args:
        desk: the desk.
        wish: the wish.

    Raises:
        PurchaseError: it would be refused.
        FleetError: the input can't be used.
    """
    return _propose(desk, wish, [item for item in desk.journal.read().values() if item.intent.environment == desk.name])


def extend(desk: Desk, wish: ExtensionWish) -> Purchase:
    """Extend a block; the same wish again within a day buys nothing and returns the first purchase.

    Args:
        desk: the desk.
        wish: the wish.

    Raises:
        RefusedError: it is refused, nothing was bought.
        FailedError: EC2 refused it, nothing was bought.
        UnsettledError: the outcome is unknown, or an earlier purchase has to be settled.
        FleetError: the input can't be used; nothing was bought.
    """
    with desk.journal.locked(wait_seconds=desk.lock_seconds) as book:
        found = _propose(desk, wish, desk.purchases(book))
        if isinstance(found, Purchase):
            return found
        intent = _intent(desk, wish, found)
        now = _offer(desk, wish, found.extension)
        refuse_changed(found.offer.id, now.differences(found.offer))
        intent = intent.model_copy(update={"offering": now.id})
        with recorded_first():
            purchase = book.begin(intent)
            _pay(desk, book, purchase)
            desk.write_back(book, purchase)
        return purchase


def _propose(desk: Desk, wish: ExtensionWish, purchases: list[Purchase]) -> ExtensionProposal | Purchase:
    file = desk.file()
    desk.refuse_open(purchases)
    pool, block = _block(file, wish)
    reservation = block.capacity_reservation_id
    desk.check_account()  # from then on the embedded AWS's time is known
    same = _same(purchases, reservation, wish, desk.now())
    if same is not None:
        return same
    desk.refuse_unknown(purchases, desk.market.blocks())
    history = desk.market.history(reservation)
    for item in history:
        if item.status == _PENDING:
            raise RefusedError(
                path=f"extension {item.offering} of {reservation}", got=_PENDING, expected="paid before the next one"
            )
    _refuse_other_end(desk, block, desk.market.end(reservation))
    extension = Extension(
        capacity_reservation_id=reservation,
        end=block.end,
        new_end=block.end + timedelta(days=wish.days),
        known=tuple(item.offering for item in history),
    )
    _refuse_dates(block, extension, desk.now())
    place = Placement(
        pool=wish.pool, availability_zone=block.availability_zone, start=extension.end, end=extension.new_end
    )
    refuse_overlap(file, [place], most=wish.max_overlap, without=reservation)
    offer = _offer(desk, wish, extension)
    refuse_price(offer.usd, offer.currency, wish.max_usd)
    edited = _tried(file, extension, PaymentEntry(day=desk.now().date(), usd=offer.usd))
    approved = require_approval(
        Wanted(
            environment=desk.name,
            pools=(wish.pool,),
            type=_sold(pool),
            count=1 if pool.kind == "ultraserver" else offer.instance_count,
            start=extension.end,
            end=extension.new_end,
            extends=reservation,
            usd=offer.usd,
            max_usd=wish.max_usd,
            repository=desk.environments,
        ),
        above_usd=Decimal(str(file.environment.purchases.approval_above_usd)),
        file=wish.approval,
        now=desk.now(),
    )
    refuse_used(approved, purchases)
    return ExtensionProposal(
        offer=offer,
        extension=extension,
        file=file,
        edited=edited,
        approved=approved,
        buyer=buyer(desk.environments),
    )


def _same(purchases: list[Purchase], reservation: str, wish: ExtensionWish, now: datetime) -> Purchase | None:
    """The last day's purchase of the same extension, which a repeated command means."""
    for item in reversed(purchases):
        extension = item.intent.extension
        if extension is None or extension.capacity_reservation_id != reservation or item.state not in PAID:
            continue
        is_same = extension.new_end - extension.end == timedelta(days=wish.days)
        return item.repeated() if is_same and not wish.again and now - item.last_at < SAME_WISH else None
    return None


def _block(file: EnvironmentFile, wish: ExtensionWish) -> tuple[PoolSettings, BlockSettings]:
    pool = file.pool(wish.pool)
    if pool is None or not pool.blocks:
        names = ", ".join(item.name for item in file.environment.pools if item.blocks)
        raise RefusedError(
            path=f"pool {wish.pool}",
            got="not in the file" if pool is None else "without blocks",
            expected=f"one of {names}" if names else "one with blocks, of which there is none",
        )
    for block in pool.blocks:
        if block.capacity_reservation_id == wish.block:
            return pool, block
    if wish.block is not None:
        ids = ", ".join(block.capacity_reservation_id for block in pool.blocks)
        raise RefusedError(path="--block", got=wish.block, expected=f"one of {ids}")
    return pool, max(pool.blocks, key=lambda block: block.end)


def _refuse_other_end(desk: Desk, block: BlockSettings, end: datetime) -> None:
    if end != block.end:
        written = f"write end: {end.strftime('%Y-%m-%dT%H:%M:%SZ')} into the file: it was extended elsewhere"
        raise RefusedError(
            path=f"the end of block {block.capacity_reservation_id}",
            got=f"{block.end.isoformat()} in the file, and {end.isoformat()} at EC2",
            expected="one end",
            remedy=written if end > block.end else f"an extension wasn't paid: {settle_command(desk.name)}",
        )


def _refuse_dates(block: BlockSettings, extension: Extension, now: datetime) -> None:
    left = block.end - now
    earliest, latest = CapacityBlockRules.EARLIEST_EXTENSION, CapacityBlockRules.LATEST_EXTENSION
    if not latest <= left <= earliest:
        raise RefusedError(
            path=f"block {block.capacity_reservation_id}",
            verb="ends in",
            got=str(left),
            expected=f"{latest} to {earliest}, when EC2 extends",
            remedy=f"extend it from {(block.end - earliest).isoformat()} to {(block.end - latest).isoformat()}",
        )
    longest = CapacityBlockRules.MAX_DURATION
    if extension.new_end - block.start > longest:
        raise RefusedError(
            path=f"block {block.capacity_reservation_id}",
            verb="would last",
            got=f"{(extension.new_end - block.start) / timedelta(days=1):g} days",
            expected=f"at most {longest.days}",
            remedy="buy another block",
        )


def _offer(desk: Desk, wish: ExtensionWish, extension: Extension) -> ExtensionOffer:
    """The cheapest offer from the block's end to the wanted one."""
    offers = [
        item
        for item in desk.market.extension_offers(extension.capacity_reservation_id, wish.days * _DAY_HOURS)
        if (item.start, item.end) == (extension.end, extension.new_end)
    ]
    if not offers:
        raise RefusedError(
            path=f"block {extension.capacity_reservation_id}",
            verb="has",
            got=f"no offer of an extension to {extension.new_end:%Y-%m-%d %H:%M} UTC",
            expected="one",
            remedy="ask for other --days, wait for its payment if `ultrafleet capacity status` says payment-pending, "
            "or buy another block",
        )
    return min(offers, key=lambda item: (item.usd, item.id))


def _tried(file: EnvironmentFile, extension: Extension, paid: PaymentEntry) -> EnvironmentFile:
    try:
        return file.with_end(extension, paid=paid)
    except FleetError as error:
        raise RefusedError(
            f"the environment's rules refuse the extension, nothing was bought: {error}",
            path=error.path,
            got=error.got,
            expected=error.expected,
            remedy=error.remedy,
        ) from error


def _intent(desk: Desk, wish: ExtensionWish, found: ExtensionProposal) -> Intent:
    now = desk.now()
    return Intent(
        intent=new_intent_id(now),
        at=now,
        environment=desk.name,
        account=found.file.environment.account,
        region=found.file.environment.region,
        pools=(wish.pool,),
        offering=found.offer.id,
        sold=_sold(found.file.pool(wish.pool)),
        usd=found.offer.usd,
        max_usd=wish.max_usd,
        buyer=found.buyer,
        approval=found.approved.digest if found.approved is not None else None,
        approver=found.approved.approver if found.approved is not None else None,
        extension=found.extension,
    )


def _pay(desk: Desk, book: OpenJournal, purchase: Purchase) -> None:
    def call() -> tuple[BoughtBlock, ...]:
        reservation = purchase.intent.extension.capacity_reservation_id if purchase.intent.extension else ""
        desk.market.extend(purchase.intent.offering, reservation=reservation)
        return ()

    record_bought(desk, book, purchase, pay(desk, book, purchase, call))


def _sold(pool: PoolSettings | None) -> str:
    return str(pool.sold.name) if pool is not None else ""
