"""What a launch template says of its instances."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ultrafleet.catalog import InstanceType
from ultrafleet.layout import Interface
from ultrafleet.policy.intrinsics import Unknown
from ultrafleet.policy.template import Resource, Template

LAUNCH_TEMPLATE = "AWS::EC2::LaunchTemplate"
NODE_GROUP = "AWS::EKS::Nodegroup"
AUTO_SCALING_GROUP = "AWS::AutoScaling::AutoScalingGroup"
_DATA = "LaunchTemplateData"


@dataclass(frozen=True)
class Launch:
    """A launch template."""

    resource: Resource

    def get(self, *path: str | int) -> Any:  # noqa: ANN401 - JSON
        """A value below the data."""
        return self.resource.get(_DATA, *path)

    @property
    def instance_type(self) -> InstanceType | None:
        """Its type, if the catalog knows it."""
        return known_type(self.get("InstanceType"))

    @property
    def market(self) -> Any:  # noqa: ANN401 - JSON
        """`capacity-block`, `spot`, None, or an `Unknown`."""
        return self.get("InstanceMarketOptions", "MarketType")

    @property
    def reservation(self) -> Any:  # noqa: ANN401 - JSON
        """The reservation or the group of them that it targets; None, or an `Unknown`."""
        target = self.get("CapacityReservationSpecification", "CapacityReservationTarget")
        if not isinstance(target, Mapping):
            return target
        return target.get("CapacityReservationId") or target.get("CapacityReservationResourceGroupArn")

    @property
    def interfaces(self) -> list[Any]:
        """Its network interfaces, as they are written."""
        return self.resource.items(_DATA, "NetworkInterfaces")

    @property
    def layout(self) -> list[Interface] | Unknown | None:
        """Its layout; None where it has no interfaces, an `Unknown` where one can't be told."""
        if not self.interfaces:
            return None
        layout = []
        for item in self.interfaces:
            if not isinstance(item, Mapping):
                return item if isinstance(item, Unknown) else Unknown("an interface isn't readable")
            cells = [
                item.get("NetworkCardIndex", 0),
                item.get("DeviceIndex", 0),
                item.get("InterfaceType", "interface"),
            ]
            for cell in cells:
                if isinstance(cell, Unknown):
                    return cell
            layout.append(Interface(int(cells[0]), int(cells[1]), str(cells[2])))
        return layout

    @property
    def has_efa(self) -> bool:
        """Whether some interface is EFA's."""
        return any(
            isinstance(item, Mapping) and item.get("InterfaceType") in ("efa", "efa-only") for item in self.interfaces
        )


def known_type(name: Any) -> InstanceType | None:  # noqa: ANN401 - JSON
    """The catalog's instance type of a name."""
    return _TYPES.get(name) if isinstance(name, str) else None


_TYPES = {item.name: item for item in InstanceType.all() if item.name}


def launches(template: Template) -> Iterator[Launch]:
    """Launch templates."""
    return map(Launch, template.of_type(LAUNCH_TEMPLATE))


def launch_of(template: Template, user: Resource) -> Launch | None:
    """The launch template of a node group or an Auto Scaling group, where it is in the same template."""
    for path in (("LaunchTemplate",), ("MixedInstancesPolicy", "LaunchTemplate", "LaunchTemplateSpecification")):
        specification = user.get(*path)
        if not isinstance(specification, Mapping):
            continue
        found = template.referred(specification.get("Id") or specification.get("LaunchTemplateId"))
        if found is not None and found.type == LAUNCH_TEMPLATE:
            return Launch(found)
        name = specification.get("Name") or specification.get("LaunchTemplateName")
        for launch in launches(template):
            if isinstance(name, str) and launch.resource.get("LaunchTemplateName") == name:
                return launch
    return None


def types_of(user: Resource, launch: Launch | None) -> list[Any]:
    """Instance types of a node group or an Auto Scaling group: names, or `Unknown`."""
    own = user.items("InstanceTypes")
    if own:
        return own
    named = launch.get("InstanceType") if launch else None
    return [named] if named is not None else []
