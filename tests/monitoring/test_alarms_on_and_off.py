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

TRAINING = (ENVIRONMENTS / "training.yaml").read_text()
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
    "BelowSize": Case("AvailableInstanceCount", 0, 2, 30),
}
"""By the name in docs/constructs: alarms on a fault that may come at any time."""
DATED = {"NotEmpty", "NoSuccessor"}
"""Alarms on the end of a block."""


@cache
def alarms() -> dict[str, dict[str, Any]]:
    """Alarms of the environment by stack and logical id."""
    return alarms_of(TRAINING)


def alarms_of(text: str) -> dict[str, dict[str, Any]]:
    _, stacks = synthesised(text, "training")
    return {
        f"{stack.name} {name}": resource["Properties"]
        for stack in stacks
        for name, resource in json.loads(stack.template)["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def kind(name: str) -> str:
    """Name of an alarm in the documents."""
    (found,) = [item for item in (*CASES, *DATED) if item in name]
    return found


def of_kind(wanted: str) -> list[dict[str, Any]]:
    found = [alarm for name, alarm in alarms().items() if kind(name) == wanted]
    assert found
    return found


def test_every_alarm_has_a_case() -> None:
    assert {kind(name) for name in alarms()} == {*CASES, *DATED}
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


def dated(wanted: str, reservation: str, text: str | None = None) -> list[dict[str, Any]]:
    """Alarms of a kind on a reservation, of the shipped environment or of another text."""
    return [
        alarm
        for name, alarm in (alarms() if text is None else alarms_of(text)).items()
        if kind(name) == wanted and reservation.replace("-", "") in name.replace("-", "")
    ]


def not_empty(reservation: str) -> dict[str, Any]:
    (found,) = dated("NotEmpty", reservation)
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


class TestBelowSize:
    """Nodes of a block that is paid for and don't run."""

    BLOCK = "cr-0aaaaaaaaaaaaaaa1"

    def of_last_hours(self, text: str | None = None) -> list[str]:
        """States over the last day and the hours after the end: full, drained 90 minutes before the end, no figure."""
        (alarm,) = dated("BelowSize", self.BLOCK, text)
        full, drained = 12 * 24, 18
        return states(alarm, END - timedelta(hours=24, minutes=90), [*[0] * full, *[18] * drained, *[None] * 24])

    def test_a_pool_that_is_drained_rings_nothing(self) -> None:
        assert set(self.of_last_hours()) == {"OK"}

    def test_a_pool_that_is_drained_where_the_file_has_a_later_end_rings(self) -> None:
        """An extension that was written down and not bought."""
        later = TRAINING.replace("end: 2026-12-15T11:30:00Z", "end: 2026-12-16T11:30:00Z")
        later = later.replace("start: 2026-12-15T11:30:00Z", "start: 2026-12-16T11:30:00Z")
        assert self.of_last_hours(later).count("ALARM") == 18 - 5

    def test_a_pool_on_hold_has_none(self) -> None:
        held = TRAINING.replace("  - name: rack-a\n", "  - name: rack-a\n    hold: true\n")
        assert not dated("BelowSize", self.BLOCK, held)
        assert not dated("NoSuccessor", "cr-0aaaaaaaaaaaaaaa2", held)
        assert dated("NotEmpty", self.BLOCK, held)
        assert dated("BelowSize", "cr-0bbbbbbbbbbbbbbb1", held)

    def test_a_launch_in_time_rings_nothing(self) -> None:
        (alarm,) = dated("BelowSize", self.BLOCK)
        start = datetime(2026, 12, 1, 11, 30, tzinfo=UTC)
        assert set(states(alarm, start, [18, 18, 9, 4, 2, 0, 0])) == {"OK"}
        assert states(alarm, start, [18, 18, 9, 4, 2, 1, 0])[-2:] == ["ALARM", "OK"]


class TestNoSuccessor:
    """A block near its end after which the file has none."""

    LAST = "cr-0bbbbbbbbbbbbbbb1"
    END = datetime(2027, 1, 26, 11, 30, tzinfo=UTC)

    def on(self, end: datetime, text: str | None = None) -> tuple[datetime, datetime] | None:
        """First and last moment at which it is on, by five minutes over sixty days; the block gives figures to its
        end."""
        (alarm,) = dated("NoSuccessor", self.LAST, text)
        start = end.replace(hour=0, minute=0) - timedelta(days=56)
        moments = [start + timedelta(minutes=5 * index) for index in range(12 * 24 * 60)]
        found = states(alarm, start, [18 if moment < end else None for moment in moments])
        on = [moment for moment, state in zip(moments, found, strict=True) if state == "ALARM"]
        assert len(on) in (0, (on[-1] - on[0]) // timedelta(minutes=5) + 1 if on else 0)  # without a break
        return (on[0], on[-1]) if on else None

    def test_only_the_last_block_of_a_pool_has_one(self) -> None:
        named = [name for name in alarms() if kind(name) == "NoSuccessor"]
        assert sorted(name.partition("cr0")[2][:16] for name in named) == ["aaaaaaaaaaaaaaa2", "bbbbbbbbbbbbbbb1"]

    def test_it_rings_from_the_seventh_day_before_to_the_end(self) -> None:
        begin = (self.END - timedelta(days=7)).replace(hour=0, minute=0)
        assert self.on(self.END) == (begin, self.END - timedelta(minutes=5))

    @pytest.mark.parametrize("day", ["2027-02-02", "2027-02-06", "2027-03-01"])
    def test_it_counts_over_the_end_of_a_month(self, day: str) -> None:
        end = datetime.fromisoformat(f"{day}T11:30:00+00:00")
        text = TRAINING.replace("end: 2027-01-26T11:30:00Z", f"end: {day}T11:30:00Z")
        begin = (end - timedelta(days=7)).replace(hour=0, minute=0)
        assert self.on(end, text) == (begin, end - timedelta(minutes=5))

    def test_an_extension_in_the_file_ends_it(self) -> None:
        text = TRAINING.replace("end: 2027-01-26T11:30:00Z", "end: 2027-02-09T11:30:00Z")
        assert self.on(self.END, text) is None

    def test_a_successor_in_the_file_takes_it_away(self) -> None:
        following = (
            "        end: 2027-01-26T11:30:00Z\n      - capacity_reservation_id: cr-0bbbbbbbbbbbbbbb2\n"
            "        availability_zone: us-east-1-dfw-2a\n        start: 2027-01-26T11:30:00Z\n"
            "        end: 2027-02-09T11:30:00Z\n"
        )
        text = TRAINING.replace("        end: 2027-01-26T11:30:00Z\n", following)
        assert not dated("NoSuccessor", self.LAST, text)
        assert dated("NoSuccessor", "cr-0bbbbbbbbbbbbbbb2", text)

    def test_it_says_what_to_do(self) -> None:
        (alarm,) = dated("NoSuccessor", self.LAST)
        assert "2027-01-26: buy the next one (`ultrafleet capacity search`) or extend it" in alarm["AlarmDescription"]
        assert len(alarm["AlarmDescription"]) <= 1024
