"""Text of a CloudFormation template as data: JSON, or YAML with short intrinsics; duplicate keys are refused."""

import json
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from ultrafleet.yaml_loader import load_yaml

_LONGEST_NUMBER: Final = 40
_MOST_OF_FLOW: Final = 1_500_000
"""Characters up to which what is no JSON is tried as YAML, which may begin with a brace, too."""


def parsed_text(text: str) -> Any:  # noqa: ANN401 - JSON
    """Data of a template's text, short intrinsics in their long form.

    Raises:
        ValueError: it is no JSON or YAML, nested too deeply, or a key is there twice in one object.
    """
    if not text.lstrip().startswith(("{", "[")):
        return load_yaml(text)
    try:
        return _loaded(text, object_pairs_hook=_object)
    except json.JSONDecodeError:
        if len(text) <= _MOST_OF_FLOW:
            with suppress(ValueError):  # the JSON's own error says more
                return load_yaml(text)
        raise


def json_in_text(text: str) -> Any:  # noqa: ANN401 - JSON
    """JSON inside of a text.

    Raises:
        ValueError: it is none, or nested too deeply.
    """
    return _loaded(text)


def _loaded(text: str, object_pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:  # noqa: ANN401
    try:
        content = json.loads(
            text, object_pairs_hook=object_pairs_hook, parse_int=_integer, parse_float=_float, parse_constant=_refused
        )
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return _whole(content) if "\\ud" in text or "\\uD" in text else content


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= _LONGEST_NUMBER else text


def _float(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _refused(name: str) -> Any:  # noqa: ANN401 - it returns nothing
    raise ValueError(f"{name} is no JSON")


def _whole(value: Any) -> Any:  # noqa: ANN401 - JSON
    """JSON in which halves of characters are replaced: nothing can write them."""
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = {}
        for key, _ in pairs:
            if key in keys:
                raise ValueError(f"duplicate key {key!r}: remove one")
            keys[key] = True
    return found
