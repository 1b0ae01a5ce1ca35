"""References in CloudFormation's intrinsic functions: what `Ref`, `Fn::GetAtt` and `Fn::Sub` name.

The one reading of their syntax, for both resolvers. What they do with a reference differs, and stays apart: a policy
reads templates before any deployment, so that `intrinsics.Resolver` answers with an `Unknown` where only a deployment
knows the value; the rehearsal deploys, so that its `Scope` has a value for each reference or fails as CloudFormation
does.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_LITERAL: Final = "${!"
_VARIABLE: Final = re.compile(r"\$\{!|\$\{([^!{}][^{}]*)\}")
"""`${Name}` and `${Name.Attribute}`; `${!Literal}` means `${Literal}` (CloudFormation, Fn::Sub, high)."""


@dataclass(frozen=True)
class Reference:
    """Reference that a function makes.

    Attributes:
        name: a resource, a parameter or a pseudo parameter.
        attribute: attribute of the resource; None for the resource or parameter itself.
    """

    name: str
    attribute: str | None = None


def substituted(text: str, value_of: Callable[[str], str]) -> str:
    """Text of `Fn::Sub` with each variable replaced.

    Args:
        text: with `${Name}`, `${Name.Attribute}` and `${!Literal}`.
        value_of: text of a variable, by the text between the braces.
    """
    return _VARIABLE.sub(lambda match: "${" if match.group() == _LITERAL else value_of(match.group(1)), text)


def only_variable(text: str) -> bool:
    """True if the text of `Fn::Sub` is one variable and nothing else."""
    match = _VARIABLE.fullmatch(text)
    return match is not None and match.group() != _LITERAL


def attribute_reference(argument: Any) -> Reference:  # noqa: ANN401 - JSON
    """Reference of `Fn::GetAtt`, whose argument is `Name.Attribute` or a list of both.

    Raises:
        ValueError: it is neither.
    """
    match argument:
        case str() if "." in argument:
            name, attribute = argument.split(".", 1)
            return Reference(name, attribute)
        case [name, attribute]:
            return Reference(str(name), str(attribute))
    raise ValueError(f"Fn::GetAtt is {argument!r}, expected a logical id and an attribute: correct it")


def function_references(function: str, argument: Any) -> list[Reference]:  # noqa: ANN401 - JSON
    """References that a function names itself; those of functions in its argument are not among them."""
    match function, argument:
        case "Ref", str():
            return [Reference(argument)]
        case "Fn::GetAtt", (str() as name) | [str() as name]:
            name, _, attribute = name.partition(".")
            return [Reference(name, attribute or None)]
        case "Fn::GetAtt", [str() as name, attribute, *_]:
            return [Reference(name, attribute if isinstance(attribute, str) else None)]
        case "Fn::Sub", (str() as text) | [str() as text, *_]:
            own = argument[1] if isinstance(argument, list) and len(argument) > 1 else {}
            return [_variable(name) for name in _variables(text) if not (isinstance(own, Mapping) and name in own)]
    return []


def references(value: Any) -> Iterator[Reference]:  # noqa: ANN401 - JSON
    """References anywhere in a value."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from function_references(str(key), inner)
            yield from references(inner)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def _variables(text: str) -> list[str]:
    return [name for name in _VARIABLE.findall(text) if name]


def _variable(name: str) -> Reference:
    resource, _, attribute = name.strip().partition(".")
    return Reference(resource, attribute or None)


def joined_text(argument: Any) -> str | None:  # noqa: ANN401 - JSON
    """Result of `Fn::Join` as the text of `Fn::Sub`; None where that takes functions other than Ref and GetAtt."""
    match argument:
        case [str() as separator, [*items]]:
            parts = [_in_text(item) for item in items]
        case _:
            return None
    known = [part for part in parts if part is not None]
    return separator.join(known) if len(known) == len(parts) else None


def _in_text(item: Any) -> str | None:  # noqa: ANN401 - JSON
    match item:
        case str():
            return item.replace("${", "${!")
        case {"Ref": str() as name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [str() as logical_id, str() as attribute]}:
            return f"${{{logical_id}.{attribute}}}"
    return None
