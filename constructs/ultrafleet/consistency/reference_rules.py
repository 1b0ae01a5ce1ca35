"""References between objects, ports, and charts against one another."""

from collections.abc import Iterator, Mapping
from typing import Any

from ultrafleet.consistency.content import Content
from ultrafleet.consistency.placement_rules import missing_tolerations
from ultrafleet.consistency.pods import PodUse
from ultrafleet.kubernetes.network_devices import EfaDriver
from ultrafleet.kubernetes.pool_nodes import PoolNodes

_VOLUMES = {"configMap": ("ConfigMap", "name"), "persistentVolumeClaim": ("PersistentVolumeClaim", "claimName")}
_OF_KUBERNETES = {("ConfigMap", "kube-root-ca.crt")}
"""Objects that Kubernetes makes in every namespace (its documentation, service accounts, high)."""


def references(content: Content) -> Iterator[str]:
    """Service accounts, configuration and claims that pods name are delivered in their namespace."""
    for pod in content.pods:
        account = pod.spec.get("serviceAccountName")
        if account and content.named("ServiceAccount", account, pod.namespace) is None:
            yield f"{pod.owner} runs as {account}, expected a ServiceAccount of {pod.namespace}"
        volumes = pod.spec.get("volumes", [])
        projected = [source for volume in volumes for source in volume.get("projected", {}).get("sources", [])]
        for volume in (*volumes, *projected):
            for key, (kind, field) in _VOLUMES.items():
                if key not in volume or (kind, volume[key][field]) in _OF_KUBERNETES:
                    continue
                if content.named(kind, volume[key][field], pod.namespace) is None:
                    yield f"{pod.owner} mounts {volume[key][field]}, expected a {kind} of {pod.namespace}"


def ports(content: Content) -> Iterator[str]:
    """Services lead to ports that pods have, and probes ask ports that their container has."""
    for service in content.of_kind("Service"):
        name, namespace = service["metadata"]["name"], service["metadata"].get("namespace")
        selector = service["spec"].get("selector", {})
        pods = [pod for pod in content.pods if pod.namespace == namespace and selector.items() <= pod.labels.items()]
        if selector and not pods:
            yield f"service {name} of {namespace} selects {dict(selector)}, expected labels of pods there"
        for port in service["spec"].get("ports", []):
            target = port.get("targetPort", port["port"])
            for pod in pods:
                if target not in _ports(pod):
                    yield f"service {name} of {namespace} leads to port {target}, expected one of {pod.owner}'s ports"
    for pod in content.pods:
        for container in pod.spec.get("containers", []):
            yield from _probes(pod, container)


def _probes(pod: PodUse, container: Mapping[str, Any]) -> Iterator[str]:
    open_ports = {value for port in container.get("ports", []) for value in (port.get("name"), port["containerPort"])}
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container.get(kind, {}).get("httpGet", {}).get("port")
        if asked is not None and asked not in open_ports:
            known = ", ".join(sorted(map(str, open_ports)))
            yield f"{kind} of {pod.owner} asks port {asked}, expected one of its container's: {known}"


def _ports(pod: PodUse) -> set[Any]:
    return {
        value
        for container in pod.spec.get("containers", [])
        for port in container.get("ports", [])
        for value in (port.get("name"), port["containerPort"])
    }


def charts(content: Content) -> Iterator[str]:
    """Every node gets what it needs, once: the charts that its accelerator and network need, past its taints."""
    if not content.releases:
        return
    values = {release.chart.name: release.values for release in content.releases}
    if {"aws-efa-k8s-device-plugin", "aws-dranet"} <= set(values):
        types = {str(pool.instance_type) for pool in content.pools if pool.efa_interfaces}
        both = types & _types(values["aws-efa-k8s-device-plugin"], types) & _types(values["aws-dranet"], types)
        if both:
            yield (
                f"aws-efa-k8s-device-plugin and aws-dranet are both installed on {', '.join(sorted(both))}, expected "
                "one on a node: their devices are the same"
            )
    gpus = values.get("dra-driver-nvidia-gpu", {}).get("resources", {}).get("gpus", {}).get("enabled", True)
    if {"nvidia-device-plugin", "dra-driver-nvidia-gpu"} <= set(values) and gpus is not False:
        yield "the DRA driver hands out GPUs beside the device plugin, expected resources.gpus.enabled false"
    for pool in content.pools:
        for chart, where in _needed(pool):
            if chart not in values:
                yield f"pool {pool.pool_name} needs the chart {chart}, expected it among {sorted(values)}"
                continue
            given: Any = values[chart]
            for key in where:
                given = given.get(key, {})
            for taint in missing_tolerations(pool.registered_taints, given or []):
                yield (
                    f"{chart} doesn't tolerate {taint.key}={taint.value}:{taint.effect}, expected the taints of pool "
                    f"{pool.pool_name} in {'.'.join(where)}"
                )


def _types(values: Mapping[str, Any], default: set[str]) -> set[str]:
    """Types of nodes that a driver of EFA devices runs on: its chart's own list has nearly all of them."""
    stated = values.get("supportedInstanceLabels", {}).get("values")
    return default if stated is None else set(stated)


def _needed(pool: PoolNodes) -> list[tuple[str, tuple[str, ...]]]:
    """Charts of a pool's nodes, and where their tolerations are."""
    found: list[tuple[str, tuple[str, ...]]] = []
    if pool.instance_type.accelerator_kind == "nvidia":
        found += [
            ("nvidia-device-plugin", ("tolerations",)),
            ("nvidia-device-plugin", ("nfd", "worker", "tolerations")),
        ]
    else:
        found.append(("neuron-helm-chart", ("devicePlugin", "tolerations")))
    if pool.has_multi_node_nvlink:
        found.append(("dra-driver-nvidia-gpu", ("kubeletPlugin", "tolerations")))
    if pool.efa_interfaces:
        by_claims = pool.efa_driver is EfaDriver.DRA
        found.append(("aws-dranet" if by_claims else "aws-efa-k8s-device-plugin", ("tolerations",)))
    return found
