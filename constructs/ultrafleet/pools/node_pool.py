"""Common part of UltraServer and accelerator pools: one launch template and one managed node group."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from ultrafleet.catalog import Fabric, InstanceType, UltraServerType
from ultrafleet.catalog.limits import NODES_PER_NODE_GROUP
from ultrafleet.cluster_reference import ClusterReference
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.layout import Interface
from ultrafleet.pools.launch_template import launch_template_data
from ultrafleet.pools.node_options import NodeOptions
from ultrafleet.pools.resolved_references import ResolvedReferences, read_shared, role_arn
from ultrafleet.pools.uncertain_facts import uncertain_facts
from ultrafleet.rules.fabric import launchable_fabric
from ultrafleet.rules.ip_budget import PoolIpDemand, subnet_ip_budget
from ultrafleet.rules.names import NAME_RULE, is_name
from ultrafleet.rules.node_repair import node_repair_config
from ultrafleet.tokens import is_token


@dataclass(frozen=True, kw_only=True)
class PoolShape:
    """Values that the two kinds of pool derive differently."""

    instance_type: InstanceType
    max_size: int
    desired_size: int
    capacity: Mapping[str, Any]
    capacity_type: str
    availability_zone: str | None
    workload: str
    ultraserver_type: UltraServerType | None
    node_group_tags: Mapping[str, str]


PoolShapeFactory = Callable[[Construct, str], PoolShape]
"""Makes a pool's shape, and what the shape needs in the pool's scope, for a cluster's name."""


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


@jsii.implements(ec2.IConnectable)
class NodePool(Construct):
    """Launch template and managed node group in one subnet; use `UltraServerPool` or `AcceleratorPool`.

    Create-only properties in EKS (name, role, subnet, AMI type, capacity type) follow from the pool's own name and
    intent, never from its blocks. The node group has a fixed name, so that CloudFormation can't replace it
    unnoticed: the new one would have the name of the old.
    """

    pool_name: str
    """Name of the pool and of its node group."""
    instance_type: InstanceType
    """Type of its nodes."""
    node_role: iam.IRole
    """Role of its nodes."""
    launch_template_id: str
    """Id of its launch template (a token)."""
    launch_template: cdk.CfnResource
    """`AWS::EC2::LaunchTemplate`."""
    node_group: cdk.CfnResource
    """`AWS::EKS::Nodegroup`."""
    kubernetes_nodes: PoolNodes
    """Facts of the pool that queues, jobs and models need."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: ClusterReference,
        pool_name: str,
        make_shape: PoolShapeFactory,
        subnet: ec2.ISubnet,
        security_groups: Sequence[ec2.ISecurityGroup],
        node_role: iam.IRole | None,
        launch_template_version: int,
        fabric: Fabric | None,
        options: NodeOptions | None,
    ) -> None:
        super().__init__(scope, id)
        shared = read_shared(cluster, subnet, security_groups)
        shape = make_shape(self, shared.cluster_name)
        options = options or NodeOptions()
        interfaces = _interfaces(pool_name, shape, fabric, options)
        _validate(pool_name, shape, shared, launch_template_version, options, interfaces)
        key = options.root_volume_key
        if key is not None:
            _let_auto_scaling_use(self, key)
        self._security_groups = security_groups
        self.pool_name = pool_name
        self.instance_type = shape.instance_type
        self.kubernetes_nodes = PoolNodes.of(
            pool_name=pool_name,
            workload=shape.workload,
            instance_type=shape.instance_type,
            nodes=shape.max_size,
            interfaces=interfaces,
            labels=options.labels,
            taints=options.taints,
            ultraserver_type=shape.ultraserver_type,
        )
        self.node_role = node_role if node_role is not None else _new_node_role(self)
        self.launch_template = cdk.CfnResource(
            self,
            "LaunchTemplate",
            type="AWS::EC2::LaunchTemplate",
            properties={
                "LaunchTemplateName": f"{shared.cluster_name}-{pool_name}",
                "LaunchTemplateData": launch_template_data(
                    instance_type=shape.instance_type,
                    options=options,
                    interfaces=interfaces,
                    security_group_ids=shared.security_group_ids,
                    name_tag=f"{shared.cluster_name}-{pool_name}",
                    capacity=shape.capacity,
                    root_volume_key_arn=key.key_arn if key is not None else None,
                ),
            },
        )
        self.launch_template_id = self.launch_template.ref
        rests_on = uncertain_facts(shape.instance_type, shape.ultraserver_type)
        if rests_on:
            cdk.Annotations.of(self).add_info_v2(
                "ultrafleet:uncertain-facts",
                f"pool {pool_name} rests on facts that are not certain: {'; '.join(rests_on)}",
            )
        # CfnResource in CloudFormation's words and not CfnNodegroup: a third of the time, and the validation of the
        # template checks the same schema.
        self.node_group = cdk.CfnResource(
            self,
            "Resource",
            type="AWS::EKS::Nodegroup",
            properties={
                "ClusterName": shared.cluster_name,
                "NodegroupName": pool_name,
                "NodeRole": role_arn(self.node_role),
                "Subnets": [shared.subnet_id],
                "AmiType": options.derived_ami_type(shape.instance_type),
                "CapacityType": shape.capacity_type,
                "LaunchTemplate": {"Id": self.launch_template_id, "Version": str(launch_template_version)},
                "ScalingConfig": {"MinSize": 0, "MaxSize": shape.max_size, "DesiredSize": shape.desired_size},
                # MINIMAL takes a node away before it adds one: a full block has no room for a nineteenth.
                "UpdateConfig": {"MaxUnavailable": options.max_unavailable, "UpdateStrategy": "MINIMAL"},
                "NodeRepairConfig": dict(
                    options.node_repair_config
                    if options.node_repair_config is not None
                    else node_repair_config(ultraserver=shape.ultraserver_type is not None)
                ),
                "Labels": dict(self.kubernetes_nodes.labels),
                "Taints": [
                    {"Key": taint.key, "Value": taint.value, "Effect": taint.effect}
                    for taint in self.kubernetes_nodes.taints
                ],
                "Tags": {**options.tags, **shape.node_group_tags},
            },
        )

    @property
    def connections(self) -> ec2.Connections:
        """Security groups of the nodes besides the cluster's own, to allow traffic from and to the pool."""
        return ec2.Connections(security_groups=list(self._security_groups))

    @property
    def latest_launch_template_version(self) -> str:
        """Number of the newest version of the launch template (a token): what the pool can be moved to."""
        return self.launch_template.get_att("LatestVersionNumber").to_string()


