"""`python3 -m ultrafleet.in_cluster.worker_domains_command`: one look, from a CronJob. Standard library only."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ultrafleet.in_cluster.kubernetes_api import CONFLICT, NOT_FOUND, ApiError, KubernetesApi
from ultrafleet.in_cluster.worker_domains import API, ORIGIN_LABEL, QUEUE_API, Wanted, held_back, requeued, wanted

_QUEUE = f"apis/{QUEUE_API}"
_WORKLOADS = f"{_QUEUE}/workloads"
_DOMAINS = f"apis/{API}"
_TEMPLATE_SECONDS = 5
"""Time that NVIDIA's controller is given to make the templates of new ComputeDomains. If it takes longer, the next
look has Kueue try again."""

Log = Callable[[Mapping[str, Any]], None]


def look(api: KubernetesApi, *, log: Log, pause: Callable[[float], None] = time.sleep) -> list[Wanted]:
    """One look: makes the ComputeDomains that Workloads of a manager wait for, and has Kueue queue these again.

    Raises:
        OSError: the API refuses or doesn't answer; nothing more is done.
    """
    workloads = list(api.list(_WORKLOADS, ORIGIN_LABEL))
    domains = [
        (item["metadata"]["namespace"], item["metadata"]["name"]) for item in api.list(f"{_DOMAINS}/computedomains", "")
    ]
    found = wanted(workloads, domains)
    for domain in found:
        try:
            api.call("POST", f"{_DOMAINS}/namespaces/{domain.namespace}/computedomains", domain.manifest())
        except ApiError as error:
            if error.status != CONFLICT:
                raise
            continue
        log({"event": "made", "namespace": domain.namespace, "computeDomain": domain.name})
    if found:
        pause(_TEMPLATE_SECONDS)
        workloads = list(api.list(_WORKLOADS, ORIGIN_LABEL))
    held = held_back(workloads)
    for workload in held:
        _requeue(api, workload, log=log)
    log({"event": "looked", "workloads": len(workloads), "made": len(found), "requeued": len(held)})
    return found


def _requeue(api: KubernetesApi, workload: Mapping[str, Any], *, log: Log) -> None:
    namespace, name = workload["metadata"]["namespace"], workload["metadata"]["name"]
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    path = f"{_QUEUE}/namespaces/{namespace}/workloads/{name}/status?fieldManager=worker-domains&force=true"
    try:
        api.call("PATCH", path, requeued(workload, now), "application/apply-patch+yaml")
    except ApiError as error:
        if error.status not in {CONFLICT, NOT_FOUND}:
            raise
        return
    log({"event": "requeued", "namespace": namespace, "workload": name})


def main() -> int:
    """0 looked, 1 the API refused or didn't answer: nothing more was done, the next look goes on."""
    try:
        look(KubernetesApi(), log=_log)
    except (OSError, KeyError, TypeError, ValueError) as error:
        _log({"event": "stopped", "why": f"{type(error).__name__}: {error}"[:2000]})
        return 1
    return 0


def _log(entry: Mapping[str, Any]) -> None:
    print(json.dumps({"program": "worker-domains", **entry}), flush=True)  # noqa: T201 - a command prints


if __name__ == "__main__":
    sys.exit(main())
