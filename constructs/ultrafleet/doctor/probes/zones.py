"""Probes of the zones in which an environment has subnets."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from ultrafleet.catalog.eks import UNSUPPORTED_CONTROL_PLANE_ZONE
from ultrafleet.doctor.account import Account
from ultrafleet.doctor.probe import Answer, Permission, Probe, Question, no, yes
from ultrafleet.environment import Environment
from ultrafleet.rules.zones import is_local_zone

_OPTED_IN: Final = "opted-in"
_PERMISSIONS: Final = (Permission(action="ec2:DescribeAvailabilityZones"),)


def _zones(account: Account) -> dict[str, Mapping[str, Any]]:
    """Zones of the region by name, also those that the account isn't opted in to."""
    answer = account.call("ec2", "describe_availability_zones", AllAvailabilityZones=True)
    return {item["ZoneName"]: item for item in answer["AvailabilityZones"]}


def _missing(zone: str) -> Answer:
    return no(f"the region has no zone {zone}", "use a zone that `aws ec2 describe-availability-zones` lists")


def _opt_in_questions(environment: Environment) -> Iterator[Question]:
    zones = {item.availability_zone for item in environment.network.subnets}
    for zone in sorted(filter(is_local_zone, zones)):
        yield Question(
            subject=zone,
            expected=_OPTED_IN,
            ask=partial(_ask_opt_in, zone),
            path="network.subnets",
            stops_launch=True,
            settles=("assumption/zone-opted-in",),
        )


def _ask_opt_in(zone: str, account: Account) -> Answer:
    found = _zones(account).get(zone)
    if found is None:
        return _missing(zone)
    status, group = found["OptInStatus"], found.get("GroupName", zone[:-1])
    if status == _OPTED_IN:
        return yes(f"{group} is {status}")
    return no(
        f"{group} is {status}",
        f"aws ec2 modify-availability-zone-group --group-name {group} --opt-in-status {_OPTED_IN}",
    )


def _control_plane_questions(environment: Environment) -> Iterator[Question]:
    for subnet in environment.network.subnets:
        if subnet.kind == "control_plane":
            yield Question(
                subject=f"subnet {subnet.name} in {subnet.availability_zone}",
                expected=f"a zone whose id isn't {UNSUPPORTED_CONTROL_PLANE_ZONE}",
                ask=partial(_ask_control_plane, subnet.availability_zone),
                path="network.subnets",
                stops_launch=True,
            )


def _ask_control_plane(zone: str, account: Account) -> Answer:
    found = _zones(account).get(zone)
    if found is None:
        return _missing(zone)
    if found["ZoneId"] == UNSUPPORTED_CONTROL_PLANE_ZONE:
        return no(f"{zone} is {found['ZoneId']} in this account", "put the subnet into another zone")
    return yes(f"{zone} is {found['ZoneId']} in this account")


ZONE_OPT_IN: Final = Probe(
    id="zone-opt-in",
    asks="Is the account opted in to the Local Zone?",
    permissions=_PERMISSIONS,
    questions=_opt_in_questions,
)
CONTROL_PLANE_ZONE: Final = Probe(
    id="control-plane-zone",
    asks="Does EKS take control-plane subnets in the zone, whose name is mapped per account?",
    permissions=_PERMISSIONS,
    questions=_control_plane_questions,
)
