"""Open and spare nodes of each UltraServer: the decision. Standard library only, no I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

TAINT_KEY: Final = "ultrafleet/spare"
POOL_LABEL: Final = "ultrafleet/pool"
ULTRASERVER_LABEL: Final = "ultrafleet/ultraserver"
_UNPROVEN: Final = "ultrafleet/unproven"
_TAINT: Final = {"key": TAINT_KEY, "value": "true", "effect": "NoSchedule"}

Manifest = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class UltraServerNode:
    """A node of an UltraServer.

    Attributes:
        name: its name.
        pool: its pool.
        ultraserver: its UltraServer: while two blocks of a pool overlap each is one.
        created: when it joined, as text that sorts by time.
        usable: whether a job could run on it: ready, not cordoned, not waiting for its acceptance.
        spare: whether it has the taint.
    """

    name: str
    pool: str
    ultraserver: str
    created: str
    usable: bool
    spare: bool


@dataclass(frozen=True, kw_only=True)
class Change:
    """A node whose taint is to change.

    Attributes:
        node: its name.
        spare: whether it is to have the taint.
    """

    node: str
    spare: bool


def changes(nodes: Iterable[UltraServerNode], open_nodes: Mapping[str, int]) -> list[Change]:
    """Changes after which every UltraServer has as many open nodes as jobs may have, usable ones as far as there are.

    Nodes that are open and usable stay open, so that a second look changes nothing. A node that can't be used is spare
    as soon as another is open in its place, and remains it when it comes back. Nodes are opened before others are
    closed; the taint evicts no pod.

    Args:
        nodes: the nodes.
        open_nodes: nodes of an UltraServer that jobs may have, by pool; others are left alone.
    """
    groups: dict[tuple[str, str], list[UltraServerNode]] = {}
    for node in nodes:
        if node.pool in open_nodes and node.ultraserver:
            groups.setdefault((node.pool, node.ultraserver), []).append(node)
    opened, closed = [], []
    for (pool, _), group in sorted(groups.items()):
        ordered = sorted(group, key=_preference)
        for place, node in enumerate(ordered):
            stays_open = place < open_nodes[pool] and (node.usable or not node.spare)
            if stays_open and node.spare:
                opened.append(Change(node=node.name, spare=False))
            elif not stays_open and not node.spare:
                closed.append(Change(node=node.name, spare=True))
    return [*opened, *closed]


def _preference(node: UltraServerNode) -> tuple[bool, bool, str, str]:
    """Usable nodes first, of these the open ones, then the older ones."""
    return (not node.usable, node.spare, node.created, node.name)


def read_node(node: Manifest) -> UltraServerNode:
    """A node from the Kubernetes object."""
    metadata, spec = node["metadata"], node.get("spec", {})
    labels = metadata.get("labels", {})
    conditions = {item["type"]: item["status"] for item in node.get("status", {}).get("conditions", [])}
    keys = {taint.get("key") for taint in spec.get("taints", [])}
    leaves = bool(metadata.get("deletionTimestamp") or spec.get("unschedulable"))
    return UltraServerNode(
        name=metadata["name"],
        pool=labels.get(POOL_LABEL, ""),
        ultraserver=labels.get(ULTRASERVER_LABEL, ""),
        created=metadata["creationTimestamp"],
        usable=conditions.get("Ready") == "True" and not leaves and _UNPROVEN not in keys,
        spare=any(_is_ours(taint) for taint in spec.get("taints", [])),
    )


def node_patch(node: Manifest, change: Change) -> dict[str, Any]:
    """Merge patch of a node, which is refused if the node has changed since it was read."""
    others = [taint for taint in node.get("spec", {}).get("taints", []) if not _is_ours(taint)]
    return {
        "metadata": {"resourceVersion": node["metadata"]["resourceVersion"]},
        "spec": {"taints": [*others, dict(_TAINT)] if change.spare else others},
    }


def _is_ours(taint: Mapping[str, Any]) -> bool:
    return taint.get("key") == TAINT_KEY and taint.get("effect") == _TAINT["effect"]
