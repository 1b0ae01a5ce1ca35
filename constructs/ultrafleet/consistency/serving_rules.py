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


def domains_of_models(content: Content) -> Iterator[str]:
    """Models whose pods claim channels of ComputeDomains are in UltraServers without another model's ComputeDomain."""
    served = [
        (pod, {pool.pool_name for pool in content.pools_of(pod) if pool.has_multi_node_nvlink})
        for pod in content.pods
        if LWS_NAME_LABEL in pod.labels and _domains(content, pod)
    ]
    for number, (pod, pools) in enumerate(served):
        for other, others in served[:number]:
            shared = sorted(pools & others)
            if shared and other.namespace != pod.namespace:
                yield (
                    f"{pod.owner} and {other.owner} claim channels of two ComputeDomains on pool {', '.join(shared)}, "
                    "expected one model with a ComputeDomain in an UltraServer"
                )


def _domains(content: Content, pod: PodUse) -> list[str]:
    return [
        template
        for template in pod.claim_templates.values()
        if template is not None and content.compute_domain(pod.namespace, template) is not None
    ]


def _is_placed_group(pod: PodUse) -> bool:
    return LWS_NAME_LABEL in pod.labels and pod.queue is None and pod.together > 1 and pod.in_one_ultraserver
