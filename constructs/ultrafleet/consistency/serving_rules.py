"""Nodes of served models: what else may run there."""

from collections.abc import Iterator

from ultrafleet.consistency.content import Content
from ultrafleet.consistency.pods import LWS_NAME_LABEL, PodUse


def shared_ultraservers(content: Content) -> Iterator[str]:
    """UltraServers in which groups of a LeaderWorkerSet are placed have no LeaderWorkerSet of another endpoint.

    Those of one namespace are of one endpoint, which counts their nodes together.
    """
    for groups in dict.fromkeys(pod.owner for pod in content.pods if _is_placed_group(pod)):
        own = [pod for pod in content.pods if pod.owner == groups]
        pools = {pool.pool_name for pod in own for pool in content.pools_of(pod)}
        for other in content.pods:
            shared = sorted(pools & {pool.pool_name for pool in content.pools_of(other)})
            if other.namespace != own[0].namespace and other.accelerators and LWS_NAME_LABEL in other.labels and shared:
                yield (
                    f"{other.owner} may run on pool {', '.join(shared)}, expected another: {groups} places groups of "
                    f"{own[0].together} nodes there, for which only whole UltraServers are sure to have room"
                )


def _is_placed_group(pod: PodUse) -> bool:
    return LWS_NAME_LABEL in pod.labels and pod.queue is None and pod.together > 1 and pod.in_one_ultraserver
