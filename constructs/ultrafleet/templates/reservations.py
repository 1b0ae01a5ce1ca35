"""Capacity reservations that a template makes, and what launches into them: by id, or through a resource group."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from ultrafleet.templates.block_metadata import read_block_windows
from ultrafleet.templates.launch import Launch, as_int
from ultrafleet.templates.node_group import NodeGroup
from ultrafleet.templates.template import Resource, Template
from ultrafleet.templates.unknown import text_of

RESERVATION: Final = "AWS::EC2::CapacityReservation"
RESERVATION_GROUP: Final = "AWS::ResourceGroups::Group"
TARGET: Final = ("CapacityReservationSpecification", "CapacityReservationTarget")
_MEMBER: Final = re.compile(r"(?:^|/)\$\{(\w{1,255})(?:\.\w{1,255})?\}$")
"""End of an ARN that names a resource of the template."""


def targeted(template: Template, launch: Launch | None) -> list[Resource]:
    """Reservations of the template that a launch template targets, through a group, too."""
    made = template.referred(launch.reservation) if launch is not None else None
    if made is None:
        return []
    if made.type == RESERVATION:
        return [made]
    return list(group_members(made)) if made.type == RESERVATION_GROUP else []


def group_members(group: Resource) -> Iterator[Resource]:
    """Reservations that a resource group lists and its template makes."""
    for item in group.items("Resources"):
        made = named_in_text(group.template, item)
        if made is not None and made.type == RESERVATION:
            yield made


def named_in_text(template: Template, value: Any) -> Resource | None:  # noqa: ANN401 - JSON
    """The resource that a value refers to, or that the end of its text names, as that of an ARN does."""
    made = template.referred(value)
    if made is not None:
        return made
    match = _MEMBER.search(text_of(value) or "") if value is not None else None
    return template.resources.get(match.group(1)) if match else None


def target_name(template: Template, launch: Launch | None) -> str | None:
    """Name of what a launch template targets: an id, or the logical id of a reservation or group that is made here."""
    if launch is None:
        return None
    target = launch.reservation
    made = template.referred(target)
    if made is not None:
        return made.logical_id if made.type in (RESERVATION, RESERVATION_GROUP) and made.template is template else None
    return target if isinstance(target, str) and target.startswith("cr-") else None


def reserved_instances(template: Template, users: Iterable[NodeGroup]) -> int | None:
    """Instances of what groups of nodes launch into, where the template says it: made here, or in its metadata."""
    users = list(users)
    for group in users:
        made = targeted(template, group.launch)
        if made:
            fitting = [item for item in made if not group.types or item.get("InstanceType") in map(str, group.types)]
            counts = [as_int(item.get("InstanceCount")) for item in fitting]
            return None if None in counts or not counts else sum(count for count in counts if count is not None)
    metadata = template.content.get("Metadata")
    for group in users:
        for name in (group.name, group.logical_id):
            for window in read_block_windows(metadata, name):
                if window.capacity_reservation_id == target_name(template, group.launch):
                    return window.instances
    return None
