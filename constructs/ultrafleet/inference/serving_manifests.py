"""All Kubernetes objects that serve a model, but for the gateway: by node, or over whole UltraServers."""

from dataclasses import replace

from ultrafleet.inference.rack_manifests import rack_manifests
from ultrafleet.inference.rack_router import router_manifests
from ultrafleet.inference.server_manifests import server_manifests
from ultrafleet.inference.serving import Serving
from ultrafleet.kubernetes.manifest import Manifest

_OF_REPLICAS = frozenset({"ComputeDomain", "LeaderWorkerSet", "Service", "ScaledObject"})


def serving_manifests(serving: Serving) -> list[Manifest]:
    """Kubernetes objects that serve the model, in the order in which they are made."""
    if serving.rack_scale is None:
        return server_manifests(serving)
    shared = server_manifests(replace(serving, rack_scale=None, min_replicas=1, max_replicas=1))
    return [
        *(item for item in shared if item["kind"] not in _OF_REPLICAS),
        *rack_manifests(serving),
        *router_manifests(serving),
    ]
