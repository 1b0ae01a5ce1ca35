"""Fabric of a pool: which of a type's fabrics a launch template can give its nodes."""

from ultrafleet.catalog import Fabric, InstanceType
from ultrafleet.errors import FleetError
from ultrafleet.layout import fabric_of


def launchable_fabric(pool_name: str, instance_type: InstanceType, fabric: Fabric | str | None) -> Fabric:
    """The fabric of a pool whose nodes a CloudFormation launch template launches.

    Args:
        pool_name: name of the pool.
        instance_type: type of its nodes.
        fabric: the fabric asked for. Default: the only one of the type.

    Raises:
        FleetError: it is RoCE, the type hasn't it, or the type has two and none is stated.
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
    if chosen is Fabric.ROCE:
        raise FleetError(
            path=f"pool {pool_name}",
            verb="has",
            got="fabric roce",
            expected="efa",
            remedy=(
                "launch templates of CloudFormation have no SecondaryInterfaces, which RoCE needs; "
                "pass fabric efa, or launch RoCE nodes beside the pool through the EC2 API or Terraform"
            ),
        )
    return chosen
