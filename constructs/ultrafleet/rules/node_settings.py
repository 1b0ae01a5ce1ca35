"""Settings of nodes that EKS or EC2 refuses, or with which no node joins: labels, tags, image, metadata, volume."""

from collections.abc import Collection, Mapping
from typing import Final

from ultrafleet.catalog import InstanceType
from ultrafleet.catalog.eks import RESERVED_LABEL_PREFIXES, AmiType, al2023_ami_type
from ultrafleet.catalog.limits import GP3_VOLUME_GIB, LABEL_CHARACTERS, MAX_PODS_PER_NODE, METADATA_HOP_LIMIT
from ultrafleet.errors import FleetError, UnknownFactError
from ultrafleet.rules.label_syntax import NAME_RULE, is_key, is_name

_OWN_PREFIX: Final = "ultrafleet/"
_OWN_TAG_PREFIX: Final = "ultrafleet:"
_RESERVED_TAG_PREFIX: Final = "aws:"


def validate_node_labels(labels: Mapping[str, str]) -> None:
    """Refuse labels of nodes that Kubernetes or EKS doesn't take, and those that the library sets.

    Syntax: `label_syntax`; lengths: `limit/eks/label-characters`. Reserved
    prefixes: `eks/node-group/reserved-label-prefixes`. Where EKS takes such a key, the kubelet doesn't start with most
    of them and the node never joins (containers-roadmap #2465, terraform-aws-eks #3346, high).

    Args:
        labels: labels besides the pool's own.

    Raises:
        FleetError: a malformed key or value, a reserved prefix, or a key of the library.
    """
    for key, value in labels.items():
        if not is_key(key, most=LABEL_CHARACTERS.value):
            raise FleetError(
                path="key of a node label",
                got=repr(key),
                expected=f"up to {LABEL_CHARACTERS.value} {NAME_RULE}, after a domain and '/' or without",
                remedy="name it so that Kubernetes takes it",
            )
        if any(reserved in key for reserved in RESERVED_LABEL_PREFIXES):
            raise FleetError(
                path="key of a node label",
                got=repr(key),
                expected=f"one without {', '.join(RESERVED_LABEL_PREFIXES)}",
                remedy="EKS reserves them, use a domain of your own",
            )
        if key.startswith(_OWN_PREFIX):
            raise FleetError(
                path="key of a node label",
                got=repr(key),
                expected=f"one that doesn't begin with {_OWN_PREFIX}",
                remedy="pools set these, and queues select nodes by them",
            )
        validate_label_value(f"label {key}", value)


def validate_label_value(what: str, value: str) -> None:
    """Refuse the value of a node's label that EKS doesn't take.

    Args:
        what: what has the value, for the error.
        value: the value.

    Raises:
        FleetError: it is empty, too long or malformed.
    """
    if not is_name(value, most=LABEL_CHARACTERS.value):
        raise FleetError(
            path=what,
            got=repr(value),
            expected=f"1 to {LABEL_CHARACTERS.value} {NAME_RULE}",
            remedy="Kubernetes takes no other value",
        )


def validate_node_tags(tags: Mapping[str, str], *, allowed: Collection[str] = ()) -> None:
    """Refuse tags of nodes that AWS doesn't take, and those that the library sets.

    `aws:` is reserved for AWS's use, in any case (EKS user guide, eks-using-tags; EC2 user guide, Using_Tags, high).
    The library's tags are orders to the block schedule, and would be put on instances, where nothing reads them.

    Args:
        tags: tags besides the pool's own.
        allowed: keys of the library that the caller may set.

    Raises:
        FleetError: a reserved key, or one of the library.
    """
    for key in tags:
        if key.lower().startswith(_RESERVED_TAG_PREFIX):
            raise FleetError(
                path="key of a node tag",
                got=repr(key),
                expected=f"one that doesn't begin with {_RESERVED_TAG_PREFIX}",
                remedy="AWS reserves these, name it otherwise",
            )
        if key.startswith(_OWN_TAG_PREFIX) and key not in allowed:
            raise FleetError(
                path="key of a node tag",
                got=repr(key),
                expected=f"one that doesn't begin with {_OWN_TAG_PREFIX}",
                remedy="pools set these for the block schedule, use hold or drain_lead_minutes",
            )


