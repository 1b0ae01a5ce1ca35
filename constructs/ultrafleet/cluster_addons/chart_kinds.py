"""Kinds of charts at the charts' version: Helm installs those in the folder `crds` once and never updates them."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

from ultrafleet.kubernetes.chart import Chart, ChartRelease
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object

CHARTS_WITH_FOLDER: Final = frozenset({"aws-load-balancer-controller", "dra-driver-nvidia-gpu", "jobset", "lws"})
"""Charts that have their CustomResourceDefinitions in `crds` (their repositories at the pinned versions, high).

Those of kueue, kubeflow-trainer and keda are templates, which `helm upgrade` updates."""

HELM_IMAGE: Final = "docker.io/alpine/helm:4.1.4"
"""Image with Helm and a shell (a public Dockerfile that copies from it, medium)."""
KUBECTL_IMAGE: Final = "registry.k8s.io/kubectl:v1.35.4"
"""Kubernetes' own image of kubectl, without a shell (a public Dockerfile that copies from it, medium)."""

_NAMESPACE: Final = "kube-system"
_NAME: Final = "chart-kinds"
_TOKEN: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path


def chart_kinds_manifests(releases: Sequence[ChartRelease]) -> list[Manifest]:
    """Job that applies the definitions of the releases' charts, with the rights that it takes.

    Helm fetches each chart and prints its definitions; kubectl, which alone has a token, applies them on the server.
    Nothing is deleted. The Job's name is made from its content: another version of a chart is another Job.

    Args:
        releases: releases of a cluster.

    Returns:
        Objects in an order that can be applied; none where no chart has such definitions.
    """
    with_folder = (release.chart for release in releases if release.chart.name in CHARTS_WITH_FOLDER)
    charts = sorted(with_folder, key=lambda chart: chart.name)
    if not charts:
        return []
    template = {"spec": _pod(charts)}
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:8]
    account = {"kind": "ServiceAccount", "name": _NAME, "namespace": _NAMESPACE}
    rule = {
        "apiGroups": ["apiextensions.k8s.io"],
        "resources": ["customresourcedefinitions"],
        "verbs": ["create", "get", "patch"],
    }
    rbac = "rbac.authorization.k8s.io/v1"
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": _NAME}
    return [
        kubernetes_object("v1", "ServiceAccount", _NAME, namespace=_NAMESPACE),
        kubernetes_object(rbac, "ClusterRole", _NAME, rules=[rule]),
        kubernetes_object(rbac, "ClusterRoleBinding", _NAME, roleRef=role, subjects=[account]),
        kubernetes_object(
            "batch/v1",
            "Job",
            f"{_NAME}-{digest}",
            namespace=_NAMESPACE,
            spec={"backoffLimit": 6, "activeDeadlineSeconds": 1800, "template": template},
        ),
    ]


_SCRIPT: Final = (
    'while [ "$#" -gt 0 ]; do helm show crds "$1" ${2:+"--repo=$2"} --version="$3" > /home/shown; '
    "sed -n '/^---/,$p' /home/shown > \"/kinds/$#.yaml\"; shift 3; done"
)
"""Fetches a chart for each three arguments, which are never text of the shell: name, repository, version. Helm 4.1.4
prints two lines of an OCI chart's digest before its definitions, which begin with `---` (seen)."""


def _pod(charts: Sequence[Chart]) -> dict[str, Any]:
    mounts = [{"name": "kinds", "mountPath": "/kinds"}, {"name": "home", "mountPath": "/home"}]
    common = {
        "env": [{"name": "HOME", "value": "/home"}],
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    token = [
        {"serviceAccountToken": {"path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt"}},
    ]
    words = [word for chart in charts for word in _words(chart)]
    return {
        "restartPolicy": "OnFailure",
        "serviceAccountName": _NAME,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [
            {
                "name": "fetch",
                "image": HELM_IMAGE,
                "command": ["/bin/sh", "-ec", _SCRIPT, "fetch", *words],
                "volumeMounts": mounts,
                **common,
            }
        ],
        "containers": [
            {
                "name": "apply",
                "image": KUBECTL_IMAGE,
                "command": ["/bin/kubectl", "apply", "--server-side", "--force-conflicts", "--filename=/kinds"],
                "volumeMounts": [*mounts, {"name": "token", "mountPath": _TOKEN, "readOnly": True}],
                **common,
            }
        ],
        "volumes": [
            {"name": "kinds", "emptyDir": {}},
            {"name": "home", "emptyDir": {}},
            {"name": "token", "projected": {"sources": token}},
        ],
    }


def _words(chart: Chart) -> tuple[str, str, str]:
    """Name, repository and version as Helm wants them: an OCI chart is named by its whole address."""
    if chart.repository.startswith("oci://"):
        return chart.repository, "", chart.version
    return chart.name, chart.repository, chart.version
