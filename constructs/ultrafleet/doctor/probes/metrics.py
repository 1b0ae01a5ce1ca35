"""Probe of the metrics by which a dead GPU could be seen."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from ultrafleet.catalog.metrics import METRICS
from ultrafleet.doctor.account import Account
from ultrafleet.doctor.probe import Answer, Permission, Probe, Question, no, yes
from ultrafleet.environment import Environment

_METRIC: Final = METRICS["node_gpu_temperature"]
_OF_A_GPU: Final = "GpuDevice"
"""Dimension of a single GPU (amazon-cloudwatch-agent, translator/otel/exporter/awsemf/kubernetes.go, high)."""


def _questions(environment: Environment) -> Iterator[Question]:
    if any(pool.instance.accelerator_kind == "nvidia" for pool in environment.pools):
        yield Question(
            subject=f"{_METRIC.name} of cluster {environment.cluster_name}",
            expected=f"published for each GPU, with dimension {_OF_A_GPU}",
            ask=partial(_ask, environment.cluster_name),
            path="kubernetes.dashboard",
            settles=(f"metric/{_METRIC.name}",),
        )


def _ask(cluster: str, account: Account) -> Answer | None:
    found = account.pages(
        "cloudwatch",
        "list_metrics",
        "Metrics",
        Namespace=_METRIC.namespace,
        MetricName=_METRIC.name,
        Dimensions=[{"Name": _METRIC.dimension, "Value": cluster}],
    )
    sets = [{item["Name"]: item["Value"] for item in metric["Dimensions"]} for metric in found]
    if not sets:
        return None
    gpus = {(item.get("InstanceId"), item[_OF_A_GPU]) for item in sets if _OF_A_GPU in item}
    if gpus:
        return yes(f"{len(gpus)} GPUs of {len({instance for instance, _ in gpus})} nodes in the last two weeks")
    return no(
        f"published by {', '.join(sorted({name for item in sets for name in item}))} alone",
        "a GPU that dies doesn't show in it: watch the kernel's XID errors",
    )


METRICS_OF_GPUS: Final = Probe(
    id="gpu-metric",
    asks="Does Container Insights publish a figure for each GPU, which ends when the GPU dies?",
    permissions=(Permission(action="cloudwatch:ListMetrics"),),
    questions=_questions,
    later="no such metric in the last two weeks: ask while nodes with GPUs run",
)
