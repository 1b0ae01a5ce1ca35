"""The gate's state read from objects of the cluster, and its changes of them. Standard library only, no I/O."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from ultrafleet.acceptance.gate_state import (
    GateNode,
    Hold,
    PoolFacts,
    Record,
    Release,
    Run,
    Standing,
    Start,
    read_result,
)
from ultrafleet.acceptance.report import result_name

TAINT_KEY: Final = "ultrafleet/unproven"
POOL_LABEL: Final = "ultrafleet/pool"
NODE_GROUP_LABELS: Final = ("eks.amazonaws.com/nodegroup", "ultrafleet/node-group")
"""Labels that name the node group of a node: EKS's own, and that of self-managed nodes."""
RUN_LABEL: Final = "ultrafleet/acceptance-run"
STANDING: Final = "ultrafleet/acceptance"
"""Annotation of a node with its standing; a person may write `again` or `waived`."""
LAST_RUN: Final = "ultrafleet/acceptance-run"
INSTANCE: Final = "ultrafleet/acceptance-instance"
FINDINGS: Final = "ultrafleet/acceptance-findings"
TIME: Final = "ultrafleet/acceptance-time"
NODES: Final = "ultrafleet/acceptance-nodes"
"""Annotation of a run's objects: instance and last recorded run of each of its nodes, at its start."""
NODE_GROUP: Final = "ultrafleet/acceptance-node-group"

_TAINT: Final = {"key": TAINT_KEY, "value": "true", "effect": "NoSchedule"}
_MOST_FINDINGS_CHARACTERS = 1000

Manifest = Mapping[str, Any]


def seconds(time: str | None) -> float:
    """A Kubernetes time in seconds since 1970."""
    return 0.0 if not time else datetime.fromisoformat(time).timestamp()


def instance_of(node: Manifest) -> str:
    """EC2 instance of a node, from its provider id `aws:///ZONE/i-...`; else what else tells machines apart."""
    provider = node.get("spec", {}).get("providerID") or ""
    uuid = node.get("status", {}).get("nodeInfo", {}).get("systemUUID") or ""
    return provider.rsplit("/", 1)[-1] or uuid or node["metadata"]["uid"]


def read_node(node: Manifest) -> GateNode:
    """A node as the gate sees it.

    Args:
        node: the Kubernetes object.
    """
    metadata, spec = node["metadata"], node.get("spec", {})
    labels, annotations = metadata.get("labels", {}), metadata.get("annotations", {})
    conditions = {item["type"]: item["status"] for item in node.get("status", {}).get("conditions", [])}
    return GateNode(
        name=metadata["name"],
        instance=instance_of(node),
        node_group=next((labels[key] for key in NODE_GROUP_LABELS if key in labels), ""),
        pool=labels.get(POOL_LABEL, ""),
        created=seconds(metadata["creationTimestamp"]),
        ready=conditions.get("Ready") == "True",
        tainted=any(_is_ours(taint) for taint in spec.get("taints", [])),
        leaving=bool(metadata.get("deletionTimestamp") or spec.get("unschedulable")),
        record=_record(annotations),
    )


def _record(annotations: Mapping[str, str]) -> Record | None:
    text = annotations.get(STANDING)
    if text is None:
        return None
    # A word that isn't one releases nothing.
    standing = Standing(text) if text in set(Standing) else Standing.HELD
    return Record(standing=standing, run=annotations.get(LAST_RUN, ""), instance=annotations.get(INSTANCE, ""))


def _is_ours(taint: Mapping[str, Any]) -> bool:
    return taint.get("key") == TAINT_KEY and taint.get("effect") == _TAINT["effect"]


def read_runs(objects: Iterable[Manifest], results: Iterable[Manifest]) -> list[Run]:
    """Runs, from their objects and their results; a result of something else is left out.

    Args:
        objects: TrainJobs, TrainingRuntimes and ComputeDomains with the label of a run.
        results: ConfigMaps with it.
    """
    texts = {item["metadata"]["labels"][RUN_LABEL]: item for item in results}
    groups: dict[str, list[Manifest]] = {}
    for item in objects:
        groups.setdefault(item["metadata"]["labels"][RUN_LABEL], []).append(item)
    return [_run(name, found, texts.get(name)) for name, found in sorted(groups.items())]


