"""Pods and the nodes that they are for: selectors, taints, sizes."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ultrafleet.consistency.content import Content
from ultrafleet.consistency.pods import LWS_NAME_LABEL, OURS, PodUse
from ultrafleet.jobs.neuron import SCHEDULER as NEURON_SCHEDULER
from ultrafleet.kubernetes.labels import ULTRASERVER_LABEL
from ultrafleet.kubernetes.network_devices import EFA_RESOURCE
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.kubernetes.taint import ACCELERATOR_RESOURCES, Taint

NEURON_RESOURCE = ACCELERATOR_RESOURCES["neuron"]
SLICE = "kueue.x-k8s.io/podset-slice-required-topology"
SLICE_SIZE = "kueue.x-k8s.io/podset-slice-size"


def selectors(content: Content) -> Iterator[str]:
    """Labels that pods select by exist on some pool; pods with accelerators select nodes that have them."""
    for pod in content.pods:
        wanted = pod.spec.get("nodeSelector", {})
        if not pod.accelerators and not any(label.startswith(OURS) for label in wanted):
            continue
        if not content.pools_of(pod):
            yield (
                f"{pod.owner} selects nodes by {_text(wanted)}, expected labels that some pool has: "
                f"{'; '.join(_text(pool.labels) for pool in content.pools) or '(no pools)'}"
            )


def taints(content: Content) -> Iterator[str]:
    """Pods tolerate the taints of the nodes that they select, or their queue's flavor does it for them."""
    for pod in content.pods:
        for pool in content.pools_of(pod) if pod.accelerators else ():
            tolerated = [*pod.spec.get("tolerations", []), *_of_flavors(content, pod, pool)]
            for taint in missing_tolerations(pool.taints, tolerated):
                yield (
                    f"{pod.owner} tolerates {tolerated}, expected {taint.key}={taint.value}:{taint.effect} of pool "
                    f"{pool.pool_name}, too"
                )


def sizes(content: Content) -> Iterator[str]:
    """A pod's accelerators and EFA devices are on one node, and its owner's pods on all of them."""
    for pod in content.pods:
        pools = content.pools_of(pod)
        if not pod.accelerators or not pools:
            continue
        holding = [pool for pool in pools if _holds(pool, pod)]
        for pool in [] if holding else pools:
            if pod.requests(pool.accelerator_resource) > pool.accelerators_per_node or not pod.requests(
                pool.accelerator_resource
            ):
                yield (
                    f"a pod of {pod.owner} asks for {pod.accelerators} accelerators, expected 1 to "
                    f"{pool.accelerators_per_node} {pool.accelerator_resource}: {pool.pool_name} has that many a node"
                )
            elif pod.requests(EFA_RESOURCE) > pool.efa_interfaces:
                yield (
                    f"a pod of {pod.owner} asks for {pod.requests(EFA_RESOURCE)} EFA devices, expected at most "
                    f"{pool.efa_interfaces}: a node of pool {pool.pool_name} has that many"
                )
        pools = holding or pools
        room = sum(pool.nodes * (pool.accelerators_per_node // pod.accelerators) for pool in pools)
        if holding and pod.count is not None and pod.count > room:
            yield f"{pod.owner} has {pod.count} pods, expected at most {room}: the pools it selects hold no more"
        yield from _fits_ultraservers(pod, pools)


def _holds(pool: PoolNodes, pod: PodUse) -> bool:
    """True if a node of a pool has the accelerators and EFA devices of a pod."""
    return (
        0 < pod.requests(pool.accelerator_resource) <= pool.accelerators_per_node
        and pod.requests(EFA_RESOURCE) <= pool.efa_interfaces
    )


def _fits_ultraservers(pod: PodUse, pools: list[PoolNodes]) -> Iterator[str]:
    racks = [pool for pool in pools if pool.ultraserver_type is not None]
    largest = max((pool.nodes_at_hand for pool in racks), default=0)
    most = sum(pool.ultraservers for pool in racks)
    # Groups of a LeaderWorkerSet are placed one by one.
    in_one = pod.together if LWS_NAME_LABEL in pod.labels else pod.count or 0
    if pod.in_one_ultraserver and in_one > largest:
        yield (
            f"{pod.owner} has {in_one} pods in one UltraServer, expected at most {largest}: spread it over several "
            "with podset-slice-size"
        )
    if pod.annotations.get(SLICE) == ULTRASERVER_LABEL:
        size = int(pod.annotations.get(SLICE_SIZE, "0"))
        if not 1 <= size <= largest or (pod.count or 0) % size or (pod.count or 0) // size > most:
            yield (
                f"{pod.owner} has {pod.count} pods in slices of {size}, expected whole slices of at most {largest}, "
                f"one for each of at most {most} UltraServers"
            )


def parts_of_nodes(content: Content) -> Iterator[str]:
    """Pods with some of a node's Trainium chips go through the scheduler that finds connected ones."""
    for pod in content.pods:
        chips, scheduler = pod.requests(NEURON_RESOURCE), pod.spec.get("schedulerName")
        if scheduler == NEURON_SCHEDULER and content.releases and not _has_neuron_scheduler(content):
            yield (
                f"{pod.owner} has the scheduler {scheduler}, expected neuron-helm-chart with scheduler.enabled among "
                "the charts"
            )
        for pool in content.pools_of(pod) if chips else ():
            if pool.instance_type.accelerator_kind != "neuron" or chips >= pool.accelerators_per_node:
                continue
            counts = pool.instance_type.schedulable_accelerator_counts
            if scheduler != NEURON_SCHEDULER:
                yield (
                    f"a pod of {pod.owner} asks for {chips} of {pool.accelerators_per_node} {NEURON_RESOURCE} by the "
                    f"scheduler {scheduler or 'default-scheduler'}, expected schedulerName {NEURON_SCHEDULER}, which "
                    f"finds connected chips on pool {pool.pool_name}"
                )
            elif counts is not None and chips not in counts:
                yield (
                    f"a pod of {pod.owner} asks for {chips} {NEURON_RESOURCE}, expected one of "
                    f"{', '.join(map(str, counts))}: those can be connected on a {pool.instance_type} of pool "
                    f"{pool.pool_name}"
                )


def _has_neuron_scheduler(content: Content) -> bool:
    values = next((item.values for item in content.releases if item.chart.name == "neuron-helm-chart"), {})
    return values.get("scheduler", {}).get("enabled") is True


def missing_tolerations(needed: Iterable[Taint], tolerated: Iterable[Mapping[str, Any]]) -> list[Taint]:
    """Taints that keep pods off which nothing tolerates."""
    given = list(tolerated)
    return [taint for taint in needed if taint.effect != "PREFER_NO_SCHEDULE" and not _covers(given, taint)]


def _covers(tolerated: list[Mapping[str, Any]], taint: Taint) -> bool:
    wanted = taint.toleration
    return any(
        toleration.get("key") in (None, wanted["key"])
        and toleration.get("effect") in (None, "", wanted["effect"])
        and (toleration.get("operator") == "Exists" or toleration.get("value") == wanted["value"])
        for toleration in tolerated
    )


def _of_flavors(content: Content, pod: PodUse, pool: PoolNodes) -> list[Mapping[str, Any]]:
    if pod.queue is None:
        return []
    return [
        toleration
        for flavor in content.of_kind("ResourceFlavor")
        if flavor["spec"].get("nodeLabels", {}).items() <= pool.labels.items()
        for toleration in flavor["spec"].get("tolerations", [])
    ]


def _text(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items())) or "(none)"
