"""Syntax of labels and taints, as Kubernetes takes them (its documentation, labels and selectors, high)."""

import re
from typing import Final

NAME_RULE: Final = "letters, digits, '-', '_' and '.', with a letter or digit at both ends"
"""Characters of a name, in words."""
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")
_DOMAIN: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


def is_name(text: str, *, most: int) -> bool:
    """True for a name, as values are that aren't empty.

    Args:
        text: the text.
        most: characters that the service takes.
    """
    return _NAME.fullmatch(text) is not None and len(text) <= most


def is_key(text: str, *, most: int) -> bool:
    """True for a name, after a domain and `/` or without.

    Args:
        text: the text.
        most: characters that the service takes, the domain's among them.
    """
    domain, slash, name = text.rpartition("/")
    return is_name(name, most=most) and (not slash or _DOMAIN.fullmatch(domain) is not None) and len(text) <= most
