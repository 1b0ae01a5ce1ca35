"""Common part of UltraServer and accelerator pools: launch templates and managed node groups of one label."""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
import jsii
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from ultrafleet.app_tags import AppTags
from ultrafleet.catalog import Fabric, InstanceType
from ultrafleet.catalog.limits import NODES_PER_NODE_GROUP
from ultrafleet.cluster_reference import ClusterReference
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.labels import ULTRASERVER_LABEL
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.layout import Interface
from ultrafleet.pools.launch_template import launch_template_data, tag_specifications
from ultrafleet.pools.node_group import NodeGroupShape, PoolNodeGroup
from ultrafleet.pools.node_options import NodeOptions
from ultrafleet.pools.pool_shape import PoolShape
from ultrafleet.pools.resolved_references import ResolvedReferences, read_shared, role_arn
from ultrafleet.pools.uncertain_facts import uncertain_facts
from ultrafleet.rules.fabric import launchable_fabric
from ultrafleet.rules.ip_budget import PoolIpDemand, subnet_ip_budget
from ultrafleet.rules.names import NAME_RULE, is_name, launch_template_name
from ultrafleet.rules.node_repair import node_repair_config
from ultrafleet.rules.node_settings import validate_label_value
from ultrafleet.rules.node_volume import validate_volumes
from ultrafleet.rules.places import validate_place
from ultrafleet.rules.zones import is_zone
from ultrafleet.tokens import is_token


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


@jsii.implements(ec2.IConnectable, cdk.ITaggableV2)
class NodePool(Construct):
    """Launch templates and managed node groups of one label, in one subnet; use `UltraServerPool` or `AcceleratorPool`.

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
    ) -> None:
        super().__init__(scope, id)
        shared = read_shared(cluster, subnet, security_groups)
        options = options or NodeOptions()
        interfaces = _interfaces(pool_name, shape, fabric, options)
        _validate(pool_name, shape, shared, options, interfaces)
        key = options.root_volume_key
        if key is not None:
            _let_auto_scaling_use(self, key)
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
        )
        self.node_role = node_role if node_role is not None else _new_node_role(self)
        self._shared, self._shape, self._options, self._interfaces = shared, shape, options, interfaces
        self.node_groups = {group.name: self._node_group(group) for group in shape.node_groups}
        zone = _zone_name(shared)
        rests_on = uncertain_facts(shape.instance_type, shape.ultraserver_type, shape.purchase_option, zone)
        if rests_on:
            cdk.Annotations.of(self).add_info_v2(
                "ultrafleet:uncertain-facts",
                f"pool {pool_name} rests on facts that are not certain: {'; '.join(rests_on)}",
            )

    def _node_group(self, group: NodeGroupShape) -> PoolNodeGroup:
        shared, shape, options, key = self._shared, self._shape, self._options, self._options.root_volume_key
        scope = self if group.scope_id is None else Construct(self, group.scope_id)
        name = launch_template_name(shared.cluster_name, group.name)
        own_tags = {"Name": name, **options.tags}
        launch_template = cdk.CfnResource(
            scope,
            "LaunchTemplate",
            type="AWS::EC2::LaunchTemplate",
            properties={
                "LaunchTemplateName": name,
                "LaunchTemplateData": launch_template_data(
                    instance_type=shape.instance_type,
                    options=options,
                    interfaces=self._interfaces,
                    security_group_ids=shared.security_group_ids,
                    name_tag=name,
                    capacity=group.capacity,
                    cluster_name=shared.cluster_name,
                    root_volume_key_arn=key.key_arn if key is not None else None,
                ),
            },
        )
        # Not the template's own TagSpecifications: no schema says what CloudFormation does when they change.
        self._app_tags.reach(
            launch_template,
            "LaunchTemplateData.TagSpecifications",
            lambda tags: tag_specifications({**tags, **own_tags}),
        )
        desired = {} if group.desired_size is None else {"DesiredSize": group.desired_size}
        ultraserver = {ULTRASERVER_LABEL: group.name} if shape.ultraserver_type is not None else {}
        # In CloudFormation's words and not as CfnNodegroup: a third of the time, and the validation of the template
        # checks the same schema.
        node_group_tags = {**options.tags, **group.tags}
        node_group = cdk.CfnResource(
            scope,
            "Resource",
            type="AWS::EKS::Nodegroup",
            properties={
                "ClusterName": shared.cluster_name,
                "NodegroupName": group.name,
                "NodeRole": role_arn(self.node_role),
                "Subnets": [shared.subnet_id],
                **({} if options.image is not None else {"AmiType": options.derived_ami_type(shape.instance_type)}),
                "CapacityType": group.capacity_type,
                "LaunchTemplate": {"Id": launch_template.ref, "Version": str(group.launch_template_version)},
                "ScalingConfig": {"MinSize": 0, "MaxSize": group.size, **desired},
                # MINIMAL takes a node away before it adds one: a full block has no room for a nineteenth.
                "UpdateConfig": {"MaxUnavailable": options.max_unavailable, "UpdateStrategy": "MINIMAL"},
                "NodeRepairConfig": dict(
                    options.node_repair_config
                    if options.node_repair_config is not None
                    else node_repair_config(nodes=group.size, ultraserver=shape.ultraserver_type is not None)
                ),
                "Labels": {**self.kubernetes_nodes.labels, **ultraserver},
                "Taints": [
                    {"Key": taint.key, "Value": taint.value, "Effect": taint.effect}
                    for taint in self.kubernetes_nodes.registered_taints
                ],
                "Tags": node_group_tags,
            },
        )
        self._app_tags.reach(node_group, "Tags", lambda tags: {**tags, **node_group_tags})
        return PoolNodeGroup(
            name=group.name,
            launch_template=launch_template,
            node_group=node_group,
            launch_template_version=group.launch_template_version,
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


def _interfaces(pool_name: str, shape: PoolShape, fabric: Fabric | None, options: NodeOptions) -> tuple[Interface, ...]:
    """Network interfaces of a node: the caller's own, or those of the type on the pool's fabric."""
    if options.interfaces is not None and fabric is None:
        return options.layout(shape.instance_type)
    return options.layout(shape.instance_type, launchable_fabric(pool_name, shape.instance_type, fabric))


def _validate(
    pool_name: str,
    shape: PoolShape,
    shared: ResolvedReferences,
    options: NodeOptions,
    interfaces: Sequence[Interface],
) -> None:
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
    if (name := _zone_name(shared)) is not None:
        validate_place(pool_name, shape.ultraserver_type or shape.instance_type, name)
    if shared.cidr is not None and not is_token(shared.cidr):
        demand = PoolIpDemand.of(
            pool_name=pool_name,
            nodes=shape.nodes,
            instance_type=shape.instance_type,
            ip_interfaces=sum(interface.takes_ip for interface in interfaces),
            max_pods=options.max_pods,
        )
        subnet_ip_budget(subnet_name=f"of pool {pool_name}", cidr=shared.cidr, demands=[demand]).check()


def _zone_name(shared: ResolvedReferences) -> str | None:
    """Zone of the subnet; None where synthesis doesn't know it: until a context lookup CDK calls it `dummy1a`."""
    return shared.zone if shared.zone is not None and not is_token(shared.zone) and is_zone(shared.zone) else None


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
