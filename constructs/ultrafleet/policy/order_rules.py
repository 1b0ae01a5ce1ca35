"""Rule of schedules: what EventBridge Scheduler, EKS or Auto Scaling refuse in an order."""

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Final

from ultrafleet.catalog.limits import SCHEDULE_NAME_CHARACTERS
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity
from ultrafleet.templates.launch import as_int
from ultrafleet.templates.node_group import NODE_GROUP, groups
from ultrafleet.templates.once import once_per_template
from ultrafleet.templates.scale_orders import ACTION, SCHEDULE, Order, input_of, operation_of, orders
from ultrafleet.templates.template import Resource, Template, mapping
from ultrafleet.templates.unknown import Unknown, text_of

_NAME_LENGTH: Final = SCHEDULE_NAME_CHARACTERS.value
_EXPRESSION: Final = re.compile(r"(at|cron|rate)\((.*)\)")
_AT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?")
_RATE: Final = re.compile(r"\d{1,9} (minute|minutes|hour|hours|day|days)")
_CRON_FIELDS: Final = 6
_RECURRENCE_FIELDS: Final = 5
_KEYS: Final[Mapping[str, tuple[frozenset[str], tuple[str, ...]]]] = {
    "updatenodegroupconfig": (
        frozenset(
            [
                "ClusterName",
                "NodegroupName",
                "Labels",
                "Taints",
                "ScalingConfig",
                "UpdateConfig",
                "NodeRepairConfig",
                "WarmPoolConfig",
                "ClientRequestToken",
            ]
        ),
        ("ClusterName", "NodegroupName"),
    ),
    "setdesiredcapacity": (
        frozenset({"AutoScalingGroupName", "DesiredCapacity", "HonorCooldown"}),
        ("AutoScalingGroupName", "DesiredCapacity"),
    ),
    "updateautoscalinggroup": (frozenset(), ("AutoScalingGroupName",)),
}
"""Keys that each operation takes, where they are listed here, and those that it needs (EKS and Auto Scaling API)."""
_SIZES: Final = ("MinSize", "DesiredSize", "MaxSize")
_GROUP_SIZES: Final = ("MinSize", "DesiredCapacity", "MaxSize")


def _schedules(template: Template) -> Iterator[Problem]:
    given = {order.resource.logical_id: order for order in orders(template)}
    for schedule in template.of_type(SCHEDULE):
        faults = [*_of_schedule(schedule)]
        order = given.get(schedule.logical_id)
        if order is not None:
            faults += _of_order(template, order)
        elif operation_of(schedule) is not None:
            faults += _of_input(schedule)
        yield from (Problem(schedule.logical_id, fault) for fault in faults)
    for action in template.of_type(ACTION):
        recurrence = action.get("Recurrence")
        if isinstance(recurrence, str) and len(recurrence.split()) != _RECURRENCE_FIELDS:
            yield Problem(
                action.logical_id,
                f"Recurrence is {recurrence!r}, expected {_RECURRENCE_FIELDS} fields: minute, hour, day of "
                "month, month, day of week",
            )


def _of_schedule(schedule: Resource) -> Iterator[str]:
    name = schedule.get("Name")
    if isinstance(name, str) and len(name) > _NAME_LENGTH:
        yield f"Name has {len(name)} characters, expected at most {_NAME_LENGTH}"
    expression = schedule.get("ScheduleExpression")
    if isinstance(expression, str):
        yield from _of_expression(expression.strip())
    window = schedule.get("FlexibleTimeWindow")
    if window is None:
        yield "FlexibleTimeWindow is not stated, expected Mode OFF or FLEXIBLE: state it"
    elif mapping(window).get("Mode") == "FLEXIBLE" and mapping(window).get("MaximumWindowInMinutes") is None:
        yield "MaximumWindowInMinutes is not stated with Mode FLEXIBLE, expected it: state it"


