"""Programs that care for the cluster: spare nodes of each UltraServer, and ComputeDomains of jobs that are over."""

from collections.abc import Sequence
from typing import Final

from ultrafleet.in_cluster.spare_nodes import TAINT_KEY
from ultrafleet.in_cluster.stale_domains import JOB_LABEL
from ultrafleet.jobs.cluster_program import PROGRAM_IMAGE, ClusterProgram
from ultrafleet.kubernetes.labels import POOL_LABEL
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object
from ultrafleet.queueing.flavors import Flavor

CARE_NAMESPACE: Final = "ultrafleet-system"
"""Namespace of the programs; no team or model may have it as its name."""

_API = "in_cluster.kubernetes_api"


def _open_nodes(flavors: Sequence[Flavor]) -> dict[str, int]:
    return {
        pool.pool_name: flavor.nodes_per_ultraserver
        for flavor in flavors
        if flavor.is_ultraserver and flavor.spare_nodes
        for pool in flavor.pools
    }


def _has_domains(flavors: Sequence[Flavor], *, training: bool) -> bool:
    return training and any(pool.has_multi_node_nvlink for flavor in flavors for pool in flavor.pools)


def care_manifests(flavors: Sequence[Flavor], *, training: bool, image: str = PROGRAM_IMAGE) -> list[Manifest]:
    """The programs that a fleet needs, in their namespace; none where it needs none.

    Args:
        flavors: the fleet's capacity.
        training: whether JobSets and TrainJobs are there.
        image: image with Python 3.11 or newer. Default: Docker's official one in Amazon ECR Public.
    """
    open_nodes = _open_nodes(flavors)
    manifests = [
        *(_spare_nodes(open_nodes, image) if open_nodes else []),
        *(_stale_domains(image) if _has_domains(flavors, training=training) else []),
    ]
    return [kubernetes_object("v1", "Namespace", CARE_NAMESPACE), *manifests] if manifests else []


def _spare_nodes(open_nodes: dict[str, int], image: str) -> list[Manifest]:
    program = ClusterProgram(
        name="spare-nodes",
        namespace=CARE_NAMESPACE,
        modules=["in_cluster.spare_nodes_command", "in_cluster.spare_nodes", _API],
        schedule="* * * * *",
        image=image,
        arguments=[f"{pool}={count}" for pool, count in sorted(open_nodes.items())],
    )
    pools = ", ".join(f"'{pool}'" for pool in sorted(open_nodes))
    return [
        program.service_account(),
        *program.role([{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "patch"]}]),
        *program.bounds(
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["nodes"]},
            {
                "nodes of other pools are left alone": f"oldObject.metadata.?labels[?'{POOL_LABEL}'].orValue('') in "
                f"[{pools}]",
                "labels and annotations are left alone": "object.metadata.?labels == oldObject.metadata.?labels && "
                "object.metadata.?annotations == oldObject.metadata.?annotations",
                "other taints are left alone": f"{_taints('object')} == {_taints('oldObject')}",
                "whether pods may be placed is left alone": "object.spec.?unschedulable.orValue(false) == "
                "oldObject.spec.?unschedulable.orValue(false)",
            },
        ),
        program.code(),
        program.network_policy(),
        program.cron_job(),
    ]


def _taints(node: str) -> str:
    """Taints of a node but the one of spare nodes, in CEL."""
    return f"(has({node}.spec.taints) ? {node}.spec.taints : []).filter(t, t.key != '{TAINT_KEY}')"


def _stale_domains(image: str) -> list[Manifest]:
    program = ClusterProgram(
        name="stale-domains",
        namespace=CARE_NAMESPACE,
        modules=["in_cluster.stale_domains_command", "in_cluster.stale_domains", _API],
        schedule="*/10 * * * *",
        image=image,
    )
    rules = [
        {"apiGroups": ["resource.nvidia.com"], "resources": ["computedomains"], "verbs": ["list", "delete"]},
        {"apiGroups": ["jobset.x-k8s.io"], "resources": ["jobsets"], "verbs": ["list"]},
        {"apiGroups": ["trainer.kubeflow.org"], "resources": ["trainjobs"], "verbs": ["list"]},
        {"apiGroups": ["resource.k8s.io"], "resources": ["resourceclaims"], "verbs": ["list"]},
    ]
    return [
        program.service_account(),
        *program.role(rules),
        *program.bounds(
            {
                "apiGroups": ["resource.nvidia.com"],
                "apiVersions": ["v1beta1"],
                "operations": ["DELETE"],
                "resources": ["computedomains"],
            },
            {"ComputeDomains of no job are left alone": f"'{JOB_LABEL}' in oldObject.metadata.?labels.orValue({{}})"},
        ),
        program.code(),
        program.network_policy(),
        program.cron_job(),
    ]
