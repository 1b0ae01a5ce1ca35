"""Orders of schedules that give a group of nodes another size: EventBridge Scheduler's, and Auto Scaling's own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ultrafleet.templates.launch import as_int
from ultrafleet.templates.once import once_per_template
from ultrafleet.templates.template import Resource, Template, mapping
from ultrafleet.templates.template_text import json_in_text
from ultrafleet.templates.unknown import Unknown, text_of

SCHEDULE: Final = "AWS::Scheduler::Schedule"
ACTION: Final = "AWS::AutoScaling::ScheduledAction"
_EKS: Final = re.compile(r":aws-sdk:eks:updateNodegroupConfig$", re.IGNORECASE)
_SCALING: Final = re.compile(r":aws-sdk:autoscaling:(updateAutoScalingGroup|setDesiredCapacity)$", re.IGNORECASE)
_AT: Final = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)\)")
_CRON: Final = re.compile(r"cron\(([^()]{1,200})\)")
_LIST: Final = re.compile(r"\d{1,2}(,\d{1,2}){0,59}")
_MOMENTS: Final = (date(2027, 1, 15), date(2027, 7, 15))
"""Days with and without summer time, in either half of the world."""
_FIELDS: Final = 5
_OTHERS: Final = frozenset(
    [
        "ClusterName",
        "NodegroupName",
        "Labels",
        "Taints",
        "UpdateConfig",
        "NodeRepairConfig",
        "WarmPoolConfig",
        "ClientRequestToken",
    ]
)
"""Keys of UpdateNodegroupConfig besides sizes (EKS API reference, high)."""
_SIZES: Final = frozenset({"MinSize", "DesiredSize", "MaxSize"})
_UTC: Final = "UTC"


@dataclass(frozen=True, kw_only=True)
class Order:
    """Order of a schedule to EKS or Auto Scaling.

    Attributes:
        resource: the schedule.
        operation: operation that is called, such as `updateNodegroupConfig`; `scheduledAction` of Auto Scaling's own.
        body: what it sends, with keys that begin with a capital, however they are written.
        keys: keys as they are written.
        group: name of the group; text with `${…}` where it is known at deployment.
    """

    resource: Resource
    operation: str
    body: Mapping[str, Any]
    keys: tuple[str, ...]
    group: str

    @property
    def is_for_eks(self) -> bool:
        """True if it goes to a managed node group."""
        return self.operation.lower() == "updatenodegroupconfig"

    @property
    def sizes(self) -> Mapping[str, Any]:
        """Sizes that it sends, by their names."""
        return mapping(self.body.get("ScalingConfig")) if self.is_for_eks else self.body

    @property
    def desired(self) -> int | None:
        """Desired size; None where none is sent or it isn't known."""
        return as_int(self.sizes.get("DesiredSize" if self.is_for_eks else "DesiredCapacity"))

    @property
    def empties(self) -> bool:
        """True if it gives the group no instances."""
        return self.desired == 0 or as_int(self.sizes.get("MaxSize")) == 0

    @property
    def fills(self) -> bool:
        """True if it gives the group instances."""
        return bool(self.desired) or (self.desired is None and bool(as_int(self.sizes.get("MinSize"))))

    @property
    def is_disabled(self) -> bool:
        """True if the schedule is switched off."""
        return str(self.resource.get("State")).upper() == "DISABLED"

    @property
    def flexible_minutes(self) -> int:
        """Minutes of its flexible time window, within which it may start."""
        window = mapping(self.resource.get("FlexibleTimeWindow"))
        return (as_int(window.get("MaximumWindowInMinutes")) or 0) if window.get("Mode") == "FLEXIBLE" else 0

    @property
    def why_not_emptying(self) -> str | None:
        """Reason for which it empties nothing; None where it does, or may."""
        name = self.resource.logical_id
        if self.is_disabled:
            return f"{name} is DISABLED"
        if self.empties:
            return None
        if self.fills:
            return f"{name} gives it nodes"
        if any(isinstance(value, str) and "${" in value for value in self.sizes.values()):
            return None
        if self.is_for_eks and (set(self.body) - _OTHERS - {"ScalingConfig"} or set(self.sizes) - _SIZES):
            return None  # it says something that EKS doesn't take, which another rule tells
        return f"{name} changes no size"


