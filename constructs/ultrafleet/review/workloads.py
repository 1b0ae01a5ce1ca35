"""Queues and teams of pools, from the Kubernetes manifests in templates."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.review.fleet import Fleet, Key, Pool
from ultrafleet.review.fleet_reading import cluster_name
from ultrafleet.templates.launch import as_int
from ultrafleet.templates.revision import Revision
from ultrafleet.templates.template import Resource
from ultrafleet.templates.template_text import json_in_text
from ultrafleet.templates.unknown import text_of

MANIFESTS: Final = ("Custom::AWSCDK-EKS-KubernetesResource", "Custom::AWSCDK-EKS-KubernetesPatch")
"""Resources by which the CDK brings objects into a cluster."""

_ACCELERATORS: Final = ("nvidia.com/gpu", "aws.amazon.com/neuron")
"""Resources that count accelerators (NVIDIA and Neuron device plugins, high)."""


@dataclass(frozen=True, kw_only=True)
class Users:
    """Queues and teams of a pool.

    Attributes:
        queues: cluster queues of Kueue that may place jobs on it.
        teams: namespaces with a local queue to one of them.
    """

    queues: frozenset[str]
    teams: frozenset[str]


def users_of_pools(revision: Revision, fleet: Fleet) -> dict[Key, Users]:
    """Queues and teams of each pool."""
    objects = list(_objects(revision))
    return {pool.key: _users(pool, objects) for pool in fleet.pools}


def _users(pool: Pool, objects: list[tuple[str, Mapping[str, Any]]]) -> Users:
    own = [item for cluster, item in objects if cluster == pool.cluster]
    flavors = {
        _name(item)
        for item in own
        if item.get("kind") == "ResourceFlavor" and _covers(item.get("spec", {}).get("nodeLabels"), pool.labels)
    }
    queues = {
        _name(item)
        for item in own
        if item.get("kind") == "ClusterQueue" and flavors.intersection(_flavors(item.get("spec", {})))
    }
    teams = {
        str(item.get("metadata", {}).get("namespace"))
        for item in own
        if item.get("kind") == "LocalQueue" and item.get("spec", {}).get("clusterQueue") in queues
    }
    return Users(queues=frozenset(queues), teams=frozenset(teams))


def quotas(revision: Revision, fleet: Fleet) -> dict[tuple[str, str], tuple[int, int]]:
    """Accelerators that each cluster queue may give out, and those that its pools have at once, by cluster and queue.

    Queues of a cohort lend each other what is idle: they count together, under the cohort's name.

    Queues for whose pools either isn't known are left out: a node group made elsewhere, in a stack that makes none, may
    be of any cluster of its place.

    Args:
        revision: the templates.
        fleet: their pools.
    """
    users = users_of_pools(revision, fleet)
    hidden = {pool.place for pool in fleet.pools if pool.is_elsewhere and pool.instance_type is None}
    unclear = {pool.cluster for pool in fleet.pools if pool.place in hidden}
    together: dict[tuple[str, str], dict[str, int | None]] = {}
    for cluster, item in _objects(revision):
        if item.get("kind") == "ClusterQueue" and cluster not in unclear:
            spec = item.get("spec", {})
            group = together.setdefault((cluster, str(spec.get("cohortName") or _name(item))), {})
            group[_name(item)] = _accelerator_quota(spec)
    found = {}
    for (cluster, name), queues in together.items():
        of_queues = {
            pool.identity
            for pool in fleet.pools
            if pool.cluster == cluster and not users[pool.key].queues.isdisjoint(queues)
        }
        have = [fleet.totals[identity].accelerators for identity in of_queues]
        counts = list(queues.values())
        if have and None not in counts and None not in have:
            found[cluster, name] = (sum(count or 0 for count in counts), sum(count or 0 for count in have))
    return found


def _accelerator_quota(spec: Mapping[str, Any]) -> int | None:
    resources = [
        resource
        for group in spec.get("resourceGroups") or ()
        for flavor in group.get("flavors") or ()
        for resource in flavor.get("resources") or ()
        if resource.get("name") in _ACCELERATORS
    ]
    counts = [as_int(resource.get("nominalQuota")) for resource in resources]
    return None if not counts or None in counts else sum(count or 0 for count in counts)


def _flavors(spec: Mapping[str, Any]) -> Iterator[str]:
    for group in spec.get("resourceGroups") or ():
        yield from (str(flavor.get("name")) for flavor in group.get("flavors") or ())


def _covers(selector: object, labels: Mapping[str, str]) -> bool:
    """True if nodes with these labels are selected."""
    if not isinstance(selector, Mapping) or not selector:
        return True
    return all(labels.get(str(key)) == str(value) for key, value in selector.items())


def _name(item: Mapping[str, Any]) -> str:
    return str(item.get("metadata", {}).get("name"))


def queues_in(resource: Resource | None, stack: str) -> set[tuple[str, str]]:
    """Cluster queues that a manifest makes or sends jobs to, each with its cluster."""
    if resource is None or resource.type not in MANIFESTS:
        return set()
    cluster = cluster_name(resource.template, resource.get("ClusterName")) or stack
    items = list(items_of(resource))
    made = {_name(item) for item in items if item.get("kind") == "ClusterQueue"}
    used = {str(item.get("spec", {}).get("clusterQueue")) for item in items if item.get("kind") == "LocalQueue"}
    return {(cluster, queue) for queue in made | used}


def _objects(revision: Revision) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Kubernetes objects, with the cluster that they go to."""
    for stack, template in revision.stacks.items():
        for resource in template.of_type(*MANIFESTS):
            cluster = cluster_name(template, resource.get("ClusterName")) or stack
            for item in items_of(resource):
                yield cluster, item


def items_of(resource: Resource | None) -> Iterator[Mapping[str, Any]]:
    """Kubernetes objects of a manifest, as far as they are known."""
    if resource is None:
        return
    try:
        found = json_in_text(text_of(resource.get("Manifest")) or "[]")
    except ValueError:
        return  # known at deployment
    for item in found if isinstance(found, list) else [found]:
        if isinstance(item, Mapping):
            yield item
