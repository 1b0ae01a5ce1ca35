"""What an UltraServer pool and an accelerator pool have in common: one launch template and one managed node group."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from ultrafleet.catalog import InstanceType
from ultrafleet.cluster import create_node_role
from ultrafleet.errors import FleetError
from ultrafleet.pools.launch_template import launch_template_data
from ultrafleet.pools.node_options import NodeOptions
from ultrafleet.rules.ip_budget import PoolIpDemand, node_ip_demand, subnet_ip_budget

_POOL_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
_MAX_NODES = 450  # a managed node group, default quota (EKS user guide, high)


class ClusterReference(Protocol):
    """The parts of an `ICluster` of `aws_eks` or `aws_eks_v2` that a pool reads. Imported ones state both."""

    @property
    def cluster_name(self) -> str:
        """Name of the cluster."""

    @property
    def cluster_security_group_id(self) -> str:
        """Security group that EKS made for the cluster."""


@dataclass(frozen=True, kw_only=True)
class PoolShape:
    """What the two kinds of pool decide differently."""

    instance_type: InstanceType
    max_size: int
    desired_size: int
    capacity: Mapping[str, Any]
    capacity_type: str
    availability_zone: str | None
    labels: Mapping[str, str]
    node_group_tags: Mapping[str, str]


def validate_pool_name(pool_name: str) -> None:
    """Refuse a name that node groups, labels or launch templates don't take.

    Raises:
        FleetError: see the message.
    """
    if not _POOL_NAME.fullmatch(pool_name):
        raise FleetError(
            f"pool name is {pool_name!r}, expected up to 40 lower-case letters, digits and '-', beginning with a "
            "letter: pass another pool_name"
        )


def zone_of(subnet: ec2.ISubnet, pool_name: str) -> str | None:
    """Zone of a subnet, or None where it is a token.

    Raises:
        FleetError: the subnet was imported without its zone.
    """
    try:
        zone: str = subnet.availability_zone
    except RuntimeError as error:
        raise FleetError(
            f"the subnet of pool {pool_name} was imported without its availability zone, expected one: "
            "use Subnet.from_subnet_attributes(subnet_id=..., availability_zone=...)"
        ) from error
    return None if cdk.Token.is_unresolved(zone) else zone


class NodePool(Construct):
    """One launch template and one managed node group in one subnet; use `UltraServerPool` or `AcceleratorPool`.

    What is create-only in EKS (name, role, subnet, AMI type, capacity type) follows from the pool's own name and
    intent and never from its blocks. The node group has a fixed name, so that CloudFormation can't replace it behind
    anybody's back: the new one would have the name of the old.
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
    node_group: eks.CfnNodegroup
    """`AWS::EKS::Nodegroup`."""

    def _create(
        self,
        *,
        cluster: ClusterReference,
        pool_name: str,
        shape: PoolShape,
        subnet: ec2.ISubnet,
        security_groups: Sequence[ec2.ISecurityGroup],
        node_role: iam.IRole | None,
        generation: int,
        options: NodeOptions,
    ) -> None:
        _validate(pool_name, shape, subnet, generation, options)
        key = options.root_volume_key
        if key is not None:
            _let_auto_scaling_use(self, key)
        cluster_name = cluster.cluster_name
        self.pool_name = pool_name
        self.instance_type = shape.instance_type
        self.node_role = node_role if node_role is not None else create_node_role(self, "NodeRole")
        self.launch_template = cdk.CfnResource(
            self,
            "LaunchTemplate",
            type="AWS::EC2::LaunchTemplate",
            properties={
                "LaunchTemplateName": f"{cluster_name}-{pool_name}",
                "LaunchTemplateData": launch_template_data(
                    instance_type=shape.instance_type,
                    options=options,
                    security_group_ids=[
                        cluster.cluster_security_group_id,
                        *(group.security_group_id for group in security_groups),
                    ],
                    name_tag=f"{cluster_name}-{pool_name}",
                    capacity=shape.capacity,
                    root_volume_key_arn=key.key_arn if key is not None else None,
                ),
            },
        )
        self.launch_template_id = self.launch_template.ref
        self.node_group = eks.CfnNodegroup(
            self,
            "Resource",
            cluster_name=cluster_name,
            nodegroup_name=pool_name,
            node_role=self.node_role.role_arn,
            subnets=[subnet.subnet_id],
            ami_type=options.derived_ami_type(shape.instance_type),
            capacity_type=shape.capacity_type,
            launch_template={"id": self.launch_template_id, "version": str(generation)},
            scaling_config={"minSize": 0, "maxSize": shape.max_size, "desiredSize": shape.desired_size},
            # MINIMAL takes a node away before it adds one: a full block has no room for a nineteenth.
            update_config={"maxUnavailable": options.max_unavailable, "updateStrategy": "MINIMAL"},
            node_repair_config=_lower_first(options.node_repair_config),
            labels={**shape.labels, **options.labels},
            taints=[
                {"key": taint.key, "value": taint.value, "effect": taint.effect}
                for taint in options.derived_taints(shape.instance_type)
            ],
            tags={**options.tags, **shape.node_group_tags},
        )

    @property
    def latest_launch_template_version(self) -> str:
        """Number of the newest version of the launch template (a token): what a new generation can name."""
        return self.launch_template.get_att("LatestVersionNumber").to_string()


def _validate(
    pool_name: str, shape: PoolShape, subnet: ec2.ISubnet, generation: int, options: NodeOptions
) -> None:
    validate_pool_name(pool_name)
    if cdk.Token.is_unresolved(generation) or generation < 1:
        raise FleetError(
            f"generation of pool {pool_name} is {generation}, expected a whole number from 1: it is the version of the "
            "launch template that the nodes run, pass 1 for a new pool"
        )
    if cdk.Token.is_unresolved(shape.max_size) or not 1 <= shape.max_size <= _MAX_NODES:
        raise FleetError(
            f"pool {pool_name} has {shape.max_size} nodes, expected 1 to {_MAX_NODES}: split it into several pools"
        )
    zone = zone_of(subnet, pool_name)
    if shape.availability_zone is not None and zone is not None and zone != shape.availability_zone:
        raise FleetError(
            f"the subnet of pool {pool_name} is in {zone}, expected {shape.availability_zone}, where its capacity is: "
            "pass a subnet of that zone"
        )
    cidr = _cidr_of(subnet)
    if cidr is not None:
        layout = options.layout(shape.instance_type)
        demand = PoolIpDemand(
            pool_name=pool_name,
            nodes=shape.max_size,
            per_node=node_ip_demand(
                ip_interfaces=sum(interface.interface_type != "efa-only" for interface in layout),
                max_pods=options.max_pods,
                ipv4_per_interface=shape.instance_type.ipv4_per_interface,
            ),
        )
        subnet_ip_budget(subnet_name=subnet.node.id, cidr=cidr, demands=[demand]).check()


def _cidr_of(subnet: ec2.ISubnet) -> str | None:
    try:
        cidr: str = subnet.ipv4_cidr_block
    except RuntimeError:
        return None  # imported without it: the caller counts
    return None if cdk.Token.is_unresolved(cidr) else cidr


def _lower_first(value: object) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """CloudFormation's PascalCase keys as CDK's camelCase."""
    if isinstance(value, Mapping):
        return {key[:1].lower() + key[1:]: _lower_first(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_lower_first(item) for item in value]
    return value


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