def _interfaces(pool_name: str, shape: PoolShape, fabric: Fabric | None, options: NodeOptions) -> tuple[Interface, ...]:
    """Network interfaces of a node: the caller's own, or those of the type on the pool's fabric."""
    if options.interfaces is not None and fabric is None:
        return options.layout(shape.instance_type)
    return options.layout(shape.instance_type, launchable_fabric(pool_name, shape.instance_type, fabric))


def _validate(
    pool_name: str,
    shape: PoolShape,
    shared: ResolvedReferences,
    launch_template_version: int,
    options: NodeOptions,
    interfaces: Sequence[Interface],
) -> None:
    validate_pool_name(pool_name)
    if is_token(launch_template_version) or launch_template_version < 1:
        raise FleetError(
            path=f"launch_template_version of pool {pool_name}",
            got=launch_template_version,
            expected="a whole number from 1",
            remedy="it is the version of the launch template that the nodes run, pass 1 for a new pool",
        )
    if is_token(shape.max_size) or not 1 <= shape.max_size <= NODES_PER_NODE_GROUP.value:
        raise FleetError(
            path=f"pool {pool_name}",
            verb="has",
            got=f"{shape.max_size} nodes",
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
    if shared.cidr is not None and not is_token(shared.cidr):
        demand = PoolIpDemand.of(
            pool_name=pool_name,
            nodes=shape.max_size,
            instance_type=shape.instance_type,
            ip_interfaces=sum(interface.takes_ip for interface in interfaces),
            max_pods=options.max_pods,
        )
        subnet_ip_budget(subnet_name=f"of pool {pool_name}", cidr=shared.cidr, demands=[demand]).check()


def _new_node_role(scope: Construct) -> iam.IRole:
    from ultrafleet.cluster import create_node_role  # noqa: PLC0415 - most pools share a role and need none of it

    return create_node_role(scope, "NodeRole")


def _let_auto_scaling_use(scope: Construct, key: kms.IKey) -> None:
    """Grant a customer key to Auto Scaling's service-linked role, which starts the instances.

    Source: Auto Scaling user guide, "required key policy for encrypted volumes" (high).
    """
    stack = cdk.Stack.of(scope)
    role_arn = (
        f"arn:{stack.partition}:iam::{stack.account}:role/aws-service-role/autoscaling.amazonaws.com/"
        "AWSServiceRoleForAutoScaling"
    )
    principal = iam.ArnPrincipal(role_arn)
    use = iam.PolicyStatement(
        actions=["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        principals=[principal],
        resources=["*"],
    )
    grant = iam.PolicyStatement(
        actions=["kms:CreateGrant"],
        principals=[principal],
        resources=["*"],
        conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
    )
    added = [key.add_to_resource_policy(statement).statement_added for statement in (use, grant)]
    if not all(added):
        cdk.Annotations.of(scope).add_warning_v2(
            "ultrafleet:rootVolumeKey",
            "the root volume key was imported, so its policy can't be edited here: its owner must let "
            f"{role_arn} use it, kms:CreateGrant included, or no node starts",
        )
