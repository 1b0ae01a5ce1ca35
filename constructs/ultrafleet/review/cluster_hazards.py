"""Hazards of clusters: the cluster itself, what is uninstalled from it, and queues that no longer reach a pool."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.catalog.eks import AddonName
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.review.changes import Change
from ultrafleet.review.comparison import ChangedResource, Comparison
from ultrafleet.review.fleet import Key
from ultrafleet.review.hazard import HazardRule, Level, Occurrence, of_change, of_pool, used_by
from ultrafleet.review.iam import text
from ultrafleet.review.physical_names import taken_names
from ultrafleet.review.pool_change import PoolChange, of_pools
from ultrafleet.review.workloads import MANIFESTS, items_of, quotas
from ultrafleet.templates.launch import as_int, is_true
from ultrafleet.templates.template_changes import ChangeAction

CLUSTER: Final = "AWS::EKS::Cluster"
ADDON: Final = "AWS::EKS::Addon"
CHART: Final = "Custom::AWSCDK-EKS-HelmChart"
_EFA_DRIVERS: Final = ("aws-efa-k8s-device-plugin", "aws-dranet")
_WITHOUT_ADDON: Final[dict[str, str]] = {
    AddonName.EBS_CSI_DRIVER: "volumes are no longer attached or made",
    AddonName.COREDNS: "names in the cluster no longer resolve",
    AddonName.POD_IDENTITY_AGENT: "pods with a pod identity get no credentials",
    AddonName.KUBE_PROXY: "new and changed Services are not reached on new nodes",
    AddonName.VPC_CNI: "new pods get no addresses, and new nodes never become ready",
}
"""Loss with the software of an add-on (EKS user guide, the add-ons that AWS offers, medium)."""
_ADDON_DELETED: Final = Source(
    "CloudFormation, AWS::EKS::Addon, PreserveOnDelete: without it the add-on's software is deleted from the cluster; "
    "cdk-eks-blueprints #366",
    Confidence.HIGH,
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-eks-addon.html",
)
_HOLDS_OBJECTS: Final = ("CustomResourceDefinition", "Namespace")


def _removed(compared: Comparison) -> Iterator[Occurrence]:
    base = compared.base_fleet.by_key()
    renamed = {taken.old.key for taken in taken_names(compared) if taken.in_one_stack}
    for item in compared.changed_resources:
        removed = item.change.type == CLUSTER and item.change.of.action is ChangeAction.REMOVED
        if removed and item.change.key not in renamed:
            pools = [pool for pool in compared.pools_on(item.change.key) if pool.key in base]
            yield of_change(item.change, f"the cluster is deleted{used_by(pools)}")


def version_change(item: ChangedResource) -> tuple[int, int] | None:
    """Minor Kubernetes version of a cluster before and after; None where it isn't known to change."""
    change = item.change
    if change.type != CLUSTER or change.of.action is not ChangeAction.CHANGED or "Version" not in change.paths:
        return None
    before, after = (_minor(value) for value in change.get("Version"))
    return None if before is None or after is None else (before, after)


def _minor(version: Any) -> int | None:  # noqa: ANN401 - JSON
    parts = str(version).split(".")
    return as_int(parts[1]) if len(parts) > 1 else None


def versions(change: Change) -> str:
    """Both versions, as `Version OLD → NEW`."""
    return f"Version {' → '.join(map(str, change.get('Version')))}"


def _upgraded(compared: Comparison) -> Iterator[Occurrence]:
    for item in compared.changed_resources:
        minor = version_change(item)
        if minor is not None and minor[1] == minor[0] + 1:
            message = f"{versions(item.change)}: the control plane is upgraded, node groups keep their version"
            yield of_change(item.change, message)


def _addon_removed(item: ChangedResource, renamed: set[Key]) -> Iterator[Occurrence]:
    """An add-on's software goes with it, unless it is preserved or the update is refused."""
    change = item.change
    if change.key in renamed or is_true(change.get("PreserveOnDelete")[0]):
        return
    name = text(change.get("AddonName")[0])
    lost = _WITHOUT_ADDON.get(name, "its software is deleted from the cluster")
    message = f"add-on {name} is deleted with its software: {lost}; to keep that, deploy PreserveOnDelete: true first"
    yield of_change(change, f"{message}{used_by(item.pools)}", level=None if name in _WITHOUT_ADDON else Level.NOTICE)


def _addon_kept(compared: Comparison) -> Iterator[Occurrence]:
    renamed = {taken.old.key for taken in taken_names(compared) if taken.in_one_stack}
    for item in compared.changed_resources:
        change = item.change
        if change.type != ADDON or change.of.action is not ChangeAction.REMOVED or change.key in renamed:
            continue
        if is_true(change.get("PreserveOnDelete")[0]):
            name = text(change.get("AddonName")[0])
            message = f"add-on {name} is deleted and its software stays (PreserveOnDelete): EKS no longer updates it"
            yield of_change(change, f"{message}{used_by(item.pools)}")


def _uninstalled(compared: Comparison) -> Iterator[Occurrence]:
    renamed = {taken.old.key for taken in taken_names(compared) if taken.in_one_stack}
    for item in compared.changed_resources:
        change = item.change
        if change.of.action is not ChangeAction.REMOVED:
            continue
        if change.type == ADDON:
            yield from _addon_removed(item, renamed)
        elif change.type == CHART:
            release = change.get("Release")[0] or change.get("Chart")[0]
            yield of_change(change, f"Helm release {release} is uninstalled", level=Level.NOTICE)
        elif change.type in MANIFESTS and not kinds_with_content(change):
            kinds = sorted({str(one.get("kind")) for one in items_of(change.before)})
            yield of_change(change, f"{', '.join(kinds)} is deleted", level=Level.NOTICE)


