"""The schedule that sizes a cluster's pools by their capacity blocks."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from ultrafleet.block_machine import state_machine_definition
from ultrafleet.catalog.metrics import fleet_namespace
from ultrafleet.cluster_reference import ClusterReference
from ultrafleet.rules.block_clock import TICK_MINUTES
from ultrafleet.rules.names import validate_cluster_name
from ultrafleet.rules.self_managed import CLUSTER_TAG
from ultrafleet.schedule.alarms import ScheduleAlarms
from ultrafleet.tokens import is_token

_RETENTION_DAYS: Final = 14
_LOG_GROUPS: Final = "/aws/vendedlogs/states"


class BlockSchedule(Construct):
    """State machine that sizes the node groups on capacity blocks of one cluster, started every five minutes.

    Node groups are managed ones of EKS, and Auto Scaling groups of self-managed nodes. It finds them by their tags,
    reads the state and the end of the block that each of them names from EC2, and sets the sizes: up while the block is
    active, to nothing a lead before it ends. Where it can't be sure it leaves a node
    group as it is and reports it. Adding or removing a pool or a block changes nothing here. A call that fails goes to
    a dead-letter queue, and alarms tell of that, of failed executions and of a schedule that doesn't run. See
    docs/decisions/0006-block-schedule.md.

    Args:
        scope: parent.
        id: construct id.
        cluster: cluster of `aws_eks` or `aws_eks_v2`, a `FleetCluster`, or an `ImportedCluster` by its name, whose
            name is plain or a token.
        topic: where alarms and EC2's capacity block events go. They are let in by its policy; the policy of an
            imported topic, and the key of any, must let CloudWatch and (without conditions, which it can't meet)
            EventBridge publish. Default: a new one, encrypted and without subscribers.
        encryption_key: key of the topic, the queue and the logs that are made here. CloudWatch, EventBridge and
            CloudWatch Logs are let in by its policy; an imported key's policy must let them. Default: a new one.
        enabled: start the machine. False stops all sizing: pools stay as they are, and EC2 kills what is left on a
            block when it ends; the alarm on a schedule that does not run tells of it once. Default: True.
        removal_policy: of the key and the logs that are made here. Default: they go with the stack.

    Raises:
        FleetError: a cluster name that EKS refuses. It is part of ARNs of the machine's policy and, in quotes, in an
            expression: "*" would open every cluster of the account.
    """

    state_machine_arn: str
    """The machine (a token)."""
    topic: sns.ITopic
    """Alarms and capacity block events."""
    dead_letter_queue: sqs.Queue
    """Calls that failed."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: ClusterReference,
        topic: sns.ITopic | None = None,
        encryption_key: kms.IKey | None = None,
        enabled: bool = True,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.DESTROY,
    ) -> None:
        cluster_name = cluster.cluster_name
        if not is_token(cluster_name):
            validate_cluster_name(cluster_name)
        super().__init__(scope, id)
        self._removal_policy = removal_policy
        key = encryption_key if encryption_key is not None else self._key()
        self._let_services_use(key)
        self.dead_letter_queue = sqs.Queue(
            self,
            "DeadLetters",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(_RETENTION_DAYS),
        )
        self.topic = topic if topic is not None else sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
        machine = self._state_machine(cluster_name, key)
        self.state_machine_arn = machine.attr_arn
        self._start_every_tick(cluster_name, enabled=enabled)
        ScheduleAlarms(
            self,
            "Alarms",
            cluster_name=cluster_name,
            state_machine_arn=self.state_machine_arn,
            dead_letter_queue=self.dead_letter_queue,
            topic=self.topic,
        )

    def metric_started(self, *, period: cdk.Duration | None = None, statistic: str = "Sum") -> cloudwatch.Metric:
        """Executions that started: one every five minutes; by default their sum over 5 minutes."""
        return self._metric("ExecutionsStarted", period, statistic)

    def metric_failed(self, *, period: cdk.Duration | None = None, statistic: str = "Sum") -> cloudwatch.Metric:
        """Executions that failed; by default their sum over 5 minutes."""
        return self._metric("ExecutionsFailed", period, statistic)

    def metric_timed_out(self, *, period: cdk.Duration | None = None, statistic: str = "Sum") -> cloudwatch.Metric:
        """Executions that timed out; by default their sum over 5 minutes."""
        return self._metric("ExecutionsTimedOut", period, statistic)

    def metric_throttled(self, *, period: cdk.Duration | None = None, statistic: str = "Sum") -> cloudwatch.Metric:
        """State transitions and retries that were throttled; by default their sum over 5 minutes."""
        return self._metric("ExecutionThrottled", period, statistic)

    def metric_failed_calls(self, *, period: cdk.Duration | None = None, statistic: str = "Sum") -> cloudwatch.Metric:
        """Calls that failed and were sent to the dead-letter queue; by default their sum over 5 minutes."""
        return self.dead_letter_queue.metric_number_of_messages_sent(period=period, statistic=statistic)

    def grant_start_execution(self, grantee: iam.IGrantable) -> iam.Grant:
        """Grant the right to size the pools at once, without waiting for the next start.

        Args:
            grantee: a role, a user or a service.
        """
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["states:StartExecution"], resource_arns=[self.state_machine_arn]
        )

    def _metric(self, name: str, period: cdk.Duration | None, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/States",
            metric_name=name,
            dimensions_map={"StateMachineArn": self.state_machine_arn},
            period=period,
            statistic=statistic,
        )

    def _key(self) -> kms.Key:
        return kms.Key(
            self,
            "Key",
            description="topic, queue and logs of the block schedule",
            enable_key_rotation=True,
            removal_policy=self._removal_policy,
        )

    def _let_services_use(self, key: kms.IKey) -> None:
        """Allow alarms, events and logs to use the key, which AWS-managed keys don't."""
        stack = cdk.Stack.of(self)
        publish = ["kms:Decrypt", "kms:GenerateDataKey*"]
        key.add_to_resource_policy(
            iam.PolicyStatement(
                actions=publish,
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
            )
        )
        # No source condition: with one EventBridge can't publish to an encrypted topic (SNS developer guide, key
        # management, high).
        key.add_to_resource_policy(
            iam.PolicyStatement(
                actions=publish, principals=[iam.ServicePrincipal("events.amazonaws.com")], resources=["*"]
            )
        )
        log_groups = stack.format_arn(
            service="logs",
            resource="log-group",
            # Without the cluster's name: were it a token, a cluster that uses this key too would wait for itself.
            resource_name=f"{_LOG_GROUPS}/*",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
                principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": log_groups}},
            )
        )

    def _state_machine(self, cluster_name: str, key: kms.IKey) -> stepfunctions.CfnStateMachine:
        stack = cdk.Stack.of(self)
        group = logs.LogGroup(
            self,
            "LogGroup",
            # Log groups of Step Functions begin so, or the resource policy they share grows too long (developer guide).
            log_group_name=f"{_LOG_GROUPS}/{cluster_name}-block-schedule",
            encryption_key=key,
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=self._removal_policy,
        )
        role = iam.Role(
            self,
            "StateMachineRole",
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
            ),
        )
        groups = f"arn:{stack.partition}:autoscaling:{stack.region}:{stack.account}:autoScalingGroup:*"
        eks = f"arn:{stack.partition}:eks:{stack.region}:{stack.account}"
        policy = iam.Policy(
            self,
            "StateMachinePolicy",
            statements=[
                iam.PolicyStatement(actions=["eks:ListNodegroups"], resources=[f"{eks}:cluster/{cluster_name}"]),
                iam.PolicyStatement(
                    actions=["eks:DescribeNodegroup", "eks:UpdateNodegroupConfig"],
                    resources=[f"{eks}:nodegroup/{cluster_name}/*"],
                ),
                # Groups of other clusters have another tag: the size of theirs isn't the machine's to set.
                iam.PolicyStatement(
                    actions=["autoscaling:SetDesiredCapacity"],
                    resources=[f"{groups}:autoScalingGroupName/{cluster_name}-*"],
                    conditions={"StringEquals": {f"aws:ResourceTag/{CLUSTER_TAG}": cluster_name}},
                ),
                # PutMetricData and what follows know no resources (service authorization reference, high).
                iam.PolicyStatement(
                    actions=["cloudwatch:PutMetricData"],
                    resources=["*"],
                    conditions={"StringEquals": {"cloudwatch:namespace": fleet_namespace(cluster_name)}},
                ),
                iam.PolicyStatement(
                    actions=[
                        "autoscaling:DescribeAutoScalingGroups",
                        "ec2:DescribeCapacityBlockStatus",
                        "ec2:DescribeCapacityReservations",
                        "logs:CreateLogDelivery",
                        "logs:DeleteLogDelivery",
                        "logs:DescribeLogGroups",
                        "logs:DescribeResourcePolicies",
                        "logs:GetLogDelivery",
                        "logs:ListLogDeliveries",
                        "logs:PutResourcePolicy",
                        "logs:UpdateLogDelivery",
                        "xray:GetSamplingRules",
                        "xray:GetSamplingTargets",
                        "xray:PutTelemetryRecords",
                        "xray:PutTraceSegments",
                    ],
                    resources=["*"],
                ),
            ],
            roles=[role],
        )
        self.dead_letter_queue.grant_send_messages(role)
        machine = stepfunctions.CfnStateMachine(
            self,
            "Resource",
            role_arn=role.role_arn,
            state_machine_type="STANDARD",
            definition=state_machine_definition(
                cluster_name=cluster_name, dead_letter_queue_url=self.dead_letter_queue.queue_url
            ),
            logging_configuration={
                "level": "ALL",
                "includeExecutionData": True,
                "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group.log_group_arn}}],
            },
            tracing_configuration={"enabled": True},
        )
        machine.node.add_dependency(policy)
        return machine

    def _start_every_tick(self, cluster_name: str, *, enabled: bool) -> None:
        stack = cdk.Stack.of(self)
        role = iam.Role(
            self,
            "SchedulerRole",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
            ),
        )
        role.add_to_policy(iam.PolicyStatement(actions=["states:StartExecution"], resources=[self.state_machine_arn]))
        self.dead_letter_queue.grant_send_messages(role)
        scheduler.CfnSchedule(
            self,
            "EveryTick",
            description=f"sizes the capacity block pools of {cluster_name}",
            # Not a property: the least drain lead counts on it.
            schedule_expression=f"rate({TICK_MINUTES} minutes)",
            flexible_time_window={"mode": "OFF"},
            state="ENABLED" if enabled else "DISABLED",
            target={
                "arn": self.state_machine_arn,
                "roleArn": role.role_arn,
                "deadLetterConfig": {"arn": self.dead_letter_queue.queue_arn},
                # A start that is later than a tick is overtaken by the next.
                "retryPolicy": {"maximumEventAgeInSeconds": TICK_MINUTES * 60, "maximumRetryAttempts": 5},
            },
        )
