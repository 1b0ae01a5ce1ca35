"""Facts by which EKS decides on a node group: the request, its launch template and its subnets."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.catalog.eks import AmiType
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.eks.state import ClusterRecord, Eks
from ultrafleet.rehearsal.simulated_account import Refusal

ARCHITECTURES: Final[Mapping[str, str]] = {
    str(ami_type): ami_type.architecture for ami_type in AmiType if ami_type.is_made
}
"""AMI types whose images EKS still makes."""
CUSTOM: Final = "CUSTOM"
"""AMI type of a node group whose launch template names an image."""


@dataclass(frozen=True, kw_only=True)
class NodeGroupFacts:
    """Facts by which EKS decides on a node group.

    Attributes:
        params: of the creation, or those that hold after an update.
        template: LaunchTemplateData of the version that was named; empty without a template.
        template_problem: why the template or the version wasn't found; "" where it was.
        subnets: that exist.
    """

    eks: Eks
    cluster: ClusterRecord
    params: Mapping[str, Any]
    template: Mapping[str, Any]
    template_problem: str = ""
    subnets: tuple[Mapping[str, Any], ...] = ()

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Minimum, desired, maximum."""
        scaling = sizes_of(self.params.get("scalingConfig"))
        return scaling["minSize"], scaling["desiredSize"], scaling["maxSize"]

    @property
    def market(self) -> str | None:
        """Market type of the template."""
        found: str | None = (self.template.get("InstanceMarketOptions") or {}).get("MarketType")
        return found

    @property
    def is_on_blocks(self) -> bool:
        """True where the request's capacity type is CAPACITY_BLOCK."""
        return bool(self.params.get("capacityType") == "CAPACITY_BLOCK")

    @property
    def target(self) -> Mapping[str, Any]:
        """Capacity reservation target of the template."""
        return reservation_target(self.template)

    @property
    def ami_type(self) -> str:
        """AMI type of the request; CUSTOM where it names none and the template has an image."""
        return ami_type_of(self.params, self.template)

    @property
    def user_data(self) -> str:
        """User data of the template; "" where there is none."""
        try:
            return base64.b64decode(self.template.get("UserData") or "").decode(errors="replace")
        except binascii.Error:
            return str(self.template["UserData"])


def sizes_of(scaling: Mapping[str, int] | None) -> dict[str, int]:
    """Sizes of a node group: EKS's own where a creation states none; the minimum as the desired size.

    EKS API, NodegroupScalingConfig (high) for the first, `assumptions.STARTS_AT_MIN_SIZE` for the second.
    """
    if not scaling:
        return {"minSize": 1, "maxSize": 2, "desiredSize": 2}
    least = scaling.get("minSize", 1)
    return {"minSize": least, "maxSize": scaling.get("maxSize", 2), "desiredSize": scaling.get("desiredSize", least)}


def reservation_target(template: Mapping[str, Any]) -> Mapping[str, Any]:
    """Capacity reservation target of a launch template; empty where it has none."""
    specification = template.get("CapacityReservationSpecification") or {}
    found: Mapping[str, Any] = specification.get("CapacityReservationTarget") or {}
    return found


def ami_type_of(params: Mapping[str, Any], template: Mapping[str, Any]) -> str:
    """AMI type of a node group."""
    default = CUSTOM if template.get("ImageId") else AmiType.AL2023_X86_64_STANDARD
    return str(params.get("amiType") or default)


def template_data(call: Calls, named: Mapping[str, Any] | None) -> tuple[dict[str, Any], str]:
    """LaunchTemplateData of the version that a node group names, and the problem where there is none."""
    if not named:
        return {}, ""
    which = {"LaunchTemplateId": named["id"]} if "id" in named else {"LaunchTemplateName": named["name"]}
    try:
        answer = call(
            "ec2", "describe_launch_template_versions", **which, Versions=[str(named.get("version", "$Default"))]
        )
    except Refusal as refusal:
        return {}, str(refusal.message)
    if not answer["LaunchTemplateVersions"]:
        return {}, f"Launch template version {named.get('version')} does not exist"
    found: dict[str, Any] = answer["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    return found, ""
