"""States that CloudWatch gives an alarm of a template over made-up figures.

As the user guide says of evaluation: the last `EvaluationPeriods` periods, of which all (or `DatapointsToAlarm`) have
to breach; a period without a figure counts as `TreatMissingData` says. Of metric math it knows what the alarms here
use: one metric, MONTH, DATE, HOUR and MINUTE of a period's start in UTC, comparisons, AND, OR, and IF with 0 for a
missing figure.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

Figure = float | None
"""Figure of a period; None where there is none."""

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}
_TOKEN = re.compile(r"(?:MONTH|DATE|HOUR|MINUTE)\(\w+\)|AND|OR|==|>=|<=|>|<|\d+|[()]")


def metric_of(alarm: dict[str, Any]) -> str:
    """Name of the one metric that an alarm watches."""
    if "MetricName" in alarm:
        return str(alarm["MetricName"])
    (found,) = [item["MetricStat"]["Metric"]["MetricName"] for item in alarm["Metrics"] if "MetricStat" in item]
    return str(found)


def period_of(alarm: dict[str, Any]) -> timedelta:
    """Period of an alarm's figures."""
    if "Period" in alarm:
        return timedelta(seconds=alarm["Period"])
    (found,) = [item["MetricStat"]["Period"] for item in alarm["Metrics"] if "MetricStat" in item]
    return timedelta(seconds=found)


def states(alarm: dict[str, Any], start: datetime, figures: Sequence[Figure]) -> list[str]:
    """State of an alarm, `ALARM` or `OK`, after each period.

    Args:
        alarm: properties of an `AWS::CloudWatch::Alarm`.
        start: start of the first period.
        figures: figure of each period of the metric, one after the other.
    """
    seen = [_value(alarm, start + index * period_of(alarm), figure) for index, figure in enumerate(figures)]
    count = alarm["EvaluationPeriods"]
    needed = alarm.get("DatapointsToAlarm", count)
    found = []
    for end in range(1, len(seen) + 1):
        window = [_breaches(alarm, value) for value in seen[max(0, end - count) : end]]
        found.append("ALARM" if sum(window) >= needed else "OK")
    return found


def _breaches(alarm: dict[str, Any], value: Figure) -> bool:
    if value is None:
        assert alarm["TreatMissingData"] in {"breaching", "notBreaching"}
        return bool(alarm["TreatMissingData"] == "breaching")
    return _COMPARE[alarm["ComparisonOperator"]](value, alarm["Threshold"])


def _value(alarm: dict[str, Any], moment: datetime, figure: Figure) -> Figure:
    expressions = [item["Expression"] for item in alarm.get("Metrics", ()) if "Expression" in item]
    if not expressions:
        return figure
    (expression,) = expressions
    parsed = re.fullmatch(r"IF\((.*), (\w+), 0\)", expression)
    assert parsed is not None, expression
    # A time function has a value for each period: IF gives 0 where the condition holds and the metric has no figure.
    return (figure or 0) if _holds(parsed[1], moment) else 0


def _holds(condition: str, moment: datetime) -> bool:
    parts = {"MONTH": moment.month, "DATE": moment.day, "HOUR": moment.hour, "MINUTE": moment.minute}
    tokens = _TOKEN.findall(condition)
    assert "".join(tokens) == condition.replace(" ", ""), condition
    words = {"AND": "and", "OR": "or"}
    written = [str(parts[token.partition("(")[0]]) if "(" in token[1:] else words.get(token, token) for token in tokens]
    return bool(eval(" ".join(written), {"__builtins__": {}}))  # noqa: S307 - numbers, comparisons, and, or