def _of_expression(expression: str) -> Iterator[str]:
    match = _EXPRESSION.fullmatch(expression)
    if match is None:
        yield f"ScheduleExpression is {expression!r}, expected at(...), cron(...) or rate(...): correct it"
        return
    kind, inner = match.groups()
    fields = inner.split()
    if kind == "at" and not _AT.fullmatch(inner.strip()):
        yield f"ScheduleExpression is {expression!r}, expected at(yyyy-mm-ddThh:mm:ss): write it so"
    elif kind == "rate" and not _RATE.fullmatch(inner.strip()):
        yield f"ScheduleExpression is {expression!r}, expected such as rate(5 minutes): write it so"
    elif kind == "cron" and len(fields) != _CRON_FIELDS:
        yield (
            f"ScheduleExpression is {expression!r} with {len(fields)} fields, expected {_CRON_FIELDS}: minute, hour, "
            "day of month, month, day of week, year"
        )
    elif kind == "cron" and "?" not in (fields[2], fields[4]):
        yield (
            f"ScheduleExpression is {expression!r}, expected ? for day of month or day of week: Scheduler takes one of "
            "the two"
        )


def _of_input(schedule: Resource) -> Iterator[str]:
    """An order that is no JSON object."""
    stated = schedule.get("Target", "Input")
    if stated is None:
        yield "Input is not stated, expected the operation's request as JSON: state it"
    elif not isinstance(stated, Unknown) and not isinstance(input_of(schedule), Mapping):
        yield f"Input is {(text_of(stated) or '')[:40]!r}, expected the operation's request as JSON: correct it"


def _of_order(template: Template, order: Order) -> Iterator[str]:
    wrong = sorted(key for key in order.keys if not key[:1].isupper())
    if wrong:
        yield f"Input has the keys {', '.join(wrong)}, expected PascalCase ones: universal targets refuse others"
    known, needed = _KEYS[order.operation.lower()]
    strange = sorted(key for key in order.body if known and key not in known)
    if strange:
        yield (
            f"Input has {', '.join(strange)}, which {order.operation} doesn't take, expected "
            f"{', '.join(sorted(known))}: every call fails, correct it"
        )
    missing = [key for key in needed if key not in order.body and key not in strange]
    if missing and not strange:
        yield f"Input has no {', '.join(missing)}, expected it: every call of {order.operation} fails, add it"
    yield from _of_sizes(template, order)


def _of_sizes(template: Template, order: Order) -> Iterator[str]:
    names = _SIZES if order.is_for_eks else _GROUP_SIZES
    strange = sorted(set(order.sizes) - set(_SIZES)) if order.is_for_eks else []
    if strange:
        yield f"ScalingConfig has {', '.join(strange)}, expected {', '.join(_SIZES)}: every call fails, correct it"
    sizes = {name: size for name in names if (size := as_int(order.sizes.get(name))) is not None}
    for (small, less), (large, more) in itertools.combinations(sizes.items(), 2):
        if less > more:
            yield f"{small} is {less} and {large} {more}, expected {small} at most that: every call fails, change one"
            return
    if order.is_for_eks and sizes.get("MaxSize") == 0:
        yield "MaxSize is 0, expected 1 or more: EKS refuses it, state DesiredSize 0 alone"
        return
    if not order.is_for_eks or "DesiredSize" not in sizes or "MinSize" in sizes:
        return
    found = _least_sizes(template).get(order.group)
    if found is not None and found[1] > sizes["DesiredSize"]:
        yield (
            f"DesiredSize is {sizes['DesiredSize']} and {found[0]}'s MinSize {found[1]}, expected MinSize in the "
            "order, too: EKS refuses a desired size below the least, add it"
        )


@once_per_template
def _least_sizes(template: Template) -> Mapping[str, tuple[str, int]]:
    """Least sizes of node groups, with their logical ids, by the names that orders give them."""
    return {
        name: (group.logical_id, least)
        for group in groups(template, NODE_GROUP)
        if (least := as_int(group.resource.get("ScalingConfig", "MinSize"))) is not None
        for name in (group.name, f"${{{group.logical_id}}}")
    }


RULES: Final = (
    PolicyRule(
        id="schedule",
        number=27,
        severity=Severity.ERROR,
        protects_from="a schedule that is refused when the stack is created, or whose every call fails",
        source=Source(
            "EventBridge Scheduler user guide, universal targets, schedule types: names, expressions",
            address="https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html",
            also=(
                Source("keys", Confidence.MEDIUM),
                Source("EKS API reference, UpdateNodegroupConfig; Auto Scaling API reference, UpdateAutoScalingGroup"),
            ),
        ),
        remedy=f"PascalCase keys that the operation takes, six fields of cron, {_NAME_LENGTH} characters of name",
        check=_schedules,
    ),
)
