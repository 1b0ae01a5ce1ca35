"""Log group of the nodes' kernel lines, and the metrics of GPUs that they say are dead."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from ultrafleet.catalog.eks import host_log_group
from ultrafleet.catalog.metrics import FATAL_XID_ERRORS, INSTANCE, fleet_namespace
from ultrafleet.cluster_reference import ClusterReference
from ultrafleet.rules.xid_lines import fatal_xid_pattern

_INSTANCE_FIELD: Final = "$.ec2_instance_id"


class HostLogs(Construct):
    """Log group that the add-on amazon-cloudwatch-observability sends the nodes' kernel lines to, with its metrics.

    The add-on makes the group when it is missing, without an end to what it keeps: let the add-on depend on this. Two
    metric filters count the lines with which NVIDIA's driver says that a GPU is dead, on x86_64 and Arm: one for the
    cluster, which has a figure while lines come, and one for each node. `FleetAlarms` has the alarm.

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
    """Log group of the kernel lines."""

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
        namespace = fleet_namespace(cluster.cluster_name)
        self.log_group = log_group or logs.LogGroup(
            self,
            "LogGroup",
            log_group_name=host_log_group(cluster.cluster_name),
            encryption_key=encryption_key,
            retention=retention,
            removal_policy=removal_policy,
        )
        metric = {"metricNamespace": namespace, "metricName": FATAL_XID_ERRORS, "metricValue": "1"}
        for name, more in (
            # A filter with dimensions takes no default value (CloudWatch Logs user guide, metric filters, high).
            ("FatalXidErrors", {"defaultValue": 0}),
            ("FatalXidErrorsOfNodes", {"dimensions": [{"key": INSTANCE, "value": _INSTANCE_FIELD}]}),
        ):
            logs.CfnMetricFilter(
                self,
                name,
                log_group_name=self.log_group.log_group_name,
                filter_pattern=fatal_xid_pattern(),
                metric_transformations=[{**metric, **more}],
            )
