"""CloudFormation of pools' launch templates and node groups; what pools have in common is derived once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import aws_cdk as cdk
from constructs import Construct

from ultrafleet.app_tags import AppTags
from ultrafleet.catalog import InstanceType
from ultrafleet.kubernetes.labels import ULTRASERVER_LABEL
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.layout import Interface
from ultrafleet.pools.auto_scaling_group import (
    auto_scaling_group_properties,
    own_group_tags,
    registration_flags,
)
from ultrafleet.pools.launch_template import launch_template_data, tag_specifications, user_data
from ultrafleet.pools.node_group import NodeGroupShape, PoolNodeGroup
from ultrafleet.pools.node_options import NodeOptions
from ultrafleet.pools.resolved_references import ResolvedReferences
from ultrafleet.pools.shared_values import shared_value
from ultrafleet.rules.names import launch_template_name
from ultrafleet.rules.node_repair import node_repair_config
from ultrafleet.rules.self_managed import OWN_NODE_GROUP_LABEL, SelfManagedNodes

if TYPE_CHECKING:
    from ultrafleet.network import SecondaryNetworkReference

_EQUAL_IN_TEMPLATES: Final = ("NetworkInterfaces", "MetadataOptions", "BlockDeviceMappings", "UserData")
_T = TypeVar("_T")


class _Same(Generic[_T]):
    """A value by its identity: types with facts of the caller's own are equal by their names alone."""

    def __init__(self, value: _T) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


