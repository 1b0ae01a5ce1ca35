"""The dashboard of an environment as CloudWatch's JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from ultrafleet.catalog.metrics import (
    FATAL_XID_ERRORS,
    FLEET_METRICS,
    IMPAIRED_BLOCKS,
    INSTANCE,
    METRICS,
    fleet_namespace,
    sizing_integration,
)
from ultrafleet.kubernetes.pool_nodes import PoolNodes

_COLUMNS = 24
_HEIGHT = 6
_POOLS_A_ROW = 3
_POOL_WIDGETS = 60
"""Pools with a widget of their own: beyond, their sums are shown alone. CloudWatch takes 500 widgets, and a page of
sixty is the most that a reader takes in (CloudWatch user guide, quotas: high; sixty: ours)."""

_PERIOD = 300


def dashboard_body(
    *,
    cluster_name: str,
    region: str,
    partition: str,
    pools: Sequence[PoolNodes],
    reservations: Mapping[str, Sequence[str]],
    account_reservations: bool = False,
) -> dict[str, Any]:
    """Widgets on CloudWatch's grid of 24 columns.

    Args:
        cluster_name: the cluster.
        region: its region.
        partition: its partition.
        pools: the pools.
        reservations: ids of each pool's capacity reservations; a pool without any has no widget of its own.
        account_reservations: show every reservation of the account and region, too.
    """
    board = _Board(cluster_name, region, partition)
    shown = [pool for pool in sorted(pools, key=lambda item: item.pool_name) if reservations.get(pool.pool_name)]
    widgets = [
        board.text(f"# {cluster_name}\n{_summary(pools)}", y=0),
        *board.row(2, [board.nodes(pools), board.failed(), board.sized(pools)]),
    ]
    y = 2 + _HEIGHT
    faults = [*board.dead_gpus(pools), board.efa_traffic(), board.efa_errors(), board.impaired()]
    for row in (*board.accelerators(pools), faults):
        widgets += board.row(y, row)
        y += _HEIGHT
    for start in range(0, min(len(shown), _POOL_WIDGETS), _POOLS_A_ROW):
        row = [board.pool(pool, reservations[pool.pool_name]) for pool in shown[start : start + _POOLS_A_ROW]]
        widgets += board.row(y, row)
        y += _HEIGHT
    if account_reservations:
        widgets += board.row(y, [board.account_reservations()])
        y += _HEIGHT
    if len(shown) > _POOL_WIDGETS:
        widgets.append(board.text(f"{len(shown) - _POOL_WIDGETS} pools more have alarms and no widget.", y=y))
    return {"periodOverride": "inherit", "widgets": widgets}


def _summary(pools: Sequence[PoolNodes]) -> str:
    ultraservers = sum(pool.ultraservers for pool in pools)
    nodes = sum(pool.nodes for pool in pools)
    return f"{len(pools)} pools; at once at most {ultraservers} UltraServers, {nodes} accelerator nodes"


class _Board:
    """Widgets of one cluster."""

    def __init__(self, cluster_name: str, region: str, partition: str) -> None:
        self._cluster = cluster_name
        self._region = region
        self._partition = partition

    def row(self, y: int, widgets: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Widgets beside one another, as wide as they fit."""
        width = _COLUMNS // max(1, len(widgets))
        return [
            {**widget, "x": index * width, "y": y, "width": width, "height": _HEIGHT}
            for index, widget in enumerate(widgets)
        ]

    def text(self, markdown: str, *, y: int) -> dict[str, Any]:
        return {"type": "text", "x": 0, "y": y, "width": _COLUMNS, "height": 2, "properties": {"markdown": markdown}}

    def nodes(self, pools: Sequence[PoolNodes]) -> dict[str, Any]:
        """Nodes of the whole cluster: Container Insights counts them by nothing else."""
        return self._widget(
            "Nodes ready, system nodes too",
            [
                {**self._line("cluster_node_count", "nodes"), "id": "nodes", "visible": False},
                {**self._line("cluster_failed_node_count", "failed"), "id": "failed", "visible": False},
                {"label": "ready", "id": "ready", "expression": "nodes - failed"},
            ],
            threshold=("accelerator nodes at once, at most", sum(pool.nodes for pool in pools)),
        )

    def failed(self) -> dict[str, Any]:
        line = self._line("cluster_failed_node_count", "nodes lost or under pressure")
        return self._widget("Nodes that are not well", [line], threshold=("alarm: 1", 1))

    def sized(self, pools: Sequence[PoolNodes]) -> dict[str, Any]:
        """Drains and fills: nothing else calls EKS, or Auto Scaling, this way."""
        lines = []
        for own, of_pools in ((False, "pools"), (True, "self-managed pools")):
            if own and not any(pool.is_self_managed for pool in pools):
                continue
            integration = sizing_integration(self._partition, self_managed=own)
            lines += [
                self._line("ServiceIntegrationsSucceeded", f"{of_pools} sized", integration),
                self._line("ServiceIntegrationsFailed", "calls refused", integration),
            ]
        return self._widget("Pools emptied or filled by the block schedule", lines)

    def accelerators(self, pools: Sequence[PoolNodes]) -> list[list[dict[str, Any]]]:
        """A row for each kind of accelerator: fewest of any node, those that died included, and how busy they are."""
        kinds = {pool.instance_type.accelerator_kind for pool in pools}
        rows = {"nvidia": self._gpus, "neuron": self._neuron_cores}
        return [row(pools) for kind, row in rows.items() if kind in kinds]

    def _gpus(self, pools: Sequence[PoolNodes]) -> list[dict[str, Any]]:
        least = fewest_accelerators(pools, "nvidia")
        return [
            self._widget(
                "Fewest GPUs of a node",
                [self._line("node_gpu_limit", "GPUs")],
                threshold=(f"the smallest type has {least}", least),
            ),
            self._widget(
                "GPUs: use",
                [
                    self._line("node_gpu_utilization", "busy, percent"),
                    self._line("node_gpu_memory_utilization", "memory, percent"),
                ],
            ),
            self._widget(
                "GPUs: hottest",
                [
                    self._line("node_gpu_temperature", "degrees Celsius"),
                    {**self._line("node_gpu_power_draw", "power, watts"), "yAxis": "right"},
                ],
            ),
        ]

    def _neuron_cores(self, _: Sequence[PoolNodes]) -> list[dict[str, Any]]:
        return [
            self._widget("Fewest NeuronCores of a node", [self._line("node_neuroncore_limit", "NeuronCores")]),
            self._widget("NeuronCores: use", [self._line("node_neuroncore_utilization", "busy, percent")]),
            self._widget(
                "Neuron devices: most memory of a node",
                [self._line("node_neurondevice_runtime_memory_used_bytes", "bytes")],
            ),
            self._widget(
                "Neuron devices: errors",
                [
                    self._line("node_neuron_execution_errors_total", "executions that failed"),
                    {
                        **self._line("node_neurondevice_hw_ecc_events_total", "ECC events, corrected ones too"),
                        "yAxis": "right",
                    },
                ],
                threshold=("alarm: 1", 1),
            ),
        ]

    def dead_gpus(self, pools: Sequence[PoolNodes]) -> list[dict[str, Any]]:
        """Lines of NVIDIA's driver that say that a GPU is dead, by the node that wrote them."""
        if not any(pool.instance_type.accelerator_kind == "nvidia" for pool in pools):
            return []
        metric = FLEET_METRICS[FATAL_XID_ERRORS]
        schema = f'SCHEMA("{fleet_namespace(self._cluster)}", {INSTANCE})'
        expression = f"SELECT {metric.statistic.upper()}({metric.name}) FROM {schema} GROUP BY {INSTANCE}"  # noqa: S608 - names
        line = {"label": "", "id": "nodes", "expression": expression, "period": _PERIOD}
        return [self._widget("Fatal XID errors by node", [line], threshold=("alarm: 1", 1))]

    def impaired(self) -> dict[str, Any]:
        """UltraServers of the account whose NVLink EC2 calls impaired."""
        metric = FLEET_METRICS[IMPAIRED_BLOCKS]
        widget = self._widget("UltraServers with an impaired interconnect", [], threshold=("alarm: 1", 1))
        line = [fleet_namespace(self._cluster), metric.name, {"label": "impaired", "stat": metric.statistic}]
        widget["properties"]["metrics"] = [line]
        return widget

    def efa_traffic(self) -> dict[str, Any]:
        return self._widget(
            "EFA: bytes a second, average of nodes",
            [
                self._line("node_efa_tx_bytes", "sent"),
                self._line("node_efa_rx_bytes", "received"),
                self._line("node_efa_rdma_write_bytes", "RDMA written"),
                self._line("node_efa_rdma_read_bytes", "RDMA read"),
            ],
        )

    def efa_errors(self) -> dict[str, Any]:
        line = self._line("node_efa_rx_dropped", "packets dropped on receipt")
        return self._widget("EFA: errors", [line], threshold=("alarm: 1", 1))

    def pool(self, pool: PoolNodes, reservations: Sequence[str]) -> dict[str, Any]:
        """Reserved and used nodes; a reservation has figures while it is active."""
        lines = [
            self._line(name, f"{label} {reservation}", reservation)
            for reservation in reservations
            for name, label in (("TotalInstanceCount", "reserved"), ("UsedInstanceCount", "used"))
        ]
        title = f"{pool.pool_name}: {pool.nodes} x {pool.instance_type}, reserved and used"
        return self._widget(title, lines, threshold=("at once, at most", pool.nodes))

    def account_reservations(self) -> dict[str, Any]:
        """Reservations by a search, which finds those that the template doesn't know."""
        lines = [
            {"label": label, "id": label, "expression": _search(name)}
            for name, label in (("TotalInstanceCount", "reserved"), ("UsedInstanceCount", "used"))
        ]
        return self._widget("Reservations of this account and region, blocks too: reserved and used", lines)

    def _line(self, name: str, label: str, value: str | None = None) -> dict[str, Any]:
        return {"label": label, "of": name, **({"value": value} if value else {})}

    def _widget(
        self, title: str, lines: Sequence[Mapping[str, Any]], *, threshold: tuple[str, float] | None = None
    ) -> dict[str, Any]:
        metrics: list[list[object]] = []
        for line in lines:
            if "expression" in line:
                metrics.append([line])
                continue
            metric = METRICS[line["of"]]
            options = {key: value for key, value in line.items() if key not in {"of", "value"}}
            value = line.get("value", self._cluster)
            metrics.append(
                [metric.namespace, metric.name, metric.dimension, value, {**options, "stat": metric.statistic}]
            )
        properties: dict[str, Any] = {
            "title": title,
            "region": self._region,
            "view": "timeSeries",
            "period": _PERIOD,
            "metrics": metrics,
            "yAxis": {"left": {"min": 0, "showUnits": False}},
        }
        if threshold is not None:
            label, at = threshold
            properties["annotations"] = {"horizontal": [{"label": label, "value": at}]}
        return {"type": "metric", "properties": properties}


def _search(name: str) -> str:
    """Search for one metric of every capacity reservation (CloudWatch user guide, search expressions, high)."""
    metric = METRICS[name]
    schema = f"{{{metric.namespace},{metric.dimension}}}"
    return f"SEARCH('{schema} MetricName=\"{metric.name}\"', '{metric.statistic}', {_PERIOD})"


def fewest_accelerators(pools: Sequence[PoolNodes], kind: str) -> int:
    """Accelerators of the smallest type of node, so that a node with fewer has lost one."""
    return min(pool.accelerators_per_node for pool in pools if pool.instance_type.accelerator_kind == kind)
