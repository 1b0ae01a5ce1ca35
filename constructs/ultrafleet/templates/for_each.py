"""`Fn::ForEach`, expanded where its collection is known (CloudFormation user guide, AWS::LanguageExtensions, high)."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ultrafleet.templates.budget import MEMBER, Budget

PREFIX: Final = "Fn::ForEach::"
_PLAIN: Final = re.compile(r"[^A-Za-z0-9]")

Resolve = Callable[[Any], Any]


def has_loops(value: Any) -> bool:  # noqa: ANN401 - JSON
    """True if there is a loop anywhere in the JSON."""
    if isinstance(value, Mapping):
        return any(str(key).startswith(PREFIX) or has_loops(item) for key, item in value.items())
    return isinstance(value, list) and any(map(has_loops, value))


def expanded(value: Any, resolve: Resolve, budget: Budget) -> Any:  # noqa: ANN401 - JSON
    """JSON with its loops expanded; a loop over an unknown collection stays as it is.

    Args:
        value: the JSON.
        resolve: finds the value of a collection.
        budget: bounds what loops make.

    Raises:
        FleetError: they make more.
    """
    if isinstance(value, list):
        return [expanded(item, resolve, budget) for item in value]
    if not isinstance(value, Mapping):
        return value
    found: dict[str, Any] = {}
    for key, item in value.items():
        if not str(key).startswith(PREFIX):
            found[key] = expanded(item, resolve, budget)
            continue
        match item:
            case [str() as identifier, collection, dict() as body]:
                members = resolve(collection)
            case _:
                members = None
        if isinstance(members, list) and all(isinstance(member, str) for member in members):
            for member in members:
                found |= expanded(_with(body, identifier, member, budget), resolve, budget)
        else:
            found[key] = item
    return found


def _with(value: Any, identifier: str, member: str, budget: Budget) -> Any:  # noqa: ANN401 - JSON
    """The body of a loop for one member: in names, in text, and by Ref."""
    budget.take(MEMBER)
    if isinstance(value, list):
        return [_with(item, identifier, member, budget) for item in value]
    if isinstance(value, str):
        # Counted before it is made: a text may name the variable often, and a member may be long.
        budget.take(len(value) + value.count(identifier) * len(member))
        text = value.replace(f"${{{identifier}}}", member)
        return text.replace(f"&{{{identifier}}}", _PLAIN.sub("", member))
    if not isinstance(value, Mapping):
        return value
    if value == {"Ref": identifier}:
        return member
    return {
        _with(key, identifier, member, budget): _with(item, identifier, member, budget) for key, item in value.items()
    }
