"""EKS clusters."""

from collections.abc import Mapping
from typing import Any, Final

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.providers.base import (
    PhysicalResource,
    Properties,
    Provider,
    ResourceContext,
    only_changed,
    provides,
)
from ultrafleet.rehearsal.cloudformation.providers.eks_names import camel, pascal, set_tags, tag_map

_UNTOLD: Final = ("KubeSchedulerConfig",)
"""Properties that CloudFormation's schema of a cluster has and botocore's API not yet: kept, and sent nowhere."""
_OWN: Final = frozenset({"tags"})


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
        created = call("eks", "create_cluster", **{**given, "name": name}, tags=tag_map(properties))["cluster"]
        return _physical(created)

    def adopt(self, call: Calls, identifier: Mapping[str, str], properties: Properties) -> PhysicalResource:
        return _physical(call("eks", "describe_cluster", name=identifier["Name"])["cluster"])

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found: Mapping[str, Any] = call("eks", "describe_cluster", name=resource.physical_id)["cluster"]
        return {**found, **{key: properties[key] for key in _UNTOLD if key in properties}}

    def read(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        live: dict[str, Any] = pascal(call("eks", "describe_cluster", name=resource.physical_id)["cluster"], keep=_OWN)
        live["Tags"] = [{"Key": key, "Value": value} for key, value in (live.get("Tags") or {}).items()]
        logging = (live.get("Logging") or {}).get("ClusterLogging", [])
        types = [{"Type": name} for item in logging if item.get("Enabled") for name in item.get("Types", [])]
        live["Logging"] = {"ClusterLogging": {"EnabledTypes": types}}
        return {key: value for key, value in live.items() if key in self.known}

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        """Update what differs from the live cluster: EKS refuses an update to what already is."""
        name = resource.physical_id
        in_place = (
            "AccessConfig", "ComputeConfig", "ControlPlaneScalingConfig", "DeletionProtection",
            "KubernetesNetworkConfig", "Logging", "ResourcesVpcConfig", "StorageConfig", "UpgradePolicy",
            "ZonalShiftConfig",
        )  # fmt: skip
        changed = only_changed(old, new, *in_place, *_UNTOLD, "Tags", "Version")
        live = self.read(call, resource, new)
        if "Version" in changed and live["Version"] != new["Version"]:
            call("eks", "update_cluster_version", name=name, version=new["Version"])
        # EKS takes one kind of change in a call.
        for key in in_place:
            if key in changed and key in new and not _is_so(_in_place(key, new[key]), live.get(key)):
                call("eks", "update_cluster_config", name=name, **{key[0].lower() + key[1:]: _update_of(key, new[key])})
        set_tags(call, resource.attributes["Arn"], old, new)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("eks", "delete_cluster", name=resource.physical_id)


def _physical(described: Mapping[str, Any]) -> PhysicalResource:
    return PhysicalResource(
        physical_id=described["name"],
        attributes={
            "Arn": described["arn"],
            "Endpoint": described.get("endpoint"),
            "CertificateAuthorityData": described.get("certificateAuthority", {}).get("data"),
            "ClusterSecurityGroupId": described["resourcesVpcConfig"].get("clusterSecurityGroupId"),
            "OpenIdConnectIssuerUrl": described.get("identity", {}).get("oidc", {}).get("issuer"),
        },
    )


def _in_place(key: str, stated: Any) -> Any:
    """Part of a property that an update can change: the first administrator is chosen at creation alone."""
    if key != "AccessConfig":
        return stated
    return {name: value for name, value in stated.items() if name == "AuthenticationMode"}


def _update_of(key: str, stated: Any) -> Any:
    return _logging(stated) if key == "Logging" else camel(_in_place(key, stated))


def _is_so(stated: Any, live: Any) -> bool:
    """True where every stated part of a property is what the cluster has."""
    if isinstance(stated, Mapping) and isinstance(live, Mapping):
        return all(key in live and _is_so(value, live[key]) for key, value in stated.items())
    if isinstance(stated, list) and isinstance(live, list):
        return len(stated) == len(live) and all(any(_is_so(one, other) for other in live) for one in stated)
    return str(stated).lower() == str(live).lower()


def _logging(properties: Mapping[str, Any]) -> dict[str, Any]:
    types = [item["Type"] for item in properties.get("ClusterLogging", {}).get("EnabledTypes", [])]
    return {"clusterLogging": [{"types": types, "enabled": True}]}
