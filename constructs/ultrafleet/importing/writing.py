"""Environment file as text, with its comments."""

import io
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString
from ruamel.yaml.timestamp import TimeStamp

from ultrafleet.plain_text import visible

_IN_ONE_LINE: Final = frozenset({"system_nodes", "node"})
_LISTS_IN_ONE_LINE: Final = frozenset({"subnets", "capacity_reservations"})
_SCRIPTS: Final = frozenset({"pre_bootstrap_script"})
_READABLE: Final = re.compile(r"#![ -~]+\n(?:[\t -~]*\n)*")
"""Script that a block of lines can hold as it is."""
_QUOTED: Final = frozenset({"account", "kubernetes_version"})
_WIDTH: Final = 4096

Path = tuple[str | int, ...]
"""Keys and positions that lead to a value."""


def environment_text(
    content: Mapping[str, Any], *, head: Sequence[str], comments: Mapping[Path, str] | None = None
) -> str:
    """Text of an environment file.

    Args:
        content: its keys and values.
        head: lines of the comment at its beginning.
        comments: comment beside a key, by its path. Default: none.
    """
    yaml = YAML()
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump(_styled(content, (), dict(comments or {})), out)
    lines = [f"# {visible(line)}".rstrip() for line in head]
    return "\n".join([*lines, out.getvalue()])


def _styled(value: object, path: Path, comments: Mapping[Path, str]) -> Any:  # noqa: ANN401 - YAML
    if isinstance(value, Mapping):
        return _mapping(value, path, comments)
    if isinstance(value, list | tuple):
        items = CommentedSeq([_styled(item, (*path, position), comments) for position, item in enumerate(value)])
        if all(not isinstance(item, Mapping) for item in value):
            items.fa.set_flow_style()
        for position in range(len(items)):
            if (*path, position) in comments:
                items.yaml_add_eol_comment(visible(comments[*path, position]), position)
        return items
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, str) and path and path[-1] in _SCRIPTS and _READABLE.fullmatch(value):
        return LiteralScalarString(value)
    if isinstance(value, str) and path and path[-1] in _QUOTED:
        return DoubleQuotedScalarString(value)
    return value


def _mapping(value: Mapping[str, Any], path: Path, comments: Mapping[Path, str]) -> CommentedMap:
    made = CommentedMap()
    for key, item in value.items():
        made[key] = _styled(item, (*path, key), comments)
        if (*path, key) in comments:
            made.yaml_add_eol_comment(visible(comments[*path, key]), key)
    listed = len(path) > 1 and path[-2] in _LISTS_IN_ONE_LINE
    if not _SCRIPTS & value.keys() and (listed or _IN_ONE_LINE & {str(step) for step in path}):
        made.fa.set_flow_style()
    return made


def _moment(value: datetime) -> TimeStamp:
    """The moment as a scalar in UTC that ends in Z: ruamel.yaml writes one as it was read."""
    text = f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    read: TimeStamp = YAML().load(text)
    return read