@dataclass(frozen=True, kw_only=True, eq=False)
class PoolResources:
    """Launch templates and node groups of pools that differ in names and capacity.

    Attributes:
        references: cluster, subnet and security groups.
        node_role_arn: role of the nodes.
        options: what the nodes are like.
        instance_type: type of the nodes.
        ultraserver: whether each node group is one UltraServer.
        template_parts: `LaunchTemplateData` of every pool, without its capacity and tags.
        ami_type: EKS AMI type, or None for an image of the caller's own.
        self_managed: facts by which self-managed nodes join, or None for managed node groups.
        interfaces: network interfaces of a node.
        secondary_network: network of its secondary interfaces, or None where it has none.
    """

    references: ResolvedReferences
    node_role_arn: str
    options: NodeOptions
    instance_type: InstanceType
    ultraserver: bool
    template_parts: Mapping[str, Any]
    ami_type: str | None
    self_managed: SelfManagedNodes | None
    interfaces: Sequence[Interface]
    secondary_network: "SecondaryNetworkReference | None"

    def add(
        self,
        scope: Construct,
        group: NodeGroupShape,
        *,
        nodes: PoolNodes,
        ids: tuple[str, str],
        app_tags: AppTags,
        launch_template_id: str | None = None,
    ) -> PoolNodeGroup:
        """Add a launch template and its node group to a construct.

        Args:
            scope: their parent.
            group: the node group.
            nodes: nodes of its pool.
            ids: construct ids of the launch template and of the node group.
            app_tags: tags of the app, which reach both.
            launch_template_id: logical id of the launch template. Default: asked of CDK, a round trip to Node.
        """
        name = launch_template_name(self.references.cluster_name, group.name)
        template_tags, group_tags = {"Name": name, **self.options.tags}, {**self.options.tags, **group.tags}
        launch_template = cdk.CfnResource(
            scope,
            ids[0],
            type="AWS::EC2::LaunchTemplate",
            properties=self._launch_template(group, nodes, name, template_tags),
        )
        reference = launch_template.ref if launch_template_id is None else {"Ref": launch_template_id}
        own = self.self_managed is not None
        node_group = cdk.CfnResource(
            scope,
            ids[1],
            type="AWS::AutoScaling::AutoScalingGroup" if own else "AWS::EKS::Nodegroup",
            properties=self._auto_scaling_group(
                group, name, reference, self._version(scope, f"{ids[0]}Version", group, launch_template), group_tags
            )
            if own
            else self._node_group(group, nodes, reference, group_tags),
        )
        # Not the template's own TagSpecifications: no schema says what CloudFormation does when they change.
        app_tags.reach(
            launch_template,
            "LaunchTemplateData.TagSpecifications",
            lambda tags: tag_specifications({**tags, **template_tags}),
        )
        cluster = self.references.cluster_name
        if own:
            app_tags.reach(node_group, "Tags", lambda tags: own_group_tags(cluster, {**tags, **group_tags}))
        else:
            app_tags.reach(node_group, "Tags", lambda tags: {**tags, **group_tags})
        return PoolNodeGroup(
            name=group.name,
            launch_template=launch_template,
            node_group=node_group,
            launch_template_version=group.launch_template_version,
        )

    def _launch_template(
        self, group: NodeGroupShape, nodes: PoolNodes, name: str, tags: Mapping[str, str]
    ) -> dict[str, Any]:
        parts = self.template_parts
        image = {key: parts[key] for key in ("ImageId", "IamInstanceProfile") if key in parts}
        return {
            "LaunchTemplateName": name,
            **self._own_tags(),
            "LaunchTemplateData": {
                "InstanceType": parts["InstanceType"],
                **image,
                **group.capacity,
                **{name: parts[name] for name in _EQUAL_IN_TEMPLATES if name != "UserData"},
                "TagSpecifications": tag_specifications(tags),
                "UserData": parts["UserData"] if self.self_managed is None else self._user_data(group, nodes),
            },
        }

    def _version(self, scope: Construct, id: str, group: NodeGroupShape, launch_template: cdk.CfnResource) -> str:
        """Version that new nodes run: with secondary interfaces the newest, which is made beside CloudFormation."""
        if self.secondary_network is None:
            return str(group.launch_template_version)
        from ultrafleet.network import secondary_interfaces_version  # noqa: PLC0415 - few pools need it

        return secondary_interfaces_version(
            scope, id, launch_template=launch_template, interfaces=self.interfaces, network=self.secondary_network
        )

    def _own_tags(self) -> dict[str, Any]:
        """Tags of the launch template itself: none but the one that lets its other versions be made."""
        if self.secondary_network is None:
            return {}
        from ultrafleet.network import launch_template_tags  # noqa: PLC0415 - the same

        return {"TagSpecifications": launch_template_tags()}

    def _user_data(self, group: NodeGroupShape, nodes: PoolNodes) -> dict[str, Any]:
        """User data of self-managed nodes, which register with the labels of their own group."""
        return user_data(
            self.instance_type,
            self.options,
            self.references.cluster_name,
            self_managed=self.self_managed,
            registration_flags=registration_flags(self._labels(group, nodes), nodes.registered_taints),
        )

    def _labels(self, group: NodeGroupShape, nodes: PoolNodes) -> dict[str, str]:
        own = {OWN_NODE_GROUP_LABEL: group.name} if self.self_managed is not None else {}
        return {**nodes.labels, **own, **({ULTRASERVER_LABEL: group.name} if self.ultraserver else {})}

    def _auto_scaling_group(
        self,
        group: NodeGroupShape,
        name: str,
        launch_template_id: str | Mapping[str, str],
        launch_template_version: str,
        tags: Mapping[str, str],
    ) -> dict[str, Any]:
        return auto_scaling_group_properties(
            name=name,
            cluster_name=self.references.cluster_name,
            launch_template_id=launch_template_id,
            launch_template_version=launch_template_version,
            subnet_id=self.references.subnet_id,
            max_size=group.size,
            desired_size=group.desired_size,
            tags=tags,
        )

    def _node_group(
        self,
        group: NodeGroupShape,
        nodes: PoolNodes,
        launch_template_id: str | Mapping[str, str],
        tags: Mapping[str, str],
    ) -> dict[str, Any]:
        desired = {} if group.desired_size is None else {"DesiredSize": group.desired_size}
        taints = [{"Key": taint.key, "Value": taint.value, "Effect": taint.effect} for taint in nodes.registered_taints]
        # In CloudFormation's words and not as CfnNodegroup: a third of the time, and the validation of the template
        # checks the same schema.
        return {
            "ClusterName": self.references.cluster_name,
            "NodegroupName": group.name,
            "NodeRole": self.node_role_arn,
            "Subnets": [self.references.subnet_id],
            **({} if self.ami_type is None else {"AmiType": self.ami_type}),
            "CapacityType": group.capacity_type,
            "LaunchTemplate": {"Id": launch_template_id, "Version": str(group.launch_template_version)},
            "ScalingConfig": shared_value({"MinSize": 0, "MaxSize": group.size, **desired}),
            # MINIMAL takes a node away before it adds one: a full block has no room for a nineteenth.
            "UpdateConfig": shared_value({"MaxUnavailable": self.options.max_unavailable, "UpdateStrategy": "MINIMAL"}),
            "NodeRepairConfig": self._repair(group.size),
            "Labels": self._labels(group, nodes),
            "Taints": shared_value(taints),
            "Tags": dict(tags),
        }

    def _repair(self, nodes: int) -> Any:  # noqa: ANN401 - a part of a template
        if self.options.node_repair_config is not None:
            return shared_value(dict(self.options.node_repair_config))
        return _derived_repair(nodes, self.ultraserver)


