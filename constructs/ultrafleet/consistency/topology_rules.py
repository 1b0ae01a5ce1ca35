"""Levels of topology that pods are placed by, and those of the flavors that they may get."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.consistency.content import Content
from ultrafleet.consistency.placement_rules import SLICE
from ultrafleet.consistency.pods import REQUIRED_TOPOLOGY, PodUse

_PREFERRED: Final = "kueue.x-k8s.io/podset-preferred-topology"


def levels(content: Content) -> Iterator[str]:
    """A level that pods are placed by is one of the topology of a flavor that their queue has for them."""
    for pod in content.pods:
        flavors = _flavors(content, pod)
        for annotation in (REQUIRED_TOPOLOGY, _PREFERRED, SLICE):
            level = pod.annotations.get(annotation)
            known = [_levels(content, flavor) for flavor in flavors]
            if level is None or not known or any(level in found for found in known):
                continue
            yield (
                f"{pod.owner} is placed by the level {level} ({annotation}), expected one of "
                f"{', '.join(dict.fromkeys(name for found in known for name in found)) or '(none)'}: the topology of "
                f"flavor {', '.join(flavor['metadata']['name'] for flavor in flavors)} has those"
            )


def _flavors(content: Content, pod: PodUse) -> list[Mapping[str, Any]]:
    """Flavors of a pod's queue whose nodes it may select."""
    local = content.named("LocalQueue", pod.queue, pod.namespace) if pod.queue else None
    queue = content.named("ClusterQueue", local["spec"]["clusterQueue"]) if local else None
    groups = queue["spec"].get("resourceGroups", []) if queue else []
    found = [content.named("ResourceFlavor", entry["name"]) for group in groups for entry in group["flavors"]]
    selector = pod.spec.get("nodeSelector", {})
    return [
        flavor
        for flavor in found
        if flavor is not None
        and all(selector.get(key, value) == value for key, value in flavor["spec"].get("nodeLabels", {}).items())
    ]


def _levels(content: Content, flavor: Mapping[str, Any]) -> list[str]:
    topology = content.named("Topology", flavor["spec"].get("topologyName", ""))
    return [level["nodeLabel"] for level in topology["spec"]["levels"]] if topology else []
