"""Rules of user data that nodeadm reads: the MIME document, and the NodeConfig in it."""

import email
from collections.abc import Iterator, Mapping
from email.message import Message
from typing import Any, Final

import yaml

from ultrafleet.catalog.limits import USER_DATA_BYTES
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.policy.launch_rules import user_data
from ultrafleet.policy.rule import PolicyRule, Problem, Severity
from ultrafleet.templates.intrinsics import Unknown
from ultrafleet.templates.launch import Launch, launches
from ultrafleet.templates.template import Template
from ultrafleet.yaml_loader import UniqueKeyLoader

_TYPE: Final = "application/node.eks.aws"
_API, _KIND = "node.eks.aws/v1alpha1", "NodeConfig"
_STRATEGIES: Final = ("RAID0", "RAID10", "Mount")


def _node_config(template: Template) -> Iterator[Problem]:
    for launch in launches(template):
        text = user_data(launch.get("UserData"))
        if text is not None and len(text) <= USER_DATA_BYTES.value and text.lstrip()[:4].lower() in (b"mime", b"cont"):
            for message in _faults(launch, email.message_from_bytes(text.lstrip()), text.decode(errors="replace")):
                yield Problem(launch.resource.logical_id, f"UserData: {message}")


def _faults(launch: Launch, message: Message, text: str) -> Iterator[str]:
    boundary = message.get_boundary()
    if boundary is not None and f"--{boundary}" not in text:
        yield f"boundary {boundary!r} of its header separates no part, expected it before each: write --{boundary}"
    for part in message.walk():
        odd = [name for name in part if not name.lower().startswith(("content-", "mime-"))]
        if odd:
            yield (
                f"{odd[0]} is read as a header of its part, expected an empty line between headers and content: add it"
            )
        elif part.get_content_type() == _TYPE:
            yield from _of_config(launch, part.get_payload(decode=True))


def _of_config(launch: Launch, payload: Any) -> Iterator[str]:  # noqa: ANN401 - bytes, or what email makes of a part
    if not isinstance(payload, bytes) or b"<<" in payload:
        return  # merged keys take time without bound
    try:
        found = yaml.load(payload.decode(), Loader=UniqueKeyLoader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if not isinstance(launch.get("UserData"), Unknown):
            yield f"the NodeConfig can't be read as YAML ({type(error).__name__}), expected YAML or JSON: correct it"
        return
    config = found if isinstance(found, Mapping) else {}
    stated = (config.get("apiVersion"), config.get("kind"))
    if stated != (_API, _KIND):
        yield f"apiVersion and kind are {stated[0]} and {stated[1]}, expected {_API} and {_KIND}: correct them"
    strategy = _below(config, "spec", "instance", "localStorage", "strategy")
    if strategy is not None and strategy not in _STRATEGIES:
        yield f"localStorage.strategy is {strategy}, expected one of {', '.join(_STRATEGIES)}: nodes don't boot"


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
            "nodeadm documentation, API: NodeConfig, LocalStorageStrategy",
            address="https://awslabs.github.io/amazon-eks-ami/nodeadm/doc/api/",
            also=(Source("amazon-eks-ami #2318, PR 1900; terraform-aws-eks #2985", Confidence.MEDIUM),),
        ),
        remedy=f"a part {_TYPE}, an empty line, then apiVersion {_API} and kind {_KIND}",
        check=_node_config,
    ),
)
