"""Node group rules of EKS: one function for each, those about the launch template in `node_group_templates.py`."""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from ultrafleet.catalog import limits
from ultrafleet.catalog.eks import RESERVED_LABEL_PREFIXES
from ultrafleet.rehearsal.assumptions import SIZES_MAY_BE_PARTIAL
from ultrafleet.rehearsal.eks.rules import node_group_templates as templates
from ultrafleet.rehearsal.eks.rules.node_group_facts import NodeGroupFacts
from ultrafleet.rehearsal.refusals import NODE_GROUP_REFUSALS, RefusalRule
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, refuse_first

_MOST_GROUPS: Final = limits.NODE_GROUPS_PER_CLUSTER.value
_MOST_NODES: Final = limits.NODES_PER_NODE_GROUP.value
_MOST_TAINTS: Final = limits.TAINTS_PER_NODE_GROUP.value
_SIZES: Final = ("minSize", "desiredSize", "maxSize")


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


def _sizes_partial(facts: NodeGroupFacts) -> str | None:
    stated = facts.params.get("scalingConfig") or {}
    missing = [name for name in _SIZES if name not in stated] if stated else []
    if missing and SIZES_MAY_BE_PARTIAL.fault in SIMULATED_ACCOUNT.readings:
        return f"You must specify all or none of the sizes of a nodegroup: {', '.join(missing)} is missing"
    return None


def _sizes(facts: NodeGroupFacts) -> str | None:
    least, desired, most = facts.sizes
    if not 0 <= least <= desired:
        return f"Minimum capacity {least} can't be greater than desired size {desired}"
    return f"desired capacity {desired} can't be greater than max size {most}" if desired > most else None


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


def _too_many_taints(facts: NodeGroupFacts) -> str | None:
    taints = facts.params.get("taints") or []
    return f"Taints limit exceeded. The limit is {_MOST_TAINTS}" if len(taints) > _MOST_TAINTS else None


def _reserved_label(facts: NodeGroupFacts) -> str | None:
    wrong = any(prefix in key for key in facts.params.get("labels") or {} for prefix in RESERVED_LABEL_PREFIXES)
    return f"Label cannot contain reserved prefixes [{', '.join(RESERVED_LABEL_PREFIXES)}]" if wrong else None


NODEGROUP_RULES: Final[list[RefusalRule]] = [*NODE_GROUP_REFUSALS]
"""Every reason to refuse, in the order in which they are asked."""

REASONS: Final[Mapping[str, Callable[[NodeGroupFacts], str | None]]] = {
    "name-taken": _name_taken,
    "group-quota": _too_many,
    "template-missing": templates.template_missing,
    "type-twice": templates.type_twice,
    "type-unknown": templates.type_unknown,
    "profile-in-template": templates.profile_in_template,
    "subnet-in-template": templates.subnet_in_template,
    "hibernation-in-template": templates.hibernation_in_template,
    "block-without-market": templates.block_without_market,
    "market-without-block": templates.market_without_block,
    "block-without-target": templates.block_without_target,
    "block-by-group": templates.block_by_group,
    "custom-without-image": templates.custom_without_image,
    "image-beside-ami-type": templates.image_beside_ami_type,
    "version-beside-image": templates.version_beside_image,
    "user-data-not-mime": templates.user_data_not_mime,
    "sizes-partial": _sizes_partial,
    "sizes": _sizes,
    "node-quota": _too_large,
    "subnet-missing": _subnet_missing,
    "subnet-elsewhere": _subnet_elsewhere,
    "ami-unknown": templates.ami_unknown,
    "ami-architecture": templates.ami_architecture,
    "taint-quota": _too_many_taints,
    "reserved-label": _reserved_label,
}
"""AWS's message where the rule of that id refuses a node group, else None."""

CONFIG_RULES: Final = frozenset({"sizes", "node-quota", "taint-quota", "reserved-label"})
"""Rules that a change of sizes, taints and labels is checked by."""
VERSION_RULES: Final = frozenset(
    {
        "template-missing", "type-twice", "type-unknown", "profile-in-template", "subnet-in-template",
        "hibernation-in-template", "block-without-market", "market-without-block", "block-without-target",
        "block-by-group", "custom-without-image", "image-beside-ami-type", "user-data-not-mime", "ami-architecture",
    }
)  # fmt: skip
"""Rules that another version of the launch template is checked by."""


def check(facts: NodeGroupFacts, *, only: Collection[str] = REASONS.keys()) -> None:
    """Raise the Refusal of the first rule that refuses.

    Args:
        facts: of the creation, or of the node group after an update.
        only: ids of the rules to ask. Default: all.
    """
    refuse_first([rule for rule in NODEGROUP_RULES if rule.id in only], REASONS, facts)
