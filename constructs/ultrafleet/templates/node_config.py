"""User data of nodes: its text, its MIME parts, and the NodeConfig in them."""

import base64
import binascii
import email
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from functools import lru_cache
from typing import Any, Final

from ultrafleet.catalog.limits import USER_DATA_BYTES
from ultrafleet.templates.launch import Launch
from ultrafleet.templates.unknown import Unknown, text_of
from ultrafleet.yaml_loader import UniqueKeyLoader, load_yaml

_REMEMBERED: Final = 64
"""Texts that are kept in memory: the same one is in many launch templates."""
NODE_CONFIG_TYPE: Final = "application/node.eks.aws"
_DYNAMIC: Final = ("{{resolve:", base64.b64encode(b"{{resolve:").decode()[:12])
_HOLE: Final = re.compile(rb"\$\{(AWS::\w+|\xe2\x80\xa6)\}")
_MIME: Final = re.compile(rb"\s*(MIME-Version:|Content-Type:)", re.IGNORECASE)
_TABLE: Final = re.compile(rb"\s*(#[^\n]*\n\s*)*\[[\w.\"-]+\]")
_PLAIN_CONFIG: Final = re.compile(rb"\s*(---\s*)?(apiVersion:|\{\s*\"apiVersion\"|kind:)")


def user_data(value: object) -> bytes | None:
    """Text of user data, without what isn't known of it; None where nothing is."""
    known = text_of(value) if isinstance(value, str | Unknown) else None
    if known is None:
        return None
    if known.startswith(_DYNAMIC):
        return None
    try:
        return _HOLE.sub(b"", base64.b64decode("".join(known.split()), validate=True))
    except (binascii.Error, ValueError):
        return known.encode(errors="replace")


@dataclass(frozen=True)
class Part:
    """A part of user data.

    Attributes:
        kind: its content type, such as `text/x-shellscript`.
        text: its content.
    """

    kind: str
    text: bytes


def is_mime(text: bytes) -> bool:
    """True if user data begins as a MIME document does."""
    return _MIME.match(text) is not None


def is_toml(text: bytes) -> bool:
    """True if user data begins with a table of TOML, which Bottlerocket reads."""
    return _TABLE.match(text) is not None


def is_script(text: bytes) -> bool:
    """True if user data is a script."""
    return text.lstrip().startswith(b"#!")


def is_plain_config(text: bytes) -> bool:
    """True if user data is a NodeConfig without MIME around it, which nodeadm reads."""
    return _PLAIN_CONFIG.match(text) is not None


@lru_cache(maxsize=_REMEMBERED)
def mime_message(text: bytes) -> Message | None:
    """User data as a MIME document; None where it is none, or larger than EC2 takes. It must not be changed."""
    return email.message_from_bytes(text.lstrip()) if len(text) <= USER_DATA_BYTES.value and is_mime(text) else None


def parts_of(launch: Launch) -> list[Part]:
    """Parts of a launch template's user data: those of a MIME document, or the whole as one."""
    text = user_data(launch.get("UserData"))
    return list(_parts(text)) if text and len(text) <= USER_DATA_BYTES.value else []


@lru_cache(maxsize=_REMEMBERED)
def _parts(text: bytes) -> tuple[Part, ...]:
    message = mime_message(text)
    if message is None:
        kind = "text/x-shellscript" if is_script(text) else NODE_CONFIG_TYPE if is_plain_config(text) else "text/plain"
        return (Part(kind, text),)
    found = []
    for part in message.walk():
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            found.append(Part(part.get_content_type(), payload))
    return tuple(found)


def node_configs(launch: Launch) -> Iterator[Mapping[str, Any]]:
    """NodeConfigs in a launch template's user data, as far as they can be read."""
    for part in parts_of(launch):
        if part.kind == NODE_CONFIG_TYPE:
            config = read_config(part.text)
            if isinstance(config, Mapping):
                yield config


@lru_cache(maxsize=_REMEMBERED)
def read_config(text: bytes) -> Any:  # noqa: ANN401 - YAML
    """A NodeConfig from its text; None where it can't be read. It must not be changed."""
    try:
        return load_yaml(text.decode(), UniqueKeyLoader)
    except ValueError:
        return None
