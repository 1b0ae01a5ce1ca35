"""Probe of the Local Zones in which an environment has subnets."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from ultrafleet.doctor.account import Account
from ultrafleet.doctor.probe import Answer, Permission, Probe, Question, no, yes
from ultrafleet.environment import Environment
from ultrafleet.rules.zones import is_local_zone

_OPTED_IN: Final = "opted-in"


def _questions(environment: Environment) -> Iterator[Question]:
    zones = {item.availability_zone for item in environment.network.subnets}
    for zone in sorted(filter(is_local_zone, zones)):
        yield Question(
            subject=zone,
            expected=_OPTED_IN,
            ask=partial(_ask, zone),
            path="network.subnets",
            stops_launch=True,
            settles=("assumption/zone-opted-in",),
        )


def _ask(zone: str, account: Account) -> Answer:
    answer = account.call("ec2", "describe_availability_zones", AllAvailabilityZones=True)
    found = {item["ZoneName"]: item for item in answer["AvailabilityZones"]}
    if zone not in found:
        return no(f"the region has no zone {zone}", "use a zone that `aws ec2 describe-availability-zones` lists")
    status, group = found[zone]["OptInStatus"], found[zone].get("GroupName", zone[:-1])
    if status == _OPTED_IN:
        return yes(f"{group} is {status}")
    return no(
        f"{group} is {status}",
        f"aws ec2 modify-availability-zone-group --group-name {group} --opt-in-status {_OPTED_IN}",
    )


ZONE_OPT_IN: Final = Probe(
    id="zone-opt-in",
    asks="Is the account opted in to the Local Zone?",
    permissions=(Permission(action="ec2:DescribeAvailabilityZones"),),
    questions=_questions,
)
