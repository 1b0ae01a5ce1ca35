"""EKS clusters, node groups, add-ons, access."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.providers.base import (
    PhysicalResource,
    Properties,
    Provider,
    ResourceContext,
    only_changed,
    provides,
    tags_of,
    update_tags,
)
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

_UNTOLD: Final = ("KubeSchedulerConfig",)
"""Properties that CloudFormation's schema of a cluster has and botocore's API not yet: kept, and sent nowhere."""
_STEP: Final = timedelta(minutes=1)
_LONGEST_UPDATE: Final = timedelta(hours=36)
"""Time for which CloudFormation waits for the update of a node group (its schema, `handlers.update`, high)."""


def camel(value: Any, *, keep: frozenset[str] = frozenset()) -> Any:
    """CloudFormation's keys as EKS's API spells them; maps under the keys in `keep` are the user's own."""
    if isinstance(value, Mapping):
        return {
            key[0].lower() + key[1:]: inner if key in keep else camel(inner, keep=keep) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [camel(item, keep=keep) for item in value]
    return value


def _tag_map(properties: Properties) -> dict[str, str] | None:
    return {tag["Key"]: tag["Value"] for tag in tags_of(properties)} or None


def _set_tags(call: Calls, arn: str, old: Properties, new: Properties) -> None:
    update_tags(
        old,
        new,
        put=lambda tags: call("eks", "tag_resource", resourceArn=arn, tags=tags),
        drop=lambda keys: call("eks", "untag_resource", resourceArn=arn, tagKeys=keys),
    )


@provides
class ClusterProvider(Provider):
    """EKS cluster."""

    type = "AWS::EKS::Cluster"
    known = frozenset(
        {
            "AccessConfig", "BootstrapSelfManagedAddons", "ComputeConfig", "ControlPlaneScalingConfig",
            "DeletionProtection", "EncryptionConfig", "KubeSchedulerConfig", "KubernetesNetworkConfig", "Logging",
            "Name", "ResourcesVpcConfig", "RoleArn", "StorageConfig", "Tags", "UpgradePolicy", "Version",
            "ZonalShiftConfig",
        }
    )  # fmt: skip

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        given = camel({key: value for key, value in properties.items() if key not in {"Tags", "Logging", *_UNTOLD}})
        if "Logging" in properties:
            given["logging"] = _logging(properties["Logging"])
        name = properties.get("Name", context.name(most=100))
        created = call("eks", "create_cluster", **{**given, "name": name}, tags=_tag_map(properties))["cluster"]
        vpc = created["resourcesVpcConfig"]
        return PhysicalResource(
            physical_id=created["name"],
            attributes={
                "Arn": created["arn"],
                "Endpoint": created.get("endpoint"),
                "CertificateAuthorityData": created.get("certificateAuthority", {}).get("data"),
                "ClusterSecurityGroupId": vpc.get("clusterSecurityGroupId"),
                "OpenIdConnectIssuerUrl": created.get("identity", {}).get("oidc", {}).get("issuer"),
            },
        )

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found: Mapping[str, Any] = call("eks", "describe_cluster", name=resource.physical_id)["cluster"]
        return {**found, **{key: properties[key] for key in _UNTOLD if key in properties}}

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        name = resource.physical_id
        in_place = (
            "AccessConfig", "ComputeConfig", "ControlPlaneScalingConfig", "DeletionProtection",
            "KubernetesNetworkConfig", "Logging", "ResourcesVpcConfig", "StorageConfig", "UpgradePolicy",
            "ZonalShiftConfig",
        )  # fmt: skip
        changed = only_changed(old, new, *in_place, *_UNTOLD, "Tags", "Version")
        if "Version" in changed:
            call("eks", "update_cluster_version", name=name, version=new["Version"])
        # EKS takes one kind of change in a call.
        for key in in_place:
            if key in changed:
                value = _logging(new["Logging"]) if key == "Logging" else camel(new[key])
                call("eks", "update_cluster_config", name=name, **{key[0].lower() + key[1:]: value})
        _set_tags(call, resource.attributes["Arn"], old, new)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("eks", "delete_cluster", name=resource.physical_id)


@provides
class NodegroupProvider(Provider):
    """Managed node group."""

    type = "AWS::EKS::Nodegroup"
    known = frozenset(
        {
            "AmiType", "CapacityType", "ClusterName", "DiskSize", "ForceUpdateEnabled", "InstanceTypes", "Labels",
            "LaunchTemplate", "NodeRepairConfig", "NodeRole", "NodegroupName", "ReleaseVersion", "ScalingConfig",
            "Subnets", "Tags", "Taints", "UpdateConfig", "Version",
        }
    )  # fmt: skip

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        given = camel(
            {key: value for key, value in properties.items() if key not in {"Tags", "ForceUpdateEnabled"}},
            keep=frozenset({"Labels"}),
        )
        cluster, name = properties["ClusterName"], properties.get("NodegroupName", context.name(most=63))
        arguments = {**given, "nodegroupName": name, "tags": _tag_map(properties)}
        answer = call("eks", "create_nodegroup", **arguments)["nodegroup"]
        created = PhysicalResource(
            physical_id=f"{cluster}/{name}",
            attributes={
                "Arn": answer["nodegroupArn"],
                "ClusterName": cluster,
                "NodegroupName": name,
                "Id": f"{cluster}/{name}",
            },
        )
        found = self.describe(call, created, properties)
        if found["status"] == "CREATE_FAILED":
            # CloudFormation reports the group's health issues and deletes it; the next deployment creates it again.
            message = health(found)
            call("eks", "delete_nodegroup", clusterName=cluster, nodegroupName=name)
            raise Refusal("NotStabilized", message)
        return created

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        cluster, name = resource.physical_id.split("/")
        found: Mapping[str, Any] = call("eks", "describe_nodegroup", clusterName=cluster, nodegroupName=name)[
            "nodegroup"
        ]
        return found

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        cluster, name = resource.physical_id.split("/")
        config = ("Labels", "NodeRepairConfig", "ScalingConfig", "Taints", "UpdateConfig")
        version = ("LaunchTemplate", "ReleaseVersion", "Version", "ForceUpdateEnabled")
        changed = only_changed(old, new, *config, *version, "Tags")
        arguments: dict[str, Any] = {
            key[0].lower() + key[1:]: camel(new.get(key, {}))
            for key in ("NodeRepairConfig", "ScalingConfig", "UpdateConfig")
            if key in changed
        }
        if "Labels" in changed:
            before, after = old.get("Labels", {}), new.get("Labels", {})
            arguments["labels"] = {
                "addOrUpdateLabels": {key: value for key, value in after.items() if before.get(key) != value},
                "removeLabels": sorted(set(before) - set(after)),
            }
        if "Taints" in changed:
            before, after = camel(old.get("Taints", [])), camel(new.get("Taints", []))
            arguments["taints"] = {
                "addOrUpdateTaints": [taint for taint in after if taint not in before],
                "removeTaints": [
                    t for t in before if (t["key"], t["effect"]) not in {(a["key"], a["effect"]) for a in after}
                ],
            }
        if arguments:
            answer = call("eks", "update_nodegroup_config", clusterName=cluster, nodegroupName=name, **arguments)
            self._wait(call, resource, update_id=answer["update"]["id"])
        if changed & {"LaunchTemplate", "ReleaseVersion", "Version"}:
            answer = call(
                "eks",
                "update_nodegroup_version",
                clusterName=cluster,
                nodegroupName=name,
                version=new.get("Version"),
                releaseVersion=new.get("ReleaseVersion"),
                launchTemplate=camel(new.get("LaunchTemplate")),
                force=new.get("ForceUpdateEnabled"),
            )
            self._wait(call, resource, update_id=answer["update"]["id"])
        _set_tags(call, resource.attributes["Arn"], old, new)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        cluster, name = resource.physical_id.split("/")
        call("eks", "delete_nodegroup", clusterName=cluster, nodegroupName=name)
        self._wait(call, resource)

    def _wait(self, call: Calls, resource: PhysicalResource, *, update_id: str | None = None) -> None:
        """Wait as CloudFormation does while EKS evicts and replaces nodes: time passes.

        Raises:
            Refusal: the update has failed, or takes too long.
        """
        until = SIMULATED_ACCOUNT.now + _LONGEST_UPDATE
        while True:
            try:
                status = self.describe(call, resource, {})["status"]
            except Refusal:  # it is gone
                return
            if status not in {"UPDATING", "DELETING"}:
                break
            if SIMULATED_ACCOUNT.now >= until:
                raise Refusal("NotStabilized", f"{resource.physical_id} is {status} after {_LONGEST_UPDATE}")
            SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + _STEP)
        if update_id is None:
            return
        cluster, name = resource.physical_id.split("/")
        update = call("eks", "describe_update", name=cluster, nodegroupName=name, updateId=update_id)["update"]
        if update["status"] == "Failed":
            errors = (f"{error['errorCode']}: {error['errorMessage']}" for error in update["errors"])
            raise Refusal("NotStabilized", ", ".join(errors))


