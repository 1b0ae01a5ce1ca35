"""Every alarm of the shipped environment training: figures that turn it on, off, and on again."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from helpers.rehearsal_site import ENVIRONMENTS, synthesised
from ultrafleet.rehearsal.cloudwatch.alarm_states import Figure, metric_of, period_of, states
from ultrafleet.rules.block_clock import default_drain_lead_minutes, late_drain

NOON = datetime(2026, 12, 10, 12, tzinfo=UTC)
END = datetime(2026, 12, 15, 11, 30, tzinfo=UTC)
"""End of the first block of rack-a."""


@dataclass(frozen=True)
class Case:
    """Figures of one period that keep an alarm off, and such that turn it on, and after how many minutes.

    Attributes:
        metric: the metric that it watches.
        good: figure of an ordinary period.
        bad: figure of a period with the fault.
        minutes: minutes of the fault after which it is on.
        after: minutes for which it stays on once the fault is over.
    """

    metric: str
    good: Figure
    bad: Figure
    minutes: int
    after: int = 0


CASES = {
    "FailedCalls": Case("NumberOfMessagesSent", 0, 1, 5, after=10),
    "ExecutionsFailed": Case("ExecutionsFailed", 0, 1, 5),
    "ExecutionsTimedOut": Case("ExecutionsTimedOut", None, 1, 5),
    "ExecutionThrottled": Case("ExecutionThrottled", None, 2, 5),
    "NotRunning": Case("ExecutionsStarted", 1, None, 15),
    "ImpairedBlock": Case("ImpairedBlocks", 0, 1, 5, after=5),
    "DeadGpu": Case("FatalXidErrors", 0, 1, 1, after=4),
    "FailedNodes": Case("cluster_failed_node_count", 0, 1, 15),
    "EfaDrops": Case("node_efa_rx_dropped", 0, 30, 15),
    "PoolsSized": Case("ServiceIntegrationsSucceeded", None, 1, 5),
    "Unused": Case("AvailableInstanceCount", 0, 2, 120),
}
"""By the name in docs/constructs: alarms on a fault that may come at any time."""


@cache
def alarms() -> dict[str, dict[str, Any]]:
    """Alarms of the environment by stack and logical id."""
    _, stacks = synthesised((ENVIRONMENTS / "training.yaml").read_text(), "training")
    return {
        f"{stack.name} {name}": resource["Properties"]
        for stack in stacks
        for name, resource in json.loads(stack.template)["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def kind(name: str) -> str:
    """Name of an alarm in the documents."""
    (found,) = [item for item in (*CASES, "NotEmpty") if item in name]
    return found


def of_kind(wanted: str) -> list[dict[str, Any]]:
    found = [alarm for name, alarm in alarms().items() if kind(name) == wanted]
    assert found
    return found


def test_every_alarm_has_a_case() -> None:
    assert {kind(name) for name in alarms()} == {*CASES, "NotEmpty"}
    assert len(alarms()) >= 15
    assert all(alarm["AlarmActions"] for alarm in alarms().values())
    for name, case in CASES.items():
        assert {metric_of(alarm)["MetricName"] for alarm in of_kind(name)} == {case.metric}


@pytest.mark.parametrize("name", CASES)
def test_an_alarm_is_on_while_a_fault_lasts_and_rings_again_for_the_next(name: str) -> None:
    case = CASES[name]
    for alarm in of_kind(name):
        period = period_of(alarm).seconds // 60
        needed, after = case.minutes // period, case.after // period
        quiet, fault = [case.good] * (3 + after), [case.bad] * needed
        found = states(alarm, NOON, [*quiet, *fault, *quiet, *fault, *quiet])
        # On with the last period of the fault, off again after it, and the same for the second fault.
        before, on, between = ["OK"] * (2 + after + needed), ["ALARM"] * (1 + after), ["OK"] * (2 + needed)
        assert found == [*before, *on, *between, *on, "OK", "OK", "OK"]


@pytest.mark.parametrize("name", CASES)
def test_an_alarm_stays_off_while_all_is_well(name: str) -> None:
    for alarm in of_kind(name):
        assert set(states(alarm, NOON, [CASES[name].good] * 60)) == {"OK"}


@pytest.mark.parametrize("name", [name for name in CASES if name != "NotRunning"])
def test_a_figure_that_is_missing_is_no_fault(name: str) -> None:
    for alarm in of_kind(name):
        assert set(states(alarm, NOON, [None] * 60)) == {"OK"}


def test_a_message_that_lies_in_the_queue_does_not_silence_the_next() -> None:
    """A report each tick for half an hour, then a quiet hour without a purge, then another pool's report."""
    (alarm,) = of_kind("FailedCalls")
    found = states(alarm, NOON, [0, *[1] * 6, *[0] * 12, 1, 0])
    assert found == ["OK", *["ALARM"] * 8, *["OK"] * 10, "ALARM", "ALARM"]


