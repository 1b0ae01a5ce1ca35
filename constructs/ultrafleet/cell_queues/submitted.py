"""Jobs as they are submitted to the manager of a queue over cells."""

from collections.abc import Sequence
from typing import Any

from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object
from ultrafleet.queueing.kueue import COMPUTE_DOMAIN_CHANNEL_CLASS


def submitted(manifests: Sequence[Manifest]) -> list[Manifest]:
    """A job's objects for a manager, which has no NVLink.

    A ComputeDomain becomes the claim template that it would make, by which Kueue counts channels there. The worker
    makes the ComputeDomain, when the job comes to it.

    Args:
        manifests: objects of the job.
    """
    return [_template(item) if item["kind"] == "ComputeDomain" else item for item in manifests]


def _template(domain: Manifest) -> dict[str, Any]:
    metadata, channel = domain["metadata"], domain["spec"]["channel"]
    exactly = {"deviceClassName": COMPUTE_DOMAIN_CHANNEL_CLASS, "count": 1}
    return kubernetes_object(
        "resource.k8s.io/v1",
        "ResourceClaimTemplate",
        channel["resourceClaimTemplate"]["name"],
        namespace=metadata["namespace"],
        labels={key: value for key, value in metadata["labels"].items() if key != "app.kubernetes.io/managed-by"},
        spec={"spec": {"devices": {"requests": [{"name": "channel", "exactly": exactly}]}}},
    )
