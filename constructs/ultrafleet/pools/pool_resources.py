"""CloudFormation of pools' launch templates and node groups; what pools have in common is derived once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar

import aws_cdk as cdk
from constructs import Construct

from ultrafleet.app_tags import AppTags
from ultrafleet.catalog import InstanceType
from ultrafleet.kubernetes.labels import ULTRASERVER_LABEL
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.layout import Interface
from ultrafleet.pools.launch_template import launch_template_data, tag_specifications
from ultrafleet.pools.node_group import NodeGroupShape, PoolNodeGroup
from ultrafleet.pools.node_options import NodeOptions
from ultrafleet.pools.resolved_references import ResolvedReferences
from ultrafleet.pools.shared_values import shared_value
from ultrafleet.rules.names import launch_template_name
from ultrafleet.rules.node_repair import node_repair_config

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
    """

    references: ResolvedReferences
    node_role_arn: str
    options: NodeOptions
    instance_type: InstanceType
    ultraserver: bool
    template_parts: Mapping[str, Any]
    ami_type: str | None

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
            properties=self._launch_template(group, name, template_tags),
        )
        node_group = cdk.CfnResource(
            scope,
            ids[1],
            type="AWS::EKS::Nodegroup",
            properties=self._node_group(
                group,
                nodes,
                launch_template.ref if launch_template_id is None else {"Ref": launch_template_id},
                group_tags,
            ),
        )
        # Not the template's own TagSpecifications: no schema says what CloudFormation does when they change.
        app_tags.reach(
            launch_template,
            "LaunchTemplateData.TagSpecifications",
            lambda tags: tag_specifications({**tags, **template_tags}),
        )
        app_tags.reach(node_group, "Tags", lambda tags: {**tags, **group_tags})
        return PoolNodeGroup(
            name=group.name,
            launch_template=launch_template,
            node_group=node_group,
            launch_template_version=group.launch_template_version,
        )

    def _launch_template(self, group: NodeGroupShape, name: str, tags: Mapping[str, str]) -> dict[str, Any]:
        parts = self.template_parts
        image = {"ImageId": parts["ImageId"]} if "ImageId" in parts else {}
        return {
            "LaunchTemplateName": name,
            "LaunchTemplateData": {
                "InstanceType": parts["InstanceType"],
                **image,
                **group.capacity,
                **{name: parts[name] for name in _EQUAL_IN_TEMPLATES if name != "UserData"},
                "TagSpecifications": tag_specifications(tags),
                "UserData": parts["UserData"],
            },
        }

    def _node_group(
        self,
        group: NodeGroupShape,
        nodes: PoolNodes,
        launch_template_id: str | Mapping[str, str],
        tags: Mapping[str, str],
    ) -> dict[str, Any]:
        desired = {} if group.desired_size is None else {"DesiredSize": group.desired_size}
        ultraserver = {ULTRASERVER_LABEL: group.name} if self.ultraserver else {}
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
            "Labels": {**nodes.labels, **ultraserver},
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
) -> PoolResources:
    """Resources of pools of one kind; pools that are passed the same objects share what was derived.

    Args:
        references: cluster, subnet and security groups.
        node_role_arn: role of the nodes.
        instance_type: type of the nodes.
        ultraserver: whether each node group is one UltraServer.
        options: what the nodes are like.
        interfaces: network interfaces of a node.

    Raises:
        FleetError: user data that is too long; an AMI type that isn't one for the type.
        UnknownFactError: no AMI type is known for the type, and none was passed.
    """
    return _pool_resources(
        references, node_role_arn, _Same(instance_type), ultraserver, _Same(options), tuple(interfaces)
    )


@lru_cache(maxsize=64)
def _pool_resources(
    references: ResolvedReferences,
    node_role_arn: str,
    instance_type: _Same[InstanceType],
    ultraserver: bool,
    options: _Same[NodeOptions],
    interfaces: tuple[Interface, ...],
) -> PoolResources:
    key = options.value.root_volume_key
    data = launch_template_data(
        instance_type=instance_type.value,
        options=options.value,
        interfaces=interfaces,
        security_group_ids=references.security_group_ids,
        cluster_name=references.cluster_name,
        root_volume_key_arn=key.key_arn if key is not None else None,
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
    )


@lru_cache(maxsize=64)
def _derived_repair(nodes: int, ultraserver: bool) -> Any:  # noqa: ANN401 - a part of a template
    return shared_value(dict(node_repair_config(nodes=nodes, ultraserver=ultraserver)))
