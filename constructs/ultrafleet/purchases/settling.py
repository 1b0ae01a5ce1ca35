"""Settlement of an environment's purchases: the journal against EC2, and the file against both.

What EC2 has with the intent's tag was bought. What it doesn't have isn't proof of anything shortly after a call: it
counts from `ABSENT_AFTER` on, and only if no untagged block looks like the one that was wanted.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from ultrafleet.errors import FleetError
from ultrafleet.purchases.desk import ABSENT_AFTER, Desk, bought, payment_of
from ultrafleet.purchases.environment_file import EnvironmentFile
from ultrafleet.purchases.journal import OpenJournal
from ultrafleet.purchases.market import ENVIRONMENT_TAG, INTENT_TAG, POOL_TAG
from ultrafleet.purchases.outcome import RELEASED, UNSETTLED, UnsettledError
from ultrafleet.purchases.records import OPEN, PAID, Extension, Intent, Placement, Purchase, State
from ultrafleet.purchases.sold import SoldBlock

_FAILED: Final = "payment-failed"
_CLOCKS: Final = timedelta(minutes=5)
"""Longest difference between EC2's clock and this one; more is refused."""


@dataclass(frozen=True, kw_only=True)
class Settled:
    """Purchase after its settlement.

    Attributes:
        purchase: the purchase.
        was: its state before.
        note: what was found, for people.
    """

    purchase: Purchase
    was: State | None
    note: str


def settle(desk: Desk, *, absent_after: timedelta = ABSENT_AFTER) -> list[Settled]:
    """Settle what can be settled of an environment; a second settlement changes nothing.

    Args:
        desk: the desk.
        absent_after: time after a call from which EC2's silence counts. Default: 15 minutes.

    Raises:
        FailedError: EC2 refuses to answer.
        FleetError: the input can't be used.
    """
    with desk.journal.locked(wait_seconds=desk.lock_seconds) as book:
        return settle_book(desk, book, absent_after=absent_after)


def settle_book(desk: Desk, book: OpenJournal, *, absent_after: timedelta) -> list[Settled]:
    """Settle with the journal at hand.

    Args:
        desk: the desk.
        book: the journal.
        absent_after: as of `settle`.

    Raises:
        FailedError: EC2 refuses to answer.
        FleetError: the input can't be used.
    """
    file = desk.file()
    desk.check_account()
    blocks = desk.market.blocks()
    found: dict[str, list[SoldBlock]] = {}
    for block in desk.own(blocks):
        found.setdefault(block.tags[INTENT_TAG], []).append(block)
    adopted = [intent for intent in found if intent not in book.purchases and found[intent][0].end > desk.now()]
    for intent in adopted:
        book.begin(_adopted(desk, file, intent, found[intent]))
    settled = []
    # The open ones first: an extension has no tag, and what the history has is theirs before it is an earlier one's.
    for purchase in sorted(desk.purchases(book), key=lambda item: item.state not in OPEN):
        was = None if purchase.id in adopted else purchase.state
        if purchase.intent.extension is not None:
            note = _extension(desk, book, purchase, absent_after)
        else:
            note = _block(desk, book, purchase, found.get(purchase.id, []), blocks, absent_after)
        if purchase.state is State.BOUGHT:
            try:
                desk.write_back(book, purchase)
            except UnsettledError as error:
                note = str(error)
        if note or purchase.state is not was:
            settled.append(Settled(purchase=purchase, was=was, note=note))
    return settled


def exit_code(desk: Desk, settled: list[Settled]) -> int:
    """Exit code of a settlement: 6 while something is open, 1 where a payment failed, else 0.

    Args:
        desk: the desk.
        settled: what was found.
    """
    if any(item.intent.environment == desk.name and item.state in OPEN for item in desk.journal.read().values()):
        return UNSETTLED
    return RELEASED if any(item.purchase.state is State.RELEASED for item in settled) else 0


def _adopted(desk: Desk, file: EnvironmentFile, intent: str, blocks: list[SoldBlock]) -> Intent:
    """Intent of another machine's purchase, by its tags; its price isn't known here."""
    pools = tuple(blocks[0].tags.get(POOL_TAG, "").split()) or ("",)
    named = pools if len(pools) == len(blocks) else (pools[0],) * len(blocks)
    pool = file.pool(pools[0])
    return Intent(
        intent=intent,
        at=blocks[0].created or desk.now(),
        environment=desk.name,
        account=file.environment.account,
        region=file.environment.region,
        pools=pools,
        offering="",
        sold="",
        usd=Decimal(0),
        max_usd=Decimal(0),
        buyer="",
        placements=tuple(
            Placement(
                pool=name,
                availability_zone=block.availability_zone,
                start=block.start,
                end=block.end,
                instance_count=block.instances if pool is None or pool.kind == "accelerator" else None,
            )
            for name, block in zip(named, blocks, strict=True)
        ),
    )


