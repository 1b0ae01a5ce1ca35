"""JSON of a template in one form, in which only what a deployment decides stays a function."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ultrafleet.templates.intrinsics import Resolver
from ultrafleet.templates.references import joined_text
from ultrafleet.templates.template_text import json_in_text
from ultrafleet.templates.unknown import NO_VALUE, Unknown

_IF_PARTS = 3
_PLAIN = ("Ref", "Fn::GetAtt", "Fn::Sub", "Fn::FindInMap")
"""Functions whose arguments are names, in part at least."""


def simplified(value: Any, resolver: Resolver) -> Any:  # noqa: ANN401 - JSON
    """JSON in which only what a deployment decides stays a function.

    What means the same is the same: text is joined, and JSON inside of text has one form.

    Args:
        value: the JSON.
        resolver: of its template.

    Raises:
        FleetError: functions make more than a template holds, or are nested too deeply.
    """
    if isinstance(value, dict):
        if _is_function(value):
            return _function(*next(iter(value.items())), resolver)
        kept = {key: simplified(item, resolver) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not NO_VALUE}
    if isinstance(value, list):
        return [item for item in (simplified(item, resolver) for item in value) if item is not NO_VALUE]
    return _one_form(value) if isinstance(value, str) else value


def _function(name: str, argument: Any, resolver: Resolver) -> Any:  # noqa: ANN401 - JSON
    """Result of a function, or the function in one form."""
    if name == "Fn::If" and isinstance(argument, list) and len(argument) == _IF_PARTS:
        condition, yes, no = argument
        return _branches(condition, yes, no, resolver)
    resolved = resolver.resolve({name: argument})
    if not isinstance(resolved, Unknown):
        known = _one_form(resolved) if isinstance(resolved, str) else resolved
        return known if _is_known(resolved) else {name: argument}
    text = joined_text(argument) if name == "Fn::Join" else None
    if text is not None:
        return _function("Fn::Sub", text, resolver)
    if name == "Fn::Sub" and isinstance(argument, str) and resolved.text is not None:
        return {name: _one_form(resolved.text)}
    return {name: argument if name in _PLAIN else _argument(argument, resolver)}


def _branches(condition: str, yes: Any, no: Any, resolver: Resolver) -> Any:  # noqa: ANN401 - JSON
    """The branch that holds, or both."""
    holds = resolver.condition(condition)
    if isinstance(holds, bool):
        return simplified(yes if holds else no, resolver)
    both = (simplified(item, resolver) for item in (yes, no))
    return {"Fn::If": [condition, *({"Ref": "AWS::NoValue"} if item is NO_VALUE else item for item in both)]}


def _argument(argument: Any, resolver: Resolver) -> Any:  # noqa: ANN401 - JSON
    """Arguments of a function that stays: those that are values themselves."""
    if isinstance(argument, list):
        return [simplified(item, resolver) for item in argument]
    return simplified(argument, resolver)


def _one_form(text: str) -> str:
    """JSON without its white space and in one order; other text as it is."""
    if text[:1] in ("{", "["):
        with suppress(ValueError):  # it may only look like JSON
            return json.dumps(json_in_text(text), sort_keys=True)
    return text


def _is_function(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and any(key == "Ref" or str(key).startswith("Fn::") for key in value)


def _is_known(value: Any) -> bool:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return all(map(_is_known, value.values()))
    if isinstance(value, list):
        return all(map(_is_known, value))
    return not isinstance(value, Unknown)
