"""States that CloudWatch gives an alarm over the figures of its metric.

As the user guide says of evaluation (high): the last `EvaluationPeriods` periods, of which all (or `DatapointsToAlarm`)
have to breach; a period without a figure counts as `TreatMissingData` says. Of metric math it knows what the fleet's
alarms use: one metric, MONTH, DATE, HOUR and MINUTE of a period's start in UTC, comparisons, AND, OR, and IF with 0 for
a missing figure. An alarm is evaluated when a period ends (ours: CloudWatch evaluates it each minute).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.cloudwatch.conditions import Condition, Reader, Tokens

Figure = float | None
"""Figure of a period; None where there is none."""
Alarm = Mapping[str, Any]
"""Properties of an `AWS::CloudWatch::Alarm`."""

_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}
_TREATED: Final = {"breaching": True, "notBreaching": False}
_EXPRESSION: Final = re.compile(r"IF\((.*), (\w+), (\w+)\)")
_TOKEN: Final = re.compile(r"\s*((?:MONTH|DATE|HOUR|MINUTE)\(\w+\)|AND|OR|==|>=|<=|>|<|\d+|[()])")
_PARTS: Final[Mapping[str, Callable[[datetime], int]]] = {
    "MONTH": lambda moment: moment.month,
    "DATE": lambda moment: moment.day,
    "HOUR": lambda moment: moment.hour,
    "MINUTE": lambda moment: moment.minute,
}
_NUMBERS: Final[Mapping[str, Callable[[int, int], bool]]] = {
    "==": lambda left, right: left == right,
    ">=": lambda left, right: left >= right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    "<": lambda left, right: left < right,
}


def metric_of(alarm: Alarm) -> Mapping[str, Any]:
    """The one metric that an alarm watches: `Namespace`, `MetricName`, `Dimensions`, `Period` and `Stat`.

    Args:
        alarm: the alarm.
    """
    if "MetricName" in alarm:
        keys = ("Namespace", "MetricName", "Dimensions", "Period")
        return {**{key: alarm.get(key) for key in keys}, "Stat": alarm["Statistic"]}
    (found,) = [item["MetricStat"] for item in alarm["Metrics"] if "MetricStat" in item]
    return {**found["Metric"], "Period": found["Period"], "Stat": found["Stat"]}


def period_of(alarm: Alarm) -> timedelta:
    """Period of an alarm's figures.

    Args:
        alarm: the alarm.
    """
    return timedelta(seconds=int(metric_of(alarm)["Period"]))


def states(alarm: Alarm, start: datetime, figures: Sequence[Figure]) -> list[str]:
    """State of an alarm, `ALARM` or `OK`, after each period.

    Args:
        alarm: the alarm.
        start: start of the first period.
        figures: figure of each period of the metric, one after the other.
    """
    seen = [_value(alarm, start + index * period_of(alarm), figure) for index, figure in enumerate(figures)]
    count = int(alarm["EvaluationPeriods"])
    needed = int(alarm.get("DatapointsToAlarm", count))
    found = []
    for end in range(1, len(seen) + 1):
        window = [_breaches(alarm, value) for value in seen[max(0, end - count) : end]]
        found.append("ALARM" if sum(window) >= needed else "OK")
    return found


def _breaches(alarm: Alarm, value: Figure) -> bool:
    if value is None:
        return _TREATED[alarm["TreatMissingData"]]
    return _COMPARE[alarm["ComparisonOperator"]](value, float(alarm["Threshold"]))


def _value(alarm: Alarm, moment: datetime, figure: Figure) -> Figure:
    expressions = [item["Expression"] for item in alarm.get("Metrics", ()) if "Expression" in item]
    if not expressions:
        return figure
    (expression,) = expressions
    parsed = _EXPRESSION.fullmatch(expression)
    if parsed is None or (parsed[2] == "0") is (parsed[3] == "0"):
        raise _unread(expression)
    # A time function has a value for each period: IF gives 0 where it chooses the metric and that has no figure.
    chosen = parsed[2] if _condition(parsed[1])(moment) else parsed[3]
    return 0 if chosen == "0" else (figure or 0)


def _condition(text: str) -> Condition[datetime]:
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unread(text)
        found.append(match[1])
        at = match.end()
    tokens = Tokens(text, found)
    condition = _READER.read(tokens)
    if tokens.next:
        raise _unread(text)
    return condition


def _comparison(tokens: Tokens) -> Condition[datetime]:
    part = _PARTS[tokens.take().partition("(")[0]]
    compare, number = _NUMBERS[tokens.take(*_NUMBERS)], int(tokens.take())
    return lambda moment: compare(part(moment), number)


def _unread(expression: str) -> FleetError:
    return FleetError(
        path=f"expression {expression}",
        got="not read by the embedded AWS",
        expected="IF(condition on the time, a metric, 0), or 0 and a metric",
        remedy="teach rehearsal/cloudwatch/alarm_states.py to read it",
    )


_READER: Final = Reader[datetime](all_of="AND", any_of="OR", comparison=_comparison)
