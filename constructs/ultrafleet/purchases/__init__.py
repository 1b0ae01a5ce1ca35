"""Purchases of capacity blocks and extensions: journalled before they are paid, paid once, settled by their tag."""

from ultrafleet.purchases.desk import ABSENT_AFTER, Desk
from ultrafleet.purchases.journal import FILE_NAME, Journal, JournalError
from ultrafleet.purchases.market import Market
from ultrafleet.purchases.outcome import FailedError, PurchaseError, RefusedError, UnsettledError
from ultrafleet.purchases.records import Purchase, State

__all__ = [
    "ABSENT_AFTER",
    "FILE_NAME",
    "Desk",
    "FailedError",
    "Journal",
    "JournalError",
    "Market",
    "Purchase",
    "PurchaseError",
    "RefusedError",
    "State",
    "UnsettledError",
]
