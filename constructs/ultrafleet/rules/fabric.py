"""Fabric of a pool: a type's fabrics, and who can launch nodes on them."""

from ultrafleet.catalog import Fabric, InstanceType
from ultrafleet.errors import FleetError
from ultrafleet.layout import fabric_of


def launchable_fabric(
    pool_name: str, instance_type: InstanceType, fabric: Fabric | str | None, *, self_managed: bool = False
) -> Fabric:
    """The fabric of a pool that can be launched.

    Args:
        pool_name: name of the pool.
        instance_type: type of its nodes.
        fabric: the fabric asked for. Default: the only one of the type.
        self_managed: whether the pool's Auto Scaling groups are its own. A managed node group copies its launch
            template, and no page says that the copy has secondary interfaces. Default: False.

    Raises:
        FleetError: it is RoCE on managed nodes, the type hasn't it, or the type has two and none is stated.
        UnknownFactError: the cards of the type are not known, and RoCE is asked for.
    """
    try:
        chosen = fabric_of(instance_type, fabric)
    except FleetError as error:
        raise error.within(f"pool {pool_name}") from None
    if fabric is not None and instance_type.network_cards is not None and not instance_type.fabrics:
        raise FleetError(
            path=f"fabric of pool {pool_name}",
            got=chosen,
            expected=f"none on {instance_type}, whose network card takes neither EFA nor RoCE",
            remedy="leave it out",
        )
    if chosen is Fabric.ROCE and not self_managed:
        raise FleetError(
            path=f"pool {pool_name}",
            verb="has",
            got="fabric roce on managed nodes",
            expected="self-managed nodes, or efa",
            remedy=(
                "launch templates of CloudFormation have no SecondaryInterfaces, which RoCE needs, and no page says "
                "that managed node groups take them: make the pool self-managed, or pass fabric efa"
            ),
        )
    return chosen
