"""Labels that the kubelet puts on nodes, and what pods select by them."""

from collections.abc import Mapping
from typing import Any, Final

from ultrafleet.kubernetes.pool_nodes import PoolNodes

ARCHITECTURES: Final = {"x86_64": "amd64", "arm64": "arm64"}
"""Kubernetes' names of architectures."""


def kubelet_labels(pool: PoolNodes) -> dict[str, str]:
    """Labels that the kubelet puts on a pool's nodes.

    Args:
        pool: the pool.
    """
    found = {"kubernetes.io/os": "linux", "node.kubernetes.io/instance-type": str(pool.instance_type)}
    architecture = ARCHITECTURES.get(pool.instance_type.architecture or "")
    return {**found, "kubernetes.io/arch": architecture} if architecture else found


def required_terms(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Terms of a pod's node affinity of which one has to hold.

    Args:
        spec: specification of the pod.
    """
    affinity = spec.get("affinity", {}).get("nodeAffinity", {})
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", {})
    found: list[Mapping[str, Any]] = required.get("nodeSelectorTerms", [])
    return found


def fits(spec: Mapping[str, Any], pool: PoolNodes) -> bool:
    """True if nothing that is known of a pool's nodes keeps a pod off; other labels may be on them.

    Args:
        spec: specification of the pod.
        pool: the pool.
    """
    labels = {**kubelet_labels(pool), **pool.labels}
    selector = spec.get("nodeSelector", {})
    if any(labels.get(key, value) != value for key, value in selector.items()):
        return False
    terms = required_terms(spec)
    return not terms or any(
        all(_matches(expression, labels) for expression in term.get("matchExpressions", [])) for term in terms
    )


def _matches(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(expression["key"])
    if value is None:
        return True
    operator, values = expression["operator"], expression.get("values", [])
    known = {"In": value in values, "NotIn": value not in values, "DoesNotExist": False}
    return known.get(operator, True)
