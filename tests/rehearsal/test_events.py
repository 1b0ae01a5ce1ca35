"""EC2's events about capacity blocks: delivered where the policies of topic, key and queue let EventBridge."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto import mock_aws

from ultrafleet.rehearsal import extension
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.events.clock import EventDeliveries
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

ACCOUNT, REGION = "111122223333", "us-east-1"
START = datetime(2026, 12, 1, 11, 30, tzinfo=UTC)
PATTERN = {"source": ["aws.ec2"], "detail-type": [{"prefix": "Capacity Block"}]}
EVENTS = {"Service": "events.amazonaws.com"}


@pytest.fixture
def bus() -> Iterator["Bus"]:
    extension.install()
    with mock_aws():
        SIMULATED_ACCOUNT.reset(START - timedelta(hours=1))
        yield Bus()
        SIMULATED_ACCOUNT.reset()


class Bus:
    """A rule with an encrypted topic as target and a queue for what it refuses, and one block."""

    def __init__(self) -> None:
        self.call = call = Calls(account_id=ACCOUNT, region=REGION)
        self.key = call("kms", "create_key", Policy=_policy(["kms:Decrypt", "kms:GenerateDataKey*"]))["KeyMetadata"]
        self.topic = call("sns", "create_topic", Name="fleet", Attributes={"KmsMasterKeyId": self.key["KeyId"]})[
            "TopicArn"
        ]
        self.inbox = call("sqs", "create_queue", QueueName="inbox")["QueueUrl"]
        self.letters = call("sqs", "create_queue", QueueName="letters")["QueueUrl"]
        call("sns", "subscribe", TopicArn=self.topic, Protocol="sqs", Endpoint=_queue_arn("inbox"))
        rule = call("events", "put_rule", Name="blocks", EventPattern=json.dumps(PATTERN))["RuleArn"]
        target = {"Id": "Topic", "Arn": self.topic, "DeadLetterConfig": {"Arn": _queue_arn("letters")}}
        call("events", "put_targets", Rule="blocks", Targets=[target])
        self.let_topic()
        self.let_queue({"ArnEquals": {"aws:SourceArn": rule}})
        SIMULATED_ACCOUNT.part(Reservations, ACCOUNT, REGION).seed_block(
            capacity_reservation_id="cr-0aaaaaaaaaaaaaaa1",
            instance_type="p6e-gb200.36xlarge",
            instance_count=18,
            availability_zone="us-east-1-dfw-2a",
            start=START,
            end=START + timedelta(days=1),
            ultraserver_type="u-p6e-gb200x72",
        )

    def let_topic(self, condition: dict[str, Any] | None = None) -> None:
        policy = _policy(["sns:Publish"], condition)
        self.call("sns", "set_topic_attributes", TopicArn=self.topic, AttributeName="Policy", AttributeValue=policy)

    def let_queue(self, condition: dict[str, Any]) -> None:
        policy = _policy(["sqs:SendMessage"], condition)
        self.call("sqs", "set_queue_attributes", QueueUrl=self.letters, Attributes={"Policy": policy})

    def received(self, url: str) -> list[Any]:
        answer = self.call("sqs", "receive_message", QueueUrl=url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


def _policy(actions: list[str], condition: dict[str, Any] | None = None) -> str:
    statement = {"Effect": "Allow", "Principal": EVENTS, "Action": actions, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Condition": condition or {}}]})


def _queue_arn(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def test_an_event_at_the_start_and_one_before_the_reclaim_reach_the_topic(bus: Bus) -> None:
    SIMULATED_ACCOUNT.advance(START + timedelta(days=1))
    events = [json.loads(message["Message"]) for message in bus.received(bus.inbox)]
    assert [(item["detail-type"], item["time"]) for item in events] == [
        ("Capacity Block Reservation Delivered", START.isoformat()),
        (
            "Capacity Block Reservation Expiration Warning",
            (START + timedelta(days=1) - timedelta(minutes=70)).isoformat(),
        ),
    ]
    assert bus.received(bus.letters) == []


def test_a_condition_in_the_topics_policy_sends_events_to_the_dead_letter_queue(bus: Bus) -> None:
    bus.let_topic({"StringEquals": {"aws:SourceAccount": ACCOUNT}})
    SIMULATED_ACCOUNT.advance(START)
    assert bus.received(bus.inbox) == []
    assert len(bus.received(bus.letters)) == 1
    (problem,) = SIMULATED_ACCOUNT.part(EventDeliveries, ACCOUNT, REGION).problems
    assert "doesn't let EventBridge publish without conditions" in problem
    assert problem.endswith("in the dead-letter queue")


def test_a_condition_in_the_keys_policy_does_the_same(bus: Bus) -> None:
    policy = _policy(["kms:Decrypt", "kms:GenerateDataKey*"], {"StringEquals": {"aws:SourceAccount": ACCOUNT}})
    bus.call("kms", "put_key_policy", KeyId=bus.key["KeyId"], PolicyName="default", Policy=policy)
    SIMULATED_ACCOUNT.advance(START)
    assert len(bus.received(bus.letters)) == 1


def test_without_a_queue_that_lets_it_in_the_event_is_lost(bus: Bus) -> None:
    bus.let_topic({"StringEquals": {"aws:SourceAccount": ACCOUNT}})
    bus.let_queue({"ArnEquals": {"aws:SourceArn": "arn:aws:events:us-east-1:111122223333:rule/other"}})
    SIMULATED_ACCOUNT.advance(START)
    (problem,) = SIMULATED_ACCOUNT.part(EventDeliveries, ACCOUNT, REGION).problems
    assert problem.endswith("lost")


def test_a_disabled_rule_delivers_nothing(bus: Bus) -> None:
    bus.call("events", "disable_rule", Name="blocks")
    SIMULATED_ACCOUNT.advance(START)
    assert bus.received(bus.inbox) == []
