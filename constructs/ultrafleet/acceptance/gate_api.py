"""The gate at work in a cluster: reads it, decides, and does what was decided. Standard library only.

Whatever can't be read or written leaves every node as it is until the next look.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ultrafleet.acceptance.gate import decide, held_cost
from ultrafleet.acceptance.gate_objects import (
    POOL_LABEL,
    RUN_LABEL,
    marked,
    node_patch,
    read_node,
    read_pool,
    read_runs,
    seconds,
)
from ultrafleet.acceptance.gate_state import (
    OUT_OF_ACTION,
    Action,
    Delete,
    FreeDomain,
    GateState,
    Hold,
    PoolFacts,
    PutTaint,
    Release,
    Start,
)
from ultrafleet.acceptance.report import result_name
from ultrafleet.acceptance.run_template import fill
from ultrafleet.in_cluster.kubernetes_api import CONFLICT, NOT_FOUND, ApiError, KubernetesApi

CONFIG_MAP: Final = "acceptance-gate"
"""ConfigMap with what the gate knows of each pool."""

_KINDS: Final = {
    "TrainJob": "apis/trainer.kubeflow.org/v1alpha1/namespaces/{namespace}/trainjobs",
    "TrainingRuntime": "apis/trainer.kubeflow.org/v1alpha1/namespaces/{namespace}/trainingruntimes",
    "ComputeDomain": "apis/resource.nvidia.com/v1beta1/namespaces/{namespace}/computedomains",
}
"""Kinds of a run's objects, in the order in which they are deleted."""
_MAY_BE_MISSING: Final = frozenset({"ComputeDomain"})

Log = Callable[[Mapping[str, Any]], None]


