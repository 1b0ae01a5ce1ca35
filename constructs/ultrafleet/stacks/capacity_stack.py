"""Schedule that sizes the pools on capacity blocks, and the topic of the environment's alarms."""

import hashlib

from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from ultrafleet.environment import Environment
from ultrafleet.rules.notification import notification_protocol
from ultrafleet.schedule import BlockSchedule
from ultrafleet.stacks import exports
from ultrafleet.stacks.environment_stack import EnvironmentStack


class CapacityStack(EnvironmentStack):
    """Block schedule of one environment, and the topic of its alarms with those who get them.

    Capacity blocks have no resource: they are bought through the EC2 API. On-demand reservations have a stack each.

    Args:
        scope: the environment's stage.
        environment: the environment.
    """

    block_schedule: BlockSchedule
    """The schedule of the capacity blocks."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(
            scope,
            "capacity",
            environment=environment,
            description=f"{environment.name}: the schedule of the capacity blocks",
        )
        topic, key = environment.alarm_topic_arn, environment.encryption_key_arn
        if key is not None:
            self._uses("KMS key", key)
        self.block_schedule = BlockSchedule(
            self,
            "BlockSchedule",
            cluster=self.cluster,
            topic=None if topic is None else sns.Topic.from_topic_arn(self, "Topic", self.alarm_topic_arn),
            encryption_key=None if key is None else kms.Key.from_key_arn(self, "Key", key),
        )
        if topic is None:
            self.exports.publish(
                self, exports.ALARM_TOPIC_ARN, self.block_schedule.topic.topic_arn, "topic of the environment's alarms"
            )
        for address in environment.notify:
            # By its address: others stay subscribed, and confirmed, when the list changes.
            digest = hashlib.sha256(address.encode()).hexdigest()[:8]
            sns.CfnSubscription(
                self,
                f"Notify-{digest}",
                topic_arn=self.block_schedule.topic.topic_arn,
                protocol=notification_protocol(address),
                endpoint=address,
            )
