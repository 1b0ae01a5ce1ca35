"""Kubernetes API of clusters, as far as deployments use it."""

import copy
from collections.abc import Mapping
from typing import Any

from ultrafleet.rehearsal.kubernetes.rules.kinds import (
    groups_of_addons,
    groups_of_chart,
    is_built_in,
    object_key,
)
from ultrafleet.rehearsal.kubernetes.rules.objects import check_immutable
from ultrafleet.rehearsal.kubernetes.state import ClusterContent, ObjectKey, Release
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal


class KubernetesApi:
    """Objects and releases of an account's clusters in a region, by the cluster's name."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self._clusters: dict[str, ClusterContent] = {}

    def content(self, cluster_name: str) -> ClusterContent:
        """Content of a cluster."""
        return self._clusters.setdefault(cluster_name, ClusterContent())

    def apply(self, cluster_name: str, manifest: Mapping[str, Any], *, cluster: Mapping[str, Any]) -> ObjectKey:
        """`kubectl apply` of one object.

        Args:
            cluster_name: the cluster.
            manifest: the object.
            cluster: what EKS says of the cluster: version, add-ons, capabilities.

        Raises:
            Refusal: the kind isn't known, the namespace isn't there, or an immutable field changes.
        """
        SIMULATED_ACCOUNT.check_call("kubernetes", "Apply", {"cluster": cluster_name, "kind": manifest.get("kind")})
        content = self.content(cluster_name)
        key = object_key(manifest)
        version, kind, namespace, name = key
        self._check_kind(content, version, kind, cluster)
        if namespace and namespace not in content.namespaces:
            raise Refusal(
                "NotFound",
                f'Error from server (NotFound): namespaces "{namespace}" not found',
                rule="namespace-exists",
            )
        known = content.objects.get(key)
        if known is not None:
            check_immutable(known, manifest)
        content.objects[key] = copy.deepcopy(dict(manifest))
        if kind == "Namespace":
            content.namespaces.add(name)
        return key

    def delete(self, cluster_name: str, key: ObjectKey) -> None:
        """`kubectl delete --ignore-not-found` of one object; a namespace takes what is in it with it."""
        content = self.content(cluster_name)
        content.objects.pop(key, None)
        if key[1] == "Namespace":
            content.namespaces.discard(key[3])
            content.objects = {other: item for other, item in content.objects.items() if other[2] != key[3]}
            content.releases = {other: item for other, item in content.releases.items() if other[0] != key[3]}

    def read(self, cluster_name: str, key: ObjectKey) -> dict[str, Any]:
        """One object.

        Raises:
            Refusal: it isn't there.
        """
        found = self.content(cluster_name).objects.get(key)
        if found is None:
            raise Refusal("NotFound", f'Error from server (NotFound): {key[1].lower()}s "{key[3]}" not found')
        return found

    def install(self, cluster_name: str, release: Release, *, create_namespace: bool) -> None:
        """`helm upgrade --install`.

        Raises:
            Refusal: the namespace isn't there, or the name is too long.
        """
        SIMULATED_ACCOUNT.check_call("kubernetes", "Helm", {"cluster": cluster_name, "chart": release.chart})
        content = self.content(cluster_name)
        if len(release.name) > 53:  # noqa: PLR2004 - Helm's limit (Helm, high)
            raise Refusal(
                "Helm", f'Error: release name "{release.name}" exceeds max length of 53', rule="release-name-length"
            )
        if release.namespace not in content.namespaces:
            if not create_namespace:
                raise Refusal(
                    "Helm",
                    f'Error: create: failed to create: namespaces "{release.namespace}" not found',
                    rule="release-namespace-exists",
                )
            content.namespaces.add(release.namespace)
        content.releases[release.namespace, release.name] = release

    def uninstall(self, cluster_name: str, namespace: str, name: str) -> None:
        """`helm uninstall`; the namespace stays."""
        self.content(cluster_name).releases.pop((namespace, name), None)

    def release(self, cluster_name: str, namespace: str, name: str) -> Release:
        """One release.

        Raises:
            Refusal: it isn't there.
        """
        found = self.content(cluster_name).releases.get((namespace, name))
        if found is None:
            raise Refusal("Helm", f"Error: release: not found: {name} in {namespace}")
        return found

    @staticmethod
    def _check_kind(content: ClusterContent, version: str, kind: str, cluster: Mapping[str, Any]) -> None:
        if is_built_in(version, cluster["version"]):
            return
        group = version.split("/", maxsplit=1)[0]
        brought = {group for release in content.releases.values() for group in groups_of_chart(release.chart)}
        brought |= groups_of_addons(cluster["addons"], cluster["capabilities"])
        if group not in brought:
            raise Refusal(
                "NoMatch",
                f'error: resource mapping not found: no matches for kind "{kind}" in version "{version}"; ensure CRDs '
                "are installed first",
                rule="kind-is-known",
            )
