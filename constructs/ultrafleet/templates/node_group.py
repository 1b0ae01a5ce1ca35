"""Groups of nodes: node groups of EKS, Auto Scaling groups, compute node groups of PCS."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.catalog import InstanceType
from ultrafleet.errors import FleetError
from ultrafleet.rules.self_managed import CLUSTER_TAG
from ultrafleet.templates.launch import LAUNCH_TEMPLATE, Launch, as_list, known_type, launches
from ultrafleet.templates.once import once_per_template
from ultrafleet.templates.template import Resource, Template, mapping
from ultrafleet.templates.unknown import text_of

NODE_GROUP: Final = "AWS::EKS::Nodegroup"
AUTO_SCALING_GROUP: Final = "AWS::AutoScaling::AutoScalingGroup"
COMPUTE_NODE_GROUP: Final = "AWS::PCS::ComputeNodeGroup"
GROUPS: Final = (NODE_GROUP, AUTO_SCALING_GROUP, COMPUTE_NODE_GROUP)

_SPECIFICATIONS: Final = (
    ("LaunchTemplate",),
    ("CustomLaunchTemplate",),
    ("MixedInstancesPolicy", "LaunchTemplate", "LaunchTemplateSpecification"),
)
_SUBNETS: Final = {NODE_GROUP: "Subnets", AUTO_SCALING_GROUP: "VPCZoneIdentifier", COMPUTE_NODE_GROUP: "SubnetIds"}
_MAX_SIZE: Final = {
    NODE_GROUP: ("ScalingConfig", "MaxSize"),
    AUTO_SCALING_GROUP: ("MaxSize",),
    COMPUTE_NODE_GROUP: ("ScalingConfiguration", "MaxInstanceCount"),
}
_ZONE: Final = re.compile(r"(\$\{AWS::Region\})?[\w-]*")
_NAMES: Final = {NODE_GROUP: "NodegroupName", AUTO_SCALING_GROUP: "AutoScalingGroupName", COMPUTE_NODE_GROUP: "Name"}


@dataclass(frozen=True)
class NodeGroup:
    """A group of nodes.

    Attributes:
        template: the template that it is in.
        resource: the resource.
        launch: its launch template, where it is at hand.
    """

    template: Template
    resource: Resource
    launch: Launch | None

    @property
    def logical_id(self) -> str:
        """Its logical id."""
        return self.resource.logical_id

    @property
    def is_managed(self) -> bool:
        """True if it is a managed node group of EKS."""
        return self.resource.type == NODE_GROUP

    @property
    def name(self) -> str:
        """Its name, or else its logical id; of a self-managed pool's Auto Scaling group that without its cluster's."""
        named, cluster = self.resource.get(_NAMES[self.resource.type]), self.own_cluster
        if not isinstance(named, str):
            return self.logical_id
        return named if cluster is None else named.removeprefix(f"{cluster}-")

    @property
    def own_cluster(self) -> str | None:
        """Name of the cluster that an Auto Scaling group of a self-managed pool has as a tag; None for other groups."""
        cluster = self.tag(CLUSTER_TAG) if self.resource.type == AUTO_SCALING_GROUP else None
        return cluster if isinstance(cluster, str) else None

    @property
    def type_names(self) -> list[Any]:
        """Its instance types: names, or `Unknown`."""
        named = self.launch.get("InstanceType") if self.launch else None
        return self.own_type_names or ([named] if named is not None else [])

    @property
    def own_type_names(self) -> list[Any]:
        """Instance types that the group itself states, whatever its launch template states."""
        for own in (
            self.resource.items("InstanceTypes"),
            [item.get("InstanceType") for item in self.resource.items("InstanceConfigs") if isinstance(item, Mapping)],
            [
                item.get("InstanceType")
                for item in self.resource.items("MixedInstancesPolicy", "LaunchTemplate", "Overrides")
                if isinstance(item, Mapping) and item.get("InstanceType")
            ],
        ):
            if own:
                return own
        return []

    @property
    def types(self) -> list[InstanceType]:
        """Its instance types that the catalog knows."""
        return [kind for kind in map(known_type, self.type_names) if kind is not None]

    @property
    def subnets_property(self) -> str:
        """Name of the property that lists its subnets."""
        return _SUBNETS[self.resource.type]

    @property
    def subnets(self) -> list[Any]:
        """Its subnets, or one `Unknown`."""
        return self.resource.items(self.subnets_property)

    @property
    def zones(self) -> list[str]:
        """Zones of its subnets, as far as they are known."""
        return [zone for zone in self.zones_as_far_as_known if "${" not in zone]

    @property
    def zones_as_far_as_known(self) -> list[str]:
        """Zones of its subnets, with those that begin with `${AWS::Region}`."""
        subnets = filter(None, map(self.template.referred, self.subnets))
        stated = (subnet.get("AvailabilityZone") for subnet in subnets)
        known = [text_of(zone) for zone in stated if zone is not None]
        return [zone for zone in known if zone is not None and _ZONE.fullmatch(zone)]

    @property
    def max_size(self) -> Any:  # noqa: ANN401 - JSON
        """Its largest size: a number, text, None, or an `Unknown`."""
        return self.resource.get(*_MAX_SIZE[self.resource.type])

    def tag(self, key: str) -> Any:  # noqa: ANN401 - JSON
        """Value of one of its tags: text, an `Unknown`, or None.

        Args:
            key: key of the tag. EKS's node groups have a mapping of tags, Auto Scaling groups a list.
        """
        if self.resource.type == NODE_GROUP:
            return self.resource.get("Tags", key)
        for item in self.resource.items("Tags"):
            if isinstance(item, Mapping) and item.get("Key") == key:
                return item.get("Value")
        return None

    @property
    def launch_version(self) -> Any:  # noqa: ANN401 - JSON
        """The version of its launch template that it names: text, None, or an `Unknown`."""
        for path in _SPECIFICATIONS:
            specification = self.resource.get(*path)
            if isinstance(specification, Mapping):
                return specification.get("Version")
        return None

    @property
    def is_for_block(self) -> bool:
        """True if it launches into a capacity block."""
        stated = (self.resource.get("CapacityType"), self.resource.get("PurchaseOption"))
        return "CAPACITY_BLOCK" in stated or (self.launch is not None and self.launch.is_for_block)


def groups(template: Template, *types: str) -> Iterator[NodeGroup]:
    """Groups of nodes; of some types only, if they are named."""
    wanted = types or GROUPS
    return (group for group in _groups(template) if group.resource.type in wanted)


@once_per_template
def _groups(template: Template) -> tuple[NodeGroup, ...]:
    named = {
        name: launch
        for launch in launches(template)
        if isinstance(name := launch.resource.get("LaunchTemplateName"), str)
    }
    return tuple(
        NodeGroup(template, resource, _launch_of(template, resource, named)) for resource in template.of_type(*GROUPS)
    )


def _launch_of(template: Template, resource: Resource, named: Mapping[str, Launch]) -> Launch | None:
    for path in _SPECIFICATIONS:
        specification = resource.get(*path)
        if not isinstance(specification, Mapping):
            continue
        id_ = next(
            (specification[key] for key in ("Id", "LaunchTemplateId", "TemplateId") if key in specification), None
        )
        found = template.referred(id_)
        if found is not None and found.type == LAUNCH_TEMPLATE:
            return Launch(found)
        name = specification.get("Name") or specification.get("LaunchTemplateName")
        if isinstance(name, str) and name in named:
            return named[name]
    return None


def groups_elsewhere(template: Template) -> list[NodeGroup]:
    """Groups of other templates, read together with this one, that launch from a template of this one."""
    together = template.together.templates
    return _groups_across(together[0]).get(template, []) if len(together) > 1 else []


@once_per_template
def _groups_across(first: Template) -> dict[Template, list[NodeGroup]]:
    found: dict[Template, list[NodeGroup]] = {}
    for template in first.together.templates:
        with suppress(FleetError):  # one that can't be resolved says so itself
            for group in groups(template):
                if group.launch is not None and group.launch.resource.template is not template:
                    found.setdefault(group.launch.resource.template, []).append(group)
    return found


@once_per_template
def types_launched(template: Template) -> dict[str, list[InstanceType]]:
    """Known instance types of each launch template, by logical id: its own, or else those of what launches from it."""
    return {
        logical_id: [kind for kind in map(known_type, names) if kind is not None]
        for logical_id, names in names_launched(template).items()
    }


@once_per_template
def names_launched(template: Template) -> dict[str, list[Any]]:
    """Instance types of each launch template, by logical id: names, or `Unknown`."""
    found = {
        launch.resource.logical_id: [named]
        for launch in launches(template)
        if (named := launch.get("InstanceType")) is not None
    }
    for used, names in (*_users(template), *_users_elsewhere(template)):
        if used is not None:  # what launches may override what the template states
            of_launch = found.setdefault(used.resource.logical_id, [])
            of_launch += [name for name in names if name not in of_launch]
    return found


@once_per_template
def _users(template: Template) -> list[tuple[Launch | None, list[Any]]]:
    """Launch templates that a template's groups and other launchers name, and the types that each asks for."""
    users: list[tuple[Launch | None, list[Any]]] = [(group.launch, group.own_type_names) for group in groups(template)]
    users += [(launch_in(template, place), _names_in(place)) for place in _other_launchers(template)]
    return users


