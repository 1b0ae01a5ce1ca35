"""Node group rules of EKS: one function for each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.catalog import limits
from ultrafleet.catalog.eks import AmiType
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.ec2.state.instance_types import architectures, is_known
from ultrafleet.rehearsal.eks.state import ClusterRecord, Eks
from ultrafleet.rehearsal.refusals import NODE_GROUP_REFUSALS, RefusalRule
from ultrafleet.rehearsal.simulated_account import Refusal, refuse_first

ARCHITECTURES: Final[Mapping[str, str]] = {
    str(ami_type): ami_type.architecture for ami_type in AmiType if ami_type.is_made
}
"""AMI types whose images EKS still makes."""
_MOST_GROUPS: Final = limits.NODE_GROUPS_PER_CLUSTER.value
_MOST_NODES: Final = limits.NODES_PER_NODE_GROUP.value
_MOST_TAINTS: Final = limits.TAINTS_PER_NODE_GROUP.value


@dataclass(frozen=True, kw_only=True)
class NodeGroupFacts:
    """Facts by which EKS decides on a node group.

    Attributes:
        template: LaunchTemplateData of the version that was named; empty without a template.
        template_problem: why the template or the version wasn't found; "" where it was.
        subnets: that exist.
    """

    eks: Eks
    cluster: ClusterRecord
    params: Mapping[str, Any]
    template: Mapping[str, Any]
    template_problem: str
    subnets: list[dict[str, Any]]

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Minimum, desired, maximum."""
        scaling = self.params.get("scalingConfig") or {}
        return scaling.get("minSize", 1), scaling.get("desiredSize", 2), scaling.get("maxSize", 2)

    @property
    def market(self) -> str | None:
        """Market type of the template."""
        found: str | None = (self.template.get("InstanceMarketOptions") or {}).get("MarketType")
        return found

    @property
    def is_on_blocks(self) -> bool:
        """True where the request's capacity type is CAPACITY_BLOCK."""
        return bool(self.params.get("capacityType") == "CAPACITY_BLOCK")


def _name_taken(facts: NodeGroupFacts) -> str | None:
    name = facts.params["nodegroupName"]
    taken = name in facts.cluster.node_groups
    return (
        f"NodeGroup already exists with name {name} and cluster name {facts.cluster.described['name']}"
        if taken
        else None
    )


def _too_many(facts: NodeGroupFacts) -> str | None:
    full = len(facts.cluster.node_groups) >= _MOST_GROUPS
    return f"Nodegroups per cluster limit exceeded. The limit is {_MOST_GROUPS}" if full else None


def _template_missing(facts: NodeGroupFacts) -> str | None:
    return facts.template_problem or None


def _type_twice(facts: NodeGroupFacts) -> str | None:
    both = bool(facts.params.get("instanceTypes")) and "InstanceType" in facts.template
    message = "Instance type should be specified either in the launch template or in the API request, not both"
    return message if both else None


def _type_unknown(facts: NodeGroupFacts) -> str | None:
    types = facts.params.get("instanceTypes") or (
        [facts.template["InstanceType"]] if "InstanceType" in facts.template else []
    )
    unknown = [name for name in types if not is_known(name)]
    return f"The following supplied instance types do not exist: [{', '.join(unknown)}]" if unknown else None


def _profile_in_template(facts: NodeGroupFacts) -> str | None:
    found = "IamInstanceProfile" in facts.template
    return "You cannot specify an IAM instance profile in the launch template" if found else None


def _subnet_in_template(facts: NodeGroupFacts) -> str | None:
    found = any("SubnetId" in interface for interface in facts.template.get("NetworkInterfaces", []))
    return "You cannot specify a subnet in the launch template" if found else None


def _hibernation_in_template(facts: NodeGroupFacts) -> str | None:
    found = (facts.template.get("HibernationOptions") or {}).get("Configured") in {True, "true"}
    return "You cannot specify hibernation in the launch template" if found else None


def _block_without_market(facts: NodeGroupFacts) -> str | None:
    wrong = facts.is_on_blocks and facts.market != "capacity-block"
    return "Launch template must have InstanceMarketOptions with MarketType capacity-block" if wrong else None


