"""Operations of EC2 Capacity Manager: figures of reservations by the lifetimes of their instances.

Switched off until it is switched on, as in an account (EC2 user guide, Capacity Manager, medium). Its figures go from
the first reservation to the last whole hour; how far AWS's reach back, and how late they come, isn't stated.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from ultrafleet.rehearsal.ec2.api.operations import add_operation, page
from ultrafleet.rehearsal.ec2.state.instances import Lifetimes
from ultrafleet.rehearsal.ec2.state.moto_backend import moment
from ultrafleet.rehearsal.ec2.state.reservations import CapacityReservation, Reservations
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

_CAPACITY: Final = "reservation-total-capacity-hrs-inst"
_UNUSED: Final = "reservation-unused-total-capacity-hrs-inst"
_LEAST_PERIOD: Final = 3600
_BY_RESERVATION: Final = "reservation-id"
_MOST_POINTS: Final = 100_000


class CapacityManager:
    """Capacity Manager of an account and region."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.enabled = False


def install() -> None:
    """Add the operations to moto's EC2."""
    add_operation("EnableCapacityManager", enable)
    add_operation("DisableCapacityManager", disable)
    add_operation("GetCapacityManagerAttributes", attributes)
    add_operation("GetCapacityManagerMetricData", metric_data)


def enable(account_id: str, region: str, _: dict[str, Any]) -> dict[str, Any]:
    """EnableCapacityManager."""
    SIMULATED_ACCOUNT.part(CapacityManager, account_id, region).enabled = True
    return {"CapacityManagerStatus": "enabled", "OrganizationsAccess": False}


def disable(account_id: str, region: str, _: dict[str, Any]) -> dict[str, Any]:
    """DisableCapacityManager."""
    SIMULATED_ACCOUNT.part(CapacityManager, account_id, region).enabled = False
    return {"CapacityManagerStatus": "disabled", "OrganizationsAccess": False}


def attributes(account_id: str, region: str, _: dict[str, Any]) -> dict[str, Any]:
    """GetCapacityManagerAttributes."""
    if not SIMULATED_ACCOUNT.part(CapacityManager, account_id, region).enabled:
        return {"CapacityManagerStatus": "disabled", "OrganizationsAccess": False, "DataExportCount": 0}
    known = SIMULATED_ACCOUNT.part(Reservations, account_id, region).by_id.values()
    answer: dict[str, Any] = {
        "CapacityManagerStatus": "enabled",
        "OrganizationsAccess": False,
        "DataExportCount": 0,
        "IngestionStatus": "ingestion-complete",
    }
    begun = [item.start for item in known if item.start < _latest()]
    if begun:
        answer |= {"EarliestDatapointTimestamp": min(begun), "LatestDatapointTimestamp": _latest()}
    return answer


def metric_data(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """GetCapacityManagerMetricData: instance-hours, reserved and unused, by reservation."""
    if not SIMULATED_ACCOUNT.part(CapacityManager, account_id, region).enabled:
        raise Refusal("OperationNotPermitted", "Capacity Manager is not enabled for this account.")  # inferred
    period, start, end = int(params["Period"]), moment(params["StartTime"]), moment(params["EndTime"])
    if start is None or end is None or period < _LEAST_PERIOD or (end - start) % timedelta(seconds=period):
        # EC2 API reference: a multiple of the period, which is an hour at least (high); code inferred.
        raise Refusal("InvalidParameterValue", "The time range must be a multiple of the specified period.")
    if params.get("GroupBy") != [_BY_RESERVATION]:
        raise Refusal("InvalidParameterValue", "The embedded AWS groups by reservation-id alone.")
    metrics = set(params["MetricNames"])
    wanted = _wanted(params)
    points = [
        {
            "Dimension": {"ReservationId": item.id},
            "Timestamp": begin,
            "MetricValues": [{"Metric": name, "Value": value} for name, value in values.items() if name in metrics],
        }
        for item in SIMULATED_ACCOUNT.part(Reservations, account_id, region).by_id.values()
        if wanted is None or item.id in wanted
        for begin, values in _figures(item, account_id, region, start, min(end, _latest()), timedelta(seconds=period))
    ]
    found, token = page(points, params, most=_MOST_POINTS)
    return {"MetricDataResults": found, "NextToken": token}


def _wanted(params: Mapping[str, Any]) -> set[str] | None:
    """Ids of the filter; None without one."""
    conditions = [item["DimensionCondition"] for item in params.get("FilterBy") or ()]
    if any(item["Dimension"] != _BY_RESERVATION for item in conditions):
        raise Refusal("InvalidParameterValue", "The embedded AWS filters by reservation-id alone.")
    return {value for item in conditions for value in item["Values"]} if conditions else None


def _figures(
    item: CapacityReservation, account_id: str, region: str, start: datetime, end: datetime, period: timedelta
) -> Iterator[tuple[datetime, dict[str, float]]]:
    """Beginning of each period in which a reservation is active, and its figures."""
    lives = [
        life
        for life in SIMULATED_ACCOUNT.part(Lifetimes, account_id, region).by_id.values()
        if life.reservation_id == item.id
    ]
    last = min(end, item.end or end)
    begin = start
    while begin < end:
        active = _hours(max(begin, item.start), min(begin + period, last))
        if active > 0:
            used = sum(
                _hours(max(begin, life.launched), min(begin + period, last, life.terminated or end)) for life in lives
            )
            reserved = active * item.instance_count
            yield begin, {_CAPACITY: reserved, _UNUSED: max(0.0, reserved - used)}
        begin += period


def _hours(begin: datetime, end: datetime) -> float:
    return max(0.0, (end - begin) / timedelta(hours=1))


def _latest() -> datetime:
    return SIMULATED_ACCOUNT.now.replace(minute=0, second=0, microsecond=0)
