"""Bus bandwidth that an all-reduce has to reach, and what a type can't carry. Standard library only."""

from dataclasses import dataclass
from typing import Literal

from ultrafleet.acceptance.type_table import FLOORS, NODE_TYPES

PATHS = ("nvlink", "efa", "roce", "node")
"""NVLink: between all nodes of an UltraServer. EFA and RoCE: between nodes, with NVLink between them switched off.
Node: between the accelerators of one node. Each has its own threshold: NVLink's bandwidth hides that EFA is gone, and
EFA's floor says nothing about NVLink."""


@dataclass(frozen=True)
class NodeType:
    """Facts of an instance type that the verdict needs, copied from the catalog into `type_table.py`.

    Attributes:
        name: instance type.
        accelerators: accelerators of a node.
        efa_gbs: what its EFA carries in one direction, GB/s; None where no source states it.
        efa_interfaces: the smallest number of EFA interfaces that is documented; None where none is.
        multi_node_nvlink: True if it is sold in UltraServers, whose NVLink spans nodes.
        has_nvlink: True if NVLink connects its accelerators.
    """

    name: str
    accelerators: int | None = None
    efa_gbs: float | None = None
    efa_interfaces: int | None = None
    multi_node_nvlink: bool = False
    has_nvlink: bool = False


@dataclass(frozen=True)
class Threshold:
    """A floor.

    Attributes:
        bus_bandwidth_gbs: bus bandwidth of an all-reduce at the largest size, GB/s. None: no source states one, and
            only completeness, correctness and transport are judged.
        min_largest_bytes: size that the run has to reach: bandwidth at small sizes is latency.
        source: where the floor is known from.
        confidence: how well it is known, as the catalog says it: this package runs on nodes, without the catalog.
        node: facts of the instance type; None: the caller named none.
        impossible_above_gbs: what the path can't carry, GB/s, where it doesn't depend on the run. None: not known.
    """

    bus_bandwidth_gbs: float | None
    min_largest_bytes: int
    source: str
    confidence: Literal["high", "medium", "low"] = "high"
    node: NodeType | None = None
    impossible_above_gbs: float | None = None


_LARGEST = 1 << 30
"""Rows of published logs stop growing between 1 and 8 GiB; a run that ends below 1 GiB is refused (our choice)."""
_TOLERANCE = 1.02
"""Figures have three digits; a limit is exceeded from 2 % on (our choice)."""
_NVLINK_GBS = 900.0
"""Bandwidth of an accelerator over the fastest NVLink of all types, in one direction, GB/s: the fifth generation's
130 TB/s of 72 GPUs are 1.8 TB/s for each in both (https://www.nvidia.com/en-us/data-center/gb200-nvl72/)."""


class UnknownThresholdError(ValueError):
    """No source states what a type has to reach; the message says what to pass."""


def node_type(instance_type: str | None) -> NodeType | None:
    """Facts of an instance type; None where no type is named. A type that the table lacks has its name alone."""
    if instance_type is None:
        return None
    return NodeType(instance_type, *NODE_TYPES.get(instance_type, ()))


def threshold(instance_type: str | None, path: str, *, min_bus_bandwidth_gbs: float | None = None) -> Threshold:
    """The floor of an instance type on a path.

    Args:
        instance_type: such as `p6e-gb200.36xlarge`.
        path: "nvlink", "efa", "roce" or "node".
        min_bus_bandwidth_gbs: a floor of your own, GB/s. Default: the published one.

    Raises:
        UnknownThresholdError: no source publishes one, and none was passed. A node's own accelerators are judged
            without a floor then.
        ValueError: another path, or a floor that isn't positive.
    """
    if path not in PATHS:
        raise ValueError(f"path is {path!r}, expected one of {', '.join(PATHS)}: choose one")
    node = node_type(instance_type)
    if min_bus_bandwidth_gbs is not None:
        if not 0 < min_bus_bandwidth_gbs < float("inf"):
            raise ValueError(f"min_bus_bandwidth_gbs is {min_bus_bandwidth_gbs}, expected GB/s above 0: pass another")
        return Threshold(min_bus_bandwidth_gbs, _LARGEST, "caller", node=node)
    found = FLOORS.get((instance_type or "", path))
    if found is not None:
        gbs, source, confidence = found
        return Threshold(gbs, _LARGEST, source, confidence, node)
    if path == "node":
        return Threshold(None, _LARGEST, "no source states one", "low", node)
    known = ", ".join(sorted(f"{name} over {by}" for name, by in FLOORS if by != "node"))
    raise UnknownThresholdError(
        f"no floor is published for {instance_type or 'an unnamed type'} over {path}, expected one of {known}: "
        "pass --min-bus-bandwidth-gbs"
    )


def efa_limit_gbs(
    node: NodeType | None, *, nodes: int | None, ranks: int | None, accelerators: int | None = None
) -> float:
    """Bus bandwidth that no all-reduce over EFA, or over RoCE, can exceed, GB/s.

    Each node sends at least 2(N-1)/N of the message to the others, whatever the algorithm, so that the algorithm's
    bandwidth is at most N/(2(N-1)) of what its EFA carries, and the bus bandwidth 2(n-1)/n times that. On two nodes it
    is nearly twice the line rate, as trees show it (NCCL issue 209). Where no source states a type's EFA, it is that of
    the type with the fastest for each accelerator.

    Args:
        node: facts of the type. None: those of the type with the fastest EFA.
        nodes: nodes of the run. Default: two, with which the limit is highest.
        ranks: ranks of the run. Default: many, with which the limit is highest.
        accelerators: accelerators of a node in the run, where the type doesn't say. Default: not known.
    """
    rate = node.efa_gbs if node is not None else None
    if rate is None:
        stated = [(count, gbs) for count, gbs, *_ in NODE_TYPES.values() if gbs is not None]
        rate = max(gbs for _, gbs in stated)
        if here := (node.accelerators if node is not None else None) or accelerators:
            rate = min(rate, here * max(gbs / count for count, gbs in stated if count))
    nodes = max(nodes or 2, 2)
    return rate * nodes / (nodes - 1) * _part(ranks) * _TOLERANCE


def nvlink_limit_gbs(*, ranks: int | None) -> float:
    """Bus bandwidth that no all-reduce over NVLink can exceed, GB/s.

    An accelerator sends the message at least once, where switches reduce it.

    Args:
        ranks: ranks of the run. Default: many, with which the limit is highest.
    """
    return 2 * _NVLINK_GBS * _part(ranks) * _TOLERANCE


def _part(ranks: int | None) -> float:
    return (ranks - 1) / ranks if ranks is not None and ranks > 1 else 1.0
