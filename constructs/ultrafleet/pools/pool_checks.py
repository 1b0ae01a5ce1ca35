"""Checks of a pool against its subnet, its zone and its names."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ultrafleet.catalog import Fabric, InstanceType
from ultrafleet.catalog.limits import NODES_PER_NODE_GROUP
from ultrafleet.errors import FleetError
from ultrafleet.layout import Interface
from ultrafleet.pools.node_options import NodeOptions
from ultrafleet.pools.pool_shape import PoolShape
from ultrafleet.pools.resolved_references import ResolvedReferences
from ultrafleet.rules.fabric import launchable_fabric
from ultrafleet.rules.ip_budget import PoolIpDemand, subnet_ip_budget
from ultrafleet.rules.names import NAME_RULE, is_name
from ultrafleet.rules.node_settings import validate_label_value
from ultrafleet.rules.node_volume import validate_volumes
from ultrafleet.rules.places import validate_place
from ultrafleet.rules.zones import is_zone
from ultrafleet.tokens import is_token

if TYPE_CHECKING:
    from ultrafleet.network import SecondaryNetworkReference


def validate_pool_name(pool_name: str) -> None:
    """Refuse a name that node groups, labels or launch templates don't take.

    Raises:
        FleetError: see the message.
    """
    if not is_name(pool_name):
        raise FleetError(
            path="pool name",
            got=repr(pool_name),
            expected=NAME_RULE,
            remedy="pass another pool_name",
        )


def pool_interfaces(
    pool_name: str,
    instance_type: InstanceType,
    fabric: Fabric | None,
    options: NodeOptions,
    *,
    self_managed: bool = False,
) -> tuple[Interface, ...]:
    """Network interfaces of a node: the caller's own, or those of the type on the pool's fabric."""
    if options.interfaces is not None and fabric is None:
        return options.layout(instance_type)
    return options.layout(instance_type, launchable_fabric(pool_name, instance_type, fabric, self_managed=self_managed))


def validate_secondary_network(
    pool_name: str,
    shared: ResolvedReferences,
    network: "SecondaryNetworkReference | None",
    nodes: int,
    interfaces: Sequence[Interface],
) -> None:
    """Refuse nodes with secondary interfaces that have no secondary network, or none with room in their zone.

    Args:
        pool_name: name of the pool.
        shared: its subnet.
        network: its secondary network.
        nodes: its nodes at once, at most.
        interfaces: network interfaces of a node.

    Raises:
        FleetError: see the message.
    """
    secondary = sum(interface.is_secondary for interface in interfaces)
    if network is None or not secondary:
        if secondary or network is not None:
            raise FleetError(
                path=f"secondary_network of pool {pool_name}",
                got="missing" if network is None else "passed for nodes without secondary interfaces",
                expected="one for the secondary interfaces of its nodes" if secondary else "none, or fabric roce",
                remedy="pass a SecondaryNetwork" if secondary else "leave it out",
            )
        return
    zone = shared.zone
    if zone is not None and not is_token(zone) and zone != network.plan.availability_zone:
        raise FleetError(
            path=f"the secondary network of pool {pool_name}",
            verb="has",
            got=f"its subnets in {network.plan.availability_zone}",
            expected=f"them in {zone}, where the pool's subnet is",
            remedy="pass one of that zone",
        )
    network.plan.check_room([(pool_name, nodes, secondary)])


def validate_pool(
    pool_name: str,
    shape: PoolShape,
    shared: ResolvedReferences,
    options: NodeOptions,
) -> None:
    """Refuse a pool whose names, sizes, volumes or zone don't fit.

    Args:
        pool_name: name of the pool.
        shape: its capacity.
        shared: its subnet.
        options: what its nodes are like.

    Raises:
        FleetError: see the message.
    """
    validate_pool_name(pool_name)
    validate_label_value(f"workload of pool {pool_name}", shape.workload)
    validate_volumes(shape.instance_type, options.volumes)
    for group in shape.node_groups:
        if is_token(group.size) or not 1 <= group.size <= NODES_PER_NODE_GROUP.value:
            raise FleetError(
                path=f"nodes of pool {pool_name}",
                verb="are",
                got=group.size,
                expected=f"1 to {NODES_PER_NODE_GROUP.value}",
                remedy="split it into several pools",
            )
    zone = shared.zone
    if zone is None:
        raise FleetError(
            path=f"the subnet of pool {pool_name}",
            verb="was",
            got="imported without its availability zone",
            expected="one",
            remedy="use Subnet.from_subnet_attributes(subnet_id=..., availability_zone=...)",
        )
    if shape.availability_zone is not None and not is_token(zone) and zone != shape.availability_zone:
        raise FleetError(
            path=f"the subnet of pool {pool_name}",
            got=f"in {zone}",
            expected=f"{shape.availability_zone}, where its capacity is",
            remedy="pass a subnet of that zone",
        )
    if (name := zone_name(shared)) is not None:
        validate_place(pool_name, shape.ultraserver_type or shape.instance_type, name)


def validate_subnet_room(
    named: str,
    references: ResolvedReferences,
    nodes_by_pool: Mapping[str, int],
    instance_type: InstanceType,
    *,
    interfaces: Sequence[Interface],
    max_pods: int,
) -> None:
    """Refuse pools that their subnet hasn't the addresses for, where synthesis knows its CIDR.

    Args:
        named: what the pools are called in an error.
        references: their subnet.
        nodes_by_pool: nodes at once, at most, by name of the pool.
        instance_type: type of the nodes.
        interfaces: network interfaces of a node.
        max_pods: pods of a node, at most.

    Raises:
        FleetError: the subnet is too small.
    """
    if references.cidr is None or is_token(references.cidr):
        return
    demands = [
        PoolIpDemand.of(
            pool_name=pool_name,
            nodes=nodes,
            instance_type=instance_type,
            ip_interfaces=sum(interface.takes_ip for interface in interfaces),
            max_pods=max_pods,
        )
        for pool_name, nodes in nodes_by_pool.items()
    ]
    subnet_ip_budget(subnet_name=f"of {named}", cidr=references.cidr, demands=demands).check()


def zone_name(shared: ResolvedReferences) -> str | None:
    """Zone of the subnet; None where synthesis doesn't know it: until a context lookup CDK calls it `dummy1a`."""
    return shared.zone if shared.zone is not None and not is_token(shared.zone) and is_zone(shared.zone) else None
