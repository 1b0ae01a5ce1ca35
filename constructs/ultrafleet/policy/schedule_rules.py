"""Rules of the clock: a pool is empty before EC2 takes its block back."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ultrafleet.catalog import capacity_blocks
from ultrafleet.catalog.capacity_blocks import CapacityBlockRules, in_minutes
from ultrafleet.catalog.limits import SCHEDULE_NAME_CHARACTERS
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.errors import FleetError
from ultrafleet.policy.rule import PolicyRule, Problem, Severity, cannot_tell
from ultrafleet.rules.block_clock import EVICTION_MINUTES, least_drain_lead_minutes, validate_drain_lead_minutes
from ultrafleet.rules.schedule_tags import LEAD_TAG, RESERVATION_TAG, SCHEDULE_TAG
from ultrafleet.templates.intrinsics import text_of
from ultrafleet.templates.launch import as_int
from ultrafleet.templates.node_group import AUTO_SCALING_GROUP, NODE_GROUP, NodeGroup, groups
from ultrafleet.templates.template import Resource, Template

_SCHEDULE: Final = "AWS::Scheduler::Schedule"
_ACTION: Final = "AWS::AutoScaling::ScheduledAction"
_AT: Final = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_CRON: Final = re.compile(r"cron\((\d+) (\d+) .*\)")
_EKS: Final = re.compile(r":aws-sdk:eks:updateNodegroupConfig$", re.IGNORECASE)
_SCALING: Final = re.compile(r":aws-sdk:autoscaling:(updateAutoScalingGroup|setDesiredCapacity)$", re.IGNORECASE)
_NAME_LENGTH: Final = SCHEDULE_NAME_CHARACTERS.value


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
    by_name = {name: group for group in groups(template, NODE_GROUP, AUTO_SCALING_GROUP) for name in _names(group)}
    for schedule in template.of_type(_SCHEDULE):
        order = order_of(schedule)
        if order is None or order.size != 0:
            continue
        group = by_name.get(order.group)
        if group is not None and not group.is_for_block:
            continue
        moment = _moment(schedule)
        if isinstance(moment, str):
            yield cannot_tell(schedule.logical_id, "when it empties its pool", moment)
        elif group is None and list(_late(schedule, moment, ultraserver=True)):
            what = "whether it empties a capacity block's pool in time"
            yield cannot_tell(schedule.logical_id, what, f"{order.group} is in another template")
        elif group is not None:
            yield from _late(schedule, moment, ultraserver=_is_rack(group))
    for action in template.of_type(_ACTION):
        target = template.referred(action.get("AutoScalingGroupName"))
        scaled = next((one for one in groups(template, AUTO_SCALING_GROUP) if one.resource is target), None)
        sizes = [as_int(action.get(key)) for key in ("DesiredCapacity", "MaxSize")]
        start = action.get("StartTime")
        if scaled is not None and scaled.is_for_block and 0 in sizes and isinstance(start, str):
            begins = _in_utc(start, "UTC")
            if isinstance(begins, str):
                yield cannot_tell(action.logical_id, f"StartTime {start!r}", begins)
            else:
                yield from _late(action, begins, ultraserver=_is_rack(scaled))


def _moment(schedule: Resource) -> time | str:
    """Time of day, UTC, at which a schedule is due; or why it isn't known."""
    expression, zone = schedule.get("ScheduleExpression"), schedule.get("ScheduleExpressionTimezone")
    if not isinstance(expression, str) or not isinstance(zone, str | None):
        return "its expression or its zone is known at deployment"
    at, cron = _AT.fullmatch(expression.strip()), _CRON.fullmatch(expression.strip())
    if at:
        return _in_utc(at.group(1), zone or "UTC")
    if cron and zone in (None, "UTC", "Etc/UTC", "GMT"):
        return time(int(cron.group(2)), int(cron.group(1)))
    return f"{expression} in {zone or 'UTC'} is no single moment in UTC"


def _in_utc(stated: str, zone: str) -> time | str:
    """Time of day, UTC, of a moment that may have an offset of its own."""
    try:
        moment = datetime.fromisoformat(stated)
        own = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
        return own.astimezone(UTC).time()
    except (ValueError, ZoneInfoNotFoundError):
        return f"{stated} in {zone} is no moment, or the zone isn't known here"


def _late(resource: Resource, moment: time, *, ultraserver: bool) -> Iterator[Problem]:
    end = CapacityBlockRules.END_TIME_UTC
    left = (end.hour - moment.hour) * 60 + end.minute - moment.minute
    least = least_drain_lead_minutes(ultraserver=ultraserver)
    if 0 <= left < least:
        yield Problem(
            resource.logical_id,
            f"it empties the pool at {moment:%H:%M} UTC, {left} minutes before {end:%H:%M}, when every block ends, "
            f"expected at least {least}: EC2 terminates before the end and EKS evicts for up to {EVICTION_MINUTES} "
            "minutes, move it earlier",
        )


def _not_drained(template: Template) -> Iterator[Problem]:
    orders = [order for schedule in template.of_type(_SCHEDULE) if (order := order_of(schedule)) is not None]
    named = {order.group for order in orders}
    # A name that is only known at deployment may be any group's.
    unnamed = any("${" in name and name not in _own_names(template) for name in named)
    acted = {id(template.referred(action.get("AutoScalingGroupName"))) for action in template.of_type(_ACTION)}
    for group in groups(template, NODE_GROUP, AUTO_SCALING_GROUP):
        if not group.is_for_block or not _is_rack(group):
            continue
        tagged = all(group.resource.get("Tags", tag) is not None for tag in (SCHEDULE_TAG, RESERVATION_TAG))
        if not (tagged or named & set(_names(group)) or unnamed or id(group.resource) in acted):
            half = group.resource.get("Tags", SCHEDULE_TAG) is not None
            untagged = f" (tag {SCHEDULE_TAG} counts only with {RESERVATION_TAG})" if half else ""
            yield Problem(
                group.logical_id,
                f"no schedule in the template scales it to zero before its block ends{untagged}, expected one: EC2 "
                "terminates an "
                f"UltraServer's instances from {in_minutes(CapacityBlockRules.ULTRASERVER_RECLAIM)} minutes before, "
                f"and EKS's own scale-down comes at {in_minutes(CapacityBlockRules.EKS_SCALE_DOWN)}",
            )


