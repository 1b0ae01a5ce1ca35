"""Alarms of the block schedule."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from ultrafleet.catalog.metrics import FLEET_METRICS, IMPAIRED_BLOCKS, METRICS, fleet_namespace

_FIVE_MINUTES: Final = 300
_SQS_LATE_MINUTES: Final = 15
"""Delay of the figures of a queue that was idle for six hours (SQS developer guide, CloudWatch monitoring, high)."""
_TICK_LATE_MINUTES: Final = 10
"""Two periods of a figure that each tick gives: a tick that is late leaves one of them empty."""


class ScheduleAlarms(Construct):
    """Alarms of the block schedule and EC2's capacity block events, to one topic.

    Args:
        scope: parent.
        id: construct id.
        cluster_name: for descriptions.
        state_machine_arn: the machine.
        dead_letter_queue: where failed calls go.
        topic: SNS topic that the alarms notify.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster_name: str,
        state_machine_arn: str,
        dead_letter_queue: sqs.Queue,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, id)
        self._topic_arn = topic.topic_arn
        machine = [{"name": "StateMachineArn", "value": state_machine_arn}]
        # What was sent, not what lies there: an alarm acts on a change of its state, and a message lies there for days.
        sent = METRICS["NumberOfMessagesSent"]
        self._alarm(
            "FailedCalls",
            f"a capacity block pool of {cluster_name} could not be sized: read the dead-letter queue",
            namespace=sent.namespace,
            metric=sent.name,
            dimensions=[{"name": sent.dimension, "value": dead_letter_queue.queue_name}],
            statistic=sent.statistic,
            late_minutes=_SQS_LATE_MINUTES,
        )
        for metric in ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionThrottled"):
            self._alarm(
                metric,
                f"the block schedule of {cluster_name} did not finish: pools may not be emptied in time",
                namespace="AWS/States",
                metric=metric,
                dimensions=machine,
                statistic="Sum",
            )
        impaired = FLEET_METRICS[IMPAIRED_BLOCKS]
        self._alarm(
            "ImpairedBlock",
            f"the NVLink interconnect of an UltraServer in the account of {cluster_name} (or of another cluster's, "
            "here) is impaired: `aws ec2 describe-capacity-block-status` says which; take its rack out and open a case",
            namespace=fleet_namespace(cluster_name),
            metric=impaired.name,
            dimensions=[],
            statistic=impaired.statistic,
            late_minutes=_TICK_LATE_MINUTES,
        )
        # No data is the fault that this one is for.
        cloudwatch.CfnAlarm(
            self,
            "NotRunning",
            alarm_description=f"the block schedule of {cluster_name} has not run for 15 minutes: pools are not sized",
            alarm_actions=[self._topic_arn],
            namespace="AWS/States",
            metric_name="ExecutionsStarted",
            dimensions=machine,
            statistic="Sum",
            period=_FIVE_MINUTES,
            evaluation_periods=3,
            threshold=1,
            comparison_operator="LessThanThreshold",
            treat_missing_data="breaching",
        )
        rule = events.CfnRule(
            self,
            "CapacityBlockEvents",
            description="EC2 says something about a capacity block",
            # The detail types differ between pages of the EC2 guide; all begin so.
            event_pattern={"source": ["aws.ec2"], "detail-type": [{"prefix": "Capacity Block"}]},
            targets=[
                {
                    "id": "Topic",
                    "arn": self._topic_arn,
                    # An event that can't be published is lost without a word otherwise.
                    "deadLetterConfig": {"arn": dead_letter_queue.queue_arn},
                }
            ],
        )
        dead_letter_queue.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sqs:SendMessage"],
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                resources=[dead_letter_queue.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": rule.attr_arn}},
            )
        )
        # "You can't use Condition blocks in Amazon SNS topic policies for EventBridge" (EventBridge user guide,
        # resource-based policies, high): with one no event arrives.
        self._let_publish(topic, "events.amazonaws.com", {})
        alarms = cdk.Stack.of(self).format_arn(
            service="cloudwatch", resource="alarm", resource_name="*", arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME
        )
        self._let_publish(topic, "cloudwatch.amazonaws.com", {"ArnLike": {"aws:SourceArn": alarms}})

    def _alarm(
        self,
        id: str,
        description: str,
        *,
        namespace: str,
        metric: str,
        dimensions: list[dict[str, str]],
        statistic: str,
        late_minutes: int = 0,
    ) -> None:
        cloudwatch.CfnAlarm(
            self,
            id,
            alarm_description=description,
            alarm_actions=[self._topic_arn],
            namespace=namespace,
            metric_name=metric,
            dimensions=dimensions or None,
            statistic=statistic,
            period=_FIVE_MINUTES,
            # A figure that comes late is in an older period: one of those is enough.
            evaluation_periods=max(1, late_minutes * 60 // _FIVE_MINUTES),
            datapoints_to_alarm=1 if late_minutes else None,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
        )

    @staticmethod
    def _let_publish(topic: sns.ITopic, service: str, conditions: dict[str, dict[str, str]]) -> None:
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                principals=[iam.ServicePrincipal(service)],
                resources=[topic.topic_arn],
                conditions=conditions,
            )
        )
