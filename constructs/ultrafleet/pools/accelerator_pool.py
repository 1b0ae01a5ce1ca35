"""Accelerator pool: single instances on capacity blocks, on an on-demand reservation, or on demand."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from ultrafleet.capacity.on_demand_reservation import OnDemandReservation
from ultrafleet.capacity.placement_group import PlacementGroup, PlacementStrategy
from ultrafleet.catalog import AnyInstanceType, Fabric, InstanceType
from ultrafleet.catalog.capacity_blocks import NO_PLACEMENT_GROUP
from ultrafleet.cluster_reference import ClusterReference
from ultrafleet.errors import FleetError
from ultrafleet.pools.block_metadata import add_block_metadata, add_overlap_note
from ultrafleet.pools.launch_template import on_demand_target
from ultrafleet.pools.node_group import NodeGroupShape
from ultrafleet.pools.node_options import NodeOptions
from ultrafleet.pools.node_pool import NodePool
from ultrafleet.pools.pool_shape import PoolShape, block_pool_shape
from ultrafleet.rules.block_overlap import validate_nodes_of_blocks
from ultrafleet.rules.capacity_block import CapacityBlock, validate_block_sequence
from ultrafleet.rules.self_managed import SelfManagedNodes
from ultrafleet.tokens import is_token

if TYPE_CHECKING:
    from ultrafleet.network import SecondaryNetworkReference


class AcceleratorPool(NodePool):
    """Instances of one single-instance type (p5, p5en, p6-b200, p6-b300, trn2, ...) as managed node groups.

    Without blocks it is one node group of the size it is given, `{Min 0, Max nodes, Desired nodes}`. With blocks each
    block has a node group of its own, sized by the cluster's `BlockSchedule`, like those of an UltraServer pool.

    Args:
        scope: parent.
        id: construct id. Name it after the pool, and keep it.
        cluster: cluster of `aws_eks` or `aws_eks_v2`, own or imported (with its security group id).
        pool_name: name of the pool, a label of its nodes. Without blocks its node group has it, with blocks they are
            named POOL-RESERVATION. Up to 40 characters; it can't change later.
        instance_type: a type that is not part of an UltraServer: of the catalog, its name, or an `ec2.InstanceType`.
        nodes: how many. Default: with blocks what they hold at once at most, and another number is refused; without
            blocks it has to be passed.
        subnet: one subnet in the capacity's zone.
        security_groups: on every interface besides the cluster's own: the one of `EfaSecurityGroup`.
        blocks: capacity blocks of this type, in the order of their starts. Default: none.
        reservation: on-demand capacity reservation to launch into. Default: none.
        placement_group: cluster placement group, without a block or a reservation; a reservation that was made in a
            placement group brings its own. Default: none.
        workload: what it is for, as a label. Default: "training".
        node_role: role of the nodes. Default: a new one.
        launch_template_version: without blocks: version of the launch template that the nodes run; a changed template
            reaches them only when this is raised, which replaces them. With blocks each block has its own. Default: 1.
        drain_lead_minutes: with blocks: how long before a block's end its node group is emptied.
            Default 60, at least 55.
        hold: with blocks: keep all of its node groups empty. Default: False.
        fabric: network between the nodes of different instances. Default: the only one that the type has; P6e-GB300
            has EFA and RoCE, which takes self-managed nodes and a secondary network.
        options: what the nodes are like. Default: `NodeOptions()`, all derived from the type.
        self_managed: facts by which nodes join without EKS's management, as `SelfManagedNodeAccess` gives them: each
            node group is an Auto Scaling group instead of a managed node group, and `node_role` has to be passed.
            Default: managed node groups.
        secondary_network: network of the nodes' secondary interfaces, of self-managed nodes with fabric RoCE: a
            `SecondaryNetwork` or an `ImportedSecondaryNetwork`. Default: none.

    Raises:
        FleetError: a type of an UltraServer, capacity that doesn't fit the type, the size, the subnet or the other
            capacity.
        UnknownFactError: a needed fact is unknown; the message names the argument to pass.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: ClusterReference,
        pool_name: str,
        instance_type: AnyInstanceType,
        nodes: int | None = None,
        subnet: ec2.ISubnet,
        security_groups: Sequence[ec2.ISecurityGroup],
        blocks: Sequence[CapacityBlock] = (),
        reservation: OnDemandReservation | None = None,
        placement_group: PlacementGroup | None = None,
        workload: str = "training",
        node_role: iam.IRole | None = None,
        launch_template_version: int = 1,
        drain_lead_minutes: int | None = None,
        hold: bool = False,
        fabric: Fabric | None = None,
        options: NodeOptions | None = None,
        self_managed: SelfManagedNodes | None = None,
        secondary_network: "SecondaryNetworkReference | None" = None,
    ) -> None:
        try:
            instance_type = InstanceType.from_name(instance_type)
        except FleetError as error:
            raise error.within(f"pool {pool_name}") from error
        _validate_capacity(pool_name, instance_type, nodes, blocks, reservation, placement_group)
        _validate_schedule(pool_name, blocks, launch_template_version, drain_lead_minutes, hold=hold)
        if blocks:
            shape = block_pool_shape(
                pool_name, blocks, workload=workload, drain_lead_minutes=drain_lead_minutes, hold=hold
            )
        else:
            size = nodes or 0
            shape = PoolShape(
                instance_type=instance_type,
                nodes=size,
                nodes_per_group=size,
                availability_zone=reservation.availability_zone if reservation else None,
                workload=workload,
                ultraserver_type=None,
                node_group_sizes={pool_name: size},
                node_groups=[
                    NodeGroupShape(
                        name=pool_name,
                        size=size,
                        desired_size=size,
                        capacity=on_demand_target(
                            capacity_reservation_id=reservation.capacity_reservation_id if reservation else None,
                            placement_group_name=_placement_group_name(reservation, placement_group),
                        ),
                        capacity_type="ON_DEMAND",
                        launch_template_version=launch_template_version,
                        tags={},
                    )
                ],
            )
        super().__init__(
            scope,
            id,
            cluster=cluster,
            pool_name=pool_name,
            shape=shape,
            subnet=subnet,
            security_groups=security_groups,
            node_role=node_role,
            fabric=fabric,
            options=options,
            self_managed=self_managed,
            secondary_network=secondary_network,
        )
        if blocks:
            add_block_metadata(scope, {pool_name: blocks})
            add_overlap_note(self, pool_name, blocks)


