"""Node group rules of EKS about the launch template: one function for each."""

import email
import tomllib
from typing import Final

import yaml

from ultrafleet.rehearsal.assumptions import GROUPS_WORK
from ultrafleet.rehearsal.ec2.state.instance_types import architectures, is_known
from ultrafleet.rehearsal.eks.rules.node_group_facts import ARCHITECTURES, CUSTOM, NodeGroupFacts
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

_NODEADM: Final = "application/node.eks.aws"


def template_missing(facts: NodeGroupFacts) -> str | None:
    """There is no such launch template or version."""
    return facts.template_problem or None


def type_twice(facts: NodeGroupFacts) -> str | None:
    """The instance type is in the template and in the request."""
    both = bool(facts.params.get("instanceTypes")) and "InstanceType" in facts.template
    message = "Instance type should be specified either in the launch template or in the API request, not both"
    return message if both else None


def type_unknown(facts: NodeGroupFacts) -> str | None:
    """EC2 has no such instance type."""
    types = facts.params.get("instanceTypes") or (
        [facts.template["InstanceType"]] if "InstanceType" in facts.template else []
    )
    unknown = [name for name in types if not is_known(name)]
    return f"The following supplied instance types do not exist: [{', '.join(unknown)}]" if unknown else None


def profile_in_template(facts: NodeGroupFacts) -> str | None:
    """The template has an instance profile."""
    found = "IamInstanceProfile" in facts.template
    return "You cannot specify an IAM instance profile in the launch template" if found else None


def subnet_in_template(facts: NodeGroupFacts) -> str | None:
    """The template has a subnet."""
    found = any("SubnetId" in interface for interface in facts.template.get("NetworkInterfaces", []))
    return "You cannot specify a subnet in the launch template" if found else None


def hibernation_in_template(facts: NodeGroupFacts) -> str | None:
    """The template has hibernation."""
    found = (facts.template.get("HibernationOptions") or {}).get("Configured") in {True, "true"}
    return "You cannot specify hibernation in the launch template" if found else None


def block_without_market(facts: NodeGroupFacts) -> str | None:
    """CAPACITY_BLOCK, and the template isn't for the market of blocks."""
    wrong = facts.is_on_blocks and facts.market != "capacity-block"
    return "Launch template must have InstanceMarketOptions with MarketType capacity-block" if wrong else None


def market_without_block(facts: NodeGroupFacts) -> str | None:
    """The template is for the market of blocks, and the capacity type isn't CAPACITY_BLOCK."""
    wrong = facts.market == "capacity-block" and not facts.is_on_blocks
    return (
        "Capacity type must be CAPACITY_BLOCK for a launch template with MarketType capacity-block" if wrong else None
    )


def block_without_target(facts: NodeGroupFacts) -> str | None:
    """CAPACITY_BLOCK, and the template targets no reservation."""
    wrong = facts.is_on_blocks and facts.market == "capacity-block" and not facts.target
    return "Launch template must have a CapacityReservationTarget" if wrong else None


def block_by_group(facts: NodeGroupFacts) -> str | None:
    """CAPACITY_BLOCK, and the template targets a group of reservations."""
    by_group = facts.is_on_blocks and facts.target and not facts.target.get("CapacityReservationId")
    wrong = by_group and GROUPS_WORK not in SIMULATED_ACCOUNT.readings
    return "Launch template must have a CapacityReservationTarget with a CapacityReservationId" if wrong else None


def ami_unknown(facts: NodeGroupFacts) -> str | None:
    """EKS has no such AMI type."""
    ami = facts.params.get("amiType")
    return f"AMI type {ami} is not supported" if ami and ami not in {*ARCHITECTURES, CUSTOM} else None


def ami_architecture(facts: NodeGroupFacts) -> str | None:
    """The AMI type is of another architecture than the instance type."""
    ami = str(facts.params.get("amiType"))
    types = facts.params.get("instanceTypes") or [facts.template.get("InstanceType")]
    for name in types:
        if ami in ARCHITECTURES and name and is_known(name) and ARCHITECTURES[ami] not in architectures(name):
            return f"[{name}] is not a valid instance type for requested amiType {ami}"
    return None


def custom_without_image(facts: NodeGroupFacts) -> str | None:
    """CUSTOM, and the template names no image."""
    wrong = facts.params.get("amiType") == CUSTOM and not facts.template.get("ImageId")
    return "You must specify an image id within the launch template for the AMI type CUSTOM" if wrong else None


def image_beside_ami_type(facts: NodeGroupFacts) -> str | None:
    """The template names an image, and the request an AMI type of EKS."""
    wrong = facts.template.get("ImageId") and facts.params.get("amiType") in ARCHITECTURES
    return (
        "You cannot specify an image id within the launch template, since your nodegroup is configured to use an EKS "
        "optimized AMI."
        if wrong
        else None
    )


def version_beside_image(facts: NodeGroupFacts) -> str | None:
    """The template names an image, and the request a Kubernetes version."""
    wrong = facts.template.get("ImageId") and facts.params.get("version")
    return (
        "You cannot specify a kubernetes version to use when specifying an image id to use within the launch template."
        if wrong
        else None
    )


def user_data_not_mime(facts: NodeGroupFacts) -> str | None:
    """User data that EKS can't add its own part to."""
    merged = facts.ami_type.startswith("AL2023_") and facts.user_data
    wrong = merged and not email.message_from_string(facts.user_data).is_multipart()
    return "User data was not in the MIME multipart format" if wrong else None


def never_joins(facts: NodeGroupFacts) -> str | None:
    """Reason for which nodes with this user data don't join the cluster; None: they join.

    EKS adds its own part to the user data of its own images, and none to that of others (EKS user guide, launch
    templates, high).
    """
    if facts.ami_type == CUSTOM:
        return None if facts.user_data else "the image is not EKS's, and no user data tells it the cluster"
    if facts.ami_type.startswith("BOTTLEROCKET_"):
        try:
            tomllib.loads(facts.user_data)
        except tomllib.TOMLDecodeError:
            return "the user data of Bottlerocket is not TOML"
        return None
    for part in email.message_from_string(facts.user_data).walk() if facts.user_data else ():
        if part.get_content_type() == _NODEADM and not _is_node_config(str(part.get_payload())):
            return f"the part {_NODEADM} of the user data is no NodeConfig"
    return None


def _is_node_config(text: str) -> bool:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        return False
    return isinstance(found, dict) and found.get("kind") == "NodeConfig"
