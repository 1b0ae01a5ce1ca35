"""Fixes of node groups and Auto Scaling groups."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.catalog import InstanceType
from ultrafleet.catalog.eks import AmiType
from ultrafleet.fix.edits import Edit, Put, Remove
from ultrafleet.fix.fix_of_rule import Faulty, Fix
from ultrafleet.fix.places import properties, references_to, stated, written
from ultrafleet.templates.launch import BLOCK_MARKET, LAUNCH_TEMPLATE, as_int, as_list
from ultrafleet.templates.node_config import is_script, parts_of
from ultrafleet.templates.node_group import NODE_GROUP, NodeGroup, groups, types_launched

_IMAGE_PATH: Final = re.compile(r"(/amazon-linux-2023/)(?:x86_64|arm64)/(?:standard|nvidia|neuron)/")
_LATEST: Final = "LatestVersionNumber"
_EFFECTS: Final = {
    "NoSchedule": "NO_SCHEDULE",
    "NoExecute": "NO_EXECUTE",
    "PreferNoSchedule": "PREFER_NO_SCHEDULE",
}


def _group(faulty: Faulty) -> NodeGroup | None:
    return next((group for group in groups(faulty.template) if group.logical_id == faulty.logical_id), None)


def _capacity_type(faulty: Faulty) -> Iterator[Edit]:
    group = _group(faulty)
    if group is None or faulty.resource.type != NODE_GROUP or group.launch is None:
        return
    if group.launch.is_for_block:
        for path in stated(faulty.template, properties(faulty.logical_id, "CapacityType")):
            yield Put(path, "CAPACITY_BLOCK")
    elif group.launch.reservation is not None and faulty.resource.get("CapacityType") == "CAPACITY_BLOCK":
        launch = group.launch.resource.logical_id
        market = properties(launch, "LaunchTemplateData", "InstanceMarketOptions", "MarketType")
        yield from (Put(path, BLOCK_MARKET) for path in stated(faulty.template, market))


def _strategy(faulty: Faulty) -> Iterator[Edit]:
    yield from (
        Put(path, "MINIMAL")
        for path in stated(faulty.template, properties(faulty.logical_id, "UpdateConfig", "UpdateStrategy"))
    )


def _no_desired_size(faulty: Faulty) -> Iterator[Edit]:
    if faulty.resource.type == NODE_GROUP:
        path = properties(faulty.logical_id, "ScalingConfig", "DesiredSize")
        least = properties(faulty.logical_id, "ScalingConfig", "MinSize")
    else:
        path = properties(faulty.logical_id, "DesiredCapacity")
        least = properties(faulty.logical_id, "MinSize")
    if written(faulty.template, path) is not None:
        yield Remove(path)
    if any("MinSize" in finding.message.split(",")[0] for finding in faulty.findings):
        yield Put(least, 0)


def _version(faulty: Faulty) -> Iterator[Edit]:
    """The version of a launch template that the same template makes."""
    for path in _holders(faulty.resource.raw.get("Properties"), properties(faulty.logical_id)):
        holder = written(faulty.template, path)
        named = holder.get("LaunchTemplateId", holder.get("Id"))
        made = faulty.template.referred(faulty.template.resolve(named))
        if made is not None and made.logical_id in faulty.template.content["Resources"]:
            yield Put((*path, "Version"), {"Fn::GetAtt": [made.logical_id, _LATEST]})


def _holders(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401 - JSON
    """Paths of what names a launch template and a version of it."""
    if isinstance(value, Mapping):
        if "Version" in value and ("LaunchTemplateId" in value or "Id" in value):
            yield path
        for key, item in value.items():
            yield from _holders(item, (*path, str(key)))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _holders(item, (*path, number))


def _in_service(faulty: Faulty) -> Iterator[Edit]:
    """One less than the largest size: an update needs one instance that it may take out."""
    path = ("Resources", faulty.logical_id, "UpdatePolicy", "AutoScalingRollingUpdate", "MinInstancesInService")
    least, most = as_int(written(faulty.template, path)), as_int(faulty.resource.get("MaxSize"))
    if least is not None and most is not None and least >= most > 0:
        yield Put(path, most - 1)


def _image(faulty: Faulty) -> Iterator[Edit]:
    if faulty.resource.type == LAUNCH_TEMPLATE:
        yield from _image_path(faulty)
    group = _group(faulty)
    if group is None or faulty.resource.type != NODE_GROUP:
        return
    images = {_image_of(kind) for kind in group.types}
    if len(images) == 1 and (image := images.pop()):
        yield from (Put(path, image) for path in stated(faulty.template, properties(faulty.logical_id, "AmiType")))


def _image_path(faulty: Faulty) -> Iterator[Edit]:
    """The path of EKS's parameter for the type's architecture and driver, where one of Amazon Linux 2023 is stated."""
    path = properties(faulty.logical_id, "LaunchTemplateData", "ImageId")
    stated_path = written(faulty.template, path)
    kinds = types_launched(faulty.template).get(faulty.logical_id, [])
    wanted = {(kind.architecture, kind.accelerator_kind) for kind in kinds}
    if isinstance(stated_path, str) and len(wanted) == 1:
        (architecture, driver), *_ = wanted
        yield Put(path, _IMAGE_PATH.sub(rf"\g<1>{architecture}/{driver}/", stated_path))


def _image_of(kind: InstanceType) -> str | None:
    """AMI type of Amazon Linux 2023 with the driver of an accelerator."""
    if kind.accelerator_kind == "nvidia":
        return str(AmiType.AL2023_ARM_64_NVIDIA if kind.architecture == "arm64" else AmiType.AL2023_X86_64_NVIDIA)
    return str(AmiType.AL2023_X86_64_NEURON) if kind.accelerator_kind == "neuron" else None


def _image_after_al2(faulty: Faulty) -> Iterator[Edit]:
    group = _group(faulty)
    parts = parts_of(group.launch) if group is not None and group.launch is not None else []
    if group is not None and not any(is_script(part.text) for part in parts):
        kinds = list(group.types)
        if kinds:
            yield from _image(faulty)
        elif faulty.resource.get("AmiType") == "AL2_x86_64":
            yield Put(properties(faulty.logical_id, "AmiType"), str(AmiType.AL2023_X86_64_STANDARD))
        elif faulty.resource.get("AmiType") == "AL2_ARM_64":
            yield Put(properties(faulty.logical_id, "AmiType"), str(AmiType.AL2023_ARM_64_STANDARD))


def _spelling_of_taints(faulty: Faulty) -> Iterator[Edit]:
    path = properties(faulty.logical_id, "Taints")
    for number, taint in enumerate(as_list(written(faulty.template, path))):
        effect = taint.get("Effect") if isinstance(taint, Mapping) else None
        if effect in _EFFECTS:
            yield Put((*path, number, "Effect"), _EFFECTS[str(effect)])
    if any("PartitionCount" in finding.message for finding in faulty.findings):
        yield Remove(properties(faulty.logical_id, "PartitionCount"))


def _batch(faulty: Faulty) -> Iterator[Edit]:
    """Keys taken out, and images of Amazon Linux 2023 with the driver."""
    messages = " ".join(finding.message for finding in faulty.findings)
    computes = properties(faulty.logical_id, "ComputeResources")
    if "Ec2KeyPair is stated" in messages:
        yield Remove((*computes, "Ec2KeyPair"))
    for number, image in enumerate(as_list(written(faulty.template, (*computes, "Ec2Configuration")))):
        kind = image.get("ImageType") if isinstance(image, Mapping) else None
        if kind in ("ECS_AL2_NVIDIA", "ECS_AL2023") and f"ImageType is {kind}" in messages:
            yield Put((*computes, "Ec2Configuration", number, "ImageType"), "ECS_AL2023_NVIDIA")


def _version_of_image(faulty: Faulty) -> Iterator[Edit]:
    for finding in faulty.findings:
        key = finding.message.split(" ", 1)[0]
        if key in ("Version", "ReleaseVersion") and "the image has its version" in finding.message:
            yield Remove(properties(faulty.logical_id, key))


def _year(faulty: Faulty) -> Iterator[Edit]:
    """Any year after five fields of which one is `?`: EventBridge's order, without its last field."""
    path = properties(faulty.logical_id, "ScheduleExpression")
    expression = written(faulty.template, path)
    if isinstance(expression, str) and expression.startswith("cron(") and expression.endswith(")"):
        fields = expression[len("cron(") : -1].split()
        if len(fields) == len(("minute", "hour", "day", "month", "weekday")) and "?" in (fields[2], fields[4]):
            yield Put(path, f"cron({' '.join(fields)} *)")


