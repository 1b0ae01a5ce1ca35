"""Network policy of a model's servers: of all other pods their gateway alone reaches them."""

from typing import Any, Final

from ultrafleet.inference.serving import Serving
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object
from ultrafleet.kubernetes.namespaces import KEDA_NAMESPACE

GATEWAY_LABELS: Final = {"app.kubernetes.io/name": "gateway"}
"""Labels that distinguish the gateway's pods from the servers."""


def engine_network_policy(serving: Serving) -> Manifest:
    """Policy of every pod of the endpoint's namespace but the gateway.

    Servers reach each other on every port, as groups of several nodes have to. The gateway reaches the engine's port,
    and so does KEDA where it reads how many requests wait. Probes come from the pod's own node, which is always let in
    (Kubernetes documentation, network policies, high).
    """
    ((label, gateway),) = GATEWAY_LABELS.items()
    servers = {"matchExpressions": [{"key": label, "operator": "NotIn", "values": [gateway]}]}
    askers: list[dict[str, Any]] = [{"podSelector": {"matchLabels": GATEWAY_LABELS}}]
    if serving.is_scaled:
        askers.append({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": KEDA_NAMESPACE}}})
    return kubernetes_object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "servers",
        namespace=serving.name,
        spec={
            "podSelector": servers,
            "policyTypes": ["Ingress"],
            "ingress": [
                {"from": [{"podSelector": servers}]},
                {"from": askers, "ports": [{"protocol": "TCP", "port": serving.recipe.engine.port}]},
            ],
        },
    )
