"""Rules of reservations that are paid for and not used: nothing targets them, or a launch opts out of them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity
from ultrafleet.templates.launch import BLOCK_MARKET, as_int, launches
from ultrafleet.templates.node_group import NodeGroup, groups
from ultrafleet.templates.references import references
from ultrafleet.templates.reservations import RESERVATION, TARGET, named_in_text, targeted
from ultrafleet.templates.template import Resource, Template
from ultrafleet.templates.unknown import Unknown, text_of

_MOST_GROUPS: Final = 64
"""Groups of nodes that are looked at for one reservation, at most (ours)."""
_PREFERENCE: Final = ("CapacityReservationSpecification", "CapacityReservationPreference")


def _unused(template: Template) -> Iterator[Problem]:
    yield from _empty_targets(template)
    yield from _other_placement(template)
    yield from _left_alone(template)


def _empty_targets(template: Template) -> Iterator[Problem]:
    for launch in launches(template):
        target = launch.get(*TARGET)
        if (
            isinstance(target, Mapping)
            and launch.market not in (BLOCK_MARKET, "spot")
            and not any(map(_is_stated, target.values()))
        ):
            yield Problem(
                launch.resource.logical_id,
                "CapacityReservationTarget names no reservation, expected CapacityReservationId or a group: instances "
                "run on demand, beside a reservation that is paid for, state it or take the target out",
            )


def _is_stated(value: Any) -> bool:  # noqa: ANN401 - JSON
    return isinstance(value, Unknown) or bool(value)


def _other_placement(template: Template) -> Iterator[Problem]:
    """A reservation in a placement group serves launches into that group alone."""
    for launch in launches(template):
        for made in targeted(template, launch):
            reserved = _group_name(template, made.get("PlacementGroupArn"))
            stated = launch.get("Placement", "GroupName") or launch.get("Placement", "GroupId")
            name = _group_name(template, stated)
            if reserved is None or (stated is not None and name is None) or name == reserved:
                continue
            yield Problem(
                launch.resource.logical_id,
                f"it launches into placement group {name or 'none'} and {made.logical_id} is reserved in {reserved}, "
                "expected one group: a reservation in a placement group serves launches into it alone, state it",
            )
            break


def _group_name(template: Template, value: Any) -> str | None:  # noqa: ANN401 - JSON
    """Name of a placement group, by its name or the end of its ARN; a logical id where it is made here."""
    if value is None:
        return None
    made = named_in_text(template, value)
    if made is not None:
        return made.logical_id
    name = (text_of(value) or "").rpartition("/")[2]
    return name if name and "${" not in name else None


def _left_alone(template: Template) -> Iterator[Problem]:
    """Reservations of the template whose instances no launch of their type takes."""
    reservations = [item for item in template.of_type(RESERVATION) if isinstance(item.get("InstanceType"), str)]
    if not reservations:
        return
    own = list(groups(template))
    used = {item.logical_id for launch in launches(template) for item in targeted(template, launch)}
    mentioned = _mentioned(template) - used
    wanted: dict[str, int] = defaultdict(int)
    free_of: dict[str, list[NodeGroup]] = defaultdict(list)
    for group in own:
        if group.launch is not None and not targeted(template, group.launch):
            for kind in {name for name in group.type_names if isinstance(name, str)}:
                free_of[kind].append(group)
    for reservation in reservations:
        name, kind = reservation.logical_id, str(reservation.get("InstanceType"))
        free = free_of[kind][:_MOST_GROUPS]
        if name in used or name in mentioned or not free:
            continue
        if reservation.get("InstanceMatchCriteria") == "targeted":
            yield Problem(
                name,
                f"it is reserved for launches that target it and none does, expected "
                f"CapacityReservationId in {_names(free)}: it is paid for, and {kind} runs on demand beside it",
            )
        elif reservation.get("InstanceMatchCriteria") in (None, "open"):
            yield from _of_open(reservation, free, wanted)


def _of_open(reservation: Resource, free: list[NodeGroup], wanted: dict[str, int]) -> Iterator[Problem]:
    name, kind = reservation.logical_id, str(reservation.get("InstanceType"))
    willing = [group for group in free if group.launch is not None and group.launch.get(*_PREFERENCE) != "none"]
    zone = reservation.get("AvailabilityZone")
    near = [group for group in willing if not isinstance(zone, str) or not group.zones or zone in group.zones]
    if not willing:
        holder = free[0].launch.resource.logical_id if free[0].launch is not None else name
        yield Problem(
            holder,
            f"CapacityReservationPreference is none, and {name} reserves {kind} for it, expected open or a target: the "
            "reservation is paid for and the instances, too, change it",
        )
    elif not near:
        yield Problem(
            name,
            f"it is in {zone} and {_names(willing)} in {', '.join(willing[0].zones)}, expected one zone: it is paid "
            f"for, and {kind} runs on demand beside it, move one",
        )
    else:
        reserved = as_int(reservation.get("InstanceCount"))
        sizes = [as_int(group.max_size) for group in near]
        most = sum(size for size in sizes if size is not None)
        wanted[kind] += reserved or 0
        if reserved is not None and most > wanted[kind] and _only_one(reservation):
            yield Problem(
                name,
                f"it reserves {reserved} and {_names(near)} may have {most} nodes, expected as many: the others run on "
                "demand or not at all, raise InstanceCount or lower MaxSize",
            )


def _only_one(reservation: Resource) -> bool:
    """True if no other reservation of the template is for the type."""
    kind = reservation.get("InstanceType")
    alike = (item for item in reservation.template.of_type(RESERVATION) if item.get("InstanceType") == kind)
    return next(alike, None) is reservation and next(alike, None) is None


def _names(found: list[NodeGroup]) -> str:
    return ", ".join(group.logical_id for group in found)


def _mentioned(template: Template) -> set[str]:
    """Logical ids that something refers to: others may use what is exported or passed on."""
    parts = (template.content.get("Outputs"), {name: item.raw for name, item in template.resources.items()})
    return {reference.name for part in parts for reference in references(part)}


RULES: Final = (
    PolicyRule(
        id="reservation-unused",
        number=63,
        severity=Severity.WARNING,
        protects_from="a reservation that is paid for beside instances on demand",
        source=Source(
            "EC2 user guide, Capacity Reservations: open and targeted ones, preference, placement groups",
            address="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-capacity-reservations.html",
            also=(Source("eksctl-io/eksctl #7906; terraform-aws-eks PR 3672, 3699", Confidence.MEDIUM),),
        ),
        remedy="a target that names the reservation, in its zone and its placement group",
        check=_unused,
    ),
)
