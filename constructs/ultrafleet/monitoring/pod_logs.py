"""Log group of the cluster's pods, and the metric of nodes that the acceptance gate holds."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from ultrafleet.catalog.eks import application_log_group
from ultrafleet.catalog.metrics import HELD_NODES, fleet_namespace
from ultrafleet.cluster_reference import ClusterReference

# Fluent Bit puts what a pod logs as JSON under this key (chart of the add-on, application-log.conf, high).
_LINE: Final = "$.log_processed"


class PodLogs(Construct):
    """Log group that the add-on amazon-cloudwatch-observability sends pods' logs to, with the acceptance gate's metric.

    The add-on makes the group when it is missing, without an end to what it keeps: let the add-on depend on this. A
    metric filter takes the number of held nodes from the line that the gate logs each minute; where the line is
    missing, the metric is. `FleetAlarms` has the alarms.

    Args:
        scope: parent.
        id: construct id.
        cluster: cluster of `aws_eks` or `aws_eks_v2`, a `FleetCluster`, or an `ImportedCluster` by its name.
        log_group: existing group, of an add-on that is there already; it gets the metric filters and nothing else.
            Default: the group is made here.
        encryption_key: key of the log group, whose policy must let CloudWatch Logs use it. Default: CloudWatch Logs'
            own.
        retention: how long lines are kept. Default: one month.
        removal_policy: of the log group. Default: it goes with the stack.
    """

    log_group: logs.ILogGroup
    """Log group of the pods."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: ClusterReference,
        log_group: logs.ILogGroup | None = None,
        encryption_key: kms.IKey | None = None,
        retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.DESTROY,
    ) -> None:
        super().__init__(scope, id)
        self.log_group = log_group or logs.LogGroup(
            self,
            "LogGroup",
            log_group_name=application_log_group(cluster.cluster_name),
            encryption_key=encryption_key,
            retention=retention,
            removal_policy=removal_policy,
        )
        logs.CfnMetricFilter(
            self,
            "HeldNodes",
            log_group_name=self.log_group.log_group_name,
            filter_pattern=f'{{ ({_LINE}.gate = "acceptance") && ({_LINE}.event = "looked") }}',
            metric_transformations=[
                {
                    "metricNamespace": fleet_namespace(cluster.cluster_name),
                    "metricName": HELD_NODES,
                    "metricValue": f"{_LINE}.heldNodes",
                }
            ],
        )
