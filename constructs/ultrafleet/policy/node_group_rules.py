"""Rules of groups of nodes: capacity, image, subnet, size."""

import itertools
import re
from collections.abc import Iterator

from ultrafleet.catalog import UltraServerType
from ultrafleet.catalog.eks import AmiType
from ultrafleet.catalog.source import Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity, cannot_tell, must_not_be_stated
from ultrafleet.rules.zones import REGION_PATTERN
from ultrafleet.templates.launch import architecture_of, as_int, known_type
from ultrafleet.templates.node_group import AUTO_SCALING_GROUP, COMPUTE_NODE_GROUP, NODE_GROUP, NodeGroup, groups
from ultrafleet.templates.template import Template
from ultrafleet.templates.unknown import Unknown, text_of

_BLOCK = "CAPACITY_BLOCK"
_PLAIN_IMAGE = ("/eks/optimized-ami/", "/standard/")
_ARCHITECTURES = {"arm64": ("arm64", "aarch64"), "x86_64": ("x86_64", "amd64")}


def _capacity_type(template: Template) -> Iterator[Problem]:
    for group in groups(template, NODE_GROUP, COMPUTE_NODE_GROUP):
        launch, key = group.launch, "CapacityType" if group.is_managed else "PurchaseOption"
        stated = group.resource.get(key)
        if isinstance(stated, Unknown):
            yield cannot_tell(group.logical_id, key, stated.reason)
        elif launch is None:
            only = [kind for kind in group.types if set(kind.purchase_options or ()) == {"capacity-block"}]
            if only and stated != _BLOCK:
                yield Problem(
                    group.logical_id,
                    f"{key} is {stated or 'not stated'} for {only[0]}, expected {_BLOCK} and a launch template that "
                    f"names the block: {only[0]} is sold only as capacity-block",
                )
            elif stated == _BLOCK and not _names_launch_template(group):
                yield Problem(
                    group.logical_id,
                    f"{key} is {_BLOCK} without a launch template, expected one that names the block: add it",
                )
        elif launch.is_for_block and stated != _BLOCK:
            yield Problem(
                group.logical_id,
                f"{key} is {stated or 'not stated'} with a launch template for a capacity block, expected {_BLOCK}: "
                "set it",
            )
        elif stated == _BLOCK and not launch.is_for_block:
            if isinstance(launch.market, Unknown):
                yield cannot_tell(group.logical_id, "the launch template's market type", launch.market.reason)
                continue
            yield Problem(
                group.logical_id,
                f"{key} is {_BLOCK} and the launch template's MarketType {launch.market or 'not stated'}, expected "
                "capacity-block: set it there",
            )


def _names_launch_template(group: NodeGroup) -> bool:
    return any(group.resource.get(key) is not None for key in ("LaunchTemplate", "CustomLaunchTemplate"))


def _architecture(template: Template) -> Iterator[Problem]:
    for group in groups(template):
        ami, (holder, image) = group.resource.get("AmiType"), _image(group)
        named = text_of(image) if image is not None else None
        for name in dict.fromkeys(name for name in group.type_names if isinstance(name, str)):
            if named is not None:
                yield from _of_image(holder, name, named)
            if group.is_managed and isinstance(ami, str) and ami != "CUSTOM":
                yield from _of_ami_type(group, name, ami)
        if group.types and isinstance(ami, Unknown):
            yield cannot_tell(group.logical_id, "AmiType", ami.reason)
        for kind in group.types if group.is_managed else ():
            if ami is None and image is None and group.launch is not None and kind.accelerator_kind is not None:
                yield Problem(
                    group.logical_id,
                    f"AmiType is not stated for {kind}, and EKS defaults to a standard x86_64 image, expected one for "
                    f"{kind.accelerator_kind} on {kind.architecture}: state it",
                )


def _image(group: NodeGroup) -> tuple[str, object]:
    """The image that is named, and what names it: a compute node group of PCS may do so itself."""
    own = group.resource.get("AmiId")
    if own is None and group.launch is not None:
        return group.launch.resource.logical_id, group.launch.get("ImageId")
    return group.logical_id, own


def _of_image(holder: str, name: str, image: str) -> Iterator[Problem]:
    """Public parameters of images name the architecture, and whether there is a driver in them."""
    named = [one for one, words in _ARCHITECTURES.items() if any(word in image for word in words)]
    architecture = architecture_of(name)
    kind = known_type(name)
    if architecture is not None and named and named != [architecture]:
        yield Problem(
            holder,
            f"the image is {image} for {name}, which is {architecture}, expected one of that architecture: change it",
        )

    elif kind is not None and kind.accelerator_kind is not None and _is_plain_image(image):
        yield Problem(
            holder,
            f"the image is {image} for {name}, expected one for {kind.accelerator_kind}: without its driver, nodes "
            "report no accelerators, change it",
        )


