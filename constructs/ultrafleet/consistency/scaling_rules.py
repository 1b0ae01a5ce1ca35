"""Replicas that are stated or scaled to, and the room that the pools have for them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.consistency.content import Content
from ultrafleet.consistency.pods import PodUse
from ultrafleet.kubernetes.manifest import Manifest, object_id

_KEDA_MAXIMUM: Final = 100
"""Replicas that KEDA scales to where a ScaledObject states no maximum (its specification, high)."""


def scaling(content: Content) -> Iterator[str]:
    """Targets of autoscaling exist, and their maximum of replicas has room; so have the replicas that are stated.

    A replica of a LeaderWorkerSet is a group of pods.
    """
    for scaled in (*content.of_kind("ScaledObject"), *content.of_kind("HorizontalPodAutoscaler")):
        target, namespace = scaled["spec"]["scaleTargetRef"], scaled["metadata"].get("namespace")
        found = content.named(target.get("kind", "Deployment"), target["name"], namespace)
        if found is None:
            yield (
                f"{scaled['metadata']['name']} scales {target.get('kind', 'Deployment')} {target['name']}, expected "
                "one that exists"
            )
            continue
        yield from _too_many(content, found, f"{target['name']} may have {{}}", _most(scaled["spec"]))
    for groups in content.of_kind("LeaderWorkerSet"):
        replicas = groups["spec"].get("replicas")
        if replicas is not None:
            yield from _too_many(content, groups, f"{groups['metadata']['name']} has {{}}", replicas)


def _most(spec: Mapping[str, Any]) -> int:
    found: int = spec.get("maxReplicaCount", spec.get("maxReplicas", _KEDA_MAXIMUM))
    return found


def _too_many(content: Content, owner: Manifest, who: str, replicas: int) -> Iterator[str]:
    pods = [pod for pod in content.pods if pod.owner == object_id(owner) and pod.accelerators]
    if not pods:
        return
    room = min(_room(content, pod) for pod in pods)
    if replicas > room:
        size = pods[0].together
        what = f"{replicas} replicas of {size} pods" if size > 1 else f"{replicas} replicas"
        yield f"{who.format(what)}, expected at most {room}: its pools hold no more"


def _room(content: Content, pod: PodUse) -> int:
    """Replicas of which the pools hold every pod: in one UltraServer, where they have to be."""
    places = 0
    for pool in content.pools_of(pod):
        of_node = pool.accelerators_per_node // pod.accelerators
        if pod.in_one_ultraserver and pool.ultraservers:
            places += pool.nodes_at_hand * of_node // pod.together * pool.ultraservers * pod.together
        else:
            places += pool.nodes * of_node
    return places // pod.together
