"""Use of reservations, by the figures of EC2 Capacity Manager."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ultrafleet.cost.months import Month

CAPACITY: Final = "reservation-total-capacity-hrs-inst"
UNUSED: Final = "reservation-unused-total-capacity-hrs-inst"
COST: Final = "reservation-total-estimated-cost"
UNUSED_COST: Final = "reservation-unused-total-estimated-cost"
METRICS: Final = (CAPACITY, UNUSED, COST, UNUSED_COST)
"""Metrics that are asked for (EC2 API reference, GetCapacityManagerMetricData, high)."""


@dataclass(frozen=True, kw_only=True)
class MonthOfUse:
    """Use of a reservation in a month, as far as the figures go.

    Attributes:
        capacity_hours: instance-hours that were reserved.
        unused_hours: instance-hours of them in which no instance ran.
        estimated_cost: Capacity Manager's estimate of their cost; None where it gives none.
        unused_estimated_cost: of the unused ones, likewise.
    """

    capacity_hours: float = 0.0
    unused_hours: float = 0.0
    estimated_cost: float | None = None
    unused_estimated_cost: float | None = None

    @property
    def used_hours(self) -> float:
        """Instance-hours in which instances ran."""
        return max(0.0, self.capacity_hours - self.unused_hours)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Answer of an account's Capacity Manager.

    Attributes:
        account: the account.
        region: region that was asked.
        note: why there are no figures, or until when they reach.
        until: moment of the newest figure; None without any.
        months: use by reservation and month.
    """

    account: str
    region: str
    note: str
    until: datetime | None
    months: Mapping[tuple[str, Month], MonthOfUse]


def months_of_use(results: Iterable[Mapping[str, Any]]) -> dict[tuple[str, Month], MonthOfUse]:
    """Use by reservation and month of `MetricDataResults` that are grouped by reservation id.

    Args:
        results: the results, of periods that each lie within one month.
    """
    sums: dict[tuple[str, Month], dict[str, float]] = {}
    for result in results:
        key = (str(result["Dimension"]["ReservationId"]), Month.of(result["Timestamp"]))
        found = sums.setdefault(key, {})
        for value in result["MetricValues"]:
            found[value["Metric"]] = found.get(value["Metric"], 0.0) + float(value["Value"])
    return {
        key: MonthOfUse(
            capacity_hours=found.get(CAPACITY, 0.0),
            unused_hours=found.get(UNUSED, 0.0),
            estimated_cost=found.get(COST),
            unused_estimated_cost=found.get(UNUSED_COST),
        )
        for key, found in sums.items()
    }
