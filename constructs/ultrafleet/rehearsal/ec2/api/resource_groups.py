"""Resource Groups: the members of a group of capacity reservations, which moto doesn't keep."""

import re
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.resourcegroups import urls
from moto.resourcegroups.models import FakeResourceGroup
from moto.resourcegroups.responses import ResourceGroupsResponse

from ultrafleet.rehearsal.assumptions import GROUPS_WORK
from ultrafleet.rehearsal.ec2.state.reservation_groups import ReservationGroups
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal
from ultrafleet.rules.zones import is_local_zone

_RESERVATION: Final = re.compile(r"arn:aws[\w-]*:ec2:[\w-]+:\d{12}:capacity-reservation/(cr-[0-9a-f]+)")


def install() -> None:
    """Add the operations that moto's Resource Groups lacks."""
    for handler in _HANDLERS:
        setattr(ResourceGroupsResponse, handler.__name__, handler)
    for path in ("group-resources", "ungroup-resources", "list-group-resources"):
        urls.url_paths[f"{{0}}/{path}$"] = ResourceGroupsResponse.dispatch


def _store(response: ResourceGroupsResponse) -> ReservationGroups:
    return SIMULATED_ACCOUNT.part(ReservationGroups, response.current_account, response.region)


def _arns(response: ResourceGroupsResponse, group: FakeResourceGroup) -> list[str]:
    """ARNs of a group's members, in the order in which they came."""
    head = f"arn:aws:ec2:{response.region}:{response.current_account}:capacity-reservation/"
    return [head + reservation_id for reservation_id in _store(response).members(group.arn)]


def _group(response: ResourceGroupsResponse) -> FakeResourceGroup:
    """Group that a call names, by name or ARN."""
    given = response._get_param("Group") or response._get_param("GroupName")
    if not given:
        raise Refusal("BadRequestException", "Group is required")
    groups = response.resourcegroups_backend.groups
    name = given.rpartition("/")[2] if given.startswith("arn:") else given
    if name not in groups.by_name:
        raise Refusal("NotFoundException", f"Cannot find group by name {name}")
    return groups.by_name[name]


def group_resources(response: ResourceGroupsResponse) -> ActionResult:
    """GroupResources, for groups of capacity reservations."""
    group = _group(response)
    arns = response._get_param("ResourceArns")
    failed = [
        {"ResourceArn": arn, "ErrorCode": "BadRequestException", "ErrorMessage": problem}
        for arn in arns
        if (problem := _problem(response, group, arn))
    ]
    refused = {item["ResourceArn"] for item in failed}
    added = [arn for arn in arns if arn not in refused]
    members = _arns(response, group)
    _store(response).set_members(group.arn, [*members, *(arn for arn in added if arn not in members)])
    return ActionResult({"Succeeded": added, "Failed": failed, "Pending": []})


def ungroup_resources(response: ResourceGroupsResponse) -> ActionResult:
    """UngroupResources."""
    group, arns = _group(response), response._get_param("ResourceArns")
    _store(response).set_members(group.arn, [arn for arn in _arns(response, group) if arn not in arns])
    return ActionResult({"Succeeded": arns, "Failed": [], "Pending": []})


def list_group_resources(response: ResourceGroupsResponse) -> ActionResult:
    """ListGroupResources, in pages."""
    arns = _arns(response, _group(response))
    start, most = int(response._get_param("NextToken") or 0), int(response._get_param("MaxResults") or 50)
    identifiers = [
        {"ResourceArn": arn, "ResourceType": "AWS::EC2::CapacityReservation"} for arn in arns[start : start + most]
    ]
    answer: dict[str, Any] = {
        "Resources": [{"Identifier": identifier} for identifier in identifiers],
        "ResourceIdentifiers": identifiers,
    }
    if start + most < len(arns):
        answer["NextToken"] = str(start + most)
    return ActionResult(answer)


def get_group(response: ResourceGroupsResponse) -> ActionResult:
    """GetGroup, by name or ARN."""
    return ActionResult({"Group": _described(_group(response))})


def delete_group(response: ResourceGroupsResponse) -> ActionResult:
    """DeleteGroup; the members themselves stay."""
    group = _group(response)
    response.resourcegroups_backend.delete_group(group_name=group.name)
    _store(response).forget(group.arn)
    return ActionResult({"Group": _described(group)})


def update_group(response: ResourceGroupsResponse) -> ActionResult:
    """UpdateGroup: its description."""
    group = _group(response)
    group.description = response._get_param("Description") or ""
    return ActionResult({"Group": _described(group)})


def put_group_configuration(response: ResourceGroupsResponse) -> ActionResult:
    """PutGroupConfiguration."""
    _group(response).configuration = response._get_param("Configuration")
    return ActionResult({})


_HANDLERS: Final = (
    group_resources, ungroup_resources, list_group_resources, get_group, delete_group, update_group,
    put_group_configuration,
)  # fmt: skip


def _described(group: FakeResourceGroup) -> dict[str, Any]:
    return {"GroupArn": group.arn, "Name": group.name, "Description": group.description}


def _problem(response: ResourceGroupsResponse, group: FakeResourceGroup, arn: str) -> str | None:
    """Reason for which a group refuses a member; None: it accepts it."""
    match = _RESERVATION.fullmatch(arn)
    if match is None:
        return f"{arn} is not a capacity reservation, and the group takes nothing else"
    reservations = SIMULATED_ACCOUNT.part(Reservations, response.current_account, response.region)
    reservation = reservations.by_id.get(match[1])
    if reservation is None:
        return f"The capacity reservation {match[1]} does not exist in this account"
    if is_local_zone(reservation.availability_zone) and GROUPS_WORK not in SIMULATED_ACCOUNT.readings:
        # EC2 user guide, capacity-reservations-localzones (high); the wording is inferred.
        return f"{match[1]} is in the Local Zone {reservation.availability_zone}, where groups can't be used"
    wanted = _parameter(group, "reservation-type")
    if wanted and reservation.reservation_type not in wanted:
        return f"{match[1]} is of type {reservation.reservation_type}, and the group takes {', '.join(wanted)}"
    types = _parameter(group, "instance-type")
    if types and reservation.instance_type not in types:
        return f"{match[1]} is of {reservation.instance_type}, and the group takes {', '.join(types)}"
    return None


def _parameter(group: FakeResourceGroup, name: str) -> list[str]:
    for item in group.configuration or []:
        for parameter in item.get("Parameters", []):
            if parameter["Name"] == name:
                return list(parameter.get("Values", []))
    return []
