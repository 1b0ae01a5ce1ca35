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
                        "apiVersion": "kueue.x-k8s.io/v1beta2",
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


def _templates(workload: Mapping[str, Any]) -> list[str]:
    return [
        claim["resourceClaimTemplateName"]
        for pods in workload["spec"].get("podSets") or []
        for claim in pods["template"].get("spec", {}).get("resourceClaims") or []
        if claim.get("name") == CHANNEL_CLAIM and claim.get("resourceClaimTemplateName")
    ]
