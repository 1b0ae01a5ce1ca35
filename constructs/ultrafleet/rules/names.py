"""Names that AWS and Kubernetes take, checked in one place."""

import re
from typing import Final

from ultrafleet.catalog.limits import CLUSTER_NAME_CHARACTERS, LAUNCH_TEMPLATE_NAME_CHARACTERS
from ultrafleet.errors import FleetError

NAME_PATTERN: Final = r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?"
"""Regular expression of names in environment files."""
_NAME: Final = re.compile(NAME_PATTERN)
_CLUSTER_NAME_MAX: Final = CLUSTER_NAME_CHARACTERS.value
CLUSTER_NAME_PATTERN: Final = rf"[0-9A-Za-z][A-Za-z0-9\-_]{{0,{_CLUSTER_NAME_MAX - 1}}}"
"""Regular expression of names that EKS takes for a cluster."""
_CLUSTER_NAME: Final = re.compile(CLUSTER_NAME_PATTERN)

_NODE_GROUP_NAME: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]*")

NAME_RULE: Final = "up to 40 lower-case letters, digits and '-', beginning with a letter"
"""Rule for names in environment files, short enough for the node groups, launch templates and stacks named so."""


def is_name(name: str) -> bool:
    """True if the text can be the name of a pool, an environment, a subnet or a reservation."""
    return _NAME.fullmatch(name) is not None


def is_node_group_name(name: str) -> bool:
    """True if EKS takes the text as the name of a node group (EKS API reference, CreateNodegroup, high)."""
    return _NODE_GROUP_NAME.fullmatch(name) is not None


def node_group_name(pool_name: str, capacity_reservation_id: str) -> str:
    """Name of the node group of one block of a pool.

    Args:
        pool_name: up to 40 characters, so that EKS' 63 hold both.
        capacity_reservation_id: `cr-` and up to 17 digits.
    """
    return f"{pool_name}-{capacity_reservation_id}"


def launch_template_name(cluster_name: str, node_group: str) -> str:
    """Name of a node group's launch template.

    Args:
        cluster_name: name of the cluster; may be a token.
        node_group: name of the node group.

    Raises:
        FleetError: EC2 takes no name of that length.
    """
    name = f"{cluster_name}-{node_group}"
    if "${Token[" not in name and len(name) > LAUNCH_TEMPLATE_NAME_CHARACTERS.value:
        raise FleetError(
            path="launch template",
            got=f"named {name}, {len(name)} characters",
            expected=f"at most {LAUNCH_TEMPLATE_NAME_CHARACTERS.value}",
            remedy="shorten the name of the pool or of the cluster",
        )
    return name


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


DEFAULT_CLIENT: Final = "default"
"""Client of a model that names none."""