def _of_another_block(template: Template) -> Iterator[Problem]:
    """A node group whose tag names another reservation than the one that it launches into."""
    for group in groups(template, NODE_GROUP):
        tag = group.resource.get("Tags", RESERVATION_TAG)
        target = group.launch.reservation if group.launch is not None else None
        if isinstance(tag, str) and isinstance(target, str) and tag != target:
            yield Problem(
                group.logical_id,
                f"tag {RESERVATION_TAG} is {tag} and the launch template targets {target}, expected one reservation: "
                "the schedule follows the first, and nodes are in the second, change one",
            )


def fills(template: Template, group: NodeGroup) -> bool:
    """True if something gives the group nodes: this library's block schedule, or an order of the template."""
    if group.resource.get("Tags", SCHEDULE_TAG) is not None:
        return True
    orders = [order for schedule in template.of_type(_SCHEDULE) if (order := order_of(schedule)) is not None]
    if any(order.size and order.group in _names(group) for order in orders):
        return True
    return any(
        template.referred(action.get("AutoScalingGroupName")) is group.resource
        and any(as_int(action.get(key)) for key in ("DesiredCapacity", "MinSize"))
        for action in template.of_type(_ACTION)
    )


def _own_names(template: Template) -> set[str]:
    return {f"${{{logical_id}}}" for logical_id in template.resources}


def _names(group: NodeGroup) -> tuple[str, str]:
    """Names of a group in an order: its name, or a reference to it."""
    return group.name, f"${{{group.logical_id}}}"


def _schedules(template: Template) -> Iterator[Problem]:
    """Schedules that EventBridge Scheduler refuses."""
    for schedule in template.of_type(_SCHEDULE):
        name = schedule.get("Name")
        if isinstance(name, str) and len(name) > _NAME_LENGTH:
            yield Problem(schedule.logical_id, f"Name has {len(name)} characters, expected at most {_NAME_LENGTH}")
        order = order_of(schedule)
        wrong = sorted(key for key in (order.keys if order else ()) if not key[:1].isupper())
        if wrong:
            yield Problem(
                schedule.logical_id,
                f"Input has the keys {', '.join(wrong)}, expected PascalCase ones: universal targets refuse others",
            )


@dataclass(frozen=True)
class Order:
    """Order of a schedule to EKS or Auto Scaling.

    Attributes:
        group: name of the group; text with `${…}` where it is known at deployment.
        size: to which size; None where the order is about something else.
        keys: keys of the order.
    """

    group: str
    size: int | None
    keys: tuple[str, ...]


def order_of(schedule: Resource) -> Order | None:
    """Order of a schedule, where it gives one."""
    arn, text = text_of(schedule.get("Target", "Arn")), text_of(schedule.get("Target", "Input"))
    try:
        order = json.loads(text or "")
    except ValueError:
        return None
    if not isinstance(order, Mapping):
        return None
    if _EKS.search(arn or ""):
        scaling = order.get("ScalingConfig")
        size = as_int(scaling.get("DesiredSize")) if isinstance(scaling, Mapping) else None
        return Order(str(order.get("NodegroupName")), size, tuple(order))
    if _SCALING.search(arn or ""):
        sizes = [as_int(order.get(key)) for key in ("DesiredCapacity", "MaxSize") if key in order]
        return Order(str(order.get("AutoScalingGroupName")), 0 if 0 in sizes else None, tuple(order))
    return None


def _is_rack(group: NodeGroup) -> bool:
    return any(kind.is_ultraserver_member for kind in group.types)


RULES = (
    PolicyRule(
        id="block-clock",
        number=25,
        severity=Severity.ERROR,
        protects_from="jobs that lose their checkpoint because EC2 terminates their instances",
        source=replace(
            capacity_blocks.source("capacity-block/ultraserver-reclaim-minutes"),
            also=(capacity_blocks.source("capacity-block/eks-eviction-minutes"),),
        ),
        remedy=f"empty the pool at least {least_drain_lead_minutes(ultraserver=True)} minutes before the end of an "
        f"UltraServer's block, {least_drain_lead_minutes(ultraserver=False)} before another's",
        check=lambda template: (problem for rule in (_lead, _too_late) for problem in rule(template)),
    ),
    PolicyRule(
        id="pool-not-drained",
        number=26,
        severity=Severity.WARNING,
        protects_from="a rack that runs until EC2 terminates it, or is drained by another block's end",
        source=Source(
            "EC2 and EKS user guides, Capacity Blocks: times",
            also=(Source("that nothing else does it", Confidence.MEDIUM),),
        ),
        remedy="a block schedule of this library, or an AWS::Scheduler::Schedule of your own",
        check=lambda template: (problem for rule in (_not_drained, _of_another_block) for problem in rule(template)),
    ),
    PolicyRule(
        id="schedule",
        number=27,
        severity=Severity.ERROR,
        protects_from="a schedule that is refused when the stack is created",
        source=Source(
            "EventBridge Scheduler user guide, universal targets: names", also=(Source("keys", Confidence.MEDIUM),)
        ),
        remedy=f"PascalCase keys in Input, a name of at most {_NAME_LENGTH} characters",
        check=_schedules,
    ),
)
