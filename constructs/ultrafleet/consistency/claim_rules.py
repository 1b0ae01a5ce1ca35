"""Claims of devices: made, used, each job's own, and there where nodes share memory over NVLink."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ultrafleet.consistency.content import Content
from ultrafleet.consistency.pods import PodUse
from ultrafleet.kubernetes.labels import RACK_SERVING_LABEL
from ultrafleet.kubernetes.network_devices import COUNTED_CLASSES
from ultrafleet.kubernetes.pool_nodes import PoolNodes

_ACCELERATOR_CLASSES: Final = {
    "gpu.nvidia.com": "nvidia.com/gpu",
    "mig.nvidia.com": "nvidia.com/gpu",
    "neuron.aws.com": "aws.amazon.com/neuron",
}
"""Device classes of accelerators (EKS user guide, device management, high), and what their plugins call them."""


def claims(content: Content) -> Iterator[str]:
    """Claims and their templates are there; a ComputeDomain is one job's, on nodes that NVLink joins."""
    users: dict[tuple[str, str], set[str]] = {}
    yield from _domains_of_shares(content)
    for pod in content.pods:
        yield from _missing(content, pod)
        yield from _uncounted(content, pod)
        yield from _by_plugins(content, pod)
        for template in pod.claim_templates.values():
            if template is None or content.compute_domain(pod.namespace, template) is None:
                continue
            share = pod.labels.get(RACK_SERVING_LABEL)
            # Prefill and decode of a share work together, and their domain is the share's.
            users.setdefault((pod.namespace, template), set()).add(share or pod.owner)
            for pool in content.pools_of(pod):
                if not pool.has_multi_node_nvlink:
                    yield (
                        f"{pod.owner} claims a ComputeDomain on pool {pool.pool_name}, expected an UltraServer whose "
                        "nodes NVLink joins"
                    )
    for (namespace, template), owners in users.items():
        if len(owners) > 1:
            yield (
                f"{', '.join(sorted(owners))} claim by {template} in {namespace}, expected a ComputeDomain for each: "
                "jobs that share one can reach each other's memory"
            )


def _uncounted(content: Content, pod: PodUse) -> Iterator[str]:
    """Claims of a pod in a queue whose device class Kueue's configuration counts as nothing."""
    known = content.counted_classes
    for claim in pod.claims if pod.queue is not None and known is not None else []:
        for request in device_requests(content, pod, claim):
            device_class = request.get("deviceClassName")
            if device_class and device_class not in (known or ()):
                yield (
                    f"{pod.owner} goes through a queue and claims {device_class}, expected one of "
                    f"{', '.join(sorted(known or ())) or '(none)'}: Kueue refuses classes that it doesn't count"
                )


def _by_plugins(content: Content, pod: PodUse) -> Iterator[str]:
    """Claims of accelerators, which device plugins give here: the DRA drivers publish none."""
    values = next((it.values for it in content.releases if it.chart.name == "dra-driver-nvidia-gpu"), {})
    if not content.releases or values.get("resources", {}).get("gpus", {}).get("enabled", False):
        return
    for claim in pod.claims:
        for request in device_requests(content, pod, claim):
            device_class = str(request.get("deviceClassName"))
            if device_class in _ACCELERATOR_CLASSES:
                yield (
                    f"{pod.owner} claims {device_class}, expected the resource {_ACCELERATOR_CLASSES[device_class]}: "
                    "device plugins give accelerators here"
                )


def _domains_of_shares(content: Content) -> Iterator[str]:
    """A model's share of an UltraServer has one ComputeDomain: two in one NVLink domain disturb each other."""
    shares: dict[tuple[str, str], set[str]] = {}
    for pod in content.pods:
        share = pod.labels.get(RACK_SERVING_LABEL)
        domains = {name for name in pod.claim_templates.values() if content.compute_domain(pod.namespace, name)}
        if share is not None:
            shares.setdefault((pod.namespace, share), set()).update(name for name in domains if name)
    for (namespace, share), templates in shares.items():
        if len(templates) > 1:
            yield (
                f"pods of {share} in {namespace} claim by {', '.join(sorted(templates))}, expected one ComputeDomain: "
                "two in one NVLink domain disturb each other"
            )


