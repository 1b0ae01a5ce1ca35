"""Objects of a worker: the account that the manager works with, its rights, and who may ask for its token."""

from collections.abc import Collection
from typing import Any, Final

from ultrafleet.cell_queues.manager_manifests import KUEUE_NAMESPACE
from ultrafleet.cell_queues.queue import JOB_KINDS
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object

MANAGER_ACCOUNT: Final = "multikueue-manager"
"""Service account of the manager in a worker, in Kueue's namespace."""

MANAGER_GROUP: Final = "ultrafleet:multikueue-manager"
"""Kubernetes group of the role that the manager takes: it may ask for a token of the account, and nothing else."""

_RBAC = "rbac.authorization.k8s.io"
_RESOURCES = {
    "JobSet": ("jobset.x-k8s.io", "jobsets"),
    "Job": ("batch", "jobs"),
    "TrainJob": ("trainer.kubeflow.org", "trainjobs"),
}


def check_job_kinds(kinds: Collection[str]) -> None:
    """Check kinds of jobs of a queue over cells.

    Args:
        kinds: kinds, such as `JobSet`.

    Raises:
        FleetError: none, or one that isn't taken.
    """
    for kind in kinds:
        if kind not in JOB_KINDS:
            raise FleetError(
                path="job kind",
                got=repr(kind),
                expected=f"one of {', '.join(JOB_KINDS)}",
                remedy="run it in a cell's own queue",
            )
    if not kinds:
        raise FleetError(path="job kinds", got="none", expected=f"some of {', '.join(JOB_KINDS)}", remedy="state one")


def worker_manifests(kinds: Collection[str]) -> list[Manifest]:
    """Grants of a worker to its manager: as little as Kueue's own script grants, for the stated kinds alone.

    Source: kueue 0.19.2, site/static/examples/multikueue/create-multikueue-kubeconfig.sh (high). Kueue opens a watch of
    every kind that is switched on at the manager, and a worker that refuses one isn't connected
    (pkg/controller/admissionchecks/multikueue, high): both sides name the same kinds.

    Args:
        kinds: kinds of jobs, such as `JobSet`.

    Raises:
        FleetError: none, or one that isn't taken.
    """
    check_job_kinds(kinds)
    whole = ["create", "delete", "get", "list", "watch"]
    rules: list[dict[str, Any]] = []
    for kind in sorted(kinds):
        group, resource = _RESOURCES[kind]
        rules += [_rule(group, resource, whole), _rule(group, f"{resource}/status", ["get"])]
    rules += [
        _rule("kueue.x-k8s.io", "workloads", [*whole, "update", "patch"]),
        _rule("kueue.x-k8s.io", "workloads/status", ["get", "patch", "update"]),
        {"apiGroups": ["kueue.x-k8s.io"], "resources": ["clusterqueues", "localqueues"], "verbs": whole[2:]},
    ]
    account = {"kind": "ServiceAccount", "name": MANAGER_ACCOUNT, "namespace": KUEUE_NAMESPACE}
    tokens = f"{MANAGER_ACCOUNT}-tokens"
    token_rule = {**_rule("", "serviceaccounts/token", ["create"]), "resourceNames": [MANAGER_ACCOUNT]}
    members = {"kind": "Group", "name": MANAGER_GROUP, "apiGroup": _RBAC}
    return [
        kubernetes_object("v1", "ServiceAccount", MANAGER_ACCOUNT, namespace=KUEUE_NAMESPACE),
        kubernetes_object(f"{_RBAC}/v1", "ClusterRole", MANAGER_ACCOUNT, rules=rules),
        _binding("ClusterRoleBinding", MANAGER_ACCOUNT, "ClusterRole", account),
        kubernetes_object(f"{_RBAC}/v1", "Role", tokens, namespace=KUEUE_NAMESPACE, rules=[token_rule]),
        _binding("RoleBinding", tokens, "Role", members, namespace=KUEUE_NAMESPACE),
    ]


def _rule(group: str, resource: str, verbs: list[str]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": [resource], "verbs": verbs}


def _binding(kind: str, name: str, role: str, subject: dict[str, str], *, namespace: str | None = None) -> Manifest:
    reference = {"apiGroup": _RBAC, "kind": role, "name": name}
    return kubernetes_object(f"{_RBAC}/v1", kind, name, namespace=namespace, roleRef=reference, subjects=[subject])
