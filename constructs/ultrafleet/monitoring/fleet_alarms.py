"""Alarms of a cluster, each with its meaning and a remedy."""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from ultrafleet.catalog.eks import host_log_group
from ultrafleet.catalog.metrics import (
    FATAL_XID_ERRORS,
    FLEET_METRICS,
    HELD_NODES,
    METRICS,
    fleet_namespace,
    sizing_integration,
)
from ultrafleet.cluster_reference import ClusterReference
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.kubernetes.taint import UNPROVEN_TAINT
from ultrafleet.monitoring.block_alarms import block_alarms
from ultrafleet.rules.block_dates import WatchedBlock
from ultrafleet.rules.names import node_group_name
from ultrafleet.tokens import is_token

_PERIOD = 300
_LINES_PERIOD = 60
"""Period of what log lines say: a metric filter reports each minute."""
_LINES_LATE_MINUTES = 5
"""Minutes that are looked at: a line that comes late counts in its own (ours)."""


class FleetAlarms(Construct):
    """Dead GPUs, held nodes, nodes that are paid for and not used, or not well, EFA, drains, late drains and ends.

    Dead GPUs are seen by the metrics of `HostLogs`, nodes that acceptance holds by that of `PodLogs`.

    Args:
        scope: parent.
        id: construct id.
        cluster: cluster of `aws_eks` or `aws_eks_v2`, a `FleetCluster`, or an `ImportedCluster` by its name.
        pools: nodes of the pools.
        reservations: ids of each pool's capacity reservations, by pool name. Each has an alarm of its own, so that the
            wait for the end of one block and the start of the next aren't added up.
        topic: where alarms go; its policy must let CloudWatch publish, which `BlockSchedule`'s does.
        blocks: dates of the reservations that are capacity blocks, by id: each has an alarm on its drain, on nodes
            that don't run outside of it, and on its end where no other follows. Default: none.
        unused_minutes: how long the capacity of other reservations may be unused, in minutes. Default: 120.
    """

    alarms: Sequence[cloudwatch.CfnAlarm]
    """All of them."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: ClusterReference,
        pools: Sequence[PoolNodes],
        reservations: Mapping[str, Sequence[str]],
        topic: sns.ITopic,
        blocks: Mapping[str, WatchedBlock] | None = None,
        unused_minutes: int = 120,
    ) -> None:
        super().__init__(scope, id)
        cluster_name = self._cluster = cluster.cluster_name
        self._topic_arn = topic.topic_arn
        blocks = blocks or {}
        alarms = [
            self._alarm(
                "FailedNodes",
                f"a node of {cluster_name} is lost, or under pressure of memory, disk or processes, for 15 minutes: "
                "kubectl describe it, and see whether EKS repairs it; a dead GPU is DeadGpu's",
                metric="cluster_failed_node_count",
                minutes=15,
            ),
            self._alarm(
                "EfaDrops",
                f"EFA devices of {cluster_name} drop packets for 15 minutes: jobs are slow, find the node on the "
                "dashboard's EFA metrics by NodeName",
                metric="node_efa_rx_dropped",
                minutes=15,
            ),
            self._sized("PoolsSized", self_managed=False),
        ]
        if any(pool.is_self_managed for pool in pools):
            alarms.append(self._sized("SelfManagedPoolsSized", self_managed=True))
        kinds = {pool.instance_type.accelerator_kind for pool in pools}
        if "nvidia" in kinds:
            alarms.append(self._dead_gpu())
        if any(UNPROVEN_TAINT in pool.startup_taints for pool in pools):
            alarms += self._acceptance()
        if "neuron" in kinds:
            alarms.append(self._executions_fail(cluster_name))
        for pool in sorted(pools, key=lambda item: item.pool_name):
            held = reservations.get(pool.pool_name, ())
            for reservation in held:
                alarms += (
                    block_alarms(
                        self,
                        cluster_name=cluster_name,
                        pool_name=pool.pool_name,
                        reservation=reservation,
                        block=blocks[reservation],
                        topic_arn=self._topic_arn,
                    )
                    if reservation in blocks
                    else [self._unused(pool, reservation, unused_minutes)]
                )
        self.alarms = alarms

    def _alarm(
        self,
        id: str,
        description: str,
        *,
        metric: str,
        minutes: int,
        value: str | None = None,
    ) -> cloudwatch.CfnAlarm:
        used = METRICS[metric]
        return cloudwatch.CfnAlarm(
            self,
            id,
            alarm_description=description,
            alarm_actions=[self._topic_arn],
            namespace=used.namespace,
            metric_name=used.name,
            dimensions=[{"name": used.dimension, "value": value or self._cluster}],
            statistic=used.statistic,
            period=_PERIOD,
            evaluation_periods=minutes * 60 // _PERIOD,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
        )

    def _executions_fail(self, cluster_name: str) -> cloudwatch.CfnAlarm:
        """Alarm on Trainium's execution errors that go on: a job that only fails is paid for, too.

        One figure for all kinds: errors of the hardware, the runtime and the model, and numbers that aren't any.
        """
        return self._alarm(
            "NeuronExecutionErrors",
            f"executions on Trainium of {cluster_name} fail for 15 minutes: read the jobs' logs, then `neuron-top` "
            "and `dmesg` on the node of the dashboard's Neuron errors by NodeName; a hardware error needs another node",
            metric="node_neuron_execution_errors_total",
            minutes=15,
        )

    def _sized(self, id: str, *, self_managed: bool) -> cloudwatch.CfnAlarm:
        return self._alarm(
            id,
            f"the block schedule empties or fills pools of {self._cluster} (or of another cluster here): a drain "
            "begins a lead before a block's end",
            metric="ServiceIntegrationsSucceeded",
            minutes=5,
            value=sizing_integration(cdk.Stack.of(self).partition, self_managed=self_managed),
        )

    def _dead_gpu(self) -> cloudwatch.CfnAlarm:
        """Alarm on the driver's lines: off after five minutes, so that the next GPU rings it again."""
        used = FLEET_METRICS[FATAL_XID_ERRORS]
        return cloudwatch.CfnAlarm(
            self,
            "DeadGpu",
            alarm_description=(
                f"NVIDIA's driver says that a GPU of {self._cluster} needs a reset or its node a replacement. Which "
                "node: the dashboard's fatal XID errors by node, or aws logs filter-log-events --log-group-name "
                f"{host_log_group(self._cluster)} --filter-pattern Xid. On Arm nothing repairs it: cordon, drain and "
                "replace the node, as the guide 'A rack fails' says. The alarm is off after five minutes, and the "
                "GPU stays dead"
            ),
            alarm_actions=[self._topic_arn],
            namespace=fleet_namespace(self._cluster),
            metric_name=used.name,
            statistic=used.statistic,
            period=_LINES_PERIOD,
            evaluation_periods=_LINES_LATE_MINUTES * 60 // _LINES_PERIOD,
            datapoints_to_alarm=1,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
        )

    def _acceptance(self) -> list[cloudwatch.CfnAlarm]:
        """Alarms on nodes that are paid for and held, and on a gate that doesn't look: new nodes then take no jobs."""
        used = FLEET_METRICS[HELD_NODES]
        common = {
            "alarm_actions": [self._topic_arn],
            "namespace": fleet_namespace(self._cluster),
            "metric_name": used.name,
            "period": _PERIOD,
            "threshold": 1,
        }
        return [
            cloudwatch.CfnAlarm(
                self,
                "HeldNodes",
                alarm_description=(
                    f"acceptance holds nodes of {self._cluster}, which cost and take no jobs: their annotation "
                    "ultrafleet/acceptance-findings says what failed, the gate's log the USD an hour; replace them, or "
                    "annotate them with ultrafleet/acceptance=again"
                ),
                statistic=used.statistic,
                evaluation_periods=1,
                comparison_operator="GreaterThanOrEqualToThreshold",
                treat_missing_data="notBreaching",
                **common,  # type: ignore[arg-type]
            ),
            cloudwatch.CfnAlarm(
                self,
                "GateSilent",
                alarm_description=(
                    f"the acceptance gate of {self._cluster} has not looked for 15 minutes, and new nodes take no jobs "
                    "until it does: kubectl -n acceptance get cronjobs,jobs,pods, and its log"
                ),
                statistic="SampleCount",
                evaluation_periods=3,
                comparison_operator="LessThanThreshold",
                treat_missing_data="breaching",
                **common,  # type: ignore[arg-type]
            ),
        ]

    def _unused(self, pool: PoolNodes, reservation: str, minutes: int) -> cloudwatch.CfnAlarm:
        """Alarm on a reservation; while it isn't active it has no figures, and nothing is unused then."""
        # The id follows the reservation: a block more or less changes no other alarm. One that is known at deployment
        # alone is the reservation of a pool without blocks.
        group = pool.pool_name if is_token(reservation) else node_group_name(pool.pool_name, reservation)
        return self._alarm(
            f"Unused-{group}",
            f"pool {pool.pool_name} of {self._cluster} has paid for nodes for {minutes} minutes in {reservation} that "
            "don't run: `ultrafleet preflight`, and the node group's health in EKS, say why",
            metric="AvailableInstanceCount",
            minutes=minutes,
            value=reservation,
        )
