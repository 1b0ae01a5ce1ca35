"""Figures of the metrics that the fleet's alarms watch, as the parts of the embedded AWS make them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from ultrafleet.catalog.metrics import FATAL_XID_ERRORS, FLEET, HELD_NODES, IMPAIRED_BLOCKS
from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.autoscaling.state import AutoScaling
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudwatch.alarm_states import Alarm, Figure, metric_of, period_of
from ultrafleet.rehearsal.cloudwatch.filter_pattern import matches
from ultrafleet.rehearsal.cloudwatch.host_log import HostLog
from ultrafleet.rehearsal.ec2.state.instances import Lifetimes
from ultrafleet.rehearsal.ec2.state.reservations import CapacityReservation, Reservations
from ultrafleet.rehearsal.eks.state import Eks
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT
from ultrafleet.rehearsal.stepfunctions.clock import ScheduledExecution, Schedules

_SIZES: Final = ("UpdateNodegroupConfig", "SetDesiredCapacity")
STEP: Final = timedelta(minutes=1)
"""Time between two looks at the account."""

_STATISTICS: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "Average": lambda values: sum(values) / len(values),
    "Maximum": max,
    "Minimum": min,
    "SampleCount": lambda values: float(len(values)),
    "Sum": sum,
}


class Figures:
    """Figures of an account and region, minute by minute.

    AWS's own delays are left out: figures are there when their period ends. No pod runs: the acceptance gate's
    figure is that of one that looks each minute and holds no node.

    Args:
        account_id: the account.
        region: the region.
        alarms: the alarms whose metrics are read.
    """

    def __init__(self, account_id: str, region: str, alarms: Mapping[str, Alarm]) -> None:
        self._account_id, self._region = account_id, region
        self._alarms = alarms
        self._call = Calls(account_id=account_id, region=region)
        self._filters = [
            (item["logGroupName"], item["filterPattern"], change)
            for item in self._call("logs", "describe_metric_filters")["metricFilters"]
            for change in item["metricTransformations"]
        ]
        self._seen: dict[str, list[list[float]]] = {name: [] for name in alarms}
        self._messages: dict[str, int] = {}
        self._readers: Mapping[str, Callable[[Mapping[str, str], datetime], list[float]]] = {
            "ExecutionsStarted": lambda _, since: _counted(self._runs(since)),
            "ExecutionsFailed": lambda _, since: _counted(run for run in self._runs(since) if run.status == "FAILED"),
            "ExecutionsTimedOut": lambda *_: [],
            "ExecutionThrottled": lambda *_: [],
            "ServiceIntegrationsSucceeded": lambda _, since: _counted(
                name for run in self._runs(since) for name, _ in run.writes if name in _SIZES
            ),
            "NumberOfMessagesSent": self._sent,
            "cluster_failed_node_count": lambda *_: [self._lost()],
            "node_efa_rx_dropped": lambda *_: [0.0],
            "node_neuron_execution_errors_total": lambda *_: [0.0],
            "TotalInstanceCount": lambda named, _: self._reservation(named, lambda item: item.instance_count),
            "UsedInstanceCount": lambda named, _: self._reservation(named, self._used),
            "AvailableInstanceCount": lambda named, _: self._reservation(named, self._part(Reservations).available),
            HELD_NODES: lambda *_: [0.0],
            FATAL_XID_ERRORS: lambda _, since: self._lines(since),
            IMPAIRED_BLOCKS: lambda _, since: [
                float(item["Value"]) for run in self._runs(since) for put in run.figures for item in put["MetricData"]
            ],
        }
        for name, alarm in alarms.items():
            if metric_of(alarm)["MetricName"] not in self._readers:
                raise FleetError(
                    path=f"metric {metric_of(alarm)['MetricName']} of {name}",
                    got="not made by the embedded AWS",
                    expected=f"one of {', '.join(sorted(self._readers))}",
                    remedy="let a part of it make the figures",
                )

    def look(self, since: datetime) -> None:
        """Read what each metric got since a moment, a minute ago."""
        for name, alarm in self._alarms.items():
            metric = metric_of(alarm)
            named = {item["Name"]: item["Value"] for item in metric.get("Dimensions") or ()}
            self._seen[name].append(self._readers[metric["MetricName"]](named, since))

    def of(self, name: str) -> list[Figure]:
        """Figure of each whole period of an alarm's metric since the first look."""
        alarm = self._alarms[name]
        count = int(period_of(alarm) / STEP)
        statistic = _STATISTICS[metric_of(alarm)["Stat"]]
        minutes = self._seen[name]
        periods = [minutes[index : index + count] for index in range(0, len(minutes) - count + 1, count)]
        joined = [[value for minute in period for value in minute] for period in periods]
        return [statistic(values) if values else None for values in joined]

    # Where the figures come from

    def _part(self, kind: type[Any]) -> Any:  # the parts of the simulated account
        return SIMULATED_ACCOUNT.part(kind, self._account_id, self._region)

    def _runs(self, since: datetime) -> list[ScheduledExecution]:
        return [run for run in self._part(Schedules).runs if since <= run.moment < since + STEP]

    def _sent(self, named: Mapping[str, str], _: datetime) -> list[float]:
        """Messages sent to a queue, from which none is taken."""
        url = self._call("sqs", "get_queue_url", QueueName=named["QueueName"])["QueueUrl"]
        wanted = ["ApproximateNumberOfMessages"]
        answer = self._call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=wanted)
        known, now = self._messages.get(url), int(answer["Attributes"]["ApproximateNumberOfMessages"])
        self._messages[url] = now
        return [float(now - known)] if known is not None and now > known else []

    def _lost(self) -> float:
        alive = self._part(Lifetimes)
        lost = [item for group in self._part(Eks).node_groups() for item in group.lost]
        lost += [item for group in self._part(AutoScaling).groups.values() for item in group.lost]
        return float(sum(alive.by_id[item].terminated is None for item in lost))

    def _reservation(self, named: Mapping[str, str], count: Callable[[CapacityReservation], int]) -> list[float]:
        found = self._part(Reservations).by_id.get(named["CapacityReservationId"])
        return [] if found is None or found.state(SIMULATED_ACCOUNT.now) != "active" else [float(count(found))]

    def _used(self, reservation: CapacityReservation) -> int:
        return len(self._part(Lifetimes).in_reservation(reservation.id))

    def _lines(self, since: datetime) -> list[float]:
        """Lines that metric filters without dimensions count: those with dimensions make other metrics."""
        lines = [line for line in self._part(HostLog).lines if since <= line.moment < since + STEP]
        found = [
            float(change["metricValue"])
            for group, pattern, change in self._filters
            for line in lines
            if change["metricName"] == FATAL_XID_ERRORS and not change.get("dimensions")
            if line.log_group == group and change["metricNamespace"].startswith(f"{FLEET}/")
            if matches(pattern, line.message)
        ]
        return [sum(found)] if found else []


def _counted(items: Any) -> list[float]:  # whatever is counted
    """Number of items, as a figure; none where there is no item."""
    count = sum(1 for _ in items)
    return [float(count)] if count else []