def _is_plain_image(image: str) -> bool:
    """True for the path of EKS's image without a driver."""
    _, path, rest = image.partition(_PLAIN_IMAGE[0])
    return bool(path) and _PLAIN_IMAGE[1] in rest


def _of_ami_type(group: NodeGroup, name: str, ami: str) -> Iterator[Problem]:
    kind, architecture = known_type(name), architecture_of(name)
    accelerator = (kind.accelerator_kind or "").upper() if kind is not None else ""
    if architecture is not None and ("ARM" in ami) is not (architecture == "arm64"):
        yield Problem(
            group.logical_id,
            f"AmiType is {ami} for {name}, which is {architecture}, expected one of that architecture: change it",
        )
    elif kind is not None and kind.is_ultraserver_member and architecture == "arm64" and "BOTTLEROCKET" in ami:
        yield Problem(
            group.logical_id,
            f"AmiType is {ami} for {name}, expected {AmiType.AL2023_ARM_64_NVIDIA}: Bottlerocket doesn't list GB200",
            Severity.WARNING,
        )
    elif accelerator and accelerator not in ami and not _has_driver(ami, accelerator):
        has_one = any(accelerator.lower() in ami_type.accelerators for ami_type in AmiType)
        expected = f"one with {accelerator}" if has_one else f"CUSTOM and an image with {accelerator}'s driver"
        yield Problem(
            group.logical_id,
            f"AmiType is {ami} for {name}, expected {expected}: without its driver, nodes report no accelerators",
        )


def _has_driver(ami: str, accelerator: str) -> bool:
    """True if the image has the accelerator's driver, even where its name doesn't show it."""
    return ami in set(AmiType) and accelerator.lower() in AmiType(ami).accelerators


def _one_subnet(template: Template) -> Iterator[Problem]:
    for group in groups(template):
        efa = group.launch is not None and group.launch.has_efa
        if not (efa or group.is_for_block):
            continue
        path = group.subnets_property
        value = group.resource.get(path)
        zones = group.resource.items("AvailabilityZones")
        if isinstance(value, Unknown):
            yield cannot_tell(group.logical_id, path, value.reason)
        elif len(group.subnets) > 1 or len(zones) > 1:
            got = f"{path} has {len(group.subnets)} subnets" if group.subnets else f"there are {len(zones)} zones"
            yield Problem(
                group.logical_id,
                f"{got}, expected one, in the capacity's zone: EFA and reservations don't cross zones",
            )


def _ultraserver_size(template: Template) -> Iterator[Problem]:
    sizes = whole_ultraservers()
    for group in groups(template):
        most = group.max_size
        for kind in group.types:
            whole = sorted(sizes.get(str(kind), ()))
            if not whole or most is None:
                continue
            size = as_int(most)
            if isinstance(most, Unknown) or size is None:
                why = most.reason if isinstance(most, Unknown) else f"{most!r} is no number"
                yield cannot_tell(group.logical_id, "the largest size", why)
            elif size not in whole:
                racks = size > 0 and any(size % one == 0 for one in whole)
                yield Problem(
                    group.logical_id,
                    f"the largest size is {most} for {kind}, expected {' or '.join(map(str, whole))}: a group is one "
                    f"whole UltraServer{', so that its nodes are one scale-up domain: make a group of each' * racks}",
                    Severity.WARNING if racks and not group.is_managed else None,
                )


def whole_ultraservers() -> dict[str, set[int]]:
    """Instances of a whole UltraServer, by its members' type."""
    sizes: dict[str, set[int]] = {}
    for ultraserver in UltraServerType.all():
        if ultraserver.instance_type and ultraserver.instance_count:
            sizes.setdefault(str(ultraserver.instance_type), set()).add(ultraserver.instance_count)
    return sizes


def _mixed(template: Template) -> Iterator[Problem]:
    for group in groups(template, AUTO_SCALING_GROUP):
        if group.is_for_block:
            message = (
                "MixedInstancesPolicy is used with a capacity block, expected LaunchTemplate: an Auto Scaling group "
                "takes one block and one type"
            )
            mixed = group.resource.get("MixedInstancesPolicy")
            yield from must_not_be_stated(group.logical_id, "MixedInstancesPolicy", mixed, message)


