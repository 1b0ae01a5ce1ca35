"""All Kubernetes objects that serve a model, but for the gateway: by node, or over whole UltraServers."""

from ultrafleet.inference.rack_manifests import rack_manifests
from ultrafleet.inference.rack_router import router_manifests
from ultrafleet.inference.server_manifests import server_manifests, shared_manifests
from ultrafleet.inference.serving import Serving
from ultrafleet.kubernetes.manifest import Manifest


def serving_manifests(serving: Serving) -> list[Manifest]:
    """Kubernetes objects that serve the model, in the order in which they are made."""
    if serving.rack_scale is None:
        return server_manifests(serving)
    return [*shared_manifests(serving), *rack_manifests(serving), *router_manifests(serving)]
