"""Many UltraServer pools that differ in names and blocks."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import aws_cdk as cdk
import jsii
from constructs import Construct

from ultrafleet.app_tags import AppTags
from ultrafleet.catalog import Fabric, UltraServerType
from ultrafleet.cluster_reference import ClusterReference
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.pools.block_metadata import add_block_metadata
from ultrafleet.pools.logical_ids import logical_ids_below
from ultrafleet.pools.node_access import let_auto_scaling_use, new_node_role
from ultrafleet.pools.node_group import PoolNodeGroup
from ultrafleet.pools.node_options import DERIVED_OPTIONS, NodeOptions
from ultrafleet.pools.pool_checks import (
    pool_interfaces,
    validate_pool,
    validate_secondary_network,
    validate_subnet_room,
    zone_name,
)
from ultrafleet.pools.pool_resources import pool_resources
from ultrafleet.pools.pool_shape import PoolShape, block_pool_shape
from ultrafleet.pools.resolved_references import ImportedSubnet, ResolvedReferences, read_shared, role_arn
from ultrafleet.pools.self_managed import validate_self_managed
from ultrafleet.pools.uncertain_facts import uncertain_facts
from ultrafleet.rules.block_overlap import overlap_note
from ultrafleet.rules.capacity_block import CapacityBlock, validate_block_sequence, validate_ultraserver_blocks
from ultrafleet.rules.self_managed import SelfManagedNodes

if TYPE_CHECKING:
    from ultrafleet.network import SecondaryNetworkReference

if TYPE_CHECKING:
    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_iam as iam

_NO_STACK_TRACES = "aws:cdk:disable-creation-stack-traces"
_FEW = 6
"""Node groups up to which asking CDK for each logical id takes no more round trips than learning how it makes them."""


@jsii.implements(cdk.ITaggableV2)
class UltraServerPools(Construct):
    """Pools of one UltraServer each, for stacks with tens of them: each is what an `UltraServerPool` is.

    Launch templates, node groups and metadata equal those of single pools but for the logical ids, which follow from
    the names of the node groups: a pool or a block more or less changes nothing of the others. What the pools have in
    common goes over to Node once, so that one costs less than two bare `CfnResource`s. The logical ids are why a
    running `UltraServerPool` stays one: node groups have fixed names, and CloudFormation makes none twice.

    Args:
        scope: parent.
        id: construct id. Keep it: logical ids follow from it.
        cluster: cluster of `aws_eks` or `aws_eks_v2`, own or imported (with its security group id).
        ultraserver_type: the UltraServer of every pool, of the catalog or by its name.
        pools: capacity blocks of each pool by its name, in the order of their starts. A name is a label of the pool's
            nodes; node groups are named POOL-RESERVATION. Up to 40 characters; can't change.
        subnet: one subnet in the blocks' zone, Availability Zone or Local Zone.
        security_groups: on every interface besides the cluster's own: the one of `EfaSecurityGroup`, or ids.
        workload: what they are for, as a label: "training" or "inference", or a word of your own. Default: "training".
        node_role: role of the nodes, or its ARN. Default: a new one.
        drain_lead_minutes: how long before a block's end its node group is emptied. Default 90, at least 85: EC2
            reclaims an UltraServer from 60 minutes before the end, and eviction takes up to 15.
        hold: keep all of their node groups empty, whatever their blocks do. Default: False.
        fabric: network between the nodes of different instances. Default: the only one that the type has; P6e-GB300
            has EFA and RoCE, which takes self-managed nodes and a secondary network.
        options: what the nodes are like. Default: `NodeOptions()`, all derived from the type.
        self_managed: facts by which nodes join without EKS's management, as `SelfManagedNodeAccess` gives them: each
            node group is an Auto Scaling group instead of a managed node group, and `node_role` has to be passed.
            Default: managed node groups.
        secondary_network: network of the nodes' secondary interfaces, of self-managed nodes with fabric RoCE: a
            `SecondaryNetwork` or an `ImportedSecondaryNetwork`. Default: none.

    Raises:
        FleetError: no pool; a reservation in two of them; blocks that don't fit the UltraServer, one another or the
            subnet; a subnet without room for all of them; a lead that is too short.
        UnknownFactError: a needed fact is unknown; the message names the argument to pass.
    """

    ultraserver_type: UltraServerType
    """The UltraServer of every pool."""
    node_groups: dict[str, PoolNodeGroup]
    """Node groups of all pools by name, in the order of the pools and their blocks."""
    kubernetes_nodes: Mapping[str, PoolNodes]
    """Facts that queues, jobs and models need, by name of the pool."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: ClusterReference,
        ultraserver_type: UltraServerType | str,
        pools: Mapping[str, Sequence[CapacityBlock]],
        subnet: "ec2.ISubnet | ImportedSubnet",
        security_groups: "Sequence[ec2.ISecurityGroup | str]",
        workload: str = "training",
        node_role: "iam.IRole | str | None" = None,
        drain_lead_minutes: int | None = None,
        hold: bool = False,
        fabric: Fabric | None = None,
        options: NodeOptions | None = None,
        self_managed: SelfManagedNodes | None = None,
        secondary_network: "SecondaryNetworkReference | None" = None,
    ) -> None:
        named = f"pools {id}"
        try:
            self.ultraserver_type = UltraServerType.from_name(ultraserver_type)
        except FleetError as error:
            raise error.within(named) from error
        _validate_capacity(named, self.ultraserver_type, pools)
        super().__init__(scope, id)
        # CDK notes with each element where it was made: of a program in Python it sees the runtime of jsii alone, and
        # looking takes a tenth of Node's time. CDK_DEBUG notes it all the same.
        self.node.set_context(_NO_STACK_TRACES, True)
        options = options or DERIVED_OPTIONS
        references = read_shared(cluster, subnet, security_groups)
        shapes = {
            name: block_pool_shape(name, blocks, workload=workload, drain_lead_minutes=drain_lead_minutes, hold=hold)
            for name, blocks in pools.items()
        }
        if self_managed is not None:
            validate_self_managed(named, options, has_role=node_role is not None)
        for name, shape in shapes.items():
            validate_pool(name, shape, references, options)
        first = next(iter(shapes.values()))
        interfaces = pool_interfaces(
            next(iter(shapes)), first.instance_type, fabric, options, self_managed=self_managed is not None
        )
        validate_secondary_network(
            next(iter(shapes)), references, secondary_network, sum(shape.nodes for shape in shapes.values()), interfaces
        )
        validate_subnet_room(
            named,
            references,
            {name: shape.nodes for name, shape in shapes.items()},
            first.instance_type,
            interfaces=interfaces,
            max_pods=options.max_pods,
        )
        if options.root_volume_key is not None:
            let_auto_scaling_use(self, options.root_volume_key)
        self._app_tags = AppTags("AWS::EC2::LaunchTemplate")
        self._security_groups = security_groups
        resources = pool_resources(
            references=references,
            node_role_arn=role_arn(node_role if node_role is not None else new_node_role(self)),
            instance_type=first.instance_type,
            ultraserver=True,
            options=options,
            interfaces=interfaces,
            self_managed=self_managed,
            secondary_network=secondary_network,
        )
        self.kubernetes_nodes = {
            name: PoolNodes.of(
                pool_name=name,
                workload=shape.workload,
                instance_type=shape.instance_type,
                nodes=shape.nodes,
                nodes_per_group=shape.nodes_per_group,
                interfaces=interfaces,
                labels=options.labels,
                taints=options.taints,
                startup_taints=options.startup_taints,
                node_group_sizes=shape.node_group_sizes,
                ultraserver_type=shape.ultraserver_type,
                joins_instance_store=options.wants_raid0(shape.instance_type),
                is_self_managed=self_managed is not None,
            )
            for name, shape in shapes.items()
        }
        groups = [(name, group) for name, shape in shapes.items() for group in shape.node_groups]
        self.node_groups = {}
        known_ids: Callable[[str], str] | None = None
        for name, group in groups:
            construct_id = f"LaunchTemplate-{group.name}"
            made = resources.add(
                self,
                group,
                nodes=self.kubernetes_nodes[name],
                ids=(construct_id, f"NodeGroup-{group.name}"),
                app_tags=self._app_tags,
                launch_template_id=known_ids(construct_id) if known_ids is not None else None,
            )
            if not self.node_groups and len(groups) > _FEW:
                known_ids = logical_ids_below(self, known=(construct_id, made.launch_template))
            self.node_groups[group.name] = made
        add_block_metadata(scope, pools)
        self._add_notes(named, pools, first, references)

    def _add_notes(
        self,
        named: str,
        pools: Mapping[str, Sequence[CapacityBlock]],
        shape: PoolShape,
        references: ResolvedReferences,
    ) -> None:
        notes = [note for name, blocks in pools.items() if (note := overlap_note(name, blocks)) is not None]
        if notes:
            cdk.Annotations.of(self).add_info_v2("ultrafleet:overlapping-blocks", "; ".join(notes))
        rests_on = uncertain_facts(
            shape.instance_type, shape.ultraserver_type, shape.purchase_option, zone_name(references)
        )
        if rests_on:
            cdk.Annotations.of(self).add_info_v2(
                "ultrafleet:uncertain-facts", f"{named} rest on facts that are not certain: {'; '.join(rests_on)}"
            )

    @property
    def connections(self) -> "ec2.Connections":
        """Security groups of the nodes besides the cluster's own, to allow traffic from and to the pools.

        Raises:
            FleetError: one was passed as an id.
        """
        from aws_cdk import aws_ec2 as ec2  # noqa: PLC0415 - a tenth of a second, for a stack that may not need it

        ids = [group for group in self._security_groups if isinstance(group, str)]
        if ids:
            raise FleetError(
                path=f"security_groups of pools {self.node.id}",
                verb="are",
                got=f"the ids {', '.join(ids)}",
                expected="constructs, where rules are added to them",
                remedy="pass ec2.SecurityGroup.from_security_group_id(...)",
            )
        return ec2.Connections(security_groups=[group for group in self._security_groups if not isinstance(group, str)])

    @property
    def cdk_tag_manager(self) -> cdk.TagManager:
        """Tags that the app adds: they reach node groups, instances, interfaces and volumes, as those of a pool do."""
        return self._app_tags.manager


def _validate_capacity(
    named: str, ultraserver_type: UltraServerType, pools: Mapping[str, Sequence[CapacityBlock]]
) -> None:
    if not pools:
        raise FleetError(
            path=named,
            verb="have",
            got="no pool",
            expected="at least one",
            remedy="pass pools={NAME: [block]}",
        )
    holders: dict[str, str] = {}
    for name, blocks in pools.items():
        validate_block_sequence(name, blocks)
        validate_ultraserver_blocks(name, ultraserver_type, blocks)
        for block in blocks:
            other = holders.setdefault(block.capacity_reservation_id, name)
            if other != name:
                raise FleetError(
                    path=f"pool {name}",
                    verb="names",
                    got=f"capacity reservation {block.capacity_reservation_id}, which pool {other} has",
                    expected="one pool for each block",
                    remedy="pass the block of its own UltraServer",
                )
