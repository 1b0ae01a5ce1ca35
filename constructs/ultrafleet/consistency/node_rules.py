"""Facts of nodes that no node group sets, and pods that select or need others."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.consistency.content import Content
from ultrafleet.consistency.node_labels import fits, kubelet_labels, required_terms
from ultrafleet.consistency.pods import PodUse
from ultrafleet.kubernetes.pool_nodes import PoolNodes

_GIB: Final = 2**30
_UNITS: Final = {
    "": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40,
}  # fmt: skip
_QUANTITY: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")


def nodes(content: Content) -> Iterator[str]:
    """Pods with accelerators fit the architecture, the type, the CPUs and the memory of some node that they select."""
    for pod in content.pods:
        pools = content.pools_selected(pod)
        if not pod.accelerators or not pools:
            continue
        fitting = [pool for pool in pools if fits(pod.spec, pool)]
        if not fitting:
            yield (
                f"{pod.owner} selects nodes by {_wanted(pod)}, expected what nodes of pool {pools[0].pool_name} are: "
                f"{', '.join(f'{key}={value}' for key, value in sorted(kubelet_labels(pools[0]).items()))}"
            )
        for resource, unit, asked, most in _too_much(pod, fitting):
            yield (
                f"a pod of {pod.owner} requests {asked:g} {unit} of {resource}, expected less than {most:g}: a node of "
                "the pools that it selects has no more"
            )


def _wanted(pod: PodUse) -> str:
    selector = [f"{key}={value}" for key, value in sorted(pod.spec.get("nodeSelector", {}).items())]
    terms = [
        f"{item['key']} {item['operator']} {', '.join(item.get('values', []))}".strip()
        for term in required_terms(pod.spec)
        for item in term.get("matchExpressions", [])
    ]
    return "; ".join([*selector, *terms])


def _too_much(pod: PodUse, pools: list[PoolNodes]) -> Iterator[tuple[str, str, float, float]]:
    """Requests beyond the largest node: resource, unit, what is asked for, what there is."""
    for resource, unit, fact, size in (("cpu", "CPUs", "vcpus", 1), ("memory", "GiB", "memory_gib", _GIB)):
        sizes = [getattr(pool.instance_type, fact) for pool in pools]
        if not sizes or None in sizes:
            continue
        asked = sum(_requested(container, resource) for container in pod.spec.get("containers", [])) / size
        # Some of a node is the kubelet's and the DaemonSets': all of it is too much.
        if asked >= max(sizes):
            yield resource, unit, asked, max(sizes)


def _requested(container: Mapping[str, Any], resource: str) -> float:
    given = container.get("resources", {})
    text = str(given.get("requests", {}).get(resource, given.get("limits", {}).get(resource, "0")))
    match = _QUANTITY.fullmatch(text)
    return float(match[1]) * _UNITS[match[2] or ""] if match else 0.0
