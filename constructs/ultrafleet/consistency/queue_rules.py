"""Queues and the nodes that they count."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ultrafleet.cell_queues.manager_manifests import MULTIKUEUE_CONTROLLER
from ultrafleet.consistency.content import Content
from ultrafleet.consistency.placement_rules import missing_tolerations
from ultrafleet.consistency.pods import LWS_NAME_LABEL, OURS
from ultrafleet.kubernetes.network_devices import COUNTED_CLASSES, EFA_RESOURCE
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.queueing.flavors import CHANNEL_RESOURCE

_PRIORITY_LABEL = "kueue.x-k8s.io/priority-class"


def flavors(content: Content) -> Iterator[str]:
    """A flavor selects pools, tolerates their taints, and has a topology whose labels they have.

    Flavors of queues over cells are passed over: their nodes are in other clusters.
    """
    elsewhere = _elsewhere(content)
    for flavor in content.of_kind("ResourceFlavor"):
        if flavor["metadata"]["name"] in elsewhere:
            continue
        name, spec = flavor["metadata"]["name"], flavor["spec"]
        pools = content.pools_with(spec.get("nodeLabels", {}))
        if not pools:
            yield f"flavor {name} selects nodes by {dict(spec.get('nodeLabels', {}))}, expected labels that a pool has"
        topology = content.named("Topology", spec.get("topologyName", ""))
        if spec.get("topologyName") and topology is None:
            yield f"flavor {name} has the topology {spec['topologyName']}, expected one that exists"
        levels = [level["nodeLabel"] for level in topology["spec"]["levels"]] if topology else []
        for pool in pools:
            for taint in missing_tolerations(pool.taints, spec.get("tolerations", [])):
                yield (
                    f"flavor {name} doesn't tolerate {taint.key}={taint.value}:{taint.effect}, expected the taints of "
                    f"pool {pool.pool_name}"
                )
            for label in levels:
                if label.startswith(OURS) and label not in pool.label_keys:
                    yield (
                        f"the topology of flavor {name} has the level {label}, expected labels of pool "
                        f"{pool.pool_name}: without one of them no job is placed there"
                    )


def _elsewhere(content: Content) -> set[str]:
    """Flavors that queues over cells alone have: those whose admission check is MultiKueue's."""
    checks = {
        check["metadata"]["name"]
        for check in content.of_kind("AdmissionCheck")
        if check["spec"]["controllerName"] == MULTIKUEUE_CONTROLLER
    }
    over_cells: set[str] = set()
    own: set[str] = set()
    for queue in content.of_kind("ClusterQueue"):
        spec = queue["spec"]
        stated = spec.get("admissionChecksStrategy", {}).get("admissionChecks", [])
        names = {entry["name"] for group in spec.get("resourceGroups", []) for entry in group["flavors"]}
        (over_cells if any(check["name"] in checks for check in stated) else own).update(names)
    return over_cells - own


def quotas(content: Content) -> Iterator[str]:
    """Quotas of a queue, or of a cohort together, are what their flavors' pools hold, and each pool counts once.

    Of workloads without a queue none counts.
    """
    given: dict[tuple[str, str], Counter[str]] = {}
    for queue in content.of_kind("ClusterQueue"):
        spec, name = queue["spec"], queue["metadata"]["name"]
        for entry in (entry for group in spec.get("resourceGroups", []) for entry in group["flavors"]):
            if content.named("ResourceFlavor", entry["name"]) is None:
                yield f"queue {name} has the flavor {entry['name']}, expected one that exists"
                continue
            quota = given.setdefault((spec.get("cohortName", name), entry["name"]), Counter())
            quota.update({item["name"]: int(item["nominalQuota"]) for item in entry["resources"]})
    counted: dict[str, list[str]] = {pool.pool_name: [] for pool in content.pools}
    for (queues_name, flavor_name), quota in given.items():
        flavor = content.named("ResourceFlavor", flavor_name)
        pools = content.pools_with(flavor["spec"].get("nodeLabels", {})) if flavor else []
        for pool in pools:
            counted[pool.pool_name].append(queues_name)
        if pools:
            yield from _quota(queues_name, flavor_name, quota, pools)
    queued = {pool.workload for pool in content.pools if counted[pool.pool_name]}
    served = _served(content)
    for pool in content.pools:
        queues = counted[pool.pool_name]
        if pool.pool_name in served and queues:
            expected = f"none: {served[pool.pool_name]} runs there"
        elif pool.workload in queued and len(queues) != 1:
            expected = "one"
        else:
            continue
        yield f"pool {pool.pool_name} is counted by the queues {queues}, expected {expected}"


