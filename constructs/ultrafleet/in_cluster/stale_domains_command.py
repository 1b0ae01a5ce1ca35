"""`python3 -m ultrafleet.in_cluster.stale_domains_command`: one look, from a CronJob. Standard library only."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ultrafleet.in_cluster.kubernetes_api import CONFLICT, NOT_FOUND, ApiError, KubernetesApi
from ultrafleet.in_cluster.stale_domains import JOB_LABEL, Domain, claimed_domains, is_over, read_domain, stale

_DOMAINS = "apis/resource.nvidia.com/v1beta1"
_CLAIMS = "apis/resource.k8s.io/v1/resourceclaims"
_JOBS = ("apis/jobset.x-k8s.io/v1alpha2/jobsets", "apis/trainer.kubeflow.org/v1alpha1/trainjobs")

Log = Callable[[Mapping[str, Any]], None]


def look(api: KubernetesApi, *, now: float, log: Log) -> list[Domain]:
    """One look: deletes the ComputeDomains of jobs that are over.

    Jobs and claims are read after the ComputeDomains: a job that was created meanwhile keeps its own.

    Raises:
        OSError: the API refuses or doesn't answer; nothing more is deleted.
    """
    domains = [read_domain(item) for item in api.list(f"{_DOMAINS}/computedomains", JOB_LABEL)]
    claimed = [uid for item in api.list(_CLAIMS, "") for uid in claimed_domains(item)]
    found = stale(domains, jobs=_at_work(api), claimed=claimed, now=now)
    for domain in found:
        path = f"{_DOMAINS}/namespaces/{domain.namespace}/computedomains/{domain.name}"
        try:
            api.call("DELETE", path, {"preconditions": {"uid": domain.uid}})
        except ApiError as error:
            if error.status not in {CONFLICT, NOT_FOUND}:
                raise
            continue
        log({"event": "deleted", "namespace": domain.namespace, "computeDomain": domain.name})
    log({"event": "looked", "computeDomains": len(domains), "deleted": len(found)})
    return found


def _at_work(api: KubernetesApi) -> Iterator[tuple[str, str]]:
    for path in _JOBS:
        for job in api.list(path, ""):
            if not is_over(job):
                yield job["metadata"]["namespace"], job["metadata"]["name"]


def main() -> int:
    """0 looked, 1 the API refused or didn't answer: nothing more was done, the next look goes on."""
    try:
        look(KubernetesApi(), now=time.time(), log=_log)
    except (OSError, KeyError, TypeError, ValueError) as error:
        _log({"event": "stopped", "why": f"{type(error).__name__}: {error}"[:2000]})
        return 1
    return 0


def _log(entry: Mapping[str, Any]) -> None:
    print(json.dumps({"program": "stale-domains", **entry}), flush=True)  # noqa: T201 - a command prints


if __name__ == "__main__":
    sys.exit(main())