def _run(name: str, objects: Sequence[Manifest], result: Manifest | None) -> Run:
    jobs = [item for item in objects if item["kind"] == "TrainJob"]
    annotations: Mapping[str, str] = {}
    for item in objects:
        annotations = {**item["metadata"].get("annotations", {}), **annotations}
    ended = {
        item["type"]: seconds(item.get("lastTransitionTime"))
        for job in jobs
        for item in job.get("status", {}).get("conditions", [])
        if item.get("type") in {"Complete", "Failed"} and item.get("status") == "True"
    }
    own = result is not None and result["metadata"]["name"] == result_name(name)
    text = result.get("data", {}).get("result.json") if result is not None and own else None
    return Run(
        name=name,
        node_group=annotations.get(NODE_GROUP, ""),
        created=min((seconds(item["metadata"].get("creationTimestamp")) for item in objects), default=0.0),
        nodes=_nodes(annotations.get(NODES)),
        started=bool(jobs),
        succeeded=("Failed" not in ended) if ended else None,
        finished=min(ended.values()) if ended else None,
        result=read_result(text, name),
        has_domain=any(item["kind"] == "ComputeDomain" and not _goes(item) for item in objects),
        deleted=min((seconds(job["metadata"]["deletionTimestamp"]) for job in jobs if _goes(job)), default=None),
    )


def _goes(item: Manifest) -> bool:
    return bool(item["metadata"].get("deletionTimestamp"))


def _nodes(text: str | None) -> dict[str, tuple[str, str]]:
    """Nodes of a run; none where the annotation isn't the gate's."""
    try:
        found = json.loads(text or "{}")
        return {str(name): (str(instance), str(last)) for name, (instance, last) in found.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {}


def read_pool(text: str) -> tuple[PoolFacts, Manifest]:
    """Facts and template of a pool, from the gate's ConfigMap.

    Args:
        text: JSON of `ultrafleet.jobs.acceptance_gate`.
    """
    found = json.loads(text)
    facts = PoolFacts(
        node_group_sizes=found["nodeGroupSizes"],
        nodes_per_group=found["nodesPerGroup"],
        usd_per_node_hour=found["usdPerNodeHour"],
    )
    return facts, found["template"]


def marked(manifest: Manifest, start: Start) -> dict[str, Any]:
    """An object of a run with what the gate finds it by.

    Args:
        manifest: the object.
        start: the run.
    """
    metadata = manifest["metadata"]
    nodes = json.dumps(start.nodes, sort_keys=True, separators=(",", ":"))
    return {
        **manifest,
        "metadata": {
            **metadata,
            "labels": {**metadata.get("labels", {}), RUN_LABEL: start.run},
            "annotations": {**metadata.get("annotations", {}), NODES: nodes, NODE_GROUP: start.node_group},
        },
    }


def node_patch(node: Manifest, action: Release | Hold | None, *, now: float) -> dict[str, Any]:
    """Merge patch of a node: taint and record in one, refused where the node has changed since it was read.

    Args:
        node: the node as it was read.
        action: what is written on it. None: only the taint is put on.
        now: seconds since 1970.
    """
    others = [taint for taint in node.get("spec", {}).get("taints", []) if not _is_ours(taint)]
    taints = others if isinstance(action, Release) else [*others, _TAINT]
    metadata: dict[str, Any] = {"resourceVersion": node["metadata"]["resourceVersion"]}
    if action is not None:
        findings = "; ".join(action.findings)[:_MOST_FINDINGS_CHARACTERS] if isinstance(action, Hold) else None
        metadata["annotations"] = {
            STANDING: str(action.standing),
            LAST_RUN: action.run or None,
            INSTANCE: instance_of(node),
            FINDINGS: findings,
            TIME: datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
        }
    return {"metadata": metadata, "spec": {"taints": taints}}