def pool_resources(
    *,
    references: ResolvedReferences,
    node_role_arn: str,
    instance_type: InstanceType,
    ultraserver: bool,
    options: NodeOptions,
    interfaces: Sequence[Interface],
    self_managed: SelfManagedNodes | None = None,
    secondary_network: "SecondaryNetworkReference | None" = None,
) -> PoolResources:
    """Resources of pools of one kind; pools that are passed the same objects share what was derived.

    Args:
        references: cluster, subnet and security groups.
        node_role_arn: role of the nodes.
        instance_type: type of the nodes.
        ultraserver: whether each node group is one UltraServer.
        options: what the nodes are like.
        interfaces: network interfaces of a node.
        self_managed: facts by which self-managed nodes join. Default: managed node groups.
        secondary_network: network of its secondary interfaces. Default: it has none.

    Raises:
        FleetError: user data that is too long; an AMI type that isn't one for the type.
        UnknownFactError: no AMI type is known for the type, and none was passed.
    """
    return _pool_resources(
        references,
        node_role_arn,
        _Same(instance_type),
        ultraserver,
        _Same(options),
        tuple(interfaces),
        self_managed,
        _Same(secondary_network),
    )


@lru_cache(maxsize=64)
def _pool_resources(
    references: ResolvedReferences,
    node_role_arn: str,
    instance_type: _Same[InstanceType],
    ultraserver: bool,
    options: _Same[NodeOptions],
    interfaces: tuple[Interface, ...],
    self_managed: SelfManagedNodes | None,
    secondary_network: "_Same[SecondaryNetworkReference | None]",
) -> PoolResources:
    key = options.value.root_volume_key
    data = launch_template_data(
        instance_type=instance_type.value,
        options=options.value,
        interfaces=interfaces,
        security_group_ids=references.security_group_ids,
        cluster_name=references.cluster_name,
        root_volume_key_arn=key.key_arn if key is not None else None,
        self_managed=self_managed,
    )
    image = options.value.image
    return PoolResources(
        references=references,
        node_role_arn=node_role_arn,
        options=options.value,
        instance_type=instance_type.value,
        ultraserver=ultraserver,
        template_parts={
            name: shared_value(value) if name in _EQUAL_IN_TEMPLATES else value for name, value in data.items()
        },
        ami_type=options.value.derived_ami_type(instance_type.value) if image is None else None,
        self_managed=self_managed,
        interfaces=interfaces,
        secondary_network=secondary_network.value,
    )


@lru_cache(maxsize=64)
def _derived_repair(nodes: int, ultraserver: bool) -> Any:  # noqa: ANN401 - a part of a template
    return shared_value(dict(node_repair_config(nodes=nodes, ultraserver=ultraserver)))
