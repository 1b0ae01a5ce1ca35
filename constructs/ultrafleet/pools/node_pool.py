"""Common part of UltraServer and accelerator pools: launch templates and node groups of one label."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import aws_cdk as cdk
import jsii
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from ultrafleet.app_tags import AppTags
from ultrafleet.catalog import Fabric, InstanceType
from ultrafleet.cluster_reference import ClusterReference
from ultrafleet.kubernetes.pool_nodes import PoolNodes
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
from ultrafleet.pools.pool_shape import PoolShape
from ultrafleet.pools.resolved_references import read_shared, role_arn
from ultrafleet.pools.self_managed import validate_self_managed
from ultrafleet.pools.uncertain_facts import uncertain_facts
from ultrafleet.rules.self_managed import SelfManagedNodes

if TYPE_CHECKING:
    from ultrafleet.network import SecondaryNetworkReference


@jsii.implements(ec2.IConnectable, cdk.ITaggableV2)
class NodePool(Construct):
    """Launch templates and node groups of one label, in one subnet; use `UltraServerPool` or `AcceleratorPool`.

    On capacity blocks each block has a launch template and a node group of its own, named after pool and reservation,
    so that nothing of a running block changes with the list of blocks. Create-only properties in EKS (name, role,
    subnet, AMI type, capacity type) follow from the pool's and the block's names and intent. The names are fixed, so
    that CloudFormation can't replace a node group unnoticed: the new one would have the name of the old.
    """

    pool_name: str
    """Name of the pool: a label of its nodes."""
    instance_type: InstanceType
    """Type of its nodes."""
    node_role: iam.IRole
    """Role of its nodes."""
    node_groups: Mapping[str, PoolNodeGroup]
    """Its node groups by name, in the order of its blocks; without blocks one, named after the pool."""
    kubernetes_nodes: PoolNodes
    """Facts of the pool that queues, jobs and models need."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: ClusterReference,
        pool_name: str,
        shape: PoolShape,
        subnet: ec2.ISubnet,
        security_groups: Sequence[ec2.ISecurityGroup],
        node_role: iam.IRole | None,
        fabric: Fabric | None,
        options: NodeOptions | None,
        self_managed: SelfManagedNodes | None,
        secondary_network: "SecondaryNetworkReference | None",
    ) -> None:
        super().__init__(scope, id)
        shared = read_shared(cluster, subnet, security_groups)
        options = options or DERIVED_OPTIONS
        if self_managed is not None:
            validate_self_managed(f"pool {pool_name}", options, has_role=node_role is not None)
        interfaces = pool_interfaces(
            pool_name, shape.instance_type, fabric, options, self_managed=self_managed is not None
        )
        validate_secondary_network(pool_name, shared, secondary_network, shape.nodes, interfaces)
        validate_pool(pool_name, shape, shared, options)
        validate_subnet_room(
            f"pool {pool_name}",
            shared,
            {pool_name: shape.nodes},
            shape.instance_type,
            interfaces=interfaces,
            max_pods=options.max_pods,
        )
        key = options.root_volume_key
        if key is not None:
            let_auto_scaling_use(self, key)
        self._app_tags = AppTags("AWS::EC2::LaunchTemplate")
        self._security_groups = security_groups
        self.pool_name = pool_name
        self.instance_type = shape.instance_type
        self.kubernetes_nodes = PoolNodes.of(
            pool_name=pool_name,
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
        self.node_role = node_role if node_role is not None else new_node_role(self)
        resources = pool_resources(
            references=shared,
            node_role_arn=role_arn(self.node_role),
            instance_type=shape.instance_type,
            ultraserver=shape.ultraserver_type is not None,
            options=options,
            interfaces=interfaces,
            self_managed=self_managed,
            secondary_network=secondary_network,
        )
        self.node_groups = {
            group.name: resources.add(
                self if group.scope_id is None else Construct(self, group.scope_id),
                group,
                nodes=self.kubernetes_nodes,
                ids=("LaunchTemplate", "Resource"),
                app_tags=self._app_tags,
            )
            for group in shape.node_groups
        }
        zone = zone_name(shared)
        rests_on = uncertain_facts(shape.instance_type, shape.ultraserver_type, shape.purchase_option, zone)
        if rests_on:
            cdk.Annotations.of(self).add_info_v2(
                "ultrafleet:uncertain-facts",
                f"pool {pool_name} rests on facts that are not certain: {'; '.join(rests_on)}",
            )

    @property
    def connections(self) -> ec2.Connections:
        """Security groups of the nodes besides the cluster's own, to allow traffic from and to the pool."""
        return ec2.Connections(security_groups=list(self._security_groups))

    @property
    def cdk_tag_manager(self) -> cdk.TagManager:
        """Tags that the app adds: they reach node groups, instances, interfaces and volumes.

        `include_resource_types` and `exclude_resource_types` of `cdk.Tags` choose by `AWS::EC2::LaunchTemplate`. A tag
        reaches running nodes with their launch template version alone, as every change of the launch template does.
        """
        return self._app_tags.manager
