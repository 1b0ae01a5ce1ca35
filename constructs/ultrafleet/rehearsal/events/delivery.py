"""Delivery of an event to the targets of the rules that it matches."""

import json
from dataclasses import dataclass
from typing import Any, Final

from moto.events.models import Rule, events_backends
from moto.events.utils import EventMessageType
from moto.kms.models import kms_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.events.service_access import lets_events_publish, lets_events_send, lets_events_use

_DEFAULT_BUS: Final = "default"
_AWS_MANAGED_KEY: Final = "alias/aws/"


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Delivery of one event to one target.

    Attributes:
        rule: name of the rule.
        target: ARN of the target.
        refused: reason why the target didn't take it; "" where it did.
        lost: true if no dead-letter queue took it either.
    """

    rule: str
    target: str
    refused: str = ""
    lost: bool = False


def deliver(account_id: str, region: str, event: EventMessageType) -> list[Delivery]:
    """Deliver an event of the default bus to topics and queues; other kinds of target are left out."""
    rules = events_backends[account_id][region].event_buses[_DEFAULT_BUS].rules.values()
    return [
        _deliver(account_id, region, rule, target, event)
        for rule in rules
        if rule.state == "ENABLED" and rule.scheduled_expression is None and rule.event_pattern.matches_event(event)
        for target in rule.targets
        if target["Arn"].split(":")[2] in {"sns", "sqs"}
    ]


def _deliver(account_id: str, region: str, rule: Rule, target: dict[str, Any], event: EventMessageType) -> Delivery:
    arn, message = target["Arn"], json.dumps(event)
    call = Calls(account_id=account_id, region=region)
    is_topic = arn.split(":")[2] == "sns"
    refused = _topic_refuses(account_id, region, arn) if is_topic else _queue_refuses(account_id, region, arn, rule.arn)
    if not refused:
        if is_topic:
            call("sns", "publish", TopicArn=arn, Message=message)
        else:
            _send(call, arn, message)
        return Delivery(rule=rule.name, target=arn)
    letters = target.get("DeadLetterConfig", {}).get("Arn")
    lost = letters is None or bool(_queue_refuses(account_id, region, letters, rule.arn))
    if letters is not None and not lost:
        _send(call, letters, message)
    return Delivery(rule=rule.name, target=arn, refused=refused, lost=lost)


def _topic_refuses(account_id: str, region: str, arn: str) -> str:
    topic = sns_backends[account_id][region].topics.get(arn)
    if topic is None:
        return f"topic {arn} does not exist"
    if not lets_events_publish(topic.policy):
        return f"the policy of topic {arn} doesn't let EventBridge publish without conditions"
    key = topic.kms_master_key_id
    if not key:
        return ""
    if str(key).startswith(_AWS_MANAGED_KEY):
        return f"topic {arn} is encrypted with an AWS-managed key, which EventBridge can't use"
    keys = kms_backends[account_id][region]
    if not lets_events_use(keys.get_key_policy(keys.any_id_to_key_id(key))):
        return f"the policy of key {key} doesn't let EventBridge use it without conditions"
    return ""


def _queue_refuses(account_id: str, region: str, arn: str, rule_arn: str) -> str:
    queue = sqs_backends[account_id][region].queues.get(arn.rpartition(":")[2])
    if queue is None:
        return f"queue {arn} does not exist"
    policy = queue.policy
    text = policy if isinstance(policy, str) else json.dumps(policy) if policy else ""
    return "" if lets_events_send(text, rule_arn) else f"the policy of queue {arn} doesn't let EventBridge send"


def _send(call: Calls, arn: str, message: str) -> None:
    url = call("sqs", "get_queue_url", QueueName=arn.rpartition(":")[2])["QueueUrl"]
    call("sqs", "send_message", QueueUrl=url, MessageBody=message)
