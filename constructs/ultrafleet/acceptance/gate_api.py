"""The gate at work in a cluster: reads it, decides, and does what was decided. Standard library only.

Whatever can't be read or written leaves every node as it is until the next look.
"""

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
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
from ultrafleet.acceptance.report import ACCOUNT, ADDRESS, result_name
from ultrafleet.acceptance.run_template import fill

CONFIG_MAP: Final = "acceptance-gate"
"""ConfigMap with what the gate knows of each pool."""

_SECONDS = 20
_PAGE = 200
_MOST_PAGES = 500
_MOST_BYTES = 64 * 1024 * 1024
_CONFLICT, _NOT_FOUND = 409, 404
_KINDS: Final = {
    "TrainJob": "apis/trainer.kubeflow.org/v1alpha1/namespaces/{namespace}/trainjobs",
    "TrainingRuntime": "apis/trainer.kubeflow.org/v1alpha1/namespaces/{namespace}/trainingruntimes",
    "ComputeDomain": "apis/resource.nvidia.com/v1beta1/namespaces/{namespace}/computedomains",
}
"""Kinds of a run's objects, in the order in which they are deleted."""
_MAY_BE_MISSING: Final = frozenset({"ComputeDomain"})

Log = Callable[[Mapping[str, Any]], None]


class ApiError(OSError):
    """An answer of the Kubernetes API that isn't a success.

    Attributes:
        status: its HTTP status.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class KubernetesApi:
    """The cluster's API, as a pod's service account may use it.

    Args:
        account: folder of the service account.
        address: the cluster's API.
    """

    def __init__(self, *, account: Path = ACCOUNT, address: str = ADDRESS) -> None:
        self.namespace = (account / "namespace").read_text(encoding="utf-8").strip()
        self._token = (account / "token").read_text(encoding="utf-8").strip()
        self._address = address
        authority = account / "ca.crt"
        self._context = ssl.create_default_context(cafile=str(authority)) if authority.exists() else None

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = "application/json"
    ) -> dict[str, Any]:
        """One request.

        Raises:
            ApiError: the API refuses.
            OSError: it doesn't answer, or with more than the gate takes.
        """
        request = urllib.request.Request(  # noqa: S310 - the cluster's own address
            f"{self._address}/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": content_type},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS, context=self._context) as answer:  # noqa: S310
                text = answer.read(_MOST_BYTES + 1)
        except urllib.error.HTTPError as error:
            raise ApiError(error.code, f"{method} {path}: {error.code} {error.read(500)!r}") from error
        if len(text) > _MOST_BYTES:
            raise OSError(f"{method} {path}: more than {_MOST_BYTES} bytes")
        found: dict[str, Any] = json.loads(text)
        return found

    def list(self, path: str, selector: str) -> Iterator[dict[str, Any]]:
        """Every object with a label, page by page.

        Raises:
            OSError: the API refuses, doesn't answer, or has more pages than the gate takes.
        """
        token = ""
        for _ in range(_MOST_PAGES):
            query = {"labelSelector": selector, "limit": str(_PAGE), **({"continue": token} if token else {})}
            answer = self.call("GET", f"{path}?{urllib.parse.urlencode(query)}")
            kind = str(answer.get("kind", "")).removesuffix("List")
            for item in answer.get("items") or []:
                yield {"kind": kind, **item}
            token = answer.get("metadata", {}).get("continue") or ""
            if not token:
                return
        raise OSError(f"{path}: more than {_MOST_PAGES} pages")


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
                if error.status not in {_CONFLICT, _NOT_FOUND}:
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
            if error.status == _NOT_FOUND and kind in _MAY_BE_MISSING:
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
                if error.status != _CONFLICT:
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
            if error.status != _NOT_FOUND:
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