def validate_max_pods(max_pods: int) -> None:
    """Refuse more pods than a node takes.

    Args:
        max_pods: pods of a node.

    Raises:
        FleetError: not 1 to 250.
    """
    most = MAX_PODS_PER_NODE.value
    if not 1 <= max_pods <= most:
        raise FleetError(path="max_pods", got=max_pods, expected=f"1 to {most}", remedy="state another number")


def validate_root_volume_gib(root_volume_gib: int) -> None:
    """Refuse a size that no gp3 volume has.

    Args:
        root_volume_gib: size in GiB.

    Raises:
        FleetError: it is less than 1 or more than EBS makes.
    """
    if not 1 <= root_volume_gib <= GP3_VOLUME_GIB.value:
        raise FleetError(
            path="root_volume_gib",
            got=root_volume_gib,
            expected=f"1 to {GP3_VOLUME_GIB.value:,}, the largest gp3 volume",
            remedy="it holds the image alone, images of containers and logs are on the instance store",
        )


def validate_metadata_hop_limit(metadata_hop_limit: int) -> None:
    """Refuse a hop limit of the instance metadata's answers that EC2 doesn't take.

    Args:
        metadata_hop_limit: 1 reaches the node and pods with host networking, 2 every pod.

    Raises:
        FleetError: it is less than 1 or more than EC2 takes.
    """
    if not 1 <= metadata_hop_limit <= METADATA_HOP_LIMIT.value:
        raise FleetError(
            path="metadata_hop_limit",
            got=metadata_hop_limit,
            expected=f"1 to {METADATA_HOP_LIMIT.value}",
            remedy="1 keeps pods from the node's credentials",
        )


def node_ami_type(instance_type: InstanceType, stated: str | None) -> str:
    """EKS AMI type of nodes: the stated one where it fits, else Amazon Linux 2023 for accelerator and architecture.

    Launch templates of pools have the user data of nodeadm and the root device of Amazon Linux 2023, and no image id.

    Args:
        instance_type: type of the nodes.
        stated: AMI type that the caller states. Default: None, derived.

    Raises:
        FleetError: the stated one isn't the image for the type.
        UnknownFactError: none is stated and none is known for the type.
    """
    derived = _derived(instance_type)
    if stated is None:
        if derived is not None:
            return str(derived)
        architecture: str = instance_type.require("architecture", instead="pass ami_type")
        raise UnknownFactError(
            path="no AMI type",
            got=f"known for {instance_type.accelerator_kind} on {architecture} ({instance_type})",
            expected="nvidia on arm64 or x86_64, or neuron on x86_64",
            remedy="pass ami_type",
        )
    fitting = [str(derived)] if derived is not None else _other_images(instance_type)
    if stated not in fitting:
        raise FleetError(
            path=f"ami_type of {instance_type}",
            got=repr(stated),
            expected=" or ".join(fitting),
            remedy=_reason(stated) + ("leave ami_type out" if derived is not None else "pass one of these"),
        )
    return stated


def _derived(instance_type: InstanceType) -> AmiType | None:
    kind = instance_type.accelerator_kind
    return al2023_ami_type(architecture=instance_type.architecture, accelerator=kind) if kind is not None else None


def _other_images(instance_type: InstanceType) -> list[str]:
    """Images of Amazon Linux 2023 for a type whose accelerator has none: of its architecture, where that is known."""
    return [
        str(ami_type)
        for ami_type in AmiType
        if ami_type.is_made
        and ami_type.startswith("AL2023_")
        and instance_type.architecture in {None, ami_type.architecture}
    ]


def _reason(stated: str) -> str:
    """Reason for which EKS makes no node of a pool from an image."""
    if stated.startswith("BOTTLEROCKET_"):
        return "Bottlerocket reads settings in TOML, pools write the NodeConfig of nodeadm; "
    if stated == "CUSTOM":
        return "pools name no image of one's own in their launch templates; "
    if stated.startswith("AL2_"):
        return "EKS makes no more images of Amazon Linux 2; "
    return ""
