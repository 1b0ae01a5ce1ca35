"""ComputeDomains of jobs that a manager sends to this cluster: it sends the job alone. Standard library, no I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

CHANNEL_CLAIM: Final = "compute-domain-channel"
"""Name of the claim in pods whose template a ComputeDomain makes."""

TEMPLATE_SUFFIX: Final = "-channel"
"""End of the template's name, after the name of the ComputeDomain."""

ORIGIN_LABEL: Final = "kueue.x-k8s.io/multikueue-origin"
"""Label of Workloads that a manager made (kueue 0.19.2, apis/kueue/v1beta2, high)."""

API: Final = "resource.nvidia.com/v1beta1"
QUEUE_API: Final = "kueue.x-k8s.io/v1beta2"

_REQUEUED = "Requeued"
_MADE = "ComputeDomainMade"
_NOT_READ = ("False", "Inadmissible")
"""Conditions of a Workload whose claim's template Kueue couldn't read (workload_controller.go of 0.19.2, high)."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A ComputeDomain that a Workload waits for: Kueue admits it only when the claim's template is there.

    Attributes:
        namespace: namespace.
        name: name of the ComputeDomain.
        workload: name of the Workload, with which it goes.
        uid: uid of the Workload.
    """

    namespace: str
    name: str
    workload: str
    uid: str

    def manifest(self) -> dict[str, Any]:
        """The ComputeDomain. Its owner is the Workload, which the manager deletes when the job is over or elsewhere."""
        return {
            "apiVersion": API,
            "kind": "ComputeDomain",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "labels": {"app.kubernetes.io/managed-by": "ultrafleet"},
                "ownerReferences": [
                    {
                        "apiVersion": QUEUE_API,
                        "kind": "Workload",
                        "name": self.workload,
                        "uid": self.uid,
                    }
                ],
            },
            "spec": {
                "numNodes": 0,
                "channel": {
                    "allocationMode": "Single",
                    "resourceClaimTemplate": {"name": f"{self.name}{TEMPLATE_SUFFIX}"},
                },
            },
        }


def wanted(workloads: Iterable[Mapping[str, Any]], existing: Iterable[tuple[str, str]]) -> list[Wanted]:
    """ComputeDomains that are missing.

    Args:
        workloads: Workloads that a manager made.
        existing: namespace and name of the ComputeDomains that are there.
    """
    there = set(existing)
    found = {}
    for workload in workloads:
        metadata = workload["metadata"]
        if metadata.get("deletionTimestamp") or ORIGIN_LABEL not in metadata.get("labels", {}):
            continue
        for template in _templates(workload):
            name = template.removesuffix(TEMPLATE_SUFFIX)
            key = (metadata["namespace"], name)
            if template != name and key not in there:
                found[key] = Wanted(
                    namespace=metadata["namespace"], name=name, workload=metadata["name"], uid=metadata["uid"]
                )
    return [found[key] for key in sorted(found)]


def held_back(workloads: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Workloads that Kueue doesn't queue again since it looked for a claim's template before that was there.

    It tries such a Workload once more when the template is there, and evicts others for it; as the condition `Requeued`
    stays false, it doesn't then admit it (kueue 0.19.2, seen). Those whose template wasn't there yet at the look before
    are named again, or Kueue's next try would be minutes later.

    Args:
        workloads: Workloads that a manager made.
    """
    return [
        workload
        for workload in workloads
        if ORIGIN_LABEL in workload["metadata"].get("labels", {})
        and not workload["metadata"].get("deletionTimestamp")
        and _templates(workload)
        and _is_held_back(workload)
    ]


def _is_held_back(workload: Mapping[str, Any]) -> bool:
    found = {
        condition["type"]: (condition["status"], condition["reason"])
        for condition in workload.get("status", {}).get("conditions") or []
    }
    again = found.get(_REQUEUED) == ("True", _MADE) and found.get("QuotaReserved") == _NOT_READ
    return again or found.get(_REQUEUED) == _NOT_READ


def requeued(workload: Mapping[str, Any], now: str) -> dict[str, Any]:
    """The status by which Kueue queues a Workload again, to be applied; it has this condition alone.

    Args:
        workload: the Workload.
        now: the time, as RFC 3339.
    """
    metadata = workload["metadata"]
    condition = {
        "type": _REQUEUED,
        "status": "True",
        "reason": _MADE,
        "message": "The job's ComputeDomain was made",
        "lastTransitionTime": now,
    }
    return {
        "apiVersion": QUEUE_API,
        "kind": "Workload",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]},
        "status": {"conditions": [condition]},
    }


def _templates(workload: Mapping[str, Any]) -> list[str]:
    return [
        claim["resourceClaimTemplateName"]
        for pods in workload["spec"].get("podSets") or []
        for claim in pods["template"].get("spec", {}).get("resourceClaims") or []
        if claim.get("name") == CHANNEL_CLAIM and claim.get("resourceClaimTemplateName")
    ]