def _zone(template: Template) -> Iterator[Problem]:
    for group in groups(template):
        for zone in group.zones_as_far_as_known:
            pattern = re.escape(zone).replace(re.escape("${AWS::Region}"), REGION_PATTERN)
            for kind in group.types:
                if kind.zones and not any(re.fullmatch(pattern, place) for place in kind.zones):
                    yield Problem(
                        group.logical_id,
                        f"its subnet is in {zone}, expected {' or '.join(kind.zones)}: {kind} isn't offered elsewhere",
                    )


_SIZES = {
    NODE_GROUP: (("ScalingConfig",), ("MinSize", "DesiredSize", "MaxSize")),
    AUTO_SCALING_GROUP: ((), ("MinSize", "DesiredCapacity", "MaxSize")),
    COMPUTE_NODE_GROUP: (("ScalingConfiguration",), ("MinInstanceCount", "MaxInstanceCount")),
    "AWS::AutoScaling::ScheduledAction": ((), ("MinSize", "DesiredCapacity", "MaxSize")),
    "AWS::Batch::ComputeEnvironment": (("ComputeResources",), ("MinvCpus", "DesiredvCpus", "MaxvCpus")),
}
"""Paths at which each resource states its least, desired and largest size."""


def _sizes(template: Template) -> Iterator[Problem]:
    for group in groups(template, NODE_GROUP):
        if as_int(group.max_size) == 0:
            yield Problem(
                group.logical_id, "MaxSize is 0, expected 1 or more: EKS refuses it, state DesiredSize 0 instead"
            )
    for resource in template.of_type(*_SIZES):
        path, names = _SIZES[resource.type]
        stated = [(name, size) for name in names if (size := as_int(resource.get(*path, name))) is not None]
        for (small, less), (large, more) in itertools.combinations(stated, 2):
            if less > more:
                yield Problem(
                    resource.logical_id,
                    f"{small} is {less} and {large} {more}, expected {small} at most that: change one",
                )
                break


RULES = (
    PolicyRule(
        id="group-sizes",
        number=54,
        severity=Severity.ERROR,
        protects_from="a group that is refused",
        source=Source("EKS API reference, NodegroupScalingConfig; Auto Scaling API reference, CreateAutoScalingGroup"),
        remedy="a least size, a desired one and a largest, in that order",
        check=_sizes,
    ),
    PolicyRule(
        id="capacity-type",
        number=16,
        severity=Severity.ERROR,
        protects_from="a node group that is refused, or that launches beside the block",
        source=Source("EKS user guide, Capacity Blocks with managed node groups; PCS API, PurchaseOption"),
        remedy="CapacityType CAPACITY_BLOCK and MarketType capacity-block go together",
        check=_capacity_type,
    ),
    PolicyRule(
        id="ami-architecture",
        number=17,
        severity=Severity.ERROR,
        protects_from="nodes that don't boot, or have no driver",
        source=Source("EKS API, AmiType; catalog, architecture; of other types: EC2 user guide, naming conventions"),
        remedy=f"{AmiType.AL2023_ARM_64_NVIDIA} for GB200, {AmiType.AL2023_X86_64_NVIDIA} or _NEURON elsewhere",
        check=_architecture,
    ),
    PolicyRule(
        id="one-subnet",
        number=18,
        severity=Severity.ERROR,
        protects_from="nodes that EFA doesn't connect, and launches in zones without the capacity",
        source=Source("EC2 user guide, EFA limitations and Capacity Blocks"),
        remedy="one subnet, in the capacity's zone",
        check=_one_subnet,
    ),
    PolicyRule(
        id="ultraserver-size",
        number=19,
        severity=Severity.ERROR,
        protects_from="an UltraServer that is billed whole and used in part",
        source=Source("EC2 user guide, UltraServers: instances of each"),
        remedy="a largest size of one whole UltraServer, a group for each",
        check=_ultraserver_size,
    ),
    PolicyRule(
        id="mixed-instances-with-block",
        number=20,
        severity=Severity.ERROR,
        protects_from="an Auto Scaling group that launches nothing",
        source=Source("Amazon EC2 Auto Scaling user guide, Capacity Blocks"),
        remedy="a plain LaunchTemplate",
        check=_mixed,
    ),
    PolicyRule(
        id="zone",
        number=21,
        severity=Severity.ERROR,
        protects_from="launches in zones that don't have the type",
        source=Source("EC2 user guide, P6e-GB200 in the Dallas Local Zone"),
        remedy="a subnet in the type's zone",
        check=_zone,
    ),
)