def _placement_group_name(
    reservation: OnDemandReservation | None, placement_group: PlacementGroup | None
) -> str | None:
    if reservation is not None:
        return reservation.placement_group_name
    return placement_group.group_name if placement_group is not None else None


def _validate_schedule(
    pool_name: str,
    blocks: Sequence[CapacityBlock],
    launch_template_version: int,
    drain_lead_minutes: int | None,
    *,
    hold: bool,
) -> None:
    if not blocks and (drain_lead_minutes is not None or hold):
        raise FleetError(
            path=f"pool {pool_name}",
            verb="has",
            got=f"no capacity block, but drain_lead_minutes {drain_lead_minutes} and hold {hold}",
            expected="neither",
            remedy="the schedule sizes pools on blocks only, change nodes instead",
        )
    if is_token(launch_template_version) or launch_template_version < 1:
        raise FleetError(
            path=f"launch_template_version of pool {pool_name}",
            got=launch_template_version,
            expected="a whole number from 1",
            remedy="it is the version of the launch template that the nodes run, pass 1 for a new pool",
        )
    if blocks and launch_template_version != 1:
        raise FleetError(
            path=f"pool {pool_name}",
            verb="has",
            got=f"launch_template_version {launch_template_version} and capacity blocks",
            expected="the version on the block whose nodes run it",
            remedy="pass launch_template_version to the CapacityBlock",
        )


