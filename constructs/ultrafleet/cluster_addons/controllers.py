"""Controllers that jobs and models need, as releases. They run on the system nodes: nothing lets them onto others."""

from collections.abc import Mapping
from typing import Any

from ultrafleet.accelerator_addons.versions import VersionTable
from ultrafleet.catalog.source import Source
from ultrafleet.kubernetes.chart import ChartRelease
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object
from ultrafleet.kubernetes.namespaces import KEDA_NAMESPACE

LOAD_BALANCER_NAMESPACE = "kube-system"
LOAD_BALANCER_ACCOUNT = "aws-load-balancer-controller"
"""Service account of the AWS Load Balancer Controller, in `LOAD_BALANCER_NAMESPACE`."""


def training_controllers(versions: VersionTable) -> list[ChartRelease]:
    """JobSet, and Kubeflow Trainer on top of it."""
    return [
        ChartRelease(chart=versions.charts["jobset"], release="jobset", namespace="jobset-system", wait=True),
        ChartRelease(
            chart=versions.charts["kubeflow-trainer"],
            release="kubeflow-trainer",
            namespace="kubeflow-system",
            # Its own copy of JobSet would be a second one beside the chart above.
            values={"jobset": {"install": False}},
            wait=True,
        ),
    ]


def inference_controllers(
    versions: VersionTable, *, cluster_name: str, region: str, vpc: Mapping[str, Any], scaled: bool
) -> list[ChartRelease]:
    """LeaderWorkerSet, the AWS Load Balancer Controller, and KEDA where something is scaled.

    Args:
        versions: versions of the charts.
        cluster_name: name of the cluster.
        region: its region.
        vpc: the chart's values that say which VPC: `vpcId` or `vpcTags`. Pods can't ask the instance metadata for it.
        scaled: whether any model follows its queue.
    """
    releases = [
        ChartRelease(
            chart=versions.charts["lws"],
            release="lws",
            namespace="lws-system",
            values={
                # Its webhook sees every pod of a replica that is made: one that is drained leaves another.
                "replicaCount": 2,
                "affinity": {
                    "podAntiAffinity": {
                        "preferredDuringSchedulingIgnoredDuringExecution": [
                            {
                                "weight": 100,
                                "podAffinityTerm": {
                                    "topologyKey": "kubernetes.io/hostname",
                                    "labelSelector": {"matchLabels": {"control-plane": "controller-manager"}},
                                },
                            }
                        ]
                    }
                },
                # The chart asks for a whole core.
                "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
            },
            wait=True,
        ),
        ChartRelease(
            chart=versions.charts["aws-load-balancer-controller"],
            release="aws-load-balancer-controller",
            namespace=LOAD_BALANCER_NAMESPACE,
            values={
                "clusterName": cluster_name,
                "region": region,
                **vpc,
                "serviceAccount": {"create": True, "name": LOAD_BALANCER_ACCOUNT},
                # It takes services that name its class, and no others.
                "enableServiceMutatorWebhook": False,
                # Security groups are the templates' affair.
                "enableBackendSecurityGroup": False,
            },
            wait=True,
            unchecked_values_source=Source(
                "kubernetes-sigs/aws-load-balancer-controller, helm/aws-load-balancer-controller/values.yaml"
            ),
        ),
    ]
    if scaled:
        releases.append(
            ChartRelease(
                chart=versions.charts["keda"],
                release="keda",
                namespace=KEDA_NAMESPACE,
                values={
                    # Of all that has a scale: LeaderWorkerSets alone.
                    "rbac": {"scaledRefKinds": [{"apiGroup": "leaderworkerset.x-k8s.io", "kind": "leaderworkersets"}]}
                },
                wait=True,
                unchecked_values_source=Source("kedacore/charts, keda/values.yaml"),
            )
        )
    return releases


def keda_endpoint_rights() -> list[Manifest]:
    """Lets KEDA find the pods of a service, whose metrics it adds up: its chart doesn't (kedacore/charts, medium)."""
    name = "keda-endpoint-slices"
    rules: list[dict[str, Any]] = [
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]}
    ]
    return [
        kubernetes_object("rbac.authorization.k8s.io/v1", "ClusterRole", name, rules=rules),
        kubernetes_object(
            "rbac.authorization.k8s.io/v1",
            "ClusterRoleBinding",
            name,
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            subjects=[{"kind": "ServiceAccount", "name": "keda-operator", "namespace": KEDA_NAMESPACE}],
        ),
    ]
