"""CloudWatch metrics that the dashboard and the alarms use, each with where its name and dimensions are known from."""

from collections.abc import Mapping
from dataclasses import dataclass

from ultrafleet.catalog.source import Confidence, Source

CONTAINER_INSIGHTS = "ContainerInsights"
RESERVATIONS = "AWS/EC2CapacityReservations"
STATES = "AWS/States"
QUEUES = "AWS/SQS"
FLEET = "Ultrafleet"
"""Beginning of the namespace of a cluster's metrics that the fleet makes itself: see `fleet_namespace`."""

_AGENT = Source(
    "amazon-cloudwatch-agent, translator/otel/exporter/awsemf, metric declarations: [ClusterName] among them",
    address="https://github.com/aws/amazon-cloudwatch-agent",
)
_CAPACITY = Source(
    "amazon-cloudwatch-agent, podstore.go, getNodeStatusCapacityGPUs: a node's capacity, which kubelet counts "
    "unhealthy devices in; none is sent where it is 0",
    address="https://github.com/amazon-contributing/opentelemetry-collector-contrib",
)
_CLUSTER = Source(
    "CloudWatch user guide, Container Insights metrics of EKS",
    address="https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-EKS.html",
)
_FAILED = Source(
    "amazon-cloudwatch-agent, k8sclient/node.go, failedNodeConditions: nodes whose MemoryPressure, DiskPressure, "
    "PIDPressure or NetworkUnavailable is true or unknown; no condition of the node monitoring agent",
    address="https://github.com/amazon-contributing/opentelemetry-collector-contrib",
    also=(_CLUSTER,),
)
_NEURON = Source(
    "CloudWatch user guide, enhanced Container Insights metrics of EKS, AWS Neuron metrics; amazon-cloudwatch-agent "
    "@ab55b8d, translator/translate/otel/exporter/awsemf/kubernetes.go: [ClusterName] among their dimensions",
    address="https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/"
    "Container-Insights-metrics-enhanced-EKS.html",
)
_NEURON_COUNT = Source(
    _NEURON.text,
    address=_NEURON.address,
    also=(Source("that a sample counts since the one before: the exporter's rule for counters", Confidence.MEDIUM),),
)
_STATES = Source(
    "Step Functions developer guide, service integration metrics",
    address="https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html",
)

_QUEUES = Source(
    "SQS developer guide, available CloudWatch metrics: messages sent to a dead-letter queue count, those that "
    "SQS moves there don't",
    address="https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/"
    "sqs-available-cloudwatch-metrics.html",
    also=(Source("that those of EventBridge and Scheduler count as sent", Confidence.MEDIUM),),
)
TIME_FUNCTIONS = Source(
    "CloudWatch user guide, metric math: MONTH, DATE, HOUR and MINUTE of a metric's timestamps, and IF",
    address="https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html",
    also=(Source("that alarms see them in UTC", Confidence.MEDIUM),),
)
"""Source of what alarms on a time of day rest on."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric.

    Attributes:
        namespace: its namespace.
        name: its name.
        dimension: the one dimension that it is used with.
        statistic: how it is used.
        source: where this is known from.
    """

    namespace: str
    name: str
    dimension: str
    statistic: str
    source: Source


@dataclass(frozen=True, kw_only=True)
class FleetMetric:
    """Metric that the fleet makes itself, without a dimension, in the namespace of its cluster.

    Attributes:
        name: its name.
        statistic: how it is used.
        source: where what it counts is known from.
    """

    name: str
    statistic: str
    source: Source


def _node(name: str, statistic: str, source: Source = _AGENT) -> Metric:
    return Metric(namespace=CONTAINER_INSIGHTS, name=name, dimension="ClusterName", statistic=statistic, source=source)


