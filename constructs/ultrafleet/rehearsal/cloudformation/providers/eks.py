"""EKS add-ons and access: entries, policies, roles of service accounts."""

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
)
from ultrafleet.rehearsal.cloudformation.providers.eks_names import camel, set_tags, tag_map


@provides
class AddonProvider(Provider):
    """EKS add-on."""

    type = "AWS::EKS::Addon"
    known = frozenset(
        {
            "AddonName", "AddonVersion", "ClusterName", "ConfigurationValues", "PodIdentityAssociations",
            "PreserveOnDelete", "ResolveConflicts", "ServiceAccountRoleArn", "Tags",
        }
    )  # fmt: skip

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        given = {key: value for key, value in properties.items() if key not in {"PreserveOnDelete", "Tags"}}
        created = call("eks", "create_addon", **camel(given), tags=tag_map(properties))["addon"]
        return PhysicalResource(
            physical_id=f"{properties['ClusterName']}|{properties['AddonName']}",
            attributes={"Arn": created["addonArn"]},
        )

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        cluster, name = resource.physical_id.split("|")
        found: Mapping[str, Any] = call("eks", "describe_addon", clusterName=cluster, addonName=name)["addon"]
        return found

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        known = (
            "AddonVersion", "ConfigurationValues", "PodIdentityAssociations", "ResolveConflicts",
            "ServiceAccountRoleArn",
        )  # fmt: skip
        changed = only_changed(old, new, *known, "PreserveOnDelete", "Tags")
        if changed & set(known):
            given = {key: new[key] for key in known if key in new}
            cluster, name = resource.physical_id.split("|")
            call("eks", "update_addon", clusterName=cluster, addonName=name, **camel(given))
        set_tags(call, resource.attributes["Arn"], old, new)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        cluster, name = resource.physical_id.split("|")
        preserve = properties.get("PreserveOnDelete")
        call("eks", "delete_addon", clusterName=cluster, addonName=name, preserve=preserve)


@provides
class AccessEntryProvider(Provider):
    """Access entry of a cluster."""

    type = "AWS::EKS::AccessEntry"
    known = frozenset({"AccessPolicies", "ClusterName", "KubernetesGroups", "PrincipalArn", "Tags", "Type", "Username"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        given = {key: value for key, value in properties.items() if key not in {"AccessPolicies", "Tags"}}
        created = call("eks", "create_access_entry", **camel(given), tags=tag_map(properties))["accessEntry"]
        entry = PhysicalResource(
            physical_id=f"{properties['PrincipalArn']}|{properties['ClusterName']}",
            attributes={"AccessEntryArn": created["accessEntryArn"]},
        )
        self._associate(call, {}, properties)
        return entry

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found: Mapping[str, Any] = call("eks", "describe_access_entry", **_principal(properties))["accessEntry"]
        return found

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        changed = only_changed(old, new, "AccessPolicies", "KubernetesGroups", "Tags", "Username")
        if changed & {"KubernetesGroups", "Username"}:
            call(
                "eks",
                "update_access_entry",
                **_principal(new),
                kubernetesGroups=new.get("KubernetesGroups", []),
                username=new.get("Username"),
            )
        self._associate(call, old, new)
        set_tags(call, resource.attributes["AccessEntryArn"], old, new)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("eks", "delete_access_entry", **_principal(properties))

    @staticmethod
    def _associate(call: Calls, old: Properties, new: Properties) -> None:
        for policy in new.get("AccessPolicies", []):
            if policy not in old.get("AccessPolicies", []):
                call("eks", "associate_access_policy", **_principal(new), **camel(policy))
        kept = {policy["PolicyArn"] for policy in new.get("AccessPolicies", [])}
        for policy in old.get("AccessPolicies", []):
            if policy["PolicyArn"] not in kept:
                call("eks", "disassociate_access_policy", **_principal(old), policyArn=policy["PolicyArn"])


def _principal(properties: Properties) -> dict[str, str]:
    return {"clusterName": properties["ClusterName"], "principalArn": properties["PrincipalArn"]}


@provides
class PodIdentityAssociationProvider(Provider):
    """IAM role of a service account."""

    type = "AWS::EKS::PodIdentityAssociation"
    known = frozenset({"ClusterName", "Namespace", "RoleArn", "ServiceAccount", "Tags"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        given = {key: value for key, value in properties.items() if key != "Tags"}
        created = call("eks", "create_pod_identity_association", **camel(given), tags=tag_map(properties))[
            "association"
        ]
        return PhysicalResource(
            physical_id=created["associationArn"],
            attributes={"AssociationArn": created["associationArn"], "AssociationId": created["associationId"]},
        )

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found: Mapping[str, Any] = call("eks", "describe_pod_identity_association", **self._key(resource, properties))
        return found

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        only_changed(old, new, "RoleArn", "Tags")
        call("eks", "update_pod_identity_association", **self._key(resource, new), roleArn=new["RoleArn"])
        set_tags(call, resource.physical_id, old, new)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("eks", "delete_pod_identity_association", **self._key(resource, properties))

    @staticmethod
    def _key(resource: PhysicalResource, properties: Properties) -> dict[str, str]:
        return {"clusterName": properties["ClusterName"], "associationId": resource.attributes["AssociationId"]}
