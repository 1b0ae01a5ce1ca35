"""The router between a model's prefill and decode: one address for both, in front of each UltraServer's share.

A request goes to a node of prefill, which answers with where its keys and values are, and with that to a node of
decode, whose answer goes to the client.
"""

from typing import Any

from ultrafleet.inference.rack_manifests import RackUnit, rack_units
from ultrafleet.inference.serving import Serving
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object

ROUTER_LABELS = {"app.kubernetes.io/name": "rack-router"}
"""Labels of the routers' pods."""

_RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
_HEALTH_SECONDS = 5
_PRE_STOP_SECONDS = 15


def router_manifests(serving: Serving) -> list[Manifest]:
    """Routers of a model over UltraServers, and the service of `serving.address` before them."""
    made: list[Manifest] = []
    for unit in rack_units(serving):
        name, labels = f"{unit.name}-router", _labels(unit)
        made += [
            kubernetes_object("apps/v1", "Deployment", name, namespace=serving.name, spec=_deployment(unit, labels)),
            kubernetes_object(
                "policy/v1",
                "PodDisruptionBudget",
                name,
                namespace=serving.name,
                spec={"maxUnavailable": 1, "selector": {"matchLabels": labels}},
            ),
        ]
    return [*made, _service(serving)]


def _labels(unit: RackUnit) -> dict[str, str]:
    # Another label than that of the engines, which keeps pods in an UltraServer.
    return {**ROUTER_LABELS, "app.kubernetes.io/instance": unit.name}


def router_command(unit: RackUnit) -> list[str]:
    """Command of a share's router.

    It counts a node as gone after three failed checks, and starts when one node of each kind answers. Until then it
    doesn't listen, and it ends when that takes longer than a group may take to start (seen with 0.1.17).
    """
    prefill, decode = unit.addresses("prefill"), unit.addresses("decode")
    return [
        "vllm-router",
        "--vllm-pd-disaggregation",
        "--kv-connector=nixl",
        *(word for address in prefill for word in ("--prefill", address)),
        *(word for address in decode for word in ("--decode", address)),
        # Prompts that begin alike go to the node that has read their beginning; decode has nothing to find again.
        f"--prefill-policy={_policy('cache_aware', prefill)}",
        f"--decode-policy={_policy('power_of_two', decode)}",
        "--host=0.0.0.0",
        f"--port={unit.serving.recipe.engine.port}",
        f"--health-check-interval-secs={_HEALTH_SECONDS}",
        f"--worker-startup-timeout-secs={unit.rack.recipe.start_minutes * 60}",
    ]


def _policy(name: str, addresses: list[str]) -> str:
    return name if len(addresses) > 1 else "round_robin"


def _deployment(unit: RackUnit, labels: dict[str, str]) -> dict[str, Any]:
    port = {"name": "http", "containerPort": unit.serving.recipe.engine.port}
    spread = {"maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"matchLabels": labels}}
    return {
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            # No toleration: it runs on system nodes.
            "spec": {
                "automountServiceAccountToken": False,
                "terminationGracePeriodSeconds": 60,
                "topologySpreadConstraints": [
                    {**spread, "topologyKey": key} for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
                ],
                "containers": [
                    {
                        "name": "router",
                        "image": unit.rack.router_image,
                        "command": router_command(unit),
                        "ports": [port],
                        "startupProbe": {
                            "httpGet": {"path": "/liveness", "port": "http"},
                            "periodSeconds": 10,
                            "failureThreshold": unit.rack.recipe.start_minutes * 6 + 6,
                        },
                        # 503 while no node of prefill, or none of decode, is healthy.
                        "readinessProbe": {
                            "httpGet": {"path": "/readiness", "port": "http"},
                            "periodSeconds": 5,
                            "timeoutSeconds": 5,
                            "failureThreshold": 2,
                        },
                        "livenessProbe": {
                            "httpGet": {"path": "/liveness", "port": "http"},
                            "periodSeconds": 15,
                            "timeoutSeconds": 5,
                            "failureThreshold": 4,
                        },
                        "lifecycle": {"preStop": {"sleep": {"seconds": _PRE_STOP_SECONDS}}},
                        # What the router's own example for Kubernetes asks for.
                        "resources": {"requests": {"cpu": "2", "memory": "4Gi"}, "limits": {"memory": "8Gi"}},
                        "securityContext": _RESTRICTED,
                    }
                ],
            },
        },
    }


def _service(serving: Serving) -> dict[str, Any]:
    return kubernetes_object(
        "v1",
        "Service",
        serving.service,
        namespace=serving.name,
        spec={
            "clusterIP": "None",
            "selector": ROUTER_LABELS,
            "ports": [{"name": "http", "port": serving.recipe.engine.port, "targetPort": "http"}],
        },
    )