def _reservation(name: str) -> Metric:
    return Metric(
        namespace=RESERVATIONS,
        name=name,
        dimension="CapacityReservationId",
        statistic="Maximum",
        source=Source(
            "EC2 user guide, CloudWatch metrics of capacity reservations",
            also=(Source("of capacity blocks", Confidence.MEDIUM),),
        ),
    )


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            namespace=CONTAINER_INSIGHTS,
            name="cluster_node_count",
            dimension="ClusterName",
            statistic="Average",
            source=_CLUSTER,
        ),
        Metric(
            namespace=CONTAINER_INSIGHTS,
            name="cluster_failed_node_count",
            dimension="ClusterName",
            statistic="Maximum",
            source=_FAILED,
        ),
        _reservation("TotalInstanceCount"),
        _reservation("UsedInstanceCount"),
        _reservation("AvailableInstanceCount"),
        _node("node_gpu_limit", "Minimum", _CAPACITY),
        _node("node_gpu_usage_total", "Sum"),
        _node("node_gpu_utilization", "Average"),
        _node("node_gpu_memory_utilization", "Average"),
        _node("node_gpu_temperature", "Maximum"),
        _node("node_gpu_power_draw", "Maximum"),
        _node("node_neuroncore_limit", "Minimum"),
        _node("node_neuroncore_utilization", "Average", _NEURON),
        _node("node_neurondevice_runtime_memory_used_bytes", "Maximum", _NEURON),
        _node("node_neuron_execution_errors_total", "Sum", _NEURON_COUNT),
        _node("node_neurondevice_hw_ecc_events_total", "Sum", _NEURON_COUNT),
        _node("node_neuroncore_usage_total", "Sum"),
        _node("node_efa_rx_bytes", "Average"),
        _node("node_efa_tx_bytes", "Average"),
        _node("node_efa_rdma_read_bytes", "Average"),
        _node("node_efa_rdma_write_bytes", "Average"),
        _node("node_efa_rx_dropped", "Sum"),
        Metric(
            namespace=QUEUES,
            name="NumberOfMessagesSent",
            dimension="QueueName",
            statistic="Sum",
            source=_QUEUES,
        ),
        Metric(
            namespace=STATES,
            name="ServiceIntegrationsSucceeded",
            dimension="ServiceIntegrationResourceArn",
            statistic="Sum",
            source=_STATES,
        ),
        Metric(
            namespace=STATES,
            name="ServiceIntegrationsFailed",
            dimension="ServiceIntegrationResourceArn",
            statistic="Sum",
            source=_STATES,
        ),
    )
}
"""By name. What DCGM knows comes through Container Insights' own exporter, which runs on Grace nodes, too; the DCGM
server of eks-node-monitoring-agent is amd64 only (its chart at 1.7.0, high).

None of Container Insights' metrics says that a GPU died: `node_gpu_limit` is the node's capacity, the exporter is
configured with use, memory, temperature and power and no XID error (aws-observability/helm-charts,
dcgm-exporter-daemonset.yaml, high), and what it sends of a GPU that is lost isn't documented (NVIDIA/dcgm-exporter #348
asks for a figure). The kernel's lines say it: `FLEET_METRICS`.

Of Trainium, ECC events are sent as one figure, corrected and uncorrected together (the agent's metric declarations name
no other, high): it has no alarm. Execution errors of all kinds are one figure, too."""

_XID_LINES = Source(
    "NVIDIA, Xid errors: the kernel's line `NVRM: Xid (PCI:…): CODE, …`, on each architecture",
    address="https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html",
    also=(
        Source(
            "aws-observability/helm-charts, host-log.conf: kernel lines of the journal in the host log group, as JSON"
        ),
        Source("CloudWatch Logs user guide, filter pattern syntax: JSON, and strings with wildcards"),
        Source("that a string may have a wildcard at both ends", Confidence.MEDIUM),
        Source("that XID 154 ends with the action that the driver asks for, `(None)` for none", Confidence.MEDIUM),
    ),
)
_IMPAIRED = Source(
    "EC2 API, DescribeCapacityBlockStatus, InterconnectStatus; the block schedule puts their number at each tick",
    address="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeCapacityBlockStatus.html",
)

_GATE = Source("the acceptance gate logs the number of nodes that it holds each minute; Fluent Bit sends its line on")

FATAL_XID_ERRORS = "FatalXidErrors"
IMPAIRED_BLOCKS = "ImpairedBlocks"
HELD_NODES = "HeldNodes"
INSTANCE = "InstanceId"
"""Dimension of the fatal XID errors of one node."""

FLEET_METRICS: Mapping[str, FleetMetric] = {
    metric.name: metric
    for metric in (
        FleetMetric(name=FATAL_XID_ERRORS, statistic="Sum", source=_XID_LINES),
        FleetMetric(name=IMPAIRED_BLOCKS, statistic="Maximum", source=_IMPAIRED),
        FleetMetric(name=HELD_NODES, statistic="Maximum", source=_GATE),
    )
}
"""Metrics that the fleet makes of what AWS has no metric for, by name, in the namespace of their cluster."""


def fleet_namespace(cluster_name: str) -> str:
    """Namespace of a cluster's own metrics: a metric filter can give its metric no constant dimension.

    Args:
        cluster_name: the cluster, a plain name or a token.
    """
    return f"{FLEET}/{cluster_name}"


def sizing_integration(partition: str, *, self_managed: bool = False) -> str:
    """Step Functions metric of the calls that size pools; of the whole account and region.

    Args:
        partition: partition of the account.
        self_managed: calls about Auto Scaling groups. Default: about managed node groups.
    """
    call = "autoscaling:setDesiredCapacity" if self_managed else "eks:updateNodegroupConfig"
    return f"arn:{partition}:states:::aws-sdk:{call}"
