"""Operations on the versions and the configuration schemas of managed add-ons."""

import json
from typing import Any, Final

from ultrafleet.catalog.eks import ADDON_NAMES, KUBERNETES_VERSIONS, addon_version
from ultrafleet.rehearsal.eks.api.operations import operation, page
from ultrafleet.rehearsal.eks.state import Eks
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

_ANY: Final = "v1.0.0-eksbuild.1"
"""Version of an add-on of which no source states one."""
_SCHEMA: Final = {"$schema": "http://json-schema.org/draft-06/schema#", "type": "object"}
"""Schema of every configuration: EKS's own aren't part of the library."""


class AddonOffers:
    """Add-on versions that EKS offers in a region, and schemas, where a test changed them."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.versions: dict[tuple[str, str], list[str]] = {}
        """By add-on and Kubernetes version; the first is the default, and none is no offer."""
        self.schemas: dict[str, dict[str, Any]] = {}
        """By add-on."""

    def offered(self, name: str, kubernetes_version: str) -> list[str]:
        """Versions of an add-on for a Kubernetes version."""
        stated = addon_version(name, kubernetes_version).value
        return self.versions.get((name, kubernetes_version), [stated or _ANY])


def _offers(eks: Eks) -> AddonOffers:
    return SIMULATED_ACCOUNT.part(AddonOffers, eks.account_id, eks.region)


@operation
def describe_addon_versions(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeAddonVersions."""
    wanted = params.get("addonName")
    if wanted is not None and wanted not in ADDON_NAMES:
        raise Refusal("ResourceNotFoundException", f"No addon: {wanted} found")
    clusters = [params["kubernetesVersion"]] if "kubernetesVersion" in params else [v.name for v in KUBERNETES_VERSIONS]
    addons = []
    for name in ADDON_NAMES if wanted is None else [wanted]:
        found: dict[str, list[dict[str, Any]]] = {}
        for cluster in clusters:
            for index, version in enumerate(_offers(eks).offered(name, cluster)):
                found.setdefault(version, []).append({"clusterVersion": cluster, "defaultVersion": index == 0})
        versions = [{"addonVersion": version, "compatibilities": items} for version, items in found.items()]
        if versions:
            addons.append({"addonName": name, "addonVersions": versions})
    return page("addons", addons, params)


@operation
def describe_addon_configuration(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeAddonConfiguration."""
    name, version = params["addonName"], params["addonVersion"]
    offered = {one for cluster in KUBERNETES_VERSIONS for one in _offers(eks).offered(name, cluster.name)}
    if name not in ADDON_NAMES or version not in offered:
        raise Refusal("ResourceNotFoundException", f"No addon: {name} with version {version} found")
    schema = _offers(eks).schemas.get(name, _SCHEMA)
    return {"addonName": name, "addonVersion": version, "configurationSchema": json.dumps(schema)}
