"""`python3 -m ultrafleet.in_cluster.worker_domains_command`: one look, from a CronJob. Standard library only."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from ultrafleet.in_cluster.kubernetes_api import CONFLICT, ApiError, KubernetesApi
from ultrafleet.in_cluster.worker_domains import API, ORIGIN_LABEL, Wanted, wanted

_WORKLOADS = "apis/kueue.x-k8s.io/v1beta2/workloads"
_DOMAINS = f"apis/{API}"

Log = Callable[[Mapping[str, Any]], None]


def look(api: KubernetesApi, *, log: Log) -> list[Wanted]:
    """One look: makes the ComputeDomains that Workloads of a manager wait for.

    Raises:
        OSError: the API refuses or doesn't answer; nothing more is made.
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
    log({"event": "looked", "workloads": len(workloads), "made": len(found)})
    return found


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
