"""Operation on the Kubernetes versions that EKS offers."""

from datetime import UTC, date, datetime, time
from typing import Any

from ultrafleet.catalog.eks import DEFAULT_KUBERNETES_VERSION, KUBERNETES_VERSIONS, KubernetesVersion
from ultrafleet.rehearsal.eks.api.operations import operation, page
from ultrafleet.rehearsal.eks.rules.versions import VersionStatus, WithdrawnVersions, version_status
from ultrafleet.rehearsal.eks.state import Eks
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT


@operation
def describe_cluster_versions(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeClusterVersions: those that are supported, or with includeAll all."""
    found = [_described(eks, version) for version in reversed(KUBERNETES_VERSIONS)]
    if not params.get("includeAll") and not params.get("clusterVersions"):
        found = [item for item in found if item["versionStatus"] != VersionStatus.UNSUPPORTED]
    if params.get("clusterVersions"):
        found = [item for item in found if item["clusterVersion"] in params["clusterVersions"]]
    if params.get("versionStatus"):
        found = [item for item in found if item["versionStatus"] == params["versionStatus"]]
    if params.get("defaultOnly"):
        found = [item for item in found if item["defaultVersion"]]
    return page("clusterVersions", found, params)


def _described(eks: Eks, version: KubernetesVersion) -> dict[str, Any]:
    withdrawn = SIMULATED_ACCOUNT.part(WithdrawnVersions, eks.account_id, eks.region).names
    status = version_status(version, SIMULATED_ACCOUNT.now.date())
    if version.name in withdrawn:
        status = VersionStatus.UNSUPPORTED
    ends = {
        "endOfStandardSupportDate": version.end_of_standard_support,
        "endOfExtendedSupportDate": version.end_of_extended_support,
    }
    return {
        "clusterVersion": version.name,
        "clusterType": "eks",
        "defaultVersion": version.name == DEFAULT_KUBERNETES_VERSION,
        "status": status.lower().replace("_", "-"),
        "versionStatus": status.value,
        **{key: _midnight(day) for key, day in ends.items() if day is not None},
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
