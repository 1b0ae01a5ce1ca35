"""Taints of nodes that Kubernetes takes, and that the library doesn't set."""

from typing import Final

from ultrafleet.catalog.limits import TAINT_CHARACTERS
from ultrafleet.errors import FleetError
from ultrafleet.rules.label_syntax import NAME_RULE, is_key, is_name
from ultrafleet.rules.spare import SPARE_TAINT_KEY
from ultrafleet.rules.unproven import UNPROVEN_TAINT_KEY

_OWN: Final = (SPARE_TAINT_KEY, UNPROVEN_TAINT_KEY)


def validate_taint_key(key: str) -> None:
    """Refuse a key that Kubernetes or EKS doesn't take, or that the library sets.

    Syntax: `label_syntax`; lengths: `limit/eks/taint-characters`.

    Args:
        key: the key.

    Raises:
        FleetError: it is one of these.
    """
    if not is_key(key, most=TAINT_CHARACTERS.value):
        raise FleetError(
            path="key",
            got=repr(key),
            expected=f"up to {TAINT_CHARACTERS.value} {NAME_RULE}, after a domain and '/' or without",
            remedy="name it so that Kubernetes takes it",
        )
    if key in _OWN:
        raise FleetError(path="key", got=repr(key), expected="one of your own", remedy="the library sets this taint")


def validate_taint_value(value: str) -> None:
    """Refuse a value that Kubernetes doesn't take.

    Args:
        value: the value.

    Raises:
        FleetError: it is too long or malformed.
    """
    if value and not is_name(value, most=TAINT_CHARACTERS.value):
        raise FleetError(
            path="value",
            got=repr(value),
            expected=f"up to {TAINT_CHARACTERS.value} {NAME_RULE}",
            remedy="write such a value, or leave it out",
        )
