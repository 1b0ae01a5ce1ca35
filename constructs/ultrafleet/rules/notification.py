"""Addresses that alarms are sent to: pure logic."""

import re
from typing import Final, Literal

from ultrafleet.errors import FleetError

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_HTTPS: Final = re.compile(r"https://[^\s/]+(/\S*)?")


def notification_protocol(address: str) -> Literal["email", "https"]:
    """Protocol by which SNS delivers to an address.

    Args:
        address: an e-mail address, or the URL of a service that takes SNS messages.

    Raises:
        FleetError: it is neither.
    """
    if _HTTPS.fullmatch(address):
        return "https"
    if _EMAIL.fullmatch(address):
        return "email"
    raise FleetError(
        path="notify",
        got=repr(address),
        expected="an e-mail address or an https:// URL",
        remedy="others (chat, SMS, queues) subscribe to the topic of the capacity stack",
    )
