"""EKS capabilities, such as Argo CD."""

from collections.abc import Mapping
from typing import Any

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.providers.base import (
    PhysicalResource,
    Properties,
    Provider,
    ResourceContext,
    only_changed,
    provides,
    tags_of,
)
from ultrafleet.rehearsal.cloudformation.providers.eks_names import camel


@provides
class CapabilityProvider(Provider):
    """Capability of a cluster."""

    type = "AWS::EKS::Capability"
    known = frozenset(
        {"CapabilityName", "ClusterName", "Configuration", "DeletePropagationPolicy", "RoleArn", "Tags", "Type"}
    )

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        given = camel({key: value for key, value in properties.items() if key != "Tags"})
        tags = {tag["Key"]: tag["Value"] for tag in tags_of(properties)}
        created = call("eks", "create_capability", **given, tags=tags)["capability"]
        return PhysicalResource(
            physical_id=f"{properties['ClusterName']}|{properties['CapabilityName']}",
            attributes={"Arn": created["arn"]},
        )

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found: Mapping[str, Any] = call("eks", "describe_capability", **_named(resource))["capability"]
        return found

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        # Of the configuration only the roles change in place; the rest is create-only.
        only_changed(old, new, "Configuration", "DeletePropagationPolicy", "RoleArn", "Tags")
        kept = _roles(new)
        call(
            "eks",
            "update_capability",
            **_named(resource),
            roleArn=new["RoleArn"],
            deletePropagationPolicy=new["DeletePropagationPolicy"],
            configuration={
                "argoCd": {
                    "rbacRoleMappings": {
                        "addOrUpdateRoleMappings": kept,
                        "removeRoleMappings": [item for item in _roles(old) if item not in kept],
                    }
                }
            },
        )

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("eks", "delete_capability", **_named(resource))


def _named(resource: PhysicalResource) -> dict[str, str]:
    cluster, name = resource.physical_id.split("|")
    return {"clusterName": cluster, "capabilityName": name}


def _roles(properties: Properties) -> list[dict[str, Any]]:
    configuration = camel(properties.get("Configuration", {}))
    found: list[dict[str, Any]] = configuration.get("argoCd", {}).get("rbacRoleMappings", [])
    return found
