"""Alarms that are bound to the dates of a capacity block, as CloudWatch's metric math."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ultrafleet.catalog.metrics import METRICS
from ultrafleet.rules.block_clock import late_drain

SUCCESSOR_NOTICE_DAYS: Final = 7
"""Days before the end of a block without a successor at which its alarm rings: offers aren't there each day (ours)."""
_FIGURE: Final = "figure"
_LAST_DAY: Final = 31


@dataclass(frozen=True, kw_only=True)
class WatchedBlock:
    """Dates of a capacity block that alarms watch.

    One that is extended keeps its alarms at the old end until the new one is deployed.

    Attributes:
        end: when the block ends.
        drain_lead_minutes: minutes before the end at which its pool is emptied.
        has_successor: another block of the pool ends later. Default: none does.
        hold: the pool is kept empty. Default: it isn't.
    """

    end: datetime
    drain_lead_minutes: int
    has_successor: bool = False
    hold: bool = False


def late_drain_metrics(*, reservation: str, block: WatchedBlock, period_seconds: int) -> list[dict[str, Any]]:
    """`Metrics` of an alarm on instances that run in a reservation once its latest drain began, to its end.

    Args:
        reservation: `cr-…`.
        block: its dates.
        period_seconds: period of the figures.
    """
    late = late_drain(block.end, block.drain_lead_minutes)
    # The least of a period: an alarm that nodes which leave in it don't raise.
    return _metrics(
        "nodes inside the lead",
        f"IF({_between(late, block.end)}, {_FIGURE}, 0)",
        metric="UsedInstanceCount",
        statistic="Minimum",
        reservation=reservation,
        period_seconds=period_seconds,
    )


def below_size_metrics(*, reservation: str, block: WatchedBlock, period_seconds: int) -> list[dict[str, Any]]:
    """`Metrics` of an alarm on instances of a reservation that don't run, 0 from the beginning of its lead to its end.

    Args:
        reservation: `cr-…`.
        block: its dates.
        period_seconds: period of the figures.
    """
    drain = block.end - timedelta(minutes=block.drain_lead_minutes)
    return _metrics(
        "nodes that are paid for and don't run",
        f"IF({_between(drain, block.end)}, 0, {_FIGURE})",
        metric="AvailableInstanceCount",
        statistic="Minimum",
        reservation=reservation,
        period_seconds=period_seconds,
    )


def no_successor_metrics(
    *, reservation: str, block: WatchedBlock, notice_days: int, period_seconds: int
) -> list[dict[str, Any]]:
    """`Metrics` of an alarm on a reservation that is active in the last days of its block, 0 before and after.

    Args:
        reservation: `cr-…`.
        block: its dates.
        notice_days: days before the day of the end from which on it is near.
        period_seconds: period of the figures.
    """
    return _metrics(
        "nodes of a block that is near its end",
        f"IF({_days(block.end - timedelta(days=notice_days), block.end)}, {_FIGURE}, 0)",
        metric="TotalInstanceCount",
        statistic="Maximum",
        reservation=reservation,
        period_seconds=period_seconds,
    )


def _metrics(
    label: str, expression: str, *, metric: str, statistic: str, reservation: str, period_seconds: int
) -> list[dict[str, Any]]:
    """Expression over one figure of a reservation.

    A time function gives a value for every period, and `IF` gives 0 where the reservation has no figure (CloudWatch
    user guide, metric math, high): a block that hasn't begun or is over raises no alarm, and ends one.
    """
    known = METRICS[metric]
    return [
        {"id": "watched", "label": label, "expression": expression, "returnData": True},
        {
            "id": _FIGURE,
            "metricStat": {
                "metric": {
                    "namespace": known.namespace,
                    "metricName": known.name,
                    "dimensions": [{"name": known.dimension, "value": reservation}],
                },
                "period": period_seconds,
                "stat": statistic,
            },
            "returnData": False,
        },
    ]


def _between(begin: datetime, end: datetime) -> str:
    """Condition of metric math, which knows parts of a date in UTC: true on the days of both, from the first on.

    The end is at most a day later.
    """
    begin, end = begin.astimezone(UTC), end.astimezone(UTC)
    since = (
        f"(HOUR({_FIGURE}) > {begin.hour} OR (HOUR({_FIGURE}) == {begin.hour} AND MINUTE({_FIGURE}) >= {begin.minute}))"
    )
    first = f"{_day(begin)} AND {since}"
    return first if begin.date() == end.date() else f"({first}) OR ({_day(end)})"


def _day(moment: datetime) -> str:
    return f"MONTH({_FIGURE}) == {moment.month} AND DATE({_FIGURE}) == {moment.day}"


def _days(begin: datetime, end: datetime) -> str:
    """Condition of metric math that is true on the days from one to another, at most a month later."""
    first, last = begin.astimezone(UTC), end.astimezone(UTC)
    if first.month == last.month:
        return _part_of_month(first.month, first.day, last.day)
    return f"({_part_of_month(first.month, first.day, _LAST_DAY)}) OR ({_part_of_month(last.month, 1, last.day)})"


def _part_of_month(month: int, first: int, last: int) -> str:
    return f"MONTH({_FIGURE}) == {month} AND DATE({_FIGURE}) >= {first} AND DATE({_FIGURE}) <= {last}"
