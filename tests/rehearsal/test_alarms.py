"""Alarms of a block's end on the embedded AWS: which one, how many minutes before the end, and off again.

Its CloudWatch keeps no figures of services, so they are read from the simulated account every five minutes, and the
alarms are the template's.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from helpers.rehearsal_site import DeployedEnvironment, deployed
from ultrafleet.rehearsal.cloudwatch.alarm_states import Figure, states
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT
from ultrafleet.rehearsal.stepfunctions.clock import Schedules

pytestmark = pytest.mark.slow

END = datetime(2026, 12, 15, 11, 30, tzinfo=UTC)
"""End of the first block of rack-a, whose lead is 90 minutes and which EC2 takes back from 60 minutes before on."""
FIRST, LAST, STEP = 110, 50, 5
"""Minutes before the end of the first and of the last period, and the length of one."""
METRICS = {
    "FailedCalls": "messages",
    "ExecutionsFailed": "failed",
    "NotRunning": "started",
    "NotEmpty-rack-a-cr-0aaaaaaaaaaaaaaa1": "nodes",
}


@pytest.fixture
def training() -> Iterator[DeployedEnvironment]:
    """Training with its nodes up."""
    with deployed("training", up=True) as made:
        yield made


def alarm_of(made: DeployedEnvironment, name: str) -> dict[str, Any]:
    (found,) = [
        resource["Properties"]
        for stack in made.stacks
        for logical_id, resource in json.loads(stack.template)["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm" and name.replace("-", "") in logical_id
    ]
    return dict(found)


def sent(made: DeployedEnvironment) -> int:
    """Messages in the dead-letter queue, from which none is taken."""
    queues = made.call("sqs", "list_queues")["QueueUrls"]
    (queue,) = [url for url in queues if "DeadLetters" in url]
    answer = made.call("sqs", "get_queue_attributes", QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def on_before_the_end(made: DeployedEnvironment) -> dict[str, list[int]]:
    """Minutes before the block's end at which each alarm is on, from periods of five minutes over the last hours."""
    SIMULATED_ACCOUNT.advance(END - timedelta(minutes=FIRST))
    runs = SIMULATED_ACCOUNT.part(Schedules, made.environment.account, made.environment.region).runs
    figures: dict[str, list[Figure]] = {name: [] for name in METRICS.values()}
    for minutes in range(FIRST - STEP, LAST - 1, -STEP):
        messages, known = sent(made), len(runs)
        nodes = made.node_group("rack-a").running
        SIMULATED_ACCOUNT.advance(END - timedelta(minutes=minutes))
        figures["messages"].append(sent(made) - messages)
        figures["started"].append(len(runs) - known or None)
        figures["failed"].append(sum(run.status != "SUCCEEDED" for run in runs[known:]))
        figures["nodes"].append(min(nodes, made.node_group("rack-a").running))
    start = END - timedelta(minutes=FIRST)
    return {
        name: [
            FIRST - STEP * (index + 1)
            for index, state in enumerate(states(alarm_of(made, name), start, figures[metric]))
            if state == "ALARM"
        ]
        for name, metric in METRICS.items()
    }


NOT_EMPTY = "NotEmpty-rack-a-cr-0aaaaaaaaaaaaaaa1"


def test_a_drain_as_it_should_be_rings_none_of_them(training: DeployedEnvironment) -> None:
    assert on_before_the_end(training) == {name: [] for name in METRICS}


def test_a_drain_that_is_refused_rings_two_before_ec2_takes_the_nodes(training: DeployedEnvironment) -> None:
    training.simulation.inject(name="schedule-denied")
    on = on_before_the_end(training)
    assert 85 <= on["FailedCalls"][0] <= 90  # with the first tick of the lead
    assert on[NOT_EMPTY][0] == 75
    assert on[NOT_EMPTY][-1] >= 60  # off when EC2 has taken the nodes
    assert on["NotRunning"] == on["ExecutionsFailed"] == []


def test_a_schedule_that_does_not_run_rings_two(training: DeployedEnvironment) -> None:
    training.simulation.inject(name="schedule-off")
    on = on_before_the_end(training)
    assert on["NotRunning"][0] == FIRST - 15
    assert on[NOT_EMPTY][0] == 75
    assert on["FailedCalls"] == []


def test_a_drain_that_is_a_tick_late_rings_until_its_nodes_are_gone(training: DeployedEnvironment) -> None:
    training.simulation.inject(name="schedule-throttled")
    on = on_before_the_end(training)
    assert on["FailedCalls"][0] >= 85
    assert on[NOT_EMPTY] == [75, 70]
    assert on["ExecutionsFailed"] == []


def below_size(made: DeployedEnvironment, minutes: int) -> list[str]:
    """States of the first block's alarm on the pool's size, each five minutes from now on."""
    reservations = SIMULATED_ACCOUNT.part(Reservations, made.environment.account, made.environment.region)
    block = reservations.get("cr-0aaaaaaaaaaaaaaa1")
    start, figures = SIMULATED_ACCOUNT.now, []
    for _ in range(minutes // STEP):
        seen = []
        for _ in range(STEP):
            SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + timedelta(minutes=1))
            seen.append(reservations.available(block))
        figures.append(min(seen))
    return states(alarm_of(made, "BelowSize-rack-a-cr-0aaaaaaaaaaaaaaa1"), start, figures)


def test_nodes_that_do_not_come_back_ring_below_size_and_their_return_ends_it(training: DeployedEnvironment) -> None:
    assert set(below_size(training, 60)) == {"OK"}
    training.simulation.inject(name="insufficient-capacity")
    training.call("ec2", "terminate_instances", InstanceIds=sorted(training.nodes("rack-a"))[:2])
    found = below_size(training, 60)
    assert found[:5] == ["OK"] * 5  # a node that is replaced in time rings nothing
    assert found[-1] == "ALARM"
    training.simulation.clear()
    assert below_size(training, 90)[-1] == "OK"
