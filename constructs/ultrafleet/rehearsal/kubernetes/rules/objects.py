"""Fields of objects that can't be changed."""

from collections.abc import Mapping
from typing import Any

from ultrafleet.rehearsal.simulated_account import Refusal


def check_immutable(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse a change of a field that the API server keeps immutable.

    Source: the published CustomResourceDefinition of ComputeDomain; Kubernetes API, PersistentVolume, Job, Service
    and RoleBinding (high).
    """
    paths = {
        "ComputeDomain": ("spec",),
        "PersistentVolume": ("spec", "csi"),
        "PersistentVolumeClaim": ("spec", "volumeName"),
        "Job": ("spec", "template"),
        "RoleBinding": ("roleRef",),
        "ClusterRoleBinding": ("roleRef",),
        "Service": ("spec", "loadBalancerClass"),
    }.get(str(wanted["kind"]))
    if paths is None:
        return
    before: Any = known
    after: Any = wanted
    for part in paths:
        before, after = (before or {}).get(part), (after or {}).get(part)
    if before != after:
        name = wanted["metadata"]["name"]
        raise Refusal(
            "Invalid",
            f'The {wanted["kind"]} "{name}" is invalid: {".".join(paths)}: Invalid value: field is immutable',
            rule="immutable-field",
        )
