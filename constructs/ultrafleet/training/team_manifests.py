"""A team's namespace and what is in it, as Kubernetes objects."""

from collections.abc import Sequence
from typing import Any

from ultrafleet.jobs.pod import LUSTRE_CLAIM, SERVICE_ACCOUNT
from ultrafleet.kubernetes.labels import TEAM_LABEL, WORKLOAD_LABEL
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object, object_name
from ultrafleet.kubernetes.network_devices import network_claim_templates
from ultrafleet.queueing.flavors import Flavor
from ultrafleet.queueing.team_admission import PRIORITIES_ANNOTATION
from ultrafleet.queueing.team_queues import team_local_queue
from ultrafleet.rules.priorities import TEAM_PRIORITIES, check_priorities
from ultrafleet.training.team_network import team_network_policies

_TEAM_NAME_LENGTH = 40
_READ = ["get", "list", "watch"]
_WRITE = [*_READ, "create", "update", "patch", "delete"]

_TEAM_RULES: list[dict[str, Any]] = [
    {"apiGroups": ["jobset.x-k8s.io"], "resources": ["jobsets"], "verbs": _WRITE},
    {"apiGroups": ["trainer.kubeflow.org"], "resources": ["trainjobs", "trainingruntimes"], "verbs": _WRITE},
    {"apiGroups": ["resource.nvidia.com"], "resources": ["computedomains"], "verbs": _WRITE},
    {"apiGroups": [""], "resources": ["configmaps", "secrets", "persistentvolumeclaims"], "verbs": _WRITE},
    {"apiGroups": [""], "resources": ["pods"], "verbs": [*_READ, "delete"]},
    {"apiGroups": [""], "resources": ["pods/exec", "pods/portforward"], "verbs": ["create", "get"]},
    {"apiGroups": ["", "events.k8s.io"], "resources": ["pods/log", "events", "services"], "verbs": _READ},
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": _READ},
    {"apiGroups": ["resource.k8s.io"], "resources": ["resourceclaims", "resourceclaimtemplates"], "verbs": _READ},
    {"apiGroups": ["kueue.x-k8s.io"], "resources": ["workloads", "localqueues"], "verbs": _READ},
]
"""Permissions of members in their namespace: jobs and their logs. Queues, quotas and identities are the platform's."""

_TEMPLATES: dict[str, Any] = {
    "apiGroups": ["resource.k8s.io"],
    "resources": ["resourceclaimtemplates"],
    "verbs": ["create", "delete"],
}


def team_group(team_name: str) -> str:
    """Kubernetes group of a team's members; their access entries name it."""
    return f"ultrafleet:team:{team_name}"


def team_manifests(
    team_name: str,
    workload: str,
    *,
    priorities: Sequence[str] = TEAM_PRIORITIES,
    flavors: Sequence[Flavor] = (),
    makes_claim_templates: bool = False,
) -> list[Manifest]:
    """Namespace, service account, queue, rights, network policies and network claim templates of a team.

    Args:
        team_name: name of the team and of its namespace.
        workload: the pools' workload that it uses.
        priorities: priority classes that its jobs may have. Default: all but that of served models.
        flavors: the cluster's capacity, whose network devices its jobs claim. Default: none that they claim.
        makes_claim_templates: whether members may make claim templates, as on the manager of a queue over cells, where
            nothing else makes them. Default: False.

    Raises:
        FleetError: a name that Kubernetes doesn't take, or a priority that isn't one.
    """
    object_name("team name", team_name, most=_TEAM_NAME_LENGTH)
    check_priorities(priorities)
    return [
        kubernetes_object(
            "v1",
            "Namespace",
            team_name,
            labels={WORKLOAD_LABEL: workload, TEAM_LABEL: team_name},
            annotations={PRIORITIES_ANNOTATION: ",".join(priorities)},
        ),
        *team_network_policies(team_name),
        kubernetes_object("v1", "ServiceAccount", SERVICE_ACCOUNT, namespace=team_name),
        team_local_queue(team_name, workload),
        *network_claim_templates(
            (pool.network for flavor in flavors if flavor.workload == workload for pool in flavor.pools), team_name
        ),
        kubernetes_object(
            "rbac.authorization.k8s.io/v1",
            "Role",
            "team-member",
            namespace=team_name,
            rules=[*_TEAM_RULES, *([_TEMPLATES] if makes_claim_templates else [])],
        ),
        kubernetes_object(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            "team-member",
            namespace=team_name,
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "team-member"},
            subjects=[{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": team_group(team_name)}],
        ),
    ]


def lustre_volume(
    team_name: str, *, file_system_id: str, dns_name: str, mount_name: str, capacity_gib: int
) -> list[Manifest]:
    """A file system as a volume of a team, and the claim that its jobs name.

    Source: aws-fsx-csi-driver, static provisioning (high). Volumes are the cluster's, so the name has the team's in it.
    """
    capacity = {"storage": f"{capacity_gib}Gi"}
    volume = f"{team_name}-{LUSTRE_CLAIM}"
    return [
        kubernetes_object(
            "v1",
            "PersistentVolume",
            volume,
            labels={TEAM_LABEL: team_name},
            spec={
                "capacity": capacity,
                "accessModes": ["ReadWriteMany"],
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": "",
                "mountOptions": ["flock"],
                # No other claim can take it.
                "claimRef": {"namespace": team_name, "name": LUSTRE_CLAIM},
                "csi": {
                    "driver": "fsx.csi.aws.com",
                    "volumeHandle": file_system_id,
                    "volumeAttributes": {"dnsname": dns_name, "mountname": mount_name},
                },
            },
        ),
        kubernetes_object(
            "v1",
            "PersistentVolumeClaim",
            LUSTRE_CLAIM,
            namespace=team_name,
            spec={
                "accessModes": ["ReadWriteMany"],
                "storageClassName": "",
                "volumeName": volume,
                "resources": {"requests": capacity},
            },
        ),
    ]
