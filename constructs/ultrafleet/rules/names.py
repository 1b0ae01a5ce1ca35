"""Names that AWS and Kubernetes take, checked in one place."""

import re
from typing import Final

from ultrafleet.catalog.limits import CLUSTER_NAME_CHARACTERS
from ultrafleet.errors import FleetError

_NAME: Final = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
_CLUSTER_NAME_MAX: Final = CLUSTER_NAME_CHARACTERS.value
_CLUSTER_NAME: Final = re.compile(rf"[0-9A-Za-z][A-Za-z0-9\-_]{{0,{_CLUSTER_NAME_MAX - 1}}}")

NAME_RULE: Final = "up to 40 lower-case letters, digits and '-', beginning with a letter"
"""Rule for names in environment files, short enough for the node groups, launch templates and stacks named so."""


def is_name(name: str) -> bool:
    """True if the text can be the name of a pool, an environment, a subnet or a reservation."""
    return _NAME.fullmatch(name) is not None


def validate_cluster_name(cluster_name: str) -> None:
    """Refuse a name that EKS refuses.

    Raises:
        FleetError: see the message.
    """
    if not _CLUSTER_NAME.fullmatch(cluster_name):
        raise FleetError(
            path="cluster_name",
            got=repr(cluster_name),
            expected=f"1 to {_CLUSTER_NAME_MAX} letters, digits, '-' or '_' that start with a letter or a digit",
            remedy="pass another name",
        )
