"""Live account: the stacks, the node groups and the reservations of one environment, as AWS describes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ultrafleet.rules.schedule_tags import RESERVATION_TAG
from ultrafleet.rules.self_managed import CLUSTER_TAG
from ultrafleet.templates.node_group import AUTO_SCALING_GROUP, NODE_GROUP


@dataclass(frozen=True, kw_only=True)
class LiveStack:
    """Stack as CloudFormation describes it.

    Attributes:
        name: name of the stack.
        status: such as `UPDATE_COMPLETE`.
        template: template that it was deployed from.
    """

    name: str
    status: str
    template: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ScheduledAction:
    """Scheduled action of a node group's Auto Scaling group: EKS makes one for each capacity block.

    Attributes:
        name: name of the action.
        group: name of the Auto Scaling group.
        start: when it acts.
        desired_size: size that it sets, or None where it sets none.
    """

    name: str
    group: str
    start: datetime
    desired_size: int | None


@dataclass(frozen=True, kw_only=True)
class LiveNodeGroup:
    """Node group as EKS and EC2 describe it.

    Attributes:
        name: name of the node group.
        status: such as `ACTIVE`.
        version: its Kubernetes version; "" where EKS says none.
        launch_template_version: version of its launch template that its nodes run; "" where EKS says none.
        desired_size: nodes that it asks for.
        tags: its tags, the block schedule's orders among them.
        nodes: instances that are starting or running.
        running_in: capacity reservations that they run in.
        scheduled_actions: actions of its Auto Scaling group.
        is_self_managed: whether it is an Auto Scaling group that EKS doesn't manage.
    """

    name: str
    status: str = "ACTIVE"
    version: str = ""
    launch_template_version: str = ""
    desired_size: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)
    nodes: int = 0
    running_in: frozenset[str] = frozenset()
    scheduled_actions: Sequence[ScheduledAction] = ()
    is_self_managed: bool = False

    @property
    def reservations(self) -> frozenset[str]:
        """Reservations that it follows or runs in."""
        followed = self.tags.get(RESERVATION_TAG)
        return self.running_in | ({followed} if followed else set())


@dataclass(frozen=True, kw_only=True)
class LiveReservation:
    """Capacity reservation as EC2 describes it.

    Attributes:
        id: `cr-…`.
        state: such as `active`.
        kind: `capacity-block`, or `default` for one on demand.
        instance_type: type that it holds.
        instance_count: instances that it holds.
        availability_zone: zone that it is in.
        end: when it ends; None without an end.
        used: instances that run in it, of whatever cluster.
    """

    id: str
    state: str
    kind: str
    instance_type: str
    instance_count: int
    availability_zone: str
    end: datetime | None
    used: int = 0


@dataclass(frozen=True, kw_only=True)
class LiveAccount:
    """State of one environment in its account.

    Attributes:
        cluster_version: Kubernetes version of the cluster of the environment's name; None where there is no cluster.
        stacks: stacks by name: those of the assembly, and those of pools that it no longer has.
        node_groups: node groups of the cluster by name.
        reservations: reservations by id: those of the file and those that node groups follow.
        newest_versions: newest version of each launch template, by the template's name.
        addon_versions: version of each managed add-on of the cluster that the assembly has, by the add-on's name.
    """

    cluster_version: str | None
    stacks: Mapping[str, LiveStack]
    node_groups: Mapping[str, LiveNodeGroup]
    reservations: Mapping[str, LiveReservation]
    newest_versions: Mapping[str, int]
    addon_versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_cluster(self) -> bool:
        """True if EKS knows a cluster of the environment's name."""
        return self.cluster_version is not None

    def nodes(self, node_group: str) -> int:
        """Nodes of a node group; 0 where there is none of that name."""
        found = self.node_groups.get(node_group)
        return found.nodes if found is not None else 0


def node_groups_of(template: Mapping[str, Any]) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Logical id and properties of each node group that a template names, by its name."""
    return {
        properties["NodegroupName"]: (logical_id, properties)
        for logical_id, resource in (template.get("Resources") or {}).items()
        if (properties := node_group_properties(resource)) is not None
    }


def node_group_properties(resource: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Properties of a node group with a plain name, in EKS's words; None for any other resource.

    The Auto Scaling group of a self-managed pool has them, too: its name without the cluster's, its tags as a mapping.

    Args:
        resource: resource of a template.
    """
    properties: Mapping[str, Any] = resource.get("Properties") or {}
    if resource.get("Type") == NODE_GROUP:
        return properties if isinstance(properties.get("NodegroupName"), str) else None
    name = properties.get("AutoScalingGroupName")
    if resource.get("Type") != AUTO_SCALING_GROUP or not isinstance(name, str):
        return None
    stated = [tag for tag in properties.get("Tags") or [] if isinstance(tag, Mapping) and isinstance(tag["Key"], str)]
    tags = {tag["Key"]: tag["Value"] for tag in stated}
    cluster = tags.get(CLUSTER_TAG)
    if not isinstance(cluster, str):
        return None
    sizes = {"MinSize": "MinSize", "MaxSize": "MaxSize", "DesiredCapacity": "DesiredSize"}
    template = properties.get("LaunchTemplate") or {}
    return {
        "ClusterName": cluster,
        "NodegroupName": name.removeprefix(f"{cluster}-"),
        "LaunchTemplate": {"Id": template.get("LaunchTemplateId"), "Version": template.get("Version")},
        "ScalingConfig": {ours: int(properties[key]) for key, ours in sizes.items() if key in properties},
        "Tags": tags,
        "VPCZoneIdentifier": properties.get("VPCZoneIdentifier"),
    }
