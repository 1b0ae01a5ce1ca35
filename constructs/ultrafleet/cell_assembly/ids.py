"""Ids as the CDK makes them from construct paths, so that a copy of a template has its own."""

import hashlib
import re
from collections.abc import Sequence
from typing import Final

_HUMAN_CHARACTERS: Final = 240
_ID_CHARACTERS: Final = 255
_NOT_ALPHANUMERIC: Final = re.compile(r"[^A-Za-z0-9]")


def unique_id(path: Sequence[str]) -> str:
    """Id of a construct: its path without what ids don't take, and eight digits of its MD5.

    Stacks have ids of their stage's path, resources of the path below their stack (aws-cdk-lib 2.275,
    core/lib/private/uniqueid.js; `tests/cell_assembly` compares it with the CDK's).

    Args:
        path: ids of the constructs from the outermost on.
    """
    components = [part for part in path if part != "Default"]
    if len(components) == 1 and len(plain := _NOT_ALPHANUMERIC.sub("", components[0])) <= _ID_CHARACTERS:
        return plain
    kept: list[str] = []
    for part in components:
        if not kept or not kept[-1].endswith(part):
            kept.append(part)
    human = "".join(_NOT_ALPHANUMERIC.sub("", part) for part in kept if part != "Resource")
    digest = hashlib.md5("/".join(components).encode(), usedforsecurity=False).hexdigest()
    return human[:_HUMAN_CHARACTERS] + digest[:8].upper()
