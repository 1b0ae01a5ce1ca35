"""UltraServer pool: a node group of one UltraServer for each of its capacity blocks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from ultrafleet.catalog import Fabric, UltraServerType
from ultrafleet.cluster_reference import ClusterReference
from ultrafleet.errors import FleetError
from ultrafleet.pools.block_metadata import add_block_metadata, add_overlap_note
from ultrafleet.pools.node_options import NodeOptions
from ultrafleet.pools.node_pool import NodePool
from ultrafleet.pools.pool_shape import block_pool_shape
from ultrafleet.rules.capacity_block import CapacityBlock, validate_block_sequence, validate_ultraserver_blocks
from ultrafleet.rules.self_managed import SelfManagedNodes

if TYPE_CHECKING:
    from ultrafleet.network import SecondaryNetworkReference


class UltraServerPool(NodePool):
    """Pool of one UltraServer after another: a launch template and a managed node group for each of its blocks.

    While two blocks overlap both UltraServers are up. The sizes are moved by the cluster's `BlockSchedule` alone: the
    template states 0 to N nodes and no desired size. See `docs/decisions/0013-a-block-is-a-node-group.md`.

    Args:
        scope: parent.
        id: construct id. Name it after the pool, and keep it.
        cluster: cluster of `aws_eks` or `aws_eks_v2`, own or imported (with its security group id).
        pool_name: name of the pool, a label of its nodes; its node groups are named POOL-RESERVATION. Up to 40
            characters; can't change.
        ultraserver_type: the UltraServer, of the catalog or by its name.
        blocks: capacity blocks that hold it, in the order of their starts; they may overlap.
        subnet: one subnet in the blocks' zone, Availability Zone or Local Zone.
        security_groups: on every interface besides the cluster's own: the one of `EfaSecurityGroup`.
        workload: what it is for, as a label: "training" or "inference", or a word of your own. Default: "training".
        node_role: role of the nodes. Default: a new one.
        drain_lead_minutes: how long before a block's end its node group is emptied. Default 90, at least 85: EC2
            reclaims an UltraServer from 60 minutes before the end, and eviction takes up to 15.
        hold: keep all of its node groups empty, whatever their blocks do. Default: False.
        fabric: network between the nodes of different instances. Default: the only one that the type has; P6e-GB300
            has EFA and RoCE, which takes self-managed nodes and a secondary network.
        options: what the nodes are like. Default: `NodeOptions()`, all derived from the type.
        self_managed: facts by which nodes join without EKS's management, as `SelfManagedNodeAccess` gives them: each
            node group is an Auto Scaling group instead of a managed node group, and `node_role` has to be passed.
            Default: managed node groups.
        secondary_network: network of the nodes' secondary interfaces, of self-managed nodes with fabric RoCE: a
            `SecondaryNetwork` or an `ImportedSecondaryNetwork`. Default: none.

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
        ultraserver_type: UltraServerType | str,
        blocks: Sequence[CapacityBlock],
        subnet: ec2.ISubnet,
        security_groups: Sequence[ec2.ISecurityGroup],
        workload: str = "training",
        node_role: iam.IRole | None = None,
        drain_lead_minutes: int | None = None,
        hold: bool = False,
        fabric: Fabric | None = None,
        options: NodeOptions | None = None,
        self_managed: SelfManagedNodes | None = None,
        secondary_network: "SecondaryNetworkReference | None" = None,
    ) -> None:
        try:
            ultraserver_type = UltraServerType.from_name(ultraserver_type)
        except FleetError as error:
            raise error.within(f"pool {pool_name}") from error
        validate_block_sequence(pool_name, blocks)
        validate_ultraserver_blocks(pool_name, ultraserver_type, blocks)
        super().__init__(
            scope,
            id,
            cluster=cluster,
            pool_name=pool_name,
            shape=block_pool_shape(
                pool_name, blocks, workload=workload, drain_lead_minutes=drain_lead_minutes, hold=hold
            ),
            subnet=subnet,
            security_groups=security_groups,
            node_role=node_role,
            fabric=fabric,
            options=options,
            self_managed=self_managed,
            secondary_network=secondary_network,
        )
        self.ultraserver_type = ultraserver_type
        add_block_metadata(scope, {pool_name: blocks})
        add_overlap_note(self, pool_name, blocks)
