"""Rules of images of managed node groups: which one boots, and user data that it can read."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity, cannot_tell
from ultrafleet.templates.launch import Launch, as_int, launches
from ultrafleet.templates.node_config import is_mime, user_data
from ultrafleet.templates.node_group import NODE_GROUP, NodeGroup, groups
from ultrafleet.templates.template import Template
from ultrafleet.templates.unknown import Unknown

_CUSTOM: Final = "CUSTOM"
_BOTTLEROCKET: Final = "BOTTLEROCKET_"
_ROOT, _DATA = "/dev/xvda", "/dev/xvdb"
_SYSTEM_GIB: Final = 100
"""GiB above which the system's volume is meant for images and pods (ours: smaller ones are often left from a copy)."""
_HOLE: Final = re.compile(rb"\$\{[^{}]*\}")
_GUIDE: Final = "https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html"


def _custom_image(template: Template) -> Iterator[Problem]:
    for group in groups(template, NODE_GROUP):
        launch, ami = group.launch, group.resource.get("AmiType")
        image = launch.get("ImageId") if launch is not None else None
        if ami == _CUSTOM and image is None and (launch is not None or not _names_template(group)):
            yield Problem(
                group.logical_id,
                "AmiType is CUSTOM and the launch template names no ImageId, expected one: state it there",
            )
        if launch is None or image is None:
            continue
        if isinstance(image, Unknown) and image.may_be_absent:
            continue  # said beside AmiType
        for key in ("Version", "ReleaseVersion"):
            stated = group.resource.get(key)
            if isinstance(stated, Unknown) and stated.may_be_absent:
                yield cannot_tell(group.logical_id, f"whether {key} is stated beside ImageId", stated.reason)
            elif stated is not None:
                yield Problem(
                    group.logical_id,
                    f"{key} is stated beside the launch template's ImageId, expected none: the image has its version, "
                    "remove it",
                )
        if launch.get("UserData") is None:
            yield Problem(
                launch.resource.logical_id,
                "ImageId is stated without UserData, expected some that joins the cluster: EKS adds its part to its "
                "own images alone",
                Severity.WARNING,
            )


def _names_template(group: NodeGroup) -> bool:
    return bool(group.resource.get("LaunchTemplate"))


def _bottlerocket(template: Template) -> Iterator[Problem]:
    for group in groups(template, NODE_GROUP):
        if group.launch is not None and str(group.resource.get("AmiType")).startswith(_BOTTLEROCKET):
            yield from _settings(group.launch)
            yield from _volumes(group.launch)


def _settings(launch: Launch) -> Iterator[Problem]:
    text = user_data(launch.get("UserData"))
    if not text:
        return
    expected = "expected settings as TOML: Bottlerocket reads nothing else, write [settings.kubernetes]"
    begin = text[:20].decode(errors="replace")
    if is_mime(text) or text.startswith(b"#!"):
        yield Problem(launch.resource.logical_id, f"UserData begins with {begin!r}, {expected}")
        return
    try:
        tomllib.loads(_HOLE.sub(b"x", text).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        if isinstance(launch.get("UserData"), Unknown):
            yield cannot_tell(launch.resource.logical_id, "whether UserData is TOML", "parts of it are not known")
        else:
            yield Problem(launch.resource.logical_id, f"UserData isn't TOML ({error}), {expected}")


def _volumes(launch: Launch) -> Iterator[Problem]:
    stated = {_device(item): item for item in launch.items("BlockDeviceMappings")}
    holder = launch.resource.logical_id
    if any(isinstance(name, Unknown) for name in stated):
        return
    for name in stated:
        if name is not None and name not in (_ROOT, _DATA):
            yield Problem(holder, f"a volume is {name}, expected {_ROOT} or {_DATA}: Bottlerocket has no other")
    root = stated.get(_ROOT)
    size = as_int(root["Ebs"].get("VolumeSize")) if root is not None and isinstance(root.get("Ebs"), Mapping) else None
    if size is not None and size > _SYSTEM_GIB and _DATA not in stated:
        yield Problem(
            holder,
            f"{_ROOT} has {size} GiB and {_DATA} isn't stated, expected the size there: images and pods of "
            f"Bottlerocket are on {_DATA}, which keeps its small default",
        )


def _twice(template: Template) -> Iterator[Problem]:
    for launch in launches(template):
        devices = [_device(item) for item in launch.items("BlockDeviceMappings")]
        for name in dict.fromkeys(name for name in devices if isinstance(name, str)):
            if devices.count(name) > 1:
                yield Problem(
                    launch.resource.logical_id,
                    f"{devices.count(name)} volumes are {name}, expected one: EC2 refuses it, remove the others",
                )


def _device(item: Any) -> Any:  # noqa: ANN401 - JSON
    name = item.get("DeviceName") if isinstance(item, Mapping) else None
    return name if isinstance(name, str | Unknown) else None


RULES: Final = (
    PolicyRule(
        id="custom-image",
        number=49,
        severity=Severity.ERROR,
        protects_from="a node group that EKS refuses, and nodes that never join",
        source=Source(
            "EKS user guide, launch templates: using a custom AMI",
            address=_GUIDE,
            also=(Source("of user data: cloudposse/terraform-aws-eks-node-group #226", Confidence.MEDIUM),),
        ),
        remedy="AmiType CUSTOM and ImageId go together, without Version and ReleaseVersion, with UserData of your own",
        check=_custom_image,
    ),
    PolicyRule(
        id="bottlerocket",
        number=50,
        severity=Severity.ERROR,
        protects_from="nodes that never join, because Bottlerocket can't read their user data, or run out of disk",
        source=Source(
            "EKS user guide, launch templates: user data of Bottlerocket is TOML",
            address=_GUIDE,
            also=(
                Source("Bottlerocket README, volumes: /dev/xvda is the system's, /dev/xvdb holds images and pods"),
                Source(
                    "learn-terraform-provision-eks-cluster #79: what EKS says of other user data", Confidence.MEDIUM
                ),
            ),
        ),
        remedy=f"settings as TOML, and the size of {_DATA}",
        check=_bottlerocket,
    ),
    PolicyRule(
        id="volume-names",
        number=79,
        severity=Severity.ERROR,
        protects_from="launches that EC2 refuses",
        source=Source(
            "EC2 user guide, block device mappings: a device name is used once",
            address="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/block-device-mapping-concepts.html",
        ),
        remedy="one volume for each DeviceName",
        check=_twice,
    ),
)
