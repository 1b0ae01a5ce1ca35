"""Objects of the manager: workers, their order, the admission check, and queues whose nodes are elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ultrafleet.cell_queues.queue import EksCredentials, QueueOverCells, Worker
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object
from ultrafleet.queueing.flavors import Flavor
from ultrafleet.queueing.queues import queue_manifests
from ultrafleet.queueing.team_queues import TeamShare, team_queue_name
from ultrafleet.queueing.topology import KUEUE_API

KUEUE_NAMESPACE: Final = "kueue-system"
"""Namespace of Kueue, where it looks for kubeconfigs."""

MULTIKUEUE_CONTROLLER: Final = "kueue.x-k8s.io/multikueue"
"""Controller of admission checks of queues over cells (kueue, apis/kueue/v1beta2, high)."""


def manager_manifests(
    queues: Sequence[QueueOverCells], flavors: Sequence[Flavor], shares: Sequence[TeamShare] = ()
) -> list[Manifest]:
    """Objects of all queues of a manager, in an order that can be applied.

    Flavors and topologies are those of a cluster that had all nodes: jobs ask for them here as there. The workers place
    the pods; Kueue looks at no topology where a queue has the check (kueue 0.19.2, pkg/cache/scheduler, high).

    Args:
        queues: the queues.
        flavors: capacity of all workers together.
        shares: shares of the teams. Default: there are none.

    Raises:
        FleetError: teams are guaranteed what isn't there.
    """
    workers = {worker.name: worker for queue in queues for worker in queue.workers}
    own = {queue.workload: queue for queue in queues}
    checked = {name for queue in queues for name in _queue_names(queue, shares)}
    manifests = [
        _over_cells(manifest, own[_workload(manifest)]) if _is_queue(manifest, checked) else manifest
        for manifest in queue_manifests(flavors, shares)
    ]
    before = [
        *(_secret(worker) for _, worker in sorted(workers.items()) if isinstance(worker.credentials, EksCredentials)),
        *(_cluster(name, worker.secret_name) for name, worker in sorted(workers.items())),
        *(manifest for queue in queues for manifest in _order(queue)),
    ]
    return [*before, *manifests]


def _queue_names(queue: QueueOverCells, shares: Sequence[TeamShare]) -> list[str]:
    teams = [team_queue_name(share.team_name, share.workload) for share in shares if share.workload == queue.workload]
    return [queue.workload, *teams]


def _is_queue(manifest: Manifest, names: set[str]) -> bool:
    return manifest["kind"] == "ClusterQueue" and manifest["metadata"]["name"] in names


def _workload(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"]).split(".", maxsplit=1)[0]


def elsewhere_flavor(workload: str) -> str:
    """Name of the flavor of nodes that aren't of the catalog's types.

    Args:
        workload: the queue's workload.
    """
    return f"{workload}-elsewhere"


def _secret(worker: Worker) -> dict[str, Any]:
    """A secret that a program fills; applying this again takes nothing from it."""
    return kubernetes_object("v1", "Secret", worker.secret_name, namespace=KUEUE_NAMESPACE, type="Opaque")


def _cluster(name: str, secret_name: str) -> dict[str, Any]:
    source = {"kubeConfig": {"locationType": "Secret", "location": secret_name}}
    return kubernetes_object(KUEUE_API, "MultiKueueCluster", name, spec={"clusterSource": source})


def _order(queue: QueueOverCells) -> list[dict[str, Any]]:
    parameters = {"apiGroup": "kueue.x-k8s.io", "kind": "MultiKueueConfig", "name": queue.workload}
    clusters = [worker.name for worker in queue.workers]
    check = {"controllerName": MULTIKUEUE_CONTROLLER, "parameters": parameters}
    return [
        kubernetes_object(KUEUE_API, "MultiKueueConfig", queue.workload, spec={"clusters": clusters}),
        kubernetes_object(KUEUE_API, "AdmissionCheck", queue.workload, spec=check),
        *(
            [kubernetes_object(KUEUE_API, "ResourceFlavor", elsewhere_flavor(queue.workload), spec={})]
            if queue.elsewhere
            else []
        ),
    ]


def _over_cells(manifest: Manifest, queue: QueueOverCells) -> dict[str, Any]:
    """A ClusterQueue with the check, and with the quota of other nodes where it is the workload's own."""
    spec = dict(manifest["spec"])
    if queue.elsewhere:
        is_own = manifest["metadata"]["name"] == queue.workload
        spec["resourceGroups"] = [_with_elsewhere(spec["resourceGroups"][0], queue, is_own=is_own)]
    spec["admissionChecksStrategy"] = {"admissionChecks": [{"name": queue.workload}]}
    return {**manifest, "spec": spec}


def _with_elsewhere(group: Mapping[str, Any], queue: QueueOverCells, *, is_own: bool) -> dict[str, Any]:
    covered = sorted({*group["coveredResources"], *queue.elsewhere})
    flavors = [
        {
            "name": flavor["name"],
            "resources": _resources({it["name"]: it["nominalQuota"] for it in flavor["resources"]}, covered),
        }
        for flavor in group["flavors"]
    ]
    quota = {name: str(count) for name, count in queue.elsewhere.items()} if is_own else {}
    other = {"name": elsewhere_flavor(queue.workload), "resources": _resources(quota, covered)}
    return {"coveredResources": covered, "flavors": [*flavors, other]}


def _resources(quota: Mapping[str, str], covered: Sequence[str]) -> list[dict[str, str]]:
    return [{"name": name, "nominalQuota": quota.get(name, "0")} for name in covered]
