"""The gate in front of unproven nodes: a CronJob that tests, releases and holds them, with the least that it needs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from ultrafleet.acceptance.gate_api import CONFIG_MAP
from ultrafleet.errors import FleetError
from ultrafleet.jobs.acceptance_jobs import ACCEPTANCE_NAMESPACE
from ultrafleet.kubernetes.labels import POOL_LABEL
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.kubernetes.taint import UNPROVEN_TAINT

GATE_IMAGE: Final = "public.ecr.aws/docker/library/python:3.13-slim"
"""Python for the gate, which needs nothing else; of Docker's official images, in AWS's public registry."""

GATE_FILES: Final = ("gate", "gate_api", "gate_command", "gate_objects", "gate_state", "report", "run_template")
"""Modules of `ultrafleet.acceptance` that the gate runs."""

_NAME = "acceptance-gate"
_CODE = "acceptance-gate-code"
_RBAC = "rbac.authorization.k8s.io/v1"
_ADMISSION = "admissionregistration.k8s.io/v1"
_NOBODY = 65534
_FOLDER = "/opt/ultrafleet"


@dataclass(frozen=True, kw_only=True)
class GateSettings:
    """Settings of the gate.

    Attributes:
        wait_minutes: how long after the first node of a block the others are waited for.
        run_minutes: how long a run may take; without a result by then it has hung.
        keep_hours: how long runs that are over are kept, for their logs.
        image: image with Python 3.11 or newer.
    """

    wait_minutes: int = 15
    run_minutes: int = 90
    keep_hours: int = 24
    image: str = GATE_IMAGE

    def __post_init__(self) -> None:
        for name, value, most in (
            ("wait_minutes", self.wait_minutes, 24 * 60),
            ("run_minutes", self.run_minutes, 24 * 60),
            ("keep_hours", self.keep_hours, 14 * 24),
        ):
            if not 1 <= value <= most:
                raise FleetError(path=name, got=value, expected=f"1 to {most}", remedy=f"pass another {name}")


def gate_manifests(
    pools: Sequence[PoolNodes],
    templates: Mapping[str, Mapping[str, Any]],
    *,
    settings: GateSettings | None = None,
    usd_per_node_hour: Mapping[str, float | None] | None = None,
) -> list[Manifest]:
    """The gate's objects: account, rights, configuration, code and CronJob.

    Args:
        pools: the tested pools.
        templates: `acceptance_template` of each, by name.
        settings: how long it waits. Default: `GateSettings()`.
        usd_per_node_hour: public price of a node by pool, for reports; None where there is none. Default: none known.

    Raises:
        FleetError: new nodes of a pool don't start with the taint of unproven nodes.
    """
    for pool in pools:
        if UNPROVEN_TAINT not in pool.startup_taints:
            raise FleetError(
                path=f"startup_taints of pool {pool.pool_name}",
                got=[taint.key for taint in pool.startup_taints],
                expected=f"{UNPROVEN_TAINT.key} among them",
                remedy="pass NodeOptions(startup_taints=[UNPROVEN_TAINT]) to the pool: without it jobs run on nodes "
                "that are tested later",
            )
    chosen = settings or GateSettings()
    prices = usd_per_node_hour or {}
    return [
        kubernetes_object("v1", "ServiceAccount", _NAME, namespace=ACCEPTANCE_NAMESPACE),
        *_rights(),
        *_bounds(sorted(pool.pool_name for pool in pools)),
        kubernetes_object(
            "v1",
            "ConfigMap",
            CONFIG_MAP,
            namespace=ACCEPTANCE_NAMESPACE,
            data={
                "settings": _json(
                    {
                        "waitMinutes": chosen.wait_minutes,
                        "runMinutes": chosen.run_minutes,
                        "keepHours": chosen.keep_hours,
                    }
                ),
                **{
                    f"pool.{pool.pool_name}": _json(
                        {
                            "nodeGroupSizes": pool.node_group_sizes,
                            "nodesPerGroup": pool.nodes_at_hand,
                            "usdPerNodeHour": prices.get(pool.pool_name),
                            "template": templates[pool.pool_name],
                        }
                    )
                    for pool in pools
                },
            },
        ),
        kubernetes_object("v1", "ConfigMap", _CODE, namespace=ACCEPTANCE_NAMESPACE, data=_code()),
        _network_policy(),
        _cron_job(chosen.image),
    ]


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _code() -> dict[str, str]:
    package = files("ultrafleet.acceptance")
    return {f"{name}.py": (package / f"{name}.py").read_text(encoding="utf-8") for name in GATE_FILES}


def _rights() -> list[Manifest]:
    """Rights on nodes, on the runs' objects, and to write Events of nodes, which are in `default`."""
    runs = {"verbs": ["list", "create", "delete"]}
    return [
        kubernetes_object(
            _RBAC,
            "ClusterRole",
            _NAME,
            rules=[{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "patch"]}],
        ),
        _binding("ClusterRoleBinding", "ClusterRole", None),
        kubernetes_object(
            _RBAC,
            "Role",
            _NAME,
            namespace=ACCEPTANCE_NAMESPACE,
            rules=[
                {"apiGroups": ["trainer.kubeflow.org"], "resources": ["trainjobs", "trainingruntimes"], **runs},
                {"apiGroups": ["resource.nvidia.com"], "resources": ["computedomains"], **runs},
                {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "delete"]},
            ],
        ),
        _binding("RoleBinding", "Role", ACCEPTANCE_NAMESPACE),
        kubernetes_object(
            _RBAC,
            "Role",
            _NAME,
            namespace="default",
            rules=[{"apiGroups": [""], "resources": ["events"], "verbs": ["create"]}],
        ),
        _binding("RoleBinding", "Role", "default"),
    ]