def _efa_driver(compared: Comparison) -> Iterator[Occurrence]:
    """The charts of EFA's two drivers, one for the other in one stack."""
    drivers = [item.change for item in compared.changed_resources if item.change.type == CHART]
    for gone in drivers:
        if gone.of.action is not ChangeAction.REMOVED or gone.get("Chart")[0] not in _EFA_DRIVERS:
            continue
        for new in drivers:
            chart = new.get("Chart")[1]
            if new.of.action is ChangeAction.ADDED and new.key[0] == gone.key[0] and chart in _EFA_DRIVERS:
                yield of_change(
                    new,
                    f"EFA's driver {chart} is installed before {gone.get('Chart')[0]} is removed: on nodes that run, "
                    "both give the same devices to pods, and jobs of the old kind stay in their queue",
                )


def kinds_with_content(change: Change) -> list[str]:
    """Kinds of Kubernetes objects in a manifest that take what is in them with them when they are deleted."""
    return sorted({str(item.get("kind")) for item in items_of(change.before) if _has_content(item)})


def _has_content(item: Mapping[str, Any]) -> bool:
    """True if more is deleted with an object: its content, or the volume that was provisioned for it."""
    spec = item.get("spec")
    provisioned = isinstance(spec, Mapping) and not spec.get("volumeName")
    return item.get("kind") in _HOLDS_OBJECTS or (item.get("kind") == "PersistentVolumeClaim" and provisioned)


def _queue_lost(pool: PoolChange) -> Iterator[Occurrence]:
    before, after = pool.compared.users(pool.before.key)[0], pool.compared.users(pool.after.key)[1]
    lost = sorted(before.queues - after.queues)
    if lost:
        message = (
            f"cluster queue {', '.join(lost)} no longer schedules workloads on it: its flavor's labels don't match"
        )
        yield of_pool(pool.after, message)


def _queue_quota(compared: Comparison) -> Iterator[Occurrence]:
    before = quotas(compared.base, compared.base_fleet)
    for (cluster, queue), (quota, have) in quotas(compared.head, compared.head_fleet).items():
        was = before.get((cluster, queue), (0, 0))
        if quota > have and (quota > was[0] or have < was[1]):  # a rack more of those a queue is made for is none
            yield Occurrence(
                subject=f"{cluster}/{queue}",
                message=f"cluster queue {queue} may give out {quota} accelerators, and the blocks of its pools have "
                f"{have} at once, at most: jobs above that are admitted and wait for nodes; lower its nominalQuota",
            )


RULES: Final = (
    HazardRule(
        id="cluster-removed",
        level=Level.BLOCKING,
        protects_from="a cluster that is deleted with every workload on it",
        source=Source("CloudFormation user guide, DeletionPolicy attribute: without one the resource is deleted"),
        remedy="keep the cluster until its node groups are gone; set deletion protection",
        check=_removed,
    ),
    HazardRule(
        id="cluster-version",
        level=Level.NOTICE,
        protects_from="workloads and add-ons that the new Kubernetes version doesn't support",
        source=Source(
            "EKS user guide, update a cluster; roll back a cluster to the previous Kubernetes version",
            address="https://docs.aws.amazon.com/eks/latest/userguide/rollback-cluster.html",
        ),
        remedy="read the version's release notes and check the add-ons first; EKS can roll back for 7 days only",
        check=_upgraded,
    ),
    HazardRule(
        id="uninstalled",
        level=Level.BLOCKING,
        protects_from="controllers and objects that workloads need and that leave the cluster",
        source=Source(
            "AWS CDK, aws-eks: deleting a HelmChart or KubernetesManifest removes it from the cluster",
            Confidence.MEDIUM,
            also=(_ADDON_DELETED,),
        ),
        remedy="check that no workload needs it; keep an add-on's software by `PreserveOnDelete: true`, deployed first",
        check=_uninstalled,
    ),
    HazardRule(
        id="addon-kept",
        level=Level.NOTICE,
        protects_from="an add-on's software that stays in the cluster and that nothing updates",
        source=_ADDON_DELETED,
        remedy="update it by hand from then on, or keep the add-on",
        check=_addon_kept,
    ),
    HazardRule(
        id="efa-driver",
        level=Level.BLOCKING,
        protects_from="EFA devices that two drivers give to several pods, and jobs that no queue admits any more",
        source=Source(
            "EKS user guide, EFA devices: both on one node can cause silent oversubscription",
            address="https://docs.aws.amazon.com/eks/latest/userguide/device-management-efa.html",
        ),
        remedy="keep it (kubernetes.efa) until the pools with EFA are empty; then change it, and submit jobs anew",
        check=_efa_driver,
    ),
    HazardRule(
        id="queue-lost",
        level=Level.NOTICE,
        protects_from="a pool that no queue schedules workloads on",
        source=Source("Kueue documentation, resource flavors"),
        remedy="change the flavor's node labels with the pool's labels",
        check=of_pools(_queue_lost),
    ),
    HazardRule(
        id="queue-quota",
        level=Level.NOTICE,
        protects_from="jobs that are admitted and wait for nodes which no block holds",
        source=Source("Kueue documentation, cluster queue: nominalQuota is what may be admitted, whatever runs"),
        remedy="change the queue's quota with its pools' blocks",
        check=_queue_quota,
    ),
)
