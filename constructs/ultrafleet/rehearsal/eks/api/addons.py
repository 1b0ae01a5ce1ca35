"""Operations on add-ons and capabilities."""

import json
import uuid
from typing import Any

from ultrafleet.catalog.eks import ADDON_NAMES
from ultrafleet.rehearsal.eks.api.access import associate
from ultrafleet.rehearsal.eks.api.operations import operation, page
from ultrafleet.rehearsal.eks.state import ClusterRecord, Eks
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal


def _addon(cluster: ClusterRecord, params: dict[str, Any]) -> dict[str, Any]:
    name = params["addonName"]
    if name not in cluster.addons:
        raise Refusal("ResourceNotFoundException", f"No addon: {name} found in cluster: {cluster.described['name']}")
    return cluster.addons[name]


def _check_configuration(params: dict[str, Any]) -> None:
    values = params.get("configurationValues")
    if values is None:
        return
    try:
        json.loads(values)
    except ValueError as error:
        message = f"ConfigurationValue provided in request is not supported: {error}"
        raise Refusal("InvalidParameterException", message) from error


@operation
def create_addon(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """CreateAddon; it is active at once."""
    cluster, name = eks.cluster(params["name"]), params["addonName"]
    if name in cluster.addons:
        raise Refusal("ResourceInUseException", f"Addon already exists: {name}")
    if name not in ADDON_NAMES:
        raise Refusal("InvalidParameterException", f"Addon {name} specified is not supported")
    _check_configuration(params)
    arn = eks.arn("addon", cluster.described["name"], name, str(uuid.uuid4()))
    described = {
        "addonName": name,
        "clusterName": cluster.described["name"],
        "status": "ACTIVE",
        "addonVersion": params.get("addonVersion") or "v1.0.0-eksbuild.1",
        "health": {"issues": []},
        "addonArn": arn,
        "createdAt": SIMULATED_ACCOUNT.now,
        "modifiedAt": SIMULATED_ACCOUNT.now,
        "tags": params.get("tags") or {},
        **{key: params[key] for key in ("configurationValues", "serviceAccountRoleArn") if params.get(key)},
    }
    described["podIdentityAssociations"] = _associations(eks, cluster, arn, params)
    cluster.addons[name] = described
    return {"addon": described}


def _associations(eks: Eks, cluster: ClusterRecord, owner: str, params: dict[str, Any]) -> list[str]:
    for key, item in list(cluster.associations.items()):
        if item.get("ownerArn") == owner:
            del cluster.associations[key]
    wanted = params.get("podIdentityAssociations") or []
    made = [associate(eks, cluster, {"namespace": "kube-system", **item, "ownerArn": owner}) for item in wanted]
    return [item["associationArn"] for item in made]


@operation
def describe_addon(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeAddon."""
    return {"addon": _addon(eks.cluster(params["name"]), params)}


@operation
def list_addons(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """ListAddons."""
    return page("addons", sorted(eks.cluster(params["name"]).addons), params)


@operation
def update_addon(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateAddon."""
    cluster = eks.cluster(params["name"])
    described = _addon(cluster, params)
    _check_configuration(params)
    described.update(
        {
            key: params[key]
            for key in ("addonVersion", "configurationValues", "serviceAccountRoleArn")
            if params.get(key)
        }
    )
    if params.get("podIdentityAssociations") is not None:
        described["podIdentityAssociations"] = _associations(eks, cluster, described["addonArn"], params)
    return {"update": cluster.update("AddonUpdate")}


@operation
def delete_addon(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteAddon."""
    cluster = eks.cluster(params["name"])
    described = _addon(cluster, params)
    del cluster.addons[params["addonName"]]
    _associations(eks, cluster, described["addonArn"], {})
    return {"addon": {**described, "status": "DELETING"}}


@operation
def create_capability(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """CreateCapability; it is active at once."""
    cluster, name = eks.cluster(params["name"]), params["capabilityName"]
    if name in cluster.capabilities:
        raise Refusal("ResourceInUseException", f"Capability already exists: {name}")
    kept = ("type", "roleArn", "configuration", "deletePropagationPolicy")
    cluster.capabilities[name] = {
        **{key: params[key] for key in kept if params.get(key) is not None},
        "capabilityName": name,
        "arn": eks.arn("capability", cluster.described["name"], name),
        "clusterName": cluster.described["name"],
        "status": "ACTIVE",
        "tags": params.get("tags") or {},
        "createdAt": SIMULATED_ACCOUNT.now,
        "modifiedAt": SIMULATED_ACCOUNT.now,
    }
    return {"capability": cluster.capabilities[name]}


def _capability(cluster: ClusterRecord, params: dict[str, Any]) -> dict[str, Any]:
    if params["capabilityName"] not in cluster.capabilities:
        raise Refusal("ResourceNotFoundException", f"No capability found: {params['capabilityName']}")
    return cluster.capabilities[params["capabilityName"]]


@operation
def describe_capability(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeCapability."""
    return {"capability": _capability(eks.cluster(params["name"]), params)}


@operation
def list_capabilities(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """ListCapabilities."""
    return page("capabilities", list(eks.cluster(params["name"]).capabilities.values()), params)


@operation
def update_capability(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateCapability: role, delete propagation policy, and role mappings of Argo CD."""
    cluster = eks.cluster(params["name"])
    described = _capability(cluster, params)
    described |= {key: params[key] for key in ("roleArn", "deletePropagationPolicy") if params.get(key) is not None}
    changes = ((params.get("configuration") or {}).get("argoCd") or {}).get("rbacRoleMappings")
    if changes is not None:
        argo_cd = described.setdefault("configuration", {}).setdefault("argoCd", {})
        removed = changes.get("removeRoleMappings") or []
        added = changes.get("addOrUpdateRoleMappings") or []
        kept = [item for item in argo_cd.get("rbacRoleMappings", []) if item not in [*removed, *added]]
        argo_cd["rbacRoleMappings"] = [*kept, *added]
    described["modifiedAt"] = SIMULATED_ACCOUNT.now
    return {"update": cluster.update("CapabilityUpdate")}


@operation
def delete_capability(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteCapability."""
    cluster = eks.cluster(params["name"])
    return {"capability": cluster.capabilities.pop(_capability(cluster, params)["capabilityName"])}