def _market_without_block(facts: NodeGroupFacts) -> str | None:
    wrong = facts.market == "capacity-block" and not facts.is_on_blocks
    return (
        "Capacity type must be CAPACITY_BLOCK for a launch template with MarketType capacity-block" if wrong else None
    )


def _block_without_target(facts: NodeGroupFacts) -> str | None:
    specification = facts.template.get("CapacityReservationSpecification") or {}
    wrong = (
        facts.is_on_blocks and facts.market == "capacity-block" and not specification.get("CapacityReservationTarget")
    )
    return "Launch template must have a CapacityReservationTarget" if wrong else None


def _sizes(facts: NodeGroupFacts) -> str | None:
    least, desired, most = facts.sizes
    if not 0 <= least <= desired <= most:
        return (
            f"Minimum capacity {least} can't be greater than desired size {desired}, nor that than the maximum {most}"
        )
    return None


def _too_large(facts: NodeGroupFacts) -> str | None:
    most = facts.sizes[2]
    return f"Nodes per managed node group limit exceeded. The limit is {_MOST_NODES}" if most > _MOST_NODES else None


def _subnet_missing(facts: NodeGroupFacts) -> str | None:
    known = {subnet["SubnetId"] for subnet in facts.subnets}
    missing = [subnet for subnet in facts.params.get("subnets", []) if subnet not in known]
    return f"The subnet ID '{missing[0]}' does not exist" if missing else None


def _subnet_elsewhere(facts: NodeGroupFacts) -> str | None:
    vpc = facts.cluster.described["resourcesVpcConfig"]["vpcId"]
    wrong = [subnet["SubnetId"] for subnet in facts.subnets if subnet["VpcId"] != vpc]
    return f"Subnets {wrong} are not in the VPC of the cluster" if wrong else None


def _ami_unknown(facts: NodeGroupFacts) -> str | None:
    ami = facts.params.get("amiType")
    return f"AMI type {ami} is not supported" if ami and ami not in {*ARCHITECTURES, "CUSTOM"} else None


def _ami_architecture(facts: NodeGroupFacts) -> str | None:
    ami = str(facts.params.get("amiType"))
    types = facts.params.get("instanceTypes") or [facts.template.get("InstanceType")]
    for name in types:
        if ami in ARCHITECTURES and name and is_known(name) and ARCHITECTURES[ami] not in architectures(name):
            return f"[{name}] is not a valid instance type for requested amiType {ami}"
    return None


def _too_many_taints(facts: NodeGroupFacts) -> str | None:
    taints = facts.params.get("taints") or []
    return f"Taints limit exceeded. The limit is {_MOST_TAINTS}" if len(taints) > _MOST_TAINTS else None


def _reserved_label(facts: NodeGroupFacts) -> str | None:
    wrong = [
        key for key in facts.params.get("labels") or {} if key.startswith(("eks.amazonaws.com/", "kubernetes.io/"))
    ]
    return f"Label {wrong[0]} uses a reserved prefix" if wrong else None


NODEGROUP_RULES: Final[list[RefusalRule]] = [*NODE_GROUP_REFUSALS]
"""Every reason to refuse, in the order in which they are asked."""

REASONS: Final[Mapping[str, Callable[[NodeGroupFacts], str | None]]] = {
    "name-taken": _name_taken,
    "group-quota": _too_many,
    "template-missing": _template_missing,
    "type-twice": _type_twice,
    "type-unknown": _type_unknown,
    "profile-in-template": _profile_in_template,
    "subnet-in-template": _subnet_in_template,
    "hibernation-in-template": _hibernation_in_template,
    "block-without-market": _block_without_market,
    "market-without-block": _market_without_block,
    "block-without-target": _block_without_target,
    "sizes": _sizes,
    "node-quota": _too_large,
    "subnet-missing": _subnet_missing,
    "subnet-elsewhere": _subnet_elsewhere,
    "ami-unknown": _ami_unknown,
    "ami-architecture": _ami_architecture,
    "taint-quota": _too_many_taints,
    "reserved-label": _reserved_label,
}
"""AWS's message where the rule of that id refuses a node group, else None."""


def check(facts: NodeGroupFacts) -> None:
    """Raise the Refusal of the first rule that refuses."""
    refuse_first(NODEGROUP_RULES, REASONS, facts)


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
