"""JSON as the CDK writes it, in parts: members of an object that stand a level or two below the top."""

import json
from typing import Any


def member(key: str, value: object, *, indent: int, depth: int = 1) -> str:
    """Text of a member of an object, indented for its depth, without a comma.

    Args:
        key: its key.
        value: its value.
        indent: spaces of a level.
        depth: levels above it.
    """
    wrapped: Any = {key: value}
    for _ in range(depth - 1):
        wrapped = {"": wrapped}
    lines = dumps(wrapped, indent=indent).split("\n")
    return "\n".join(lines[depth:-depth])


def dumps(value: object, *, indent: int) -> str:
    """Text of a value as `JSON.stringify` writes it.

    Args:
        value: the value.
        indent: spaces of a level.
    """
    return json.dumps(value, indent=indent, ensure_ascii=False)
