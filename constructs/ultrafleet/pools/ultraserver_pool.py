"""UltraServer as one node group, for any number of capacity blocks."""

from collections.abc import Sequence

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from ultrafleet.catalog import Fabric, UltraServerType
from ultrafleet.cluster_reference import ClusterReference
from ultrafleet.errors import FleetError
from ultrafleet.pools.block_capacity import block_pool_shape
from ultrafleet.pools.node_options import CapacityTarget, NodeOptions
from ultrafleet.pools.node_pool import NodePool
from ultrafleet.rules.capacity_block import CapacityBlock, validate_block_sequence


class UltraServerPool(NodePool):
    """Pool of one UltraServer: one launch template, one managed node group of its size, in one subnet.

    The size is moved by the cluster's `BlockSchedule` alone: CloudFormation gets `{Min 0, Max N, Desired 0}` once
    and never again. See `docs/decisions/0002-pools-outlive-blocks.md`.

    Args:
        scope: parent.
        id: construct id. Name it after the pool, and keep it.
        cluster: cluster of `aws_eks` or `aws_eks_v2`, own or imported (with its security group id).
        pool_name: name of the pool, its node group and its UltraServer label; up to 40 characters, can't change.
        ultraserver_type: the UltraServer.
        blocks: capacity blocks that hold it, in the order of their starts; they may overlap.
        subnet: one subnet in the blocks' zone, Availability Zone or Local Zone.
        security_groups: on every interface besides the cluster's own: the one of `EfaSecurityGroup`.
        workload: what it is for, as a label: "training" or "inference", or a word of your own. Default: "training".
        node_role: role of the nodes. Default: a new one.
        launch_template_version: version of the launch template that the nodes run. A changed template reaches the pool
            only when this is raised, and then replaces its nodes. Default: 1.
        drain_lead_minutes: how long before a block's end the pool is emptied. Default 90, at least 80: EC2 reclaims
            an UltraServer from 60 minutes before the end, and eviction takes up to 15.
        hold: keep the pool empty, whatever its blocks do. Default: False.
        capacity_target: what the launch template points at. Default: a resource group.
        fabric: network between the nodes of different instances. Default: the only one that the type has; P6e-GB300
            has EFA and RoCE, and CloudFormation launches nodes on EFA alone.
        options: what the nodes are like. Default: `NodeOptions()`, all derived from the type.

    Raises:
        FleetError: blocks that don't fit the UltraServer, one another or the subnet; a subnet without room; a lead
            that is too short.
        UnknownFactError: a needed fact is unknown; the message names the argument to pass.
    """

    ultraserver_type: UltraServerType
    """The UltraServer."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: ClusterReference,
        pool_name: str,
        ultraserver_type: UltraServerType,
        blocks: Sequence[CapacityBlock],
        subnet: ec2.ISubnet,
        security_groups: Sequence[ec2.ISecurityGroup],
        workload: str = "training",
        node_role: iam.IRole | None = None,
        launch_template_version: int = 1,
        drain_lead_minutes: int | None = None,
        hold: bool = False,
        capacity_target: CapacityTarget = CapacityTarget.RESOURCE_GROUP,
        fabric: Fabric | None = None,
        options: NodeOptions | None = None,
    ) -> None:
        validate_block_sequence(pool_name, blocks)
        for block in blocks:
            if block.ultraserver_type != ultraserver_type:
                raise FleetError(
                    path=f"block {block.capacity_reservation_id} of pool {pool_name}",
                    verb="holds",
                    got=block.holds,
                    expected=f"one {ultraserver_type}",
                    remedy="pass a block that holds the UltraServer",
                )
        super().__init__(
            scope,
            id,
            cluster=cluster,
            pool_name=pool_name,
            make_shape=lambda pool, cluster_name: block_pool_shape(
                pool,
                cluster_name=cluster_name,
                pool_name=pool_name,
                blocks=blocks,
                max_size=blocks[0].instance_count,
                capacity_target=capacity_target,
                drain_lead_minutes=drain_lead_minutes,
                hold=hold,
                workload=workload,
            ),
            subnet=subnet,
            security_groups=security_groups,
            node_role=node_role,
            launch_template_version=launch_template_version,
            fabric=fabric,
            options=options,
        )
        self.ultraserver_type = ultraserver_type