class Gate:
    """One look of the gate at its cluster.

    Args:
        api: the cluster's API.
        now: seconds since 1970.
        log: takes what happened, one mapping an event.
    """

    def __init__(self, api: KubernetesApi, *, now: float, log: Log) -> None:
        self._api, self._now, self._log = api, now, log
        self._templates: dict[str, Mapping[str, Any]] = {}
        self._nodes: dict[str, Mapping[str, Any]] = {}
        self._started: set[str] = set()

    def tick(self) -> list[Action]:
        """Reads the cluster, does what is decided, and logs what is held and what that costs.

        Raises:
            OSError: the API refuses or doesn't answer; what was not done yet is left to the next look.
        """
        state = self._read()
        actions = decide(state)
        for action in actions:
            try:
                self._do(action)
            except ApiError as error:
                # Changed or gone since it was read: the next look decides anew.
                if error.status not in {CONFLICT, NOT_FOUND}:
                    raise
                self._log({"event": "skipped", "action": type(action).__name__, "why": str(error)})
        self._log_held(state)
        return actions

    def _read(self) -> GateState:
        api = self._api
        config = api.call("GET", f"api/v1/namespaces/{api.namespace}/configmaps/{CONFIG_MAP}")
        settings = json.loads(config["data"]["settings"])
        pools: dict[str, PoolFacts] = {}
        for key, text in config["data"].items():
            if key.startswith("pool."):
                name = key.removeprefix("pool.")
                pools[name], self._templates[name] = read_pool(text)
        objects = [item for kind in _KINDS for item in self._of_runs(kind)]
        results = list(api.list(f"api/v1/namespaces/{api.namespace}/configmaps", RUN_LABEL))
        # Nodes last: what is released by a result has been read after it.
        for node in api.list("api/v1/nodes", POOL_LABEL):
            name = node["metadata"]["name"]
            self._nodes[name] = {**node, "status": {**node.get("status", {}), "images": []}}
        runs = read_runs(objects, results)
        self._started = {run.name for run in runs if run.started}
        return GateState(
            now=self._now,
            installed=seconds(config["metadata"]["creationTimestamp"]),
            pools=pools,
            nodes=[read_node(node) for node in self._nodes.values()],
            runs=runs,
            wait_minutes=settings["waitMinutes"],
            run_minutes=settings["runMinutes"],
            keep_hours=settings["keepHours"],
        )

    def _of_runs(self, kind: str) -> list[dict[str, Any]]:
        try:
            found = list(self._api.list(_KINDS[kind].format(namespace=self._api.namespace), RUN_LABEL))
        except ApiError as error:
            if error.status == NOT_FOUND and kind in _MAY_BE_MISSING:
                return []
            raise
        return [{**item, "kind": kind} for item in found]

    def _do(self, action: Action) -> None:
        match action:
            case Start():
                self._start(action)
            case Release():
                self._patch(action.node, action)
                self._tell(action.node, "AcceptanceReleased", f"{action.standing}, run {action.run or 'none'}")
            case Hold():
                self._patch(action.node, action)
                usd = "price not public" if action.usd_per_hour is None else f"{action.usd_per_hour:,.2f} USD an hour"
                failed = "; ".join(action.findings)
                self._tell(action.node, f"Acceptance{action.standing.capitalize()}", f"{failed} ({usd})", warning=True)
            case PutTaint():
                self._patch(action.node, None)
                self._tell(action.node, "AcceptanceTainted", "it lacked the taint of unproven nodes")
            case FreeDomain():
                self._delete("ComputeDomain", action.run)
            case Delete():
                # The result first: once the objects are gone, nothing leads to it.
                self._delete_path(f"api/v1/namespaces/{self._api.namespace}/configmaps/{result_name(action.run)}")
                for kind in _KINDS:
                    # Trainer refuses every change of a TrainJob without its runtime, also the last one of its deletion.
                    if kind != "TrainingRuntime" or action.run not in self._started:
                        self._delete(kind, action.run)
                self._log({"event": "run-deleted", "run": action.run, "why": action.why})

    def _start(self, action: Start) -> None:
        names = sorted(action.nodes)
        template = self._templates[action.pool]
        for manifest in fill(template, run=action.run, node_group=action.node_group, node_names=names):
            path = _KINDS[manifest["kind"]].format(namespace=self._api.namespace)
            try:
                self._api.call("POST", path, marked(manifest, action))
            except ApiError as error:
                if error.status != CONFLICT:
                    raise
        self._log({"event": "run-started", "run": action.run, "nodeGroup": action.node_group, "nodes": len(names)})

    def _patch(self, name: str, action: Release | Hold | None) -> None:
        body = node_patch(self._nodes[name], action, now=self._now)
        self._api.call("PATCH", f"api/v1/nodes/{name}", body, "application/merge-patch+json")

    def _delete(self, kind: str, run: str) -> None:
        # Foreground: the TrainJob is there until its pods are gone, and no other run begins before.
        self._delete_path(f"{_KINDS[kind].format(namespace=self._api.namespace)}/{run}?propagationPolicy=Foreground")

    def _delete_path(self, path: str) -> None:
        try:
            self._api.call("DELETE", path)
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise

    def _tell(self, name: str, reason: str, message: str, *, warning: bool = False) -> None:
        """An Event of the node and a line of the log. An Event that can't be written stops nothing."""
        node = self._nodes[name]
        time = datetime.fromtimestamp(self._now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._log({"event": reason, "node": name, "message": message})
        body = {
            "metadata": {"generateName": "acceptance-"},
            "involvedObject": {"apiVersion": "v1", "kind": "Node", "name": name, "uid": node["metadata"]["uid"]},
            "reason": reason,
            "message": message[:1000],
            "type": "Warning" if warning else "Normal",
            "source": {"component": "ultrafleet-acceptance"},
            "firstTimestamp": time,
            "lastTimestamp": time,
            "count": 1,
        }
        try:
            self._api.call("POST", "api/v1/namespaces/default/events", body)
        except OSError as error:
            self._log({"event": "no-event-written", "why": str(error)})

    def _log_held(self, state: GateState) -> None:
        held = held_cost(state)
        for node_group, (count, usd) in sorted(held.items()):
            cost = {} if usd is None else {"usdPerHour": usd}
            self._log({"event": "held", "nodeGroup": node_group, "heldNodes": count, **cost})
        nodes = [node for node in state.nodes if node.pool in state.pools]
        unproven = sum(not node.released and node.standing not in OUT_OF_ACTION for node in nodes)
        total = sum(count for count, _ in held.values())
        self._log({"event": "looked", "heldNodes": total, "unprovenNodes": unproven, "nodes": len(nodes)})
