"""Checks of a pool of self-managed nodes."""

from ultrafleet.errors import FleetError
from ultrafleet.pools.node_options import NodeOptions


def validate_self_managed(named: str, options: NodeOptions, *, has_role: bool) -> None:
    """Refuse options with which a self-managed node doesn't join its cluster as a node of its pool.

    Args:
        named: the pool, as errors name it.
        options: options of the nodes.
        has_role: whether the caller passed the role of the nodes.

    Raises:
        FleetError: no role, user data of the caller's own, or settings of EKS's node groups.
    """
    if not has_role:
        raise FleetError(
            path=f"node_role of {named}",
            got="missing",
            expected="the role of its instance profile, which has an access entry",
            remedy="pass the role of SelfManagedNodeAccess",
        )
    if options.image is not None and options.image.user_data is not None:
        raise FleetError(
            path=f"image {options.image.image_id} of {named}",
            verb="has",
            got="user_data of its own",
            expected="none in a self-managed pool: its nodes get their labels and taints by it",
            remedy="use an image by the recipes of EKS, or managed node groups",
        )
    for name, is_stated in {
        "node_repair_config": options.node_repair_config is not None,
        "max_unavailable": options.max_unavailable != 1,
    }.items():
        if is_stated:
            raise FleetError(
                path=f"{name} of {named}",
                got="stated for self-managed nodes",
                expected="none: EKS repairs and updates the nodes of managed node groups alone",
                remedy=f"leave {name} out",
            )
