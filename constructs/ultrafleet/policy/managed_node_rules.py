"""Rules of launch templates that managed node groups use: what EKS refuses in them."""

from collections.abc import Iterator, Mapping

from ultrafleet.catalog.source import Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity, cannot_tell, must_not_be_stated
from ultrafleet.templates.launch import Launch
from ultrafleet.templates.node_config import is_mime, user_data
from ultrafleet.templates.node_group import NODE_GROUP, NodeGroup, groups
from ultrafleet.templates.template import Template
from ultrafleet.templates.unknown import Unknown

_REFUSED = ("IamInstanceProfile", "InstanceInitiatedShutdownBehavior", "HibernationOptions")


def _refused(template: Template) -> Iterator[Problem]:
    for group in groups(template, NODE_GROUP):
        if group.launch is not None:
            yield from _of(group, group.launch)


def _of(group: NodeGroup, launch: Launch) -> Iterator[Problem]:
    logical_id = launch.resource.logical_id
    for key in _REFUSED:
        message = f"{key} is stated for a managed node group, expected none: remove it"
        yield from must_not_be_stated(logical_id, key, launch.get(key), message)
    if any(isinstance(item, Mapping) and item.get("SubnetId") is not None for item in launch.interfaces):
        yield Problem(logical_id, "an interface states SubnetId, expected the node group's Subnets alone: remove it")
    if launch.market == "spot":
        yield Problem(
            logical_id, "MarketType is spot for a managed node group, expected none: state CapacityType SPOT there"
        )
    yield from _one_of(group, launch, "InstanceTypes", "InstanceType")
    if launch.get("InstanceType") is None and launch.is_for_block:
        yield Problem(
            logical_id, "InstanceType is not stated with MarketType capacity-block, expected the block's: state it"
        )
    if group.resource.get("AmiType") != "CUSTOM":
        yield from _one_of(group, launch, "AmiType", "ImageId")
    for key in ("DiskSize", "RemoteAccess"):
        message = f"{key} is stated beside a launch template, expected it there: move it"
        yield from must_not_be_stated(group.logical_id, key, group.resource.get(key), message)


def _one_of(group: NodeGroup, launch: Launch, own: str, of_launch: str) -> Iterator[Problem]:
    """Property that the node group or its launch template states, and never both."""
    values = (group.resource.get(own), launch.get(of_launch))
    if None in values:
        return
    unknown = next((value for value in values if isinstance(value, Unknown)), None)
    if unknown is not None and (unknown.may_be_absent or own == "AmiType"):  # an unknown AmiType may be CUSTOM
        yield cannot_tell(group.logical_id, f"whether {own} is stated beside {of_launch}", unknown.reason)
        return
    yield Problem(
        group.logical_id,
        f"{own} is stated beside the launch template's {of_launch}, expected one of them: remove one",
    )


def _mime(template: Template) -> Iterator[Problem]:
    for group in groups(template, NODE_GROUP):
        launch = group.launch
        if launch is None or launch.get("ImageId") is not None or "BOTTLEROCKET" in str(group.resource.get("AmiType")):
            continue
        text = user_data(launch.get("UserData"))
        if text and not is_mime(text):
            yield Problem(
                launch.resource.logical_id,
                f"UserData begins with {text[:20].decode(errors='replace')!r}, expected a MIME multi-part document: "
                "EKS adds its own part to it, begin with MIME-Version: 1.0",
            )


RULES = (
    PolicyRule(
        id="node-group-launch-template",
        number=23,
        severity=Severity.ERROR,
        protects_from="a node group that EKS refuses",
        source=Source("EKS user guide, launch templates of managed node groups"),
        remedy="state in the node group what belongs to the node group",
        check=_refused,
    ),
    PolicyRule(
        id="user-data-mime",
        number=24,
        severity=Severity.ERROR,
        protects_from="a node group that EKS refuses",
        source=Source("EKS user guide, launch templates of managed node groups, user data"),
        remedy="MIME-Version: 1.0, Content-Type: multipart/mixed, a part for each",
        check=_mime,
    ),
)
