"""Parts of intrinsic functions: how many each takes (CloudFormation user guide, intrinsic function reference, high)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_PARTS: Final = {
    "Fn::If": (3, 3),
    "Fn::Equals": (2, 2),
    "Fn::Not": (1, 1),
    "Fn::And": (2, 10),
    "Fn::Or": (2, 10),
    "Fn::Join": (2, 2),
    "Fn::Select": (2, 2),
    "Fn::Split": (2, 2),
    "Fn::FindInMap": (3, 4),  # the fourth is AWS::LanguageExtensions' default
    "Fn::Cidr": (2, 3),
}
"""Fewest and most parts of the functions that take a list."""
_SUB: Final = "Fn::Sub"
_SUB_PARTS: Final = 2
_GET_ATT: Final = "Fn::GetAtt"
_GET_ATT_PARTS: Final = 2
_EXPECTED: Final = {_SUB: "a text, or a text and a mapping", _GET_ATT: "a logical id and an attribute"}


@dataclass(frozen=True)
class WrongParts:
    """Function with another number of parts than it takes.

    Attributes:
        function: its name.
        got: what it has.
        expected: what it takes.
    """

    function: str
    got: str
    expected: str


def wrong_parts(value: Any) -> Iterator[WrongParts]:  # noqa: ANN401 - JSON
    """Functions anywhere in a value that have another number of parts than they take; they don't look alike twice."""
    seen: set[WrongParts] = set()
    walked: set[int] = set()
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if not isinstance(item, dict | list) or id(item) in walked:
            continue
        walked.add(id(item))
        if isinstance(item, list):
            waiting += item
            continue
        waiting += item.values()
        wrong = _wrong(*next(iter(item.items()))) if len(item) == 1 else None
        if wrong is not None and wrong not in seen:
            seen.add(wrong)
            yield wrong


def _wrong(name: Any, argument: Any) -> WrongParts | None:  # noqa: ANN401 - JSON
    if name in _PARTS:
        least, most = _PARTS[name]
        if isinstance(argument, list) and least <= len(argument) <= most:
            return None
        if isinstance(argument, Mapping) and name in ("Fn::Select", "Fn::FindInMap"):
            return None  # a function that a transform writes out
        counted = str(least) if least == most else f"{least} to {most}"
        return WrongParts(name, _got(argument), f"a list of {counted}")
    if name == _SUB:
        right = isinstance(argument, str) or (
            isinstance(argument, list)
            and len(argument) == _SUB_PARTS
            and isinstance(argument[0], str | dict)
            and isinstance(argument[1], dict)
        )
        return None if right or isinstance(argument, dict) else WrongParts(name, _got(argument), _EXPECTED[name])
    if name == _GET_ATT:
        right = (isinstance(argument, str) and "." in argument) or (
            isinstance(argument, list) and len(argument) == _GET_ATT_PARTS
        )
        return None if right else WrongParts(name, _got(argument), _EXPECTED[name])
    return None


def _got(argument: Any) -> str:  # noqa: ANN401 - JSON
    if isinstance(argument, list):
        return f"{len(argument)} part{'' if len(argument) == 1 else 's'}"
    return "a mapping" if isinstance(argument, dict) else f"the single value {str(argument)[:40]!r}"