def _validate_capacity(
    pool_name: str,
    instance_type: InstanceType,
    nodes: int | None,
    blocks: Sequence[CapacityBlock],
    reservation: OnDemandReservation | None,
    placement_group: PlacementGroup | None,
) -> None:
    if instance_type.is_ultraserver_member:
        raise FleetError(
            path=f"pool {pool_name}",
            verb="has",
            got=f"instance type {instance_type}",
            expected="one that is sold as single instances",
            remedy="it comes in whole UltraServers on capacity blocks, use UltraServerPool",
        )
    if blocks and reservation is not None:
        raise FleetError(
            path=f"pool {pool_name}",
            verb="has",
            got=f"capacity blocks and on-demand reservation {reservation.capacity_reservation_id}",
            expected="one kind of capacity",
            remedy="make two pools",
        )
    _validate_placement_group(pool_name, blocks, reservation, placement_group)
    if nodes is None and not blocks:
        raise FleetError(
            path=f"nodes of pool {pool_name}",
            got="missing",
            expected="how many",
            remedy="a pool without blocks has the size it is given",
        )
    if blocks:
        validate_block_sequence(pool_name, blocks)
        _validate_blocks(pool_name, instance_type, nodes, blocks)
    elif reservation is not None:
        _validate_reservation(pool_name, instance_type, nodes or 0, reservation)
    elif instance_type.purchase_options is not None and "on-demand" not in instance_type.purchase_options:
        raise FleetError(
            path=f"pool {pool_name}",
            verb="has",
            got=f"{instance_type} on demand",
            expected=f"capacity it is sold as ({', '.join(instance_type.purchase_options)})",
            remedy="pass blocks",
        )


def _validate_placement_group(
    pool_name: str,
    blocks: Sequence[CapacityBlock],
    reservation: OnDemandReservation | None,
    placement_group: PlacementGroup | None,
) -> None:
    if placement_group is None:
        return
    if blocks:
        raise FleetError(
            path=f"pool {pool_name}",
            verb="has",
            got=f"a placement group and capacity block {blocks[0].capacity_reservation_id}",
            expected=f"no placement group ({NO_PLACEMENT_GROUP.value})",
            remedy="leave it out",
        )
    if placement_group.strategy is not PlacementStrategy.CLUSTER:
        raise FleetError(
            path=f"pool {pool_name}",
            verb="has",
            got=f"a placement group with strategy {placement_group.strategy}",
            expected="cluster",
            remedy="pass a cluster placement group or none",
        )
    if reservation is not None:
        raise FleetError(
            path=f"pool {pool_name}",
            verb="has",
            got=f"a placement group and reservation {reservation.capacity_reservation_id}",
            expected="the placement group on the reservation",
            remedy="pass it to OnDemandCapacityReservation",
        )


def _validate_blocks(
    pool_name: str, instance_type: InstanceType, nodes: int | None, blocks: Sequence[CapacityBlock]
) -> None:
    for block in blocks:
        if block.instance_type != instance_type:
            raise FleetError(
                path=f"block {block.capacity_reservation_id} of pool {pool_name}",
                verb="holds",
                got=block.holds,
                expected=instance_type,
                remedy="pass a block of its type",
            )
    validate_nodes_of_blocks(pool_name, nodes, blocks)


def _validate_reservation(
    pool_name: str, instance_type: InstanceType, nodes: int, reservation: OnDemandReservation
) -> None:
    if reservation.instance_type != instance_type:
        raise FleetError(
            path=f"the reservation of pool {pool_name}",
            got=f"of {reservation.instance_type}",
            expected=instance_type,
            remedy="pass a reservation of its type",
        )
    if nodes > reservation.instance_count:
        raise FleetError(
            path=f"pool {pool_name}",
            verb="has",
            got=f"{nodes} nodes",
            expected=f"at most the {reservation.instance_count} instances of its reservation",
            remedy="lower nodes or raise the reservation's instance_count",
        )