def _block(  # noqa: PLR0911 - a case each
    desk: Desk,
    book: OpenJournal,
    purchase: Purchase,
    own: list[SoldBlock],
    blocks: list[SoldBlock],
    absent_after: timedelta,
) -> str:
    lost = [block for block in own if block.is_lost]
    if purchase.state is State.RELEASED or (not own and purchase.state not in {State.CALLING, State.UNKNOWN}):
        return ""
    if own and len(lost) == len(own):
        return _released(desk, book, purchase)
    if own and purchase.state in PAID:
        lost_ids = ", ".join(item.capacity_reservation_id for item in bought(lost))
        return f"the payment of {lost_ids} failed: take it out of the file" if lost else ""
    age = desk.now() - purchase.intent.at
    if len(bought(own)) < len(purchase.intent.placements) and age < absent_after:
        ask = purchase.intent.at + absent_after
        return f"EC2 has {len(bought(own))} of {len(purchase.intent.placements)} blocks: ask again at {_spelled(ask)}"
    if own:
        book.add(purchase.next(State.BOUGHT, desk.now(), blocks=bought(own), note="found by its tag"))
        return "found by its tag: bought"
    alike = next((block for block in blocks if _is_alike(purchase.intent, block)), None)
    if alike is not None:
        return (
            f"block {alike.id} has no tag and looks like it: tag its reservation {INTENT_TAG}={purchase.id} and "
            f"{ENVIRONMENT_TAG}={desk.name}"
        )
    book.add(purchase.next(State.ABSENT, desk.now(), note="EC2 has no block with its tag"))
    return "EC2 has no block with its tag: nothing was bought"


def _is_alike(intent: Intent, block: SoldBlock) -> bool:
    """True for an untagged block that was made since the call and has the zone and the end of the wanted one."""
    if INTENT_TAG in block.tags or block.created is None or block.created < intent.at - _CLOCKS:
        return False
    return any(
        (place.availability_zone, place.end) == (block.availability_zone, block.end) for place in intent.placements
    )


def _extension(  # noqa: PLR0911 - a case each
    desk: Desk, book: OpenJournal, purchase: Purchase, absent_after: timedelta
) -> str:
    wanted = purchase.intent.extension
    if wanted is None or purchase.state is State.RELEASED:
        return ""
    if purchase.state is State.WRITTEN and desk.now() > wanted.new_end:
        return ""
    other = next((item for item in book.purchases.values() if item is not purchase and _has_bought(item, wanted)), None)
    if other is not None:
        if purchase.state not in {State.CALLING, State.UNKNOWN}:
            return ""
        book.add(purchase.next(State.ABSENT, desk.now(), note=f"purchase {other.id} has bought it"))
        return f"purchase {other.id} has bought it: nothing was bought"
    history = desk.market.history(wanted.capacity_reservation_id)
    ours = [
        item
        for item in history
        if item.offering not in wanted.known
        and (item.offering == purchase.intent.offering or (item.start, item.end) == (wanted.end, wanted.new_end))
    ]
    paid = [item for item in ours if item.status != _FAILED]
    if ours and not paid:
        return _released(desk, book, purchase)
    moved = desk.market.end(wanted.capacity_reservation_id) >= wanted.new_end
    if purchase.state in PAID:
        return ""
    if paid or moved:
        book.add(purchase.next(State.BOUGHT, desk.now(), note="found in the extension history"))
        return "found in the block's extension history: bought"
    if purchase.state not in {State.CALLING, State.UNKNOWN}:
        return ""
    if desk.now() - purchase.intent.at < absent_after:
        return f"EC2 has no such extension: ask again at {_spelled(purchase.intent.at + absent_after)}"
    book.add(purchase.next(State.ABSENT, desk.now(), note="not in the extension history, and the end is as it was"))
    return "not in the extension history, and the end is as it was: nothing was bought"


def _has_bought(purchase: Purchase, wanted: Extension) -> bool:
    """True if a purchase is the one of this extension, which can be bought once."""
    other = purchase.intent.extension
    return (
        other is not None
        and purchase.state in PAID
        and (other.capacity_reservation_id, other.new_end) == (wanted.capacity_reservation_id, wanted.new_end)
    )


def _released(desk: Desk, book: OpenJournal, purchase: Purchase) -> str:
    """Take what isn't paid out of the file, then say so in the journal."""
    extension = purchase.intent.extension
    note = "the payment failed, EC2 took it back: plan again"
    names = {item.capacity_reservation_id for item in purchase.blocks}
    try:
        file = desk.file()
        there = {block.capacity_reservation_id: block for pool in file.environment.pools for block in pool.blocks}
        new = file
        if extension is not None:
            entry = there.get(extension.capacity_reservation_id)
            if entry is not None and entry.end == extension.new_end:
                new = file.with_end(extension, paid=payment_of(purchase.intent), back=True)
        for name in sorted(names & set(there)):
            new = new.without(name)
        if new.text != file.text:
            file.replace(new)
    except (FleetError, OSError) as error:
        left = ", ".join(sorted(names)) or f"the end {extension.new_end.isoformat()}" if extension else ", ".join(names)
        return f"{note}. It is still in the file ({error}): take {left} out"
    book.add(purchase.next(State.RELEASED, desk.now(), note="the payment failed"))
    return note


def _spelled(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
