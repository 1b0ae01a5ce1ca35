"""The call that pays, and the records of its answer."""

from collections.abc import Callable

from ultrafleet.purchases.desk import Desk
from ultrafleet.purchases.journal import OpenJournal
from ultrafleet.purchases.market import ENVIRONMENT_TAG, INTENT_TAG, POOL_TAG
from ultrafleet.purchases.outcome import FailedError, UnsettledError, settle_command
from ultrafleet.purchases.records import BoughtBlock, Intent, Purchase, State

Blocks = tuple[BoughtBlock, ...]


def tags_of(intent: Intent) -> dict[str, str]:
    """Tags of what an intent buys.

    Args:
        intent: the intent.
    """
    return {INTENT_TAG: intent.intent, ENVIRONMENT_TAG: intent.environment, POOL_TAG: " ".join(intent.pools)}


def pay(desk: Desk, book: OpenJournal, purchase: Purchase, call: Callable[[], Blocks]) -> Blocks:
    """Make the call that pays, and record an answer that isn't a yes; return the blocks that it brought.

    Args:
        desk: the desk.
        book: the journal.
        purchase: journalled, and not called yet.
        call: makes the call.

    Raises:
        FailedError: EC2 refused it, nothing was bought.
        UnsettledError: the outcome is unknown.
    """
    try:
        return call()
    except FailedError as error:
        _noted(desk, book, purchase, State.FAILED, str(error))
        raise
    except Exception as error:  # also one of this program's: the request may have been sent
        _noted(desk, book, purchase, State.UNKNOWN, str(error))
        raise UnsettledError(
            path=f"the outcome of purchase {purchase.id}",
            got=f"unknown ({error})",
            expected="EC2's answer",
            remedy=f"nothing else is bought until you {settle_command(desk.name)}",
        ) from error


def record_bought(desk: Desk, book: OpenJournal, purchase: Purchase, blocks: Blocks) -> None:
    """Record what was bought.

    Args:
        desk: the desk.
        book: the journal.
        purchase: paid.
        blocks: its blocks; none of an extension.

    Raises:
        UnsettledError: it can't be written; the tag finds it again.
    """
    try:
        book.add(purchase.next(State.BOUGHT, desk.now(), blocks=blocks))
    except OSError as error:
        names = ", ".join(item.capacity_reservation_id for item in blocks) or "the extension"
        raise UnsettledError(
            path=desk.journal.path,
            verb="can't be",
            got=f"written ({error.strerror or error}), and {names} of purchase {purchase.id} is paid",
            expected="room for a line",
            remedy=f"make room, then {settle_command(desk.name)}: it finds the purchase again",
        ) from error


def _noted(desk: Desk, book: OpenJournal, purchase: Purchase, state: State, note: str) -> None:
    try:
        book.add(purchase.next(state, desk.now(), note=note))
    except OSError:
        return  # the intent is there: without this record its outcome is unknown, and `settle` asks EC2
