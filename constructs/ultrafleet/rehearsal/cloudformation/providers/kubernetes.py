"""Custom resources of CDK's kubectl layer: objects and Helm releases."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.providers.base import (
    PhysicalResource,
    Properties,
    Provider,
    ResourceContext,
    provides,
)
from ultrafleet.rehearsal.kubernetes.api import KubernetesApi
from ultrafleet.rehearsal.kubernetes.rules.kinds import object_key
from ultrafleet.rehearsal.kubernetes.rules.kubectl import cluster_facts
from ultrafleet.rehearsal.kubernetes.state import ObjectKey, Release
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal


def _api(call: Calls) -> KubernetesApi:
    return SIMULATED_ACCOUNT.part(KubernetesApi, call.account_id, call.region)


@provides
class KubernetesResourceProvider(Provider):
    """Objects applied by `kubectl apply`."""

    type = "Custom::AWSCDK-EKS-KubernetesResource"
    known = frozenset({"ClusterName", "Manifest", "ServiceToken"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        self._apply(call, properties)
        return PhysicalResource(physical_id=context.name())

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        objects = [_api(call).read(properties["ClusterName"], key) for key in _keys(properties)]
        return {"Objects": objects}

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        # Without a prune label nothing deletes what the manifest no longer names.
        if gone := set(_keys(old)) - set(_keys(new)):
            raise Refusal("NotUpdatable", f"an update that leaves {min(gone)} behind: give it its own resource")
        self._apply(call, new)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        cluster_facts(call, properties["ServiceToken"], properties["ClusterName"])
        for key in _keys(properties):
            _api(call).delete(properties["ClusterName"], key)

    @staticmethod
    def _apply(call: Calls, properties: Properties) -> None:
        cluster = cluster_facts(call, properties["ServiceToken"], properties["ClusterName"])
        for manifest in json.loads(properties["Manifest"]):
            _api(call).apply(properties["ClusterName"], manifest, cluster=cluster)


def _keys(properties: Properties) -> list[ObjectKey]:
    return [object_key(manifest) for manifest in json.loads(properties["Manifest"])]


@provides
class HelmChartProvider(Provider):
    """Release installed by `helm upgrade --install`."""

    type = "Custom::AWSCDK-EKS-HelmChart"
    known = frozenset(
        {
            "Chart", "ClusterName", "CreateNamespace", "Namespace", "Release", "Repository", "ServiceToken", "Timeout",
            "Values", "Version", "Wait",
        }
    )  # fmt: skip

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        self._install(call, properties)
        return PhysicalResource(physical_id=context.name())

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        if properties["ClusterName"] not in call("eks", "list_clusters")["clusters"]:
            raise Refusal("Helm", f"Error: Kubernetes cluster unreachable: {properties['ClusterName']}")
        found = _api(call).release(properties["ClusterName"], properties["Namespace"], properties["Release"])
        return asdict(found)

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        for name in ("Release", "Namespace"):
            if old.get(name) != new.get(name):
                raise Refusal("NotUpdatable", f"a new {name} would leave the old release behind: give it its own id")
        self._install(call, new)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        cluster_facts(call, properties["ServiceToken"], properties["ClusterName"])
        _api(call).uninstall(properties["ClusterName"], properties["Namespace"], properties["Release"])

    @staticmethod
    def _install(call: Calls, properties: Properties) -> None:
        cluster_facts(call, properties["ServiceToken"], properties["ClusterName"])
        repository = properties.get("Repository", "")
        if not repository.startswith(("oci://", "https://")):
            raise Refusal("Helm", f"Error: repo {properties.get('Chart')} not found: {repository!r}", rule="repository")
        release = Release(
            name=properties["Release"],
            namespace=properties["Namespace"],
            chart=repository.rpartition("/")[2] if repository.startswith("oci://") else properties["Chart"],
            repository=repository,
            version=properties["Version"],
            values=json.loads(properties.get("Values", "{}")),
        )
        created = str(properties.get("CreateNamespace", "false")).lower() == "true"
        _api(call).install(properties["ClusterName"], release, create_namespace=created)