@once_per_template
def orders(template: Template) -> list[Order]:
    """Orders of a template's schedules, in its order."""
    found = [order for schedule in template.of_type(SCHEDULE) if (order := _of_schedule(schedule)) is not None]
    for action in template.of_type(ACTION):
        named = action.get("AutoScalingGroupName")
        made = template.referred(named)
        group = f"${{{made.logical_id}}}" if made is not None else text_of(named) if named is not None else None
        body = {
            name: action.get(name) for name in ("MinSize", "MaxSize", "DesiredCapacity") if action.get(name) is not None
        }
        found.append(
            Order(resource=action, operation="scheduledAction", body=body, keys=tuple(body), group=group or "${…}")
        )
    return found


def operation_of(schedule: Resource) -> str | None:
    """Operation of a group's size that a schedule calls; None where it calls another."""
    arn = text_of(schedule.get("Target", "Arn")) or ""
    return arn.rpartition(":")[2] if _EKS.search(arn) or _SCALING.search(arn) else None


def input_of(schedule: Resource) -> Any:  # noqa: ANN401 - JSON
    """Input of a schedule; None where it isn't known, or no JSON."""
    stated = schedule.get("Target", "Input")
    try:
        return json_in_text(text_of(stated) or "") if stated is not None else None
    except ValueError:
        return None


def _of_schedule(schedule: Resource) -> Order | None:
    operation, found = operation_of(schedule), input_of(schedule)
    if operation is None or not isinstance(found, Mapping):
        return None
    keys = tuple(map(str, found))
    keys += tuple(
        str(key) for value in found.values() if isinstance(value, Mapping) for key in value if _is_sizes(value)
    )
    body = {_capital(key): _inner(value) for key, value in found.items()}
    named = "NodegroupName" if _EKS.search(f":aws-sdk:eks:{operation}") else "AutoScalingGroupName"
    return Order(resource=schedule, operation=operation, body=body, keys=keys, group=str(body.get(named)))


def _is_sizes(value: Mapping[Any, Any]) -> bool:
    return any(str(key).lower() in ("minsize", "maxsize", "desiredsize") for key in value)


def _inner(value: Any) -> Any:  # noqa: ANN401 - JSON
    return {_capital(key): item for key, item in value.items()} if isinstance(value, Mapping) else value


def _capital(key: Any) -> str:  # noqa: ANN401 - JSON
    return f"{str(key)[:1].upper()}{str(key)[1:]}"


def moments(order: Order) -> list[datetime] | list[time] | str:
    """Moments of an order, in UTC: one, or times of the day; or the reason for which neither is known."""
    resource = order.resource
    if resource.type == ACTION:
        return _of_action(resource)
    expression, zone = resource.get("ScheduleExpression"), resource.get("ScheduleExpressionTimezone")
    if not isinstance(expression, str) or not isinstance(zone, str | None):
        return "its expression or its zone is known at deployment"
    at, cron = _AT.fullmatch(expression.strip()), _CRON.fullmatch(expression.strip())
    if at:
        return _moment(at.group(1), zone or _UTC)
    if cron:
        return _daily(cron.group(1).split(), zone or _UTC)
    return f"{expression} in {zone or _UTC} is no single moment in UTC"


def _of_action(action: Resource) -> list[datetime] | list[time] | str:
    recurrence, start, zone = (action.get(key) for key in ("Recurrence", "StartTime", "TimeZone"))
    if isinstance(recurrence, Unknown) or isinstance(zone, Unknown):
        return "its recurrence or its zone is known at deployment"
    if isinstance(recurrence, str):
        return _daily(recurrence.split(), zone if isinstance(zone, str) else _UTC)
    return _moment(start, _UTC) if isinstance(start, str) else "its start is known at deployment"


def _moment(stated: str, zone: str) -> list[datetime] | str:
    try:
        moment = datetime.fromisoformat(stated)
        own = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
        return [own.astimezone(UTC)]
    except (OSError, OverflowError, ValueError, ZoneInfoNotFoundError):
        return f"{stated} in {zone} is no moment, or the zone isn't known here"


def _daily(fields: list[str], zone: str) -> list[time] | str:
    """Times of the day of a cron expression, in UTC: on a day with and one without summer time."""
    if len(fields) < _FIELDS or not (_LIST.fullmatch(fields[0]) and _LIST.fullmatch(fields[1])):
        return f"cron({' '.join(fields)}) in {zone} is no single moment in UTC"
    try:
        place = ZoneInfo(zone)
        own = [time(int(hour), int(minute)) for hour in fields[1].split(",") for minute in fields[0].split(",")]
        return [
            datetime.combine(day, moment, tzinfo=place).astimezone(UTC).time() for moment in own for day in _MOMENTS
        ]
    except (OSError, OverflowError, ValueError, ZoneInfoNotFoundError):
        return f"cron({' '.join(fields)}) in {zone} is no moment, or the zone isn't known here"
