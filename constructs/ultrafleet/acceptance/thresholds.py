"""Bus bandwidth that an all-reduce has to reach. Standard library only."""

from dataclasses import dataclass
from typing import Literal

PATHS = ("nvlink", "efa")
"""NVLink: between all nodes of an UltraServer. EFA: between nodes, with NVLink between them switched off. Each has its
own threshold: NVLink's bandwidth hides that EFA is gone, and EFA's floor says nothing about NVLink."""


@dataclass(frozen=True)
class Threshold:
    """A floor.

    Attributes:
        bus_bandwidth_gbs: bus bandwidth of an all-reduce at the largest size, GB/s.
        min_largest_bytes: size that the run has to reach: bandwidth at small sizes is latency.
        source: where the floor is known from.
        confidence: how well it is known, as the catalog says it: this package runs on nodes, without the catalog.
        impossible_above_gbs: what the path can't carry, GB/s: more of it went through something else. None: not known.
    """

    bus_bandwidth_gbs: float
    min_largest_bytes: int
    source: str
    confidence: Literal["high", "medium", "low"] = "high"
    impossible_above_gbs: float | None = None


_LARGEST = 1 << 30
"""Rows of published logs stop growing between 1 and 8 GiB; a run that ends below 1 GiB is refused (our choice)."""

THRESHOLDS = {
    ("p6e-gb200", "nvlink"): Threshold(500.0, _LARGEST, "floor published for GB200 NVL72, 770 to 840 GB/s are typical"),
    # A node has 1,600 Gbit/s of EFA, which are 200 GB/s; trees on two nodes can show up to twice that (NCCL #209).
    ("p6e-gb200", "efa"): Threshold(40.0, _LARGEST, "floor published for P6e-GB200", impossible_above_gbs=400.0),
}


class UnknownThresholdError(ValueError):
    """No source states what a type has to reach; the message says what to pass."""


def threshold(instance_type: str | None, path: str, *, min_bus_bandwidth_gbs: float | None = None) -> Threshold:
    """The floor of an instance type on a path.

    Args:
        instance_type: such as `p6e-gb200.36xlarge`.
        path: "nvlink" or "efa".
        min_bus_bandwidth_gbs: a floor of your own, GB/s. Default: the published one.

    Raises:
        UnknownThresholdError: no source publishes one, and none was passed.
        ValueError: another path, or a floor that isn't positive.
    """
    if path not in PATHS:
        raise ValueError(f"path is {path!r}, expected one of {', '.join(PATHS)}: choose one")
    if min_bus_bandwidth_gbs is not None:
        if not 0 < min_bus_bandwidth_gbs < float("inf"):
            raise ValueError(f"min_bus_bandwidth_gbs is {min_bus_bandwidth_gbs}, expected GB/s above 0: pass another")
        return Threshold(min_bus_bandwidth_gbs, _LARGEST, "caller")
    family = (instance_type or "").split(".", maxsplit=1)[0]
    found = THRESHOLDS.get((family, path))
    if found is None:
        known = ", ".join(sorted({f"{name} over {by}" for name, by in THRESHOLDS}))
        raise UnknownThresholdError(
            f"no floor is published for {instance_type or 'an unnamed type'} over {path}, expected one of {known}: "
            "pass --min-bus-bandwidth-gbs"
        )
    return found