def test_a_message_that_sqs_counts_late_is_told() -> None:
    """SQS reports up to 15 minutes late of a queue that was idle for hours: figures of three periods are looked at."""
    (alarm,) = of_kind("FailedCalls")
    assert alarm["EvaluationPeriods"] * alarm["Period"] == 15 * 60
    assert alarm["DatapointsToAlarm"] == 1


def not_empty(reservation: str) -> dict[str, Any]:
    (found,) = [
        alarm
        for name, alarm in alarms().items()
        if kind(name) == "NotEmpty" and reservation.replace("-", "") in name.replace("-", "")
    ]
    return found


def last_hours(figures: dict[int, Figure], *, alarm: dict[str, Any] | None = None) -> dict[int, str]:
    """State by minutes before the end of the block at which it is known; figures by minutes before the end."""
    alarm = alarm or not_empty("cr-0aaaaaaaaaaaaaaa1")
    start, count = END - timedelta(hours=4), 12 * 5
    value: Figure = 18
    given = []
    for index in range(count):
        value = figures.get(240 - 5 * index, value)
        given.append(value)
    return {240 - 5 * (index + 1): state for index, state in enumerate(states(alarm, start, given))}


class TestNotEmpty:
    def test_each_block_has_one(self) -> None:
        watched = [name for name in alarms() if kind(name) == "NotEmpty"]
        assert len(watched) == 3
        assert all(metric_of(alarms()[name])["MetricName"] == "UsedInstanceCount" for name in watched)

    def test_a_drain_in_time_is_silent(self) -> None:
        assert set(last_hours({85: 12, 80: 0, 0: None}).values()) == {"OK"}

    def test_a_late_drain_is_told_ten_minutes_before_ec2_takes_the_nodes(self) -> None:
        found = last_hours({60: 0, 0: None})
        assert {minutes for minutes, state in found.items() if state == "ALARM"} == {75, 70, 65, 60}

    def test_it_is_off_when_the_nodes_are_gone(self) -> None:
        found = last_hours({70: 0, 0: None})
        assert {minutes for minutes, state in found.items() if state == "ALARM"} == {75, 70}

    def test_a_block_that_is_over_ends_it(self) -> None:
        found = last_hours({0: None})
        assert found[0] == "ALARM"
        assert {state for minutes, state in found.items() if minutes < 0} == {"OK"}

    def test_other_days_and_hours_are_none_of_its(self) -> None:
        alarm = not_empty("cr-0aaaaaaaaaaaaaaa1")
        for days in (*range(1, 14), 30):  # 30 days before it is the 15th of another month
            assert set(states(alarm, END - timedelta(days=days, hours=2), [18] * 12 * 13)) == {"OK"}

    def test_a_lead_that_begins_the_day_before_is_watched_over_midnight(self) -> None:
        text = (ENVIRONMENTS / "training.yaml").read_text()
        text = text.replace("  - name: rack-a\n", "  - name: rack-a\n    drain_lead_minutes: 1200\n")
        _, stacks = synthesised(text, "training")
        (operate,) = [json.loads(stack.template) for stack in stacks if stack.name.endswith("-operate")]
        (alarm,) = [
            resource["Properties"]
            for name, resource in operate["Resources"].items()
            if "NotEmpty" in name and "0aaaaaaaaaaaaaaa1" in name
        ]
        start = END - timedelta(hours=24)
        found = states(alarm, start, [18] * 12 * 24)
        first = start + timedelta(minutes=5 * found.index("ALARM"))
        assert first == END - timedelta(minutes=1200 - 10)
        assert set(found[found.index("ALARM") :]) == {"ALARM"}

    def test_the_moment_is_the_latest_start_of_a_drain(self) -> None:
        for ultraserver in (True, False):
            lead = default_drain_lead_minutes(ultraserver=ultraserver)
            assert END - late_drain(END, lead) == timedelta(minutes=lead - 10)
