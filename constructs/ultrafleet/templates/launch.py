"""Launch template: its instance type, market, reservation and network interfaces."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ultrafleet.catalog import InstanceType
from ultrafleet.layout import Interface
from ultrafleet.secondary_network_function import SECONDARY_INTERFACES
from ultrafleet.templates.template import Resource, Template
from ultrafleet.templates.unknown import Unknown

LAUNCH_TEMPLATE = "AWS::EC2::LaunchTemplate"
BLOCK_MARKET = "capacity-block"
_DATA = "LaunchTemplateData"


@dataclass(frozen=True)
class Launch:
    """A launch template."""

    resource: Resource

    def get(self, *path: str | int) -> Any:  # noqa: ANN401 - JSON
        """A value below the data."""
        return self.resource.get(_DATA, *path)

    def items(self, *path: str | int) -> list[Any]:
        """A list below the data."""
        return self.resource.items(_DATA, *path)

    @property
    def instance_type(self) -> InstanceType | None:
        """Its type, if it states one that the catalog knows."""
        return known_type(self.get("InstanceType"))

    @property
    def market(self) -> Any:  # noqa: ANN401 - JSON
        """`capacity-block`, `spot`, None, or an `Unknown`."""
        return self.get("InstanceMarketOptions", "MarketType")

    @property
    def is_for_block(self) -> bool:
        """True if it launches into a capacity block."""
        return bool(self.market == BLOCK_MARKET)

    @property
    def reservation(self) -> Any:  # noqa: ANN401 - JSON
        """The reservation or the group of them that it targets; None, or an `Unknown`."""
        target = self.get("CapacityReservationSpecification", "CapacityReservationTarget")
        if not isinstance(target, Mapping):
            return target
        return target.get("CapacityReservationId") or target.get("CapacityReservationResourceGroupArn")

    @property
    def targets_twice(self) -> bool:
        """True if it names both a reservation and a group of them."""
        target = self.get("CapacityReservationSpecification", "CapacityReservationTarget")
        stated = target.values() if isinstance(target, Mapping) else ()
        return sum(not (isinstance(value, Unknown) and value.may_be_absent) for value in stated) > 1

    @property
    def interfaces(self) -> list[Any]:
        """Its network interfaces, as they are written."""
        return self.items("NetworkInterfaces")

    @property
    def layout(self) -> list[Interface] | Unknown | None:
        """Network interface layout; None without interfaces, an `Unknown` where one is only known at deployment."""
        if not self.interfaces:
            return None
        layout = []
        for item in self.interfaces:
            if not isinstance(item, Mapping):
                return item if isinstance(item, Unknown) else Unknown("an interface isn't readable")
            card, device, kind = (
                item.get("NetworkCardIndex", 0),
                item.get("DeviceIndex", 0),
                item.get("InterfaceType", "interface"),
            )
            for cell in (card, device, kind):
                if isinstance(cell, Unknown):
                    return cell
            numbers = (as_int(card), as_int(device))
            if numbers[0] is None or numbers[1] is None:
                return Unknown(f"card {card!r} and device {device!r} are no numbers")
            layout.append(Interface(numbers[0], numbers[1], str(kind)))
        return layout

    @property
    def has_efa(self) -> bool:
        """True if some interface is an EFA."""
        return any(
            isinstance(item, Mapping) and item.get("InterfaceType") in ("efa", "efa-only") for item in self.interfaces
        )


def secondary_interfaces(template: Template) -> dict[str, list[Interface]]:
    """Secondary interfaces that another version of a launch template has, by the launch template's logical id.

    CloudFormation's launch templates have none: a custom resource of this library makes the version.
    """
    found = {}
    for resource in template.of_type(SECONDARY_INTERFACES):
        template_id = resource.get("LaunchTemplateId")
        if isinstance(template_id, Unknown) and template_id.logical_id is not None:
            items = [item for item in resource.items("SecondaryInterfaces") if isinstance(item, Mapping)]
            found[template_id.logical_id] = [
                Interface(as_int(item.get("NetworkCardIndex")) or 0, as_int(item.get("DeviceIndex")) or 0, "secondary")
                for item in items
            ]
    return found


def known_type(name: Any) -> InstanceType | None:  # noqa: ANN401 - JSON
    """The catalog's instance type of a name."""
    return _TYPES.get(name) if isinstance(name, str) else None


def architecture_of(name: Any) -> str | None:  # noqa: ANN401 - JSON
    """Architecture, `arm64` or `x86_64`: from the catalog, or else from the name, where `g` is Graviton."""
    known = known_type(name)
    if known is not None:
        return known.architecture
    match = _NAME.match(name) if isinstance(name, str) else None
    if match is None or match.group("family") == "mac":
        return None
    return "arm64" if match.group("family") == "a" or match.group("options").startswith("g") else "x86_64"


_NAME = re.compile(r"(?P<family>[a-z]+)\d+(?P<options>[a-z]*)(-flex)?\.")
"""Names of instance types (EC2 user guide, naming conventions, high)."""
_TYPES = {item.name: item for item in InstanceType.all() if item.name}
LARGEST_NUMBER = 10**12
"""Ours: no size, port, quota or count of CloudFormation's is larger."""
_LONGEST_NUMBER = 40


def as_int(value: Any) -> int | None:  # noqa: ANN401 - JSON
    """A number, which templates write as one or as text; None where it is neither, or beyond any that is meant."""
    if isinstance(value, str) and len(value) > _LONGEST_NUMBER:
        return None
    try:
        number = int(value)
    except (OverflowError, TypeError, ValueError):
        return None
    return None if (isinstance(value, float) and number != value) or abs(number) > LARGEST_NUMBER else number


def as_list(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    """Value as a list: a single value as its only member, none as an empty list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def is_true(value: object) -> bool:
    """True if the value is true: a boolean, or its text."""
    return value is True or str(value).lower() == "true"


def launches(template: Template) -> Iterator[Launch]:
    """Launch templates."""
    return map(Launch, template.of_type(LAUNCH_TEMPLATE))