def _served(content: Content) -> dict[str, str]:
    """Pools whose nodes LeaderWorkerSets take without a queue, with one of these."""
    return {
        pool.pool_name: pod.owner
        for pod in content.pods
        if pod.accelerators and LWS_NAME_LABEL in pod.labels and pod.queue is None
        for pool in content.pools_of(pod)
    }


def _quota(queue: str, flavor: str, given: Mapping[str, int], pools: list[PoolNodes]) -> Iterator[str]:
    """The accelerators' quota gives the spare nodes of each UltraServer; everything else has to fit it."""
    resource, per_node = pools[0].accelerator_resource, pools[0].accelerators_per_node
    nodes = sum(pool.nodes for pool in pools)
    racks = sum(pool.ultraservers for pool in pools)
    spare, rest = divmod(nodes * per_node - given.get(resource, 0), per_node * (racks or 1))
    most_spare = min(pool.nodes_at_hand for pool in pools) - 1 if racks else 0
    if rest or not 0 <= spare <= most_spare:
        yield (
            f"queue {queue} has {given.get(resource, 0)} {resource} of flavor {flavor}, expected {nodes * per_node}: "
            f"its pools have {nodes} nodes of {per_node}"
        )
        return
    expected = dict.fromkeys((EFA_RESOURCE, *COUNTED_CLASSES.values(), CHANNEL_RESOURCE), 0)
    for pool in pools:
        usable = pool.nodes - spare * pool.ultraservers
        if pool.network is not None:
            expected[pool.network.counted_as] += pool.network.count * usable
        expected[CHANNEL_RESOURCE] += usable if pool.has_multi_node_nvlink else 0
    for name, count in expected.items():
        if given.get(name, 0) != count:
            yield f"queue {queue} has {given.get(name, 0)} {name} of flavor {flavor}, expected {count}"


def ways(content: Content) -> Iterator[str]:
    """Whoever names a queue has a way to it: a LocalQueue in its namespace, which the queue lets in."""
    for local in content.of_kind("LocalQueue"):
        name, namespace = local["spec"]["clusterQueue"], local["metadata"]["namespace"]
        queue = content.named("ClusterQueue", name)
        home = content.named("Namespace", namespace)
        if queue is None:
            yield f"the queue {local['metadata']['name']} of {namespace} leads to {name}, expected a ClusterQueue"
        elif home is not None:
            wanted = queue["spec"].get("namespaceSelector", {}).get("matchLabels", {})
            labels = home["metadata"].get("labels", {})
            if not wanted.items() <= labels.items():
                yield f"namespace {namespace} has the labels {dict(labels)}, expected {dict(wanted)} for queue {name}"
    for manifest in content.manifests:
        yield from _has_way(content, manifest)


def _has_way(content: Content, manifest: Mapping[str, Any]) -> Iterator[str]:
    metadata = manifest["metadata"]
    labels = metadata.get("labels", {})
    queue, priority = labels.get("kueue.x-k8s.io/queue-name"), labels.get(_PRIORITY_LABEL)
    if queue and content.named("LocalQueue", queue, metadata.get("namespace")) is None:
        yield (
            f"{manifest['kind']} {metadata['name']} names the queue {queue}, expected a LocalQueue of "
            f"{metadata.get('namespace')}"
        )
    if priority and content.named("WorkloadPriorityClass", priority) is None:
        yield f"{manifest['kind']} {metadata['name']} has the priority {priority}, expected a WorkloadPriorityClass"
