"""Devices of the network between nodes: asked for in the way that nodes give them, no more than there are, and used."""

from collections.abc import Iterator
from typing import Final

from ultrafleet.consistency.claim_rules import claims_channel, device_alternatives, is_network_claim
from ultrafleet.consistency.content import Content
from ultrafleet.consistency.pods import PodUse
from ultrafleet.kubernetes.network_devices import COUNTED_CLASSES, EFA_RESOURCE, NetworkDevices
from ultrafleet.kubernetes.pool_nodes import PoolNodes

_PROVIDER: Final = "FI_PROVIDER"
_ALL: Final = "All"


def network(content: Content) -> Iterator[str]:
    """Pods that work together on nodes with EFA or RoCE ask for it, unless NVLink alone joins them."""
    for pod in content.pods:
        pools = content.pools_of(pod)
        if pod.together <= 1 or not pools or not all(pool.network for pool in pools) or _asks(content, pod):
            continue
        wants_efa = pod.environment.get(_PROVIDER) == "efa"
        in_one_rack = pod.in_one_ultraserver and claims_channel(content, pod)
        if wants_efa or not in_one_rack:
            why = f"its {_PROVIDER} is efa" if wants_efa else "without them its traffic goes over TCP"
            yield (
                f"{pod.owner} has {pod.together} pods that work together and ask for no {_what(pools[0].network)}, "
                f"expected the {pools[0].network.count if pools[0].network else 0} of a node of pool "
                f"{pools[0].pool_name}: {why}"
            )


def network_drivers(content: Content) -> Iterator[str]:
    """Pods ask for network devices in the way that their nodes give them: by the plugin's resource, or by claims.

    A claim is of no more than a node has, and states a number where a queue counts it.
    """
    for pod in content.pods:
        counted, claimed = pod.requests(EFA_RESOURCE), _claimed(content, pod)
        if counted and claimed:
            yield (
                f"{pod.owner} asks for {counted} {EFA_RESOURCE} and claims {claimed[0][0]}, expected one of them: on "
                "one node two drivers give the same devices"
            )
        pools = [pool for pool in content.pools_of(pod) if pool.network is not None]
        if not any(_gives(pool, counted, claimed) for pool in pools):
            for pool in pools:
                yield from _by_its_driver(pod, pool, pool.network, counted, claimed)
        for pool in pools if pod.accelerators and pod.environment.get(_PROVIDER) == "efa" else ():
            if pool.roce_interfaces:
                yield f"{_PROVIDER} of {pod.owner} is efa, expected none: pool {pool.pool_name} has RoCE alone"
        yield from _shared(content, pod)
        if pod.queue is not None:
            yield from _uncountable(content, pod, claimed)


def _uncountable(content: Content, pod: PodUse, claimed: list[tuple[str, int | str]]) -> Iterator[str]:
    """Claims of a pod in a queue that state no number."""
    if any(mode == _ALL for _, mode in claimed):
        yield (
            f"{pod.owner} goes through a queue and claims all devices (allocationMode All), expected a count: "
            "Kueue refuses it"
        )
    for claim in pod.claims:
        if any(len(found) > 1 for found in device_alternatives(content, pod, claim)):
            yield (
                f"{pod.owner} goes through a queue and its claim {claim['name']} has alternatives (firstAvailable), "
                "expected one exact request: Kueue refuses it"
            )


def _by_its_driver(
    pod: PodUse, pool: PoolNodes, has: NetworkDevices | None, counted: int, claimed: list[tuple[str, int | str]]
) -> Iterator[str]:
    if has is None:
        return
    where = f"a node of pool {pool.pool_name} gives {has.count} by {_way(has)}"
    if counted and has.device_class is not None:
        yield f"{pod.owner} asks for {counted} {EFA_RESOURCE}, expected {_way(has)}: {where}"
    for device_class, count in claimed:
        if device_class != has.device_class:
            yield f"{pod.owner} claims {device_class}, expected {_way(has)}: {where}"
        elif isinstance(count, int) and count > has.count:
            yield f"a pod of {pod.owner} claims {count} {device_class}, expected at most {has.count}: {where}"


def _gives(pool: PoolNodes, counted: int, claimed: list[tuple[str, int | str]]) -> bool:
    """True if a pool's nodes give what a pod asks for, in that way."""
    has = pool.network
    return (
        has is not None
        and not (counted and has.device_class is not None)
        and all(name == has.device_class and (number == _ALL or int(number) <= has.count) for name, number in claimed)
    )


def _shared(content: Content, pod: PodUse) -> Iterator[str]:
    """A claim by name is one claim: pods that share it are on one node, where its devices are."""
    for claim in pod.claims if pod.together > 1 else []:
        name = claim.get("resourceClaimName")
        if name and is_network_claim(content, pod, claim):
            yield (
                f"{pod.together} pods of {pod.owner} share the claim {name}, expected a resourceClaimTemplateName: "
                "the devices of one claim are on one node"
            )


def _claimed(content: Content, pod: PodUse) -> list[tuple[str, int | str]]:
    """Claimed network devices: device class, and how many of all its claims, or `All`; of alternatives the fewest."""
    counts: dict[str, int] = {}
    everything: list[tuple[str, int | str]] = []
    for claim in pod.claims:
        for alternatives in device_alternatives(content, pod, claim):
            known = [request for request in alternatives if request.get("deviceClassName") in COUNTED_CLASSES]
            stated = [request for request in known if request.get("allocationMode") != _ALL]
            if stated:
                fewest = min(stated, key=lambda request: int(request.get("count", 1)))
                name = str(fewest["deviceClassName"])
                counts[name] = counts.get(name, 0) + int(fewest.get("count", 1))
            elif known:
                everything.append((str(known[0]["deviceClassName"]), _ALL))
    return [*everything, *counts.items()]


def _asks(content: Content, pod: PodUse) -> bool:
    return bool(pod.requests(EFA_RESOURCE) or _claimed(content, pod))


def _way(network: NetworkDevices) -> str:
    return f"the resource {EFA_RESOURCE}" if network.device_class is None else f"a claim of {network.device_class}"


def _what(network: NetworkDevices | None) -> str:
    return (network.device_class or EFA_RESOURCE) if network is not None else EFA_RESOURCE