def health(nodegroup: Mapping[str, Any]) -> str:
    """Health issues of a node group as CloudFormation's events show them."""
    issues = nodegroup.get("health", {}).get("issues", [])
    issues_text = ", ".join(
        f"Issue(Code={issue['code']}, Message={issue['message']}, ResourceIds={issue.get('resourceIds', [])})"
        for issue in issues
    )
    return f"[{issues_text}]"


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
        created = call("eks", "create_addon", **camel(given), tags=_tag_map(properties))["addon"]
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
        _set_tags(call, resource.attributes["Arn"], old, new)

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
        created = call("eks", "create_access_entry", **camel(given), tags=_tag_map(properties))["accessEntry"]
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
        _set_tags(call, resource.attributes["AccessEntryArn"], old, new)

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
        created = call("eks", "create_pod_identity_association", **camel(given), tags=_tag_map(properties))[
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
        _set_tags(call, resource.physical_id, old, new)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("eks", "delete_pod_identity_association", **self._key(resource, properties))

    @staticmethod
    def _key(resource: PhysicalResource, properties: Properties) -> dict[str, str]:
        return {"clusterName": properties["ClusterName"], "associationId": resource.attributes["AssociationId"]}


def _logging(properties: Mapping[str, Any]) -> dict[str, Any]:
    types = [item["Type"] for item in properties.get("ClusterLogging", {}).get("EnabledTypes", [])]
    return {"clusterLogging": [{"types": types, "enabled": True}]}
