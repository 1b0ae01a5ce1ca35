"""Reasons for which EKS refuses a cluster."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.catalog.eks import KUBERNETES_VERSIONS
from ultrafleet.catalog.limits import CONTROL_PLANE_ZONES
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.eks.rules.versions import VersionStatus, WithdrawnVersions, version_status
from ultrafleet.rehearsal.eks.state import Eks
from ultrafleet.rehearsal.refusals import CLUSTER_REFUSALS, RefusalRule
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, refuse_first


@dataclass(frozen=True, kw_only=True)
class ClusterFacts:
    """Facts by which EKS decides on a cluster."""

    eks: Eks
    params: dict[str, Any]
    subnets: list[dict[str, Any]]
    call: Calls

    @property
    def vpc_config(self) -> dict[str, Any]:
        """VPC configuration of the request."""
        found: dict[str, Any] = self.params.get("resourcesVpcConfig") or {}
        return found


def _name_taken(facts: ClusterFacts) -> str | None:
    name = facts.params["name"]
    return f"Cluster already exists with name: {name}" if name in facts.eks.clusters else None


def _version_unknown(facts: ClusterFacts) -> str | None:
    version = facts.params.get("version")
    return f"unsupported Kubernetes version {version}" if version and not _is_offered(facts.eks, version) else None


def _is_offered(eks: Eks, version: str) -> bool:
    withdrawn = SIMULATED_ACCOUNT.part(WithdrawnVersions, eks.account_id, eks.region).names
    known = {item.name: item for item in KUBERNETES_VERSIONS}.get(version)
    is_over = known is not None and version_status(known, SIMULATED_ACCOUNT.now.date()) is VersionStatus.UNSUPPORTED
    return known is not None and not is_over and version not in withdrawn


def _too_few_zones(facts: ClusterFacts) -> str | None:
    zones = {subnet["AvailabilityZone"] for subnet in facts.subnets}
    return "Subnets specified must be in at least two different AZs" if len(zones) < CONTROL_PLANE_ZONES.value else None


def _local_zone(facts: ClusterFacts) -> str | None:
    for subnet in facts.subnets:
        zone = subnet["AvailabilityZone"]
        if zone.removeprefix(facts.eks.region) not in {"a", "b", "c", "d", "e", "f"}:
            return (
                f"Cannot create cluster because {zone}, the targeted availability zone, does not support EKS clusters"
            )
    return None


def _unknown_security_group(facts: ClusterFacts) -> str | None:
    wanted = facts.vpc_config.get("securityGroupIds") or []
    known = {group["GroupId"] for group in facts.call("ec2", "describe_security_groups")["SecurityGroups"]}
    missing = [group for group in wanted if group not in known]
    return f"The security group ID '{missing[0]}' does not exist" if missing else None


CLUSTER_RULES: Final[list[RefusalRule]] = [*CLUSTER_REFUSALS]
"""Every reason to refuse, in the order in which they are asked."""

REASONS: Final[Mapping[str, Callable[[ClusterFacts], str | None]]] = {
    "cluster-name": _name_taken,
    "cluster-version": _version_unknown,
    "cluster-zones": _too_few_zones,
    "cluster-local-zone": _local_zone,
    "cluster-security-group": _unknown_security_group,
}
"""AWS's message where the rule of that id refuses a cluster, else None."""


def check(facts: ClusterFacts) -> None:
    """Raise the Refusal of the first rule that refuses."""
    refuse_first(CLUSTER_RULES, REASONS, facts)
