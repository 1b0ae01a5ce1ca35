"""Network policies of a team's namespace: its pods reach each other, and what jobs need outside."""

from typing import Any, Final

from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object
from ultrafleet.kubernetes.pod_identity import POD_IDENTITY_ADDRESS

_API: Final = "networking.k8s.io/v1"


def team_network_policies(namespace: str) -> list[Manifest]:
    """Network policies of a namespace: what its pods reach, and who reaches them; anything else is refused.

    EFA isn't IP: no network policy sees what nodes of a job send each other over it. Lustre is mounted by nodes. Probes
    and `kubectl port-forward` come from the pod's own node, which is always let in (Kubernetes documentation, network
    policies, high).
    """
    same: dict[str, Any] = {"podSelector": {}}
    return [
        _policy(namespace, "default-deny", policyTypes=["Ingress", "Egress"]),
        _policy(
            namespace,
            "same-namespace",
            policyTypes=["Ingress", "Egress"],
            ingress=[{"from": [same]}],
            egress=[{"to": [same]}],
        ),
        _policy(
            namespace,
            "what-jobs-need",
            policyTypes=["Egress"],
            egress=[
                {
                    "to": [
                        {
                            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
                        }
                    ],
                    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
                },
                {
                    "to": [{"ipBlock": {"cidr": POD_IDENTITY_ADDRESS}}],
                    "ports": [{"protocol": "TCP", "port": 80}],
                },
                # S3, registries, AWS's APIs and the models' load balancers.
                {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"protocol": "TCP", "port": 443}]},
            ],
        ),
    ]


def _policy(namespace: str, name: str, **spec: Any) -> Manifest:  # noqa: ANN401 - the object's own fields
    return kubernetes_object(_API, "NetworkPolicy", name, namespace=namespace, spec={"podSelector": {}, **spec})
