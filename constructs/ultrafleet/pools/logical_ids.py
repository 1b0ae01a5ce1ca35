"""Logical ids as CDK derives them from construct ids, for references that need no round trip to Node."""

import hashlib
import re
from collections.abc import Callable, Sequence

import aws_cdk as cdk
from constructs import Construct

_HASH_LENGTH = 8
_HUMAN_LENGTH = 240
_ALONE_LENGTH = 255
_NOT_ALPHANUMERIC = re.compile("[^A-Za-z0-9]")


def logical_id(path: Sequence[str]) -> str:
    """Logical id of a construct in a stack that derives ids as CDK does by default (aws-cdk-lib, `makeUniqueId`).

    Args:
        path: construct ids below the stack, its own last.
    """
    parts = [part for part in path if part != "Default"]
    if len(parts) == 1 and len(alone := _NOT_ALPHANUMERIC.sub("", parts[0])) <= _ALONE_LENGTH:
        return alone
    digest = hashlib.md5("/".join(parts).encode(), usedforsecurity=False).hexdigest()[:_HASH_LENGTH].upper()
    human: list[str] = []
    for part in parts:
        if not human or not human[-1].endswith(part):
            human.append(part)
    named = "".join(_NOT_ALPHANUMERIC.sub("", part) for part in human if part != "Resource")
    return named[:_HUMAN_LENGTH] + digest


def logical_ids_below(scope: Construct, *, known: tuple[str, cdk.CfnElement]) -> Callable[[str], str] | None:
    """Function from a construct id below a scope to its logical id; None in a stack with logical ids of its own kind.

    Args:
        scope: the parent.
        known: construct id of one element below it, and the element, whose id tells how the stack makes them.
    """
    stack = cdk.Stack.of(scope)
    above, path = stack.node.path, scope.node.path
    below = path.removeprefix(f"{above}/" if above else "").split("/")
    construct_id, element = known
    if stack.get_logical_id(element) != logical_id([*below, construct_id]):
        return None
    return lambda name: logical_id([*below, name])
