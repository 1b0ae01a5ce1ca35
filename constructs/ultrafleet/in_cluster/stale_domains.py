"""ComputeDomains whose job is over, which the DRA driver keeps with a DaemonSet each. Standard library only, no I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

JOB_LABEL: Final = "ultrafleet/job"
"""Label of a ComputeDomain with the name of its job: a JobSet or TrainJob of the namespace."""

LEAST_AGE_SECONDS: Final = 600
"""Age at which a ComputeDomain without a job may go: it is created before its job."""

Manifest = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A ComputeDomain of a job.

    Attributes:
        namespace: its namespace.
        name: its name.
        uid: its uid, which its pods' claims name.
        job: name of its job.
        created: seconds since 1970.
    """

    namespace: str
    name: str
    uid: str
    job: str
    created: float


def stale(
    domains: Iterable[Domain], *, jobs: Iterable[tuple[str, str]], claimed: Iterable[str], now: float
) -> list[Domain]:
    """ComputeDomains that have no job any more, and no pod that still ends.

    Args:
        domains: ComputeDomains of jobs.
        jobs: namespace and name of every job that isn't over.
        claimed: uids of ComputeDomains that a claim names, which a pod has until it is gone.
        now: seconds since 1970.
    """
    at_work, in_use = set(jobs), set(claimed)
    return [
        domain
        for domain in domains
        if now - domain.created >= LEAST_AGE_SECONDS
        and (domain.namespace, domain.job) not in at_work
        and domain.uid not in in_use
    ]


def read_domain(item: Manifest) -> Domain:
    """A ComputeDomain from the Kubernetes object."""
    metadata = item["metadata"]
    return Domain(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        job=metadata["labels"][JOB_LABEL],
        created=datetime.fromisoformat(metadata["creationTimestamp"]).timestamp(),
    )


def is_over(job: Manifest) -> bool:
    """True if a JobSet or TrainJob has ended and won't start again (their status, published CRDs, high)."""
    status = job.get("status", {})
    return bool(status.get("terminalState")) or any(
        condition.get("type") in {"Complete", "Completed", "Failed"} and condition.get("status") == "True"
        for condition in status.get("conditions", [])
    )


def claimed_domains(claim: Manifest) -> list[str]:
    """Uids of the ComputeDomains that a ResourceClaim names, by the parameters that the DRA driver gives it."""
    configurations = claim.get("spec", {}).get("devices", {}).get("config") or []
    parameters = [(item.get("opaque") or {}).get("parameters") or {} for item in configurations]
    return [str(found["domainID"]) for found in parameters if "domainID" in found]