def _no_entry(faulty: Faulty) -> Iterator[Edit]:
    """An entry that EKS makes itself."""
    if any("managed node group" in finding.message for finding in faulty.findings) and not references_to(
        faulty.template, faulty.logical_id
    ):
        yield Remove(("Resources", faulty.logical_id))


def _cluster_placement(faulty: Faulty) -> Iterator[Edit]:
    group = faulty.template.referred(faulty.resource.get("LaunchTemplateData", "Placement", "GroupName"))
    if group is not None and group.type == "AWS::EC2::PlacementGroup":
        yield Put(properties(group.logical_id, "Strategy"), "cluster")


_NEW_GROUP: Final = "a deployment replaces a node group whose AMI type changes"
FIXES: Final = (
    Fix("batch", "Ec2KeyPair taken out; ECS_AL2023_NVIDIA", _batch),
    Fix("custom-image", "Version and ReleaseVersion beside an image taken out", _version_of_image),
    Fix("schedule", "any year, where cron has five fields and one of them is ?", _year),
    Fix("placement-strategy", "Strategy: cluster", _cluster_placement),
    Fix(
        "capacity-type",
        "CAPACITY_BLOCK, and capacity-block in the launch template, where a block is named",
        _capacity_type,
    ),
    Fix("update-strategy", "UpdateStrategy: MINIMAL", _strategy),
    Fix("desired-size-with-block", "the desired size taken out, a least size of 0", _no_desired_size),
    Fix("launch-template-version", "the GetAtt of LatestVersionNumber", _version),
    Fix("rolling-update", "MinInstancesInService one below MaxSize", _in_service),
    Fix(
        "ami-architecture",
        "the AMI type, or the path of EKS's parameter, of Amazon Linux 2023 for the type",
        _image,
        after=_NEW_GROUP,
    ),
    Fix(
        "amazon-linux-2",
        "the AMI type of Amazon Linux 2023, where no script is in the user data",
        _image_after_al2,
        after=_NEW_GROUP,
    ),
    Fix("service-values", "effects of taints as EKS spells them; PartitionCount taken out", _spelling_of_taints),
    Fix("access-entry", "an entry for the role of a managed node group taken out, if nothing names it", _no_entry),
)
