"""Rules of user data and the image that reads it: its format, and the cluster that it has to name."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity
from ultrafleet.templates.images import AL2023, BOTTLEROCKET, family_of
from ultrafleet.templates.launch import Launch
from ultrafleet.templates.node_config import (
    NODE_CONFIG_TYPE,
    is_mime,
    is_plain_config,
    is_script,
    is_toml,
    parts_of,
    read_config,
    user_data,
)
from ultrafleet.templates.node_group import AUTO_SCALING_GROUP, NODE_GROUP, NodeGroup, groups
from ultrafleet.templates.template import Template, mapping
from ultrafleet.templates.unknown import Unknown

_BOOTSTRAP: Final = b"/etc/eks/bootstrap.sh"
_JOINS: Final = (b"bootstrap", b"nodeadm", b"kubelet", b"join")
_FACTS: Final = ("name", "apiServerEndpoint", "certificateAuthority", "cidr")
_SETTINGS: Final = ("api-server", "cluster-certificate", "cluster-name")


def _format(template: Template) -> Iterator[Problem]:
    told: set[str] = set()
    for group in groups(template, NODE_GROUP, AUTO_SCALING_GROUP):
        launch = group.launch
        text = user_data(launch.get("UserData")) if launch is not None else None
        if launch is None or not text or launch.resource.logical_id in told:
            continue
        message = _wrong_format(group, launch, text)
        if message is not None:
            told.add(launch.resource.logical_id)
            yield Problem(launch.resource.logical_id, message)


def _wrong_format(group: NodeGroup, launch: Launch, text: bytes) -> str | None:
    family = family_of(group.resource.get("AmiType"), launch.get("ImageId"))
    scripts = [part.text for part in parts_of(launch) if is_script(part.text) or part.kind.endswith("shellscript")]
    if family == AL2023 and any(_BOOTSTRAP in script for script in scripts):
        return (
            f"UserData runs {_BOOTSTRAP.decode()} on Amazon Linux 2023, expected a NodeConfig: that image has no such "
            f"script, nodeadm joins its nodes, write a part {NODE_CONFIG_TYPE}"
        )
    if family == AL2023 and is_toml(text) and not group.is_managed:
        return "UserData is TOML on Amazon Linux 2023, expected a NodeConfig: Bottlerocket alone reads TOML, rewrite it"
    if family == BOTTLEROCKET and not _is_bottlerocket_type(group) and (is_mime(text) or is_script(text)):
        begin = text[:20].decode(errors="replace")
        return f"UserData begins with {begin!r}, expected settings as TOML: Bottlerocket reads nothing else, rewrite it"
    return None


def _is_bottlerocket_type(group: NodeGroup) -> bool:
    """True if the AMI type says it, which another rule reads."""
    return str(group.resource.get("AmiType")).startswith("BOTTLEROCKET_")


def _cluster_facts(template: Template) -> Iterator[Problem]:
    told: set[str] = set()
    for group in groups(template, NODE_GROUP, AUTO_SCALING_GROUP):
        launch = group.launch
        if launch is None or launch.resource.logical_id in told:
            continue
        image = launch.get("ImageId")
        is_stated = image is not None and not (isinstance(image, Unknown) and image.may_be_absent)
        custom = group.is_managed and is_stated and group.resource.get("AmiType") in (None, "CUSTOM")
        if custom or not group.is_managed:
            message = _lacking(launch, custom=custom)
            if message is not None:
                told.add(launch.resource.logical_id)
                yield Problem(launch.resource.logical_id, message)


def _lacking(launch: Launch, *, custom: bool) -> str | None:
    text = user_data(launch.get("UserData"))
    if not text:
        return None  # said of the image
    if is_toml(text):
        return _settings_lacking(text) if custom else None
    parts = parts_of(launch)
    configs = [part for part in parts if part.kind == NODE_CONFIG_TYPE or is_plain_config(part.text)]
    if any(word in part.text for part in parts if part not in configs for word in _JOINS):
        return None  # a script joins
    clusters = [mapping(mapping(mapping(read_config(part.text)).get("spec")).get("cluster")) for part in configs]
    stated = {name for cluster in clusters for name in cluster}
    lacking = [name for name in _FACTS if name not in stated]
    whose = "a custom image" if custom else "a group that EKS doesn't manage"
    if configs and lacking and all(isinstance(read_config(part.text), Mapping) for part in configs):
        return (
            f"the NodeConfig of {whose} states no spec.cluster.{', '.join(lacking)}, expected the cluster's facts: EKS "
            "adds them to its own images in managed node groups alone, and nodes never join, state them"
        )
    written = [part for part in parts if part.text.strip() and not part.kind.startswith("multipart/")]
    if custom and written and not configs and is_mime(text):
        return (
            "UserData of a custom image names no cluster, expected a NodeConfig with spec.cluster: EKS adds its part "
            "to its own images alone, and nodes never join, add one"
        )
    return None


def _settings_lacking(text: bytes) -> str | None:
    try:
        settings: Any = tomllib.loads(text.decode()).get("settings")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return None
    stated = mapping(mapping(settings).get("kubernetes"))
    lacking = [name for name in _SETTINGS if name not in stated]
    if not lacking:
        return None
    return (
        f"[settings.kubernetes] of a custom image states no {', '.join(lacking)}, expected the cluster's facts: EKS "
        "adds them to its own images alone, and nodes never join, state them"
    )


RULES: Final = (
    PolicyRule(
        id="user-data-format",
        number=70,
        severity=Severity.ERROR,
        protects_from="nodes that never join, because their image doesn't read their user data",
        source=Source(
            "EKS user guide, AL2023: nodeadm replaces bootstrap.sh; Bottlerocket: settings as TOML",
            address="https://docs.aws.amazon.com/eks/latest/userguide/al2023.html",
        ),
        remedy="a NodeConfig for Amazon Linux 2023, TOML for Bottlerocket",
        check=_format,
    ),
    PolicyRule(
        id="cluster-facts",
        number=71,
        severity=Severity.ERROR,
        protects_from="nodes that never join, because nothing tells them their cluster",
        source=Source(
            "EKS user guide, launch templates: using a custom AMI; nodeadm documentation, ClusterDetails",
            address="https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html",
            also=(Source("that EKS merges into its own images alone: amazon-eks-ami #2052", Confidence.MEDIUM),),
        ),
        remedy=f"spec.cluster with {', '.join(_FACTS)}; for Bottlerocket settings.kubernetes",
        check=_cluster_facts,
    ),
)
