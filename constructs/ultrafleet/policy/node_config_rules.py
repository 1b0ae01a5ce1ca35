"""Rules of user data that nodeadm reads: the MIME document, and the NodeConfig in it."""

from collections.abc import Iterator, Mapping
from email.errors import MissingHeaderBodySeparatorDefect
from email.message import Message
from typing import Any, Final

from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity
from ultrafleet.templates.launch import Launch, launches
from ultrafleet.templates.node_config import (
    NODE_CONFIG_TYPE,
    is_plain_config,
    mime_message,
    parts_of,
    read_config,
    user_data,
)
from ultrafleet.templates.node_group import NODE_GROUP, groups, types_launched
from ultrafleet.templates.template import Template
from ultrafleet.templates.unknown import Unknown

_API, _KIND = "node.eks.aws/v1alpha1", "NodeConfig"
_STRATEGIES: Final = ("RAID0", "RAID10", "Mount")
_RAID10_DISKS: Final = 4
_MULTIPART: Final = "multipart/"


def _node_config(template: Template) -> Iterator[Problem]:
    types, managed = types_launched(template), _read_by_nodeadm(template)
    for launch in launches(template):
        text = user_data(launch.get("UserData"))
        if not text:
            continue
        message = mime_message(text)
        disks = [kind.nvme_count for kind in types.get(launch.resource.logical_id, ()) if kind.nvme_count is not None]
        faults = []
        if message is not None:
            by_nodeadm = launch.resource.logical_id in managed or NODE_CONFIG_TYPE.encode() in text
            faults = list(_of_document(message, text.lstrip().decode(errors="replace"), by_nodeadm=by_nodeadm))
        if not faults:
            faults = [
                fault
                for part in parts_of(launch)
                if part.kind == NODE_CONFIG_TYPE or is_plain_config(part.text)
                for fault in _of_config(launch, part.text, disks)
            ]
        yield from (Problem(launch.resource.logical_id, f"UserData: {fault}") for fault in dict.fromkeys(faults))


def _read_by_nodeadm(template: Template) -> set[str]:
    """Launch templates of managed node groups whose image isn't Amazon Linux 2: nodeadm reads every part."""
    return {
        group.launch.resource.logical_id
        for group in groups(template, NODE_GROUP)
        if group.launch is not None and not str(group.resource.get("AmiType")).startswith("AL2_")
    }


def _of_document(message: Message, text: str, *, by_nodeadm: bool) -> Iterator[str]:
    boundary = message.get_boundary()
    lines = text.splitlines()
    if not message.get_content_type().startswith(_MULTIPART):
        if any(line[:1] in (" ", "\t") and line.strip().lower().startswith("content-type:") for line in lines):
            yield "its lines are indented, expected headers and boundaries without: take the spaces out"
        elif any(line.startswith("--") for line in lines):
            yield "its header names no boundary, expected Content-Type: multipart/mixed; boundary=...: state it"
        return
    if boundary is None:
        yield "its header names no boundary, expected Content-Type: multipart/mixed; boundary=...: state it"
        return
    if not any(line.rstrip() in (f"--{boundary}", f"--{boundary}--") for line in lines):
        yield f"boundary {boundary!r} of its header separates no part, expected it before each: write --{boundary}"
        return
    for part in message.walk() if by_nodeadm else ():  # cloud-init takes a part without an empty line
        odd = [name for name in part if not name.lower().startswith(("content-", "mime-"))]
        if odd:
            yield (
                f"{odd[0]} is read as a header of its part, expected an empty line between headers and content: add it"
            )
        elif part is not message and _swallowed(part):
            yield "a part has no empty line between its headers and its content, expected one: add it"


def _swallowed(part: Message) -> bool:
    """True if the content of a part was read into its headers."""
    folded = any("\n" in str(value).strip() and ":" in str(value).strip().splitlines()[-1] for value in part.values())
    return folded or any(isinstance(defect, MissingHeaderBodySeparatorDefect) for defect in part.defects)


def _of_config(launch: Launch, text: bytes, disks: list[int]) -> Iterator[str]:
    config = read_config(text)
    if config is None:
        if not isinstance(launch.get("UserData"), Unknown):
            yield "the NodeConfig can't be read as YAML, expected YAML or JSON: correct it"
        return
    found = config if isinstance(config, Mapping) else {}
    stated = (found.get("apiVersion"), found.get("kind"))
    if stated != (_API, _KIND):
        yield f"apiVersion and kind are {stated[0]} and {stated[1]}, expected {_API} and {_KIND}: correct them"
    strategy = _below(found, "spec", "instance", "localStorage", "strategy")
    if strategy is not None and strategy not in _STRATEGIES and "${" not in str(strategy):
        yield f"localStorage.strategy is {strategy}, expected one of {', '.join(_STRATEGIES)}: nodes don't boot"
    elif strategy == "RAID10" and disks and min(disks) < _RAID10_DISKS:
        yield (
            f"localStorage.strategy is RAID10 on {min(disks)} disks, expected {_RAID10_DISKS} or more: nodes don't "
            "boot, take RAID0"
        )
    containerd = _below(found, "spec", "containerd", "config")
    if containerd is not None and not isinstance(containerd, str):
        yield f"containerd.config is {_kind(containerd)}, expected a text in TOML: nodeadm refuses it"
    yield from _of_kubelet(_below(found, "spec", "kubelet"))


def _of_kubelet(kubelet: Any) -> Iterator[str]:  # noqa: ANN401 - YAML
    if not isinstance(kubelet, Mapping):
        return
    config, flags = kubelet.get("config"), kubelet.get("flags")
    if config is not None and not isinstance(config, Mapping):
        yield f"kubelet.config is {_kind(config)}, expected a mapping of the kubelet's fields: correct it"
    elif isinstance(config, Mapping):
        pods = config.get("maxPods")
        if isinstance(pods, bool) or (pods is not None and not isinstance(pods, int) and "${" not in str(pods)):
            yield f"kubelet.config.maxPods is {pods!r}, expected a number without quotes: the kubelet doesn't start"
    if flags is not None and not (isinstance(flags, list) and all(isinstance(flag, str) for flag in flags)):
        yield f"kubelet.flags is {_kind(flags)}, expected a list of texts such as --node-labels=a=b: nodeadm refuses it"


def _kind(value: Any) -> str:  # noqa: ANN401 - YAML
    if isinstance(value, list):
        return "a list of other things"
    return "a mapping" if isinstance(value, Mapping) else f"the text {str(value)[:40]!r}"


def _below(value: Any, *path: str) -> Any:  # noqa: ANN401 - YAML
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


RULES: Final = (
    PolicyRule(
        id="node-config",
        number=53,
        severity=Severity.ERROR,
        protects_from="nodes that never join, because nodeadm can't read their NodeConfig",
        source=Source(
            "nodeadm documentation, API: NodeConfig, LocalStorageStrategy, KubeletOptions",
            address="https://awslabs.github.io/amazon-eks-ami/nodeadm/doc/api/",
            also=(Source("amazon-eks-ami #2318, PR 1900; terraform-aws-eks #2985", Confidence.MEDIUM),),
        ),
        remedy=f"a part {NODE_CONFIG_TYPE}, an empty line, then apiVersion {_API} and kind {_KIND}",
        check=_node_config,
    ),
)
