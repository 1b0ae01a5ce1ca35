"""Taints of nodes that Kubernetes takes, and that the library doesn't set."""

import re
from typing import Final

from ultrafleet.errors import FleetError
from ultrafleet.rules.spare import SPARE_TAINT_KEY
from ultrafleet.rules.unproven import UNPROVEN_TAINT_KEY

_KEY: Final = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_VALUE: Final = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
_OWN: Final = (SPARE_TAINT_KEY, UNPROVEN_TAINT_KEY)


def validate_taint_key(key: str) -> None:
    """Refuse a key that Kubernetes doesn't take, or that the library sets.

    Args:
        key: the key.

    Raises:
        FleetError: it is one of these.
    """
    if not _KEY.fullmatch(key):
        raise FleetError(
            path="key",
            got=repr(key),
            expected="up to 63 letters, digits, '-', '_' and '.', after a domain and '/' or without one",
            remedy="name it so that Kubernetes takes it",
        )
    if key in _OWN:
        raise FleetError(path="key", got=repr(key), expected="one of your own", remedy="the library sets this taint")


def validate_taint_value(value: str) -> None:
    """Refuse a value that Kubernetes doesn't take.

    Args:
        value: the value.

    Raises:
        FleetError: it isn't up to 63 letters, digits, '-', '_' and '.'.
    """
    if not _VALUE.fullmatch(value):
        raise FleetError(
            path="value",
            got=repr(value),
            expected="up to 63 letters, digits, '-', '_' and '.'",
            remedy="Kubernetes takes no other value",
        )