def _users_elsewhere(template: Template) -> list[tuple[Launch | None, list[Any]]]:
    """The same of the templates that are read together with this one."""
    together = template.together.templates
    return _users_across(together[0]).get(template, []) if len(together) > 1 else []


@once_per_template
def _users_across(first: Template) -> dict[Template, list[tuple[Launch | None, list[Any]]]]:
    """Users of launch templates that another template makes, by that; of all templates read together with this one."""
    found: dict[Template, list[tuple[Launch | None, list[Any]]]] = {}
    for template in first.together.templates:
        with suppress(FleetError):  # one that can't be resolved says so itself
            for launch, names in _users(template):
                if launch is not None and launch.resource.template is not template:
                    found.setdefault(launch.resource.template, []).append((launch, names))
    return found


def _other_launchers(template: Template) -> Iterator[Mapping[str, Any]]:
    """Places that name a launch template and instance types: AWS Batch, fleets of EC2, single instances."""
    for resource in template.of_type("AWS::Batch::ComputeEnvironment"):
        yield mapping(resource.get("ComputeResources"))
    for resource in template.of_type("AWS::EC2::Instance"):
        yield resource.properties
    for resource in template.of_type("AWS::EC2::EC2Fleet", "AWS::EC2::SpotFleet"):
        data = mapping(resource.get("SpotFleetRequestConfigData")) or resource.properties
        yield from map(mapping, as_list(data.get("LaunchTemplateConfigs")))


def launch_in(template: Template, place: Mapping[str, Any]) -> Launch | None:
    """The launch template that a place names, where it is at hand."""
    specification = mapping(place.get("LaunchTemplate") or place.get("LaunchTemplateSpecification"))
    made = template.referred(specification.get("LaunchTemplateId"))
    if made is not None and made.type == LAUNCH_TEMPLATE:
        return Launch(made)
    name = specification.get("LaunchTemplateName")
    return next(
        (launch for launch in launches(template) if name and launch.resource.get("LaunchTemplateName") == name), None
    )


def _names_in(place: Mapping[str, Any]) -> list[Any]:
    named = [place.get("InstanceType"), *as_list(place.get("InstanceTypes"))]
    named += [mapping(item).get("InstanceType") for item in as_list(place.get("Overrides"))]
    return [name for name in named if name is not None]
