"""Rules of the clock: a pool is empty before EC2 takes its block back."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, time
from typing import Any, Final

from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.errors import FleetError
from ultrafleet.policy.group import AUTO_SCALING_GROUP, NODE_GROUP, Group, groups
from ultrafleet.policy.intrinsics import text_of
from ultrafleet.policy.launch import as_int
from ultrafleet.policy.rule import Problem, Rule, Severity, cannot_tell
from ultrafleet.policy.template import Resource, Template
from ultrafleet.rules.block_clock import least_drain_lead_minutes, validate_drain_lead_minutes
from ultrafleet.rules.schedule_tags import LEAD_TAG, SCHEDULE_TAG

_SCHEDULE: Final = "AWS::Scheduler::Schedule"
_ACTION: Final = "AWS::AutoScaling::ScheduledAction"
_AT: Final = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_UPDATE: Final = re.compile(r":aws-sdk:eks:updateNodegroupConfig$", re.IGNORECASE)
_NAME_LENGTH: Final = 64


def _lead(template: Template) -> Iterator[Problem]:
    """The lead that a pool's tag orders."""
    for group in groups(template, NODE_GROUP):
        lead = group.resource.get("Tags", LEAD_TAG)
        if as_int(lead) is not None and group.is_for_block:
            try:
                validate_drain_lead_minutes(int(lead), ultraserver=_is_rack(group))
            except FleetError as error:
                yield Problem(group.logical_id, f"tag {LEAD_TAG}: {error}")


def _too_late(template: Template) -> Iterator[Problem]:
    """A schedule that empties a pool at a moment from which it isn't empty when EC2 begins to terminate."""
    by_name = {group.name: group for group in groups(template, NODE_GROUP)}
    for schedule in template.of_type(_SCHEDULE):
        order = _order(schedule)
        if order is None or _desired(order) != 0:
            continue
        group = by_name.get(str(order.get("NodegroupName")))
        moment = _AT.fullmatch(str(schedule.get("ScheduleExpression")))
        zone = schedule.get("ScheduleExpressionTimezone")
        if moment and zone in (None, "UTC") and (group is None or group.is_for_block):
            ultraserver = group is None or _is_rack(group)
            yield from _late(schedule, datetime.fromisoformat(moment.group(1)).time(), ultraserver=ultraserver)
    for action in template.of_type(_ACTION):
        target = template.referred(action.get("AutoScalingGroupName"))
        scaled = next((one for one in groups(template, AUTO_SCALING_GROUP) if one.resource is target), None)
        sizes = [as_int(action.get(key)) for key in ("DesiredCapacity", "MaxSize")]
        start = action.get("StartTime")
        if scaled is not None and scaled.is_for_block and 0 in sizes and isinstance(start, str):
            try:
                moment_of = datetime.fromisoformat(start).time()
            except ValueError:
                yield cannot_tell(action.logical_id, f"StartTime {start!r}", "it is no moment")
                continue
            yield from _late(action, moment_of, ultraserver=_is_rack(scaled))


def _late(resource: Resource, moment: time, *, ultraserver: bool) -> Iterator[Problem]:
    end = CapacityBlockRules.END_TIME_UTC
    left = (end.hour - moment.hour) * 60 + end.minute - moment.minute
    least = least_drain_lead_minutes(ultraserver=ultraserver)
    if 0 <= left < least:
        yield Problem(
            resource.logical_id,
            f"it empties the pool at {moment:%H:%M} UTC, {left} minutes before 11:30, when every block ends, expected "
            f"at least {least}: EC2 terminates before the end and EKS evicts for up to 15 minutes, move it earlier",
        )


def _nobody_empties(template: Template) -> Iterator[Problem]:
    schedules = [(schedule, _order(schedule)) for schedule in template.of_type(_SCHEDULE)]
    orders = {str(order.get("NodegroupName")) for _, order in schedules if order is not None}
    # A name that is only known at deployment may be any group's.
    unnamed = any(order is not None and "${" in str(order.get("NodegroupName")) for _, order in schedules)
    acted = {id(template.referred(action.get("AutoScalingGroupName"))) for action in template.of_type(_ACTION)}
    for group in groups(template, NODE_GROUP, AUTO_SCALING_GROUP):
        if not group.is_for_block or not _is_rack(group):
            continue
        tagged = group.resource.get("Tags", SCHEDULE_TAG) is not None
        if not (tagged or group.name in orders or unnamed or id(group.resource) in acted):
            yield Problem(
                group.logical_id,
                "nothing in the template empties it before its block ends, expected a schedule: EC2 terminates an "
                "UltraServer's instances from 60 minutes before, and EKS's own scale-down comes at 40",
            )


def _schedules(template: Template) -> Iterator[Problem]:
    """Schedules that EventBridge Scheduler refuses."""
    for schedule in template.of_type(_SCHEDULE):
        name = schedule.get("Name")
        if isinstance(name, str) and len(name) > _NAME_LENGTH:
            yield Problem(schedule.logical_id, f"Name has {len(name)} characters, expected at most {_NAME_LENGTH}")
        order = _order(schedule)
        wrong = sorted(key for key in order or () if not key[:1].isupper())
        if wrong:
            yield Problem(
                schedule.logical_id,
                f"Input has the keys {', '.join(wrong)}, expected PascalCase ones: universal targets refuse others",
            )


def _order(schedule: Resource) -> Mapping[str, Any] | None:
    """What a schedule tells EKS, where it does."""
    arn, text = text_of(schedule.get("Target", "Arn")), text_of(schedule.get("Target", "Input"))
    if not _UPDATE.search(arn or ""):
        return None
    try:
        order = json.loads(text or "")
    except ValueError:
        return None
    return order if isinstance(order, Mapping) else None


def _desired(order: Mapping[str, Any]) -> int | None:
    scaling = order.get("ScalingConfig")
    return as_int(scaling.get("DesiredSize")) if isinstance(scaling, Mapping) else None


def _is_rack(group: Group) -> bool:
    return any(kind.is_ultraserver_member for kind in group.types)


RULES = (
    Rule(
        id="block-clock",
        severity=Severity.ERROR,
        protects_from="jobs that EC2 kills while they write a checkpoint",
        source="EC2 user guide, Capacity Blocks: termination from 60 (UltraServers) or 30 minutes before 11:30 UTC; "
        "EKS user guide, eviction of up to 15 minutes (high)",
        remedy="empty the pool at least 80 minutes before the end of an UltraServer's block, 50 before another's",
        check=lambda template: (problem for rule in (_lead, _too_late) for problem in rule(template)),
    ),
    Rule(
        id="nobody-empties",
        severity=Severity.WARNING,
        protects_from="a rack that runs until EC2 terminates it",
        source="EC2 and EKS user guides, Capacity Blocks (times high; that nobody else does it: medium)",
        remedy="a block schedule of this library, or an AWS::Scheduler::Schedule of your own",
        check=_nobody_empties,
    ),
    Rule(
        id="schedule",
        severity=Severity.ERROR,
        protects_from="a schedule that is refused when the stack is made",
        source="EventBridge Scheduler user guide, universal targets (keys medium, names high)",
        remedy="PascalCase keys in Input, a name of at most 64 characters",
        check=_schedules,
    ),
)