def _missing(content: Content, pod: PodUse) -> Iterator[str]:
    for claim in pod.claims:
        name, template = claim.get("resourceClaimName"), claim.get("resourceClaimTemplateName")
        if name and content.named("ResourceClaim", name, pod.namespace) is None:
            yield f"{pod.owner} has the claim {name}, expected a ResourceClaim of {pod.namespace}"
        domain = content.compute_domain(pod.namespace, template)
        if template and domain is None and content.named("ResourceClaimTemplate", template, pod.namespace) is None:
            yield (
                f"{pod.owner} claims by {template}, expected a ComputeDomain in {pod.namespace} whose channel makes "
                "that template, or a ResourceClaimTemplate of that name there"
            )


def used_claims(content: Content) -> Iterator[str]:
    """Claims of a pod are used by a container of it, and claims that a container uses are the pod's.

    Claims of network devices need no container: the driver moves the interface into the pod.
    """
    for pod in content.pods:
        used = {claim["name"] for part in pod.containers for claim in part.get("resources", {}).get("claims", [])}
        for claim in pod.claims:
            name = claim["name"]
            if name not in used and not is_network_claim(content, pod, claim):
                yield (
                    f"the claim {name} of {pod.owner} is used by no container, expected {name} in the "
                    "resources.claims of one"
                )
        for name in sorted(used - set(pod.claim_templates)):
            yield (
                f"a container of {pod.owner} uses the claim {name}, expected one of its pod's resourceClaims: "
                f"{', '.join(sorted(pod.claim_templates)) or '(none)'}"
            )


def compute_domains(content: Content) -> Iterator[str]:
    """Pods that work together on nodes that NVLink joins claim a ComputeDomain, or say that they do without NVLink."""
    for pod in content.pods:
        pools = content.pools_of(pod)
        if pod.together <= 1 or not pools or not all(pool.has_multi_node_nvlink for pool in pools):
            continue
        if pod.environment.get("NCCL_MNNVL_ENABLE") == "0" or claims_channel(content, pod):
            continue
        yield (
            f"{pod.owner} has {pod.together} pods that work together on {_names(pools)} and claims no ComputeDomain, "
            f"expected one in {pod.namespace}: without its channel NVLink joins no two nodes"
        )


def claims_channel(content: Content, pod: PodUse) -> bool:
    """True if a pod claims a ComputeDomain's channel, or by a template that nothing here makes."""
    return any(
        template is None
        or content.compute_domain(pod.namespace, template) is not None
        or content.named("ResourceClaimTemplate", template, pod.namespace) is None
        for template in pod.claim_templates.values()
    )


def device_requests(content: Content, pod: PodUse, claim: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Requests of a pod's claim, each alternative of them; none where the claim or its template isn't here.

    Args:
        content: what is there.
        pod: the pod.
        claim: an entry of its resourceClaims.
    """
    return [request for alternatives in device_alternatives(content, pod, claim) for request in alternatives]


def device_alternatives(content: Content, pod: PodUse, claim: Mapping[str, Any]) -> list[list[Mapping[str, Any]]]:
    """Requests of a pod's claim as their alternatives: one where a request is exact.

    Args:
        content: what is there.
        pod: the pod.
        claim: an entry of its resourceClaims.
    """
    template, name = claim.get("resourceClaimTemplateName"), claim.get("resourceClaimName")
    if template:
        found = content.named("ResourceClaimTemplate", template, pod.namespace)
        spec = found["spec"]["spec"] if found else {}
    else:
        found = content.named("ResourceClaim", name, pod.namespace) if name else None
        spec = found["spec"] if found else {}
    # Before resource.k8s.io/v1 the fields of an exact request were the request's own.
    return [
        request.get("firstAvailable") or [request.get("exactly", request)]
        for request in spec.get("devices", {}).get("requests", [])
    ]


def is_network_claim(content: Content, pod: PodUse, claim: Mapping[str, Any]) -> bool:
    """True if a claim is of network devices: of EFA's, or of RoCE's.

    Args:
        content: what is there.
        pod: the pod.
        claim: an entry of its resourceClaims.
    """
    return any(request.get("deviceClassName") in COUNTED_CLASSES for request in device_requests(content, pod, claim))


def _names(pools: Sequence[PoolNodes]) -> str:
    return ", ".join(pool.pool_name for pool in pools)
