"""Rules of what a later update of a group of nodes does: sizes that are sent again, nodes that are rolled, labels."""

from collections.abc import Iterator, Mapping
from typing import Final

from ultrafleet.catalog import eks
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity, cannot_tell
from ultrafleet.policy.schedule_rules import fills
from ultrafleet.templates.launch import Launch, as_int, launches
from ultrafleet.templates.node_config import node_configs
from ultrafleet.templates.node_group import AUTO_SCALING_GROUP, NODE_GROUP, groups
from ultrafleet.templates.template import Template, mapping
from ultrafleet.templates.unknown import Unknown

MINIMAL: Final = "MINIMAL"
UPDATE_STRATEGY: Final = Source(
    "EKS API reference, NodegroupUpdateConfig: by default new instances are launched before old ones are terminated, "
    "MINIMAL terminates first, for hardware accelerators",
    address="https://docs.aws.amazon.com/eks/latest/APIReference/API_NodegroupUpdateConfig.html",
    also=(Source("terraform-provider-aws #41442: the default on reserved capacity", Confidence.MEDIUM),),
)
"""Source of: a full reservation has no room for the default strategy."""

_KUBELET_TAKES: Final = ("kubelet.kubernetes.io", "node.kubernetes.io")
"""Domains below `kubernetes.io` of which the kubelet sets labels (Kubernetes documentation, NodeRestriction, high)."""

_KUBELET_REFUSES: Final = ("kubernetes.io", "k8s.io")
_KUBELET_LABELS: Final = (
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
)
"""Labels of Kubernetes' own that the kubelet takes from its flags (Kubernetes documentation, kubelet, high)."""


def _desired_size(template: Template) -> Iterator[Problem]:
    for group in groups(template, NODE_GROUP, AUTO_SCALING_GROUP):
        path = ("ScalingConfig", "DesiredSize") if group.is_managed else ("DesiredCapacity",)
        least = ("ScalingConfig", "MinSize") if group.is_managed else ("MinSize",)
        if not group.is_for_block:
            continue
        for part in (path, least):
            name, stated = ".".join(part), group.resource.get(*part)
            size = as_int(stated)
            if isinstance(stated, Unknown):
                yield cannot_tell(group.logical_id, name, stated.reason)
            elif size:
                yield Problem(
                    group.logical_id,
                    f"{name} is {size} with a capacity block, expected {'none' if part is path else '0'}: before the "
                    "block starts and after it ends every launch fails, let a schedule set the size",
                )
                break
            elif size == 0 and part is path and fills(template, group):
                yield Problem(
                    group.logical_id,
                    f"{name} is 0 and a schedule fills the group, expected none: a full block is drift, "
                    f"`cdk deploy --revert-drift` and {_SENT[group.resource.type]} send the 0 and empty it, take "
                    f"{name} out",
                )


_SENT: Final = {NODE_GROUP: "a change of another size", AUTO_SCALING_GROUP: "any update of the group"}


def _update_strategy(template: Template) -> Iterator[Problem]:
    for group in groups(template, NODE_GROUP):
        if group.launch is None or group.launch.reservation is None:
            continue
        stated = group.resource.get("UpdateConfig", "UpdateStrategy")
        if isinstance(stated, Unknown):
            yield cannot_tell(group.logical_id, "UpdateConfig.UpdateStrategy", stated.reason)
        elif stated != MINIMAL:
            yield Problem(
                group.logical_id,
                f"UpdateConfig.UpdateStrategy is {stated or 'not stated'} on a reservation, expected {MINIMAL}: a "
                "rolling update launches nodes before it terminates any, and a full reservation has no room for them",
            )


def _labels(template: Template) -> Iterator[Problem]:
    for group in groups(template, NODE_GROUP):
        labels = group.resource.get("Labels")
        for key in labels if isinstance(labels, Mapping) else ():
            prefix = next((prefix for prefix in eks.RESERVED_LABEL_PREFIXES if prefix in f"{key}"), None)
            if prefix is not None:
                yield Problem(
                    group.logical_id,
                    f"label {key} is under {prefix}, which is reserved, expected another prefix: EKS refuses the node "
                    "group and its rollback, or its nodes never join, rename the label",
                    Severity.WARNING if _may_pass(str(key)) else None,
                )


def _kubelet_labels(template: Template) -> Iterator[Problem]:
    """Labels that user data gives the kubelet, which starts with some of Kubernetes' own alone."""
    for launch in launches(template):
        for key in dict.fromkeys(_labels_of_flags(launch)):
            domain = key.partition("/")[0] if "/" in key else ""
            reserved = any(domain == own or domain.endswith(f".{own}") for own in _KUBELET_REFUSES)
            if reserved and key not in _KUBELET_LABELS and not _may_pass(key):
                yield Problem(
                    launch.resource.logical_id,
                    f"UserData gives the kubelet label {key}, which Kubernetes reserves, expected another prefix: the "
                    "kubelet doesn't start with it, rename the label",
                )


def _labels_of_flags(launch: Launch) -> Iterator[str]:
    for config in node_configs(launch):
        flags = mapping(mapping(config.get("spec")).get("kubelet")).get("flags")
        for flag in flags if isinstance(flags, list) else ():
            name, _, stated = str(flag).partition("=")
            if name.strip() == "--node-labels":
                yield from (pair.partition("=")[0].strip() for pair in stated.split(","))


def _may_pass(key: str) -> bool:
    """True if the kubelet takes the label, so that only an EKS that looks for the prefix anywhere refuses it."""
    domain = key.partition("/")[0]
    return any(domain == taken or domain.endswith(f".{taken}") for taken in _KUBELET_TAKES)


RULES: Final = (
    PolicyRule(
        id="desired-size-with-block",
        number=22,
        severity=Severity.WARNING,
        protects_from="launch errors until the block is active, and an update that undoes what a schedule set",
        source=Source(
            "EKS user guide, Capacity Blocks",
            also=(
                eks.source("eks/node-group/desired-size-removed"),
                Source(
                    "containers-roadmap #1259",
                    Confidence.MEDIUM,
                    "https://github.com/aws/containers-roadmap/issues/1259",
                ),
                Source("of Auto Scaling groups: aws-cdk #5215", Confidence.MEDIUM),
            ),
        ),
        remedy="a least size of 0, no desired size, and a schedule that knows the block",
        check=_desired_size,
    ),
    PolicyRule(
        id="update-strategy",
        number=47,
        severity=Severity.WARNING,
        protects_from="a rolling update that waits for nodes which the reservation doesn't have",
        source=UPDATE_STRATEGY,
        remedy=f"UpdateConfig: UpdateStrategy: {MINIMAL}",
        check=_update_strategy,
    ),
    PolicyRule(
        id="reserved-labels",
        number=48,
        severity=Severity.ERROR,
        protects_from="a node group that EKS refuses, with a rollback that fails too, or nodes that never join",
        source=eks.source("eks/node-group/reserved-label-prefixes"),
        remedy="a prefix of your own, such as example.com/",
        check=lambda template: (problem for rule in (_labels, _kubelet_labels) for problem in rule(template)),
    ),
)
