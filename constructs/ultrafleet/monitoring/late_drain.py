"""Alarm on a block that is inside its lead and still has nodes, as CloudWatch's metric math."""

from datetime import UTC, datetime
from typing import Any

from ultrafleet.catalog.metrics import METRICS

_USED = "used"


def late_drain_metrics(*, reservation: str, late: datetime, end: datetime, period_seconds: int) -> list[dict[str, Any]]:
    """`Metrics` of an alarm on the instances that run in a reservation from a moment to its end, 0 before and after.

    A time function gives a value for every period, and `IF` gives 0 where the reservation has no figure (CloudWatch
    user guide, metric math, high): a block that is over raises no alarm and ends one.

    Args:
        reservation: `cr-…`.
        late: from when nodes are too many.
        end: when the block ends; at most a day later.
        period_seconds: period of the figures.
    """
    metric = METRICS["UsedInstanceCount"]
    return [
        {
            "id": "late",
            "label": "nodes inside the lead",
            "expression": f"IF({_between(late, end)}, {_USED}, 0)",
            "returnData": True,
        },
        {
            "id": _USED,
            "metricStat": {
                "metric": {
                    "namespace": metric.namespace,
                    "metricName": metric.name,
                    "dimensions": [{"name": metric.dimension, "value": reservation}],
                },
                "period": period_seconds,
                # The least of a period: an alarm that nodes which leave in it don't raise.
                "stat": "Minimum",
            },
            "returnData": False,
        },
    ]


def _between(late: datetime, end: datetime) -> str:
    """Condition of metric math, which knows parts of a date in UTC: true on the days of both, from the first on."""
    late, end = late.astimezone(UTC), end.astimezone(UTC)
    since = f"(HOUR({_USED}) > {late.hour} OR (HOUR({_USED}) == {late.hour} AND MINUTE({_USED}) >= {late.minute}))"
    first = f"{_day(late)} AND {since}"
    return first if late.date() == end.date() else f"({first}) OR ({_day(end)})"


def _day(moment: datetime) -> str:
    return f"MONTH({_USED}) == {moment.month} AND DATE({_USED}) == {moment.day}"