def _binding(kind: str, role: str, namespace: str | None) -> Manifest:
    return kubernetes_object(
        _RBAC,
        kind,
        _NAME,
        namespace=namespace,
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": _NAME},
        subjects=[{"kind": "ServiceAccount", "name": _NAME, "namespace": ACCEPTANCE_NAMESPACE}],
    )


def _bounds(pools: Sequence[str]) -> list[Manifest]:
    """Bounds that RBAC can't set: on nodes of tested pools, the one taint and the annotations about acceptance."""
    pool = f"oldObject.metadata.labels['{POOL_LABEL}']"
    policy_rules = {
        "nodes of other pools": f"has(oldObject.metadata.labels) && '{POOL_LABEL}' in oldObject.metadata.labels && "
        f"{pool} in {json.dumps(list(pools))}",
        "labels": "object.metadata.labels == oldObject.metadata.labels",
        "another taint": f"{_taints('object')} == {_taints('oldObject')}",
        "whether pods may be placed": "object.spec.?unschedulable.orValue(false) == "
        "oldObject.spec.?unschedulable.orValue(false)",
        "another annotation": f"{_kept('object', 'oldObject')} && {_kept('oldObject', 'object')}",
    }
    return [
        kubernetes_object(
            _ADMISSION,
            "ValidatingAdmissionPolicy",
            _NAME,
            spec={
                "failurePolicy": "Fail",
                "matchConstraints": {
                    "resourceRules": [
                        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["nodes"]}
                    ]
                },
                "matchConditions": [
                    {
                        "name": "gate",
                        "expression": "request.userInfo.username == "
                        f"'system:serviceaccount:{ACCEPTANCE_NAMESPACE}:{_NAME}'",
                    }
                ],
                "validations": [
                    {"expression": expression, "message": f"the gate may not change {what}"}
                    for what, expression in policy_rules.items()
                ],
            },
        ),
        kubernetes_object(
            _ADMISSION,
            "ValidatingAdmissionPolicyBinding",
            _NAME,
            spec={"policyName": _NAME, "validationActions": ["Deny"]},
        ),
    ]


def _taints(node: str) -> str:
    """Taints of a node but the one of unproven nodes, in CEL."""
    return f"(has({node}.spec.taints) ? {node}.spec.taints : []).filter(t, t.key != '{UNPROVEN_TAINT.key}')"


def _kept(these: str, those: str) -> str:
    """In CEL: annotations of one that aren't about acceptance are those of the other, too."""
    one, other = (f"(has({node}.metadata.annotations) ? {node}.metadata.annotations : {{}})" for node in (these, those))
    return f"{one}.all(k, k.startsWith('ultrafleet/acceptance') || (k in {other} && {other}[k] == {one}[k]))"


def _network_policy() -> Manifest:
    """The gate calls DNS and the API, and nothing calls it."""
    ports = [{"protocol": "TCP", "port": 443}, {"protocol": "TCP", "port": 53}, {"protocol": "UDP", "port": 53}]
    return kubernetes_object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        _NAME,
        namespace=ACCEPTANCE_NAMESPACE,
        spec={
            "podSelector": {"matchLabels": {"app": _NAME}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [],
            "egress": [{"ports": ports}],
        },
    )


def _cron_job(image: str) -> Manifest:
    package = [{"key": f"{name}.py", "path": f"ultrafleet/acceptance/{name}.py"} for name in GATE_FILES]
    container = {
        "name": "gate",
        "image": image,
        "command": ["python3", "-m", "ultrafleet.acceptance.gate_command"],
        "env": [{"name": "PYTHONPATH", "value": _FOLDER}, {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"}],
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "code", "mountPath": _FOLDER, "readOnly": True}],
    }
    pod = {
        "restartPolicy": "Never",
        "serviceAccountName": _NAME,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _NOBODY,
            "runAsGroup": _NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "code", "configMap": {"name": _CODE, "items": package}}],
    }
    job = {
        "activeDeadlineSeconds": 300,
        "backoffLimit": 0,
        "ttlSecondsAfterFinished": 600,
        "template": {"metadata": {"labels": {"app": _NAME}}, "spec": pod},
    }
    return kubernetes_object(
        "batch/v1",
        "CronJob",
        _NAME,
        namespace=ACCEPTANCE_NAMESPACE,
        spec={
            "schedule": "* * * * *",
            # Two gates at once would each start a run.
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 50,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {"spec": job},
        },
    )
