"""Values as text of JSON or YAML, in the way of the text around them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_PLAIN: Final = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*(?:::[A-Za-z0-9]+)*")
_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


@dataclass(frozen=True)
class Style:
    """Way in which a text is written.

    Attributes:
        is_json: whether it is JSON.
        step: spaces of a level.
        newline: end of a line.
    """

    is_json: bool
    step: int
    newline: str


def inline(value: Any, style: Style, *, like: str = "", indent: int = -1) -> str:  # noqa: ANN401 - JSON
    """A value within a line.

    Args:
        value: the value.
        style: the way of the text.
        like: quotes of the scalar that it replaces. Default: none.
        indent: column of a value of JSON that is written over several lines. Default: one line.
    """
    if style.is_json:
        made = json.dumps(value, ensure_ascii=False, indent=None if indent < 0 else style.step)
        return made.replace("\n", style.newline + " " * indent)
    if isinstance(value, Mapping):
        pairs = (f"{key_text(str(key), style)}: {inline(item, style)}" for key, item in value.items())
        return _short(value) or (f"{{ {', '.join(pairs)} }}" if value else "{}")
    if isinstance(value, list):
        return f"[{', '.join(inline(item, style) for item in value)}]"
    return _text(value, like) if isinstance(value, str) else json.dumps(value)


def _text(value: str, like: str) -> str:
    """A text of YAML, in the quotes of another one."""
    if like == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if like != '"' and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


def _short(value: Mapping[Any, Any]) -> str:
    """A short intrinsic, for those whose parts are plain."""
    if len(value) != 1:
        return ""
    ((name, part),) = value.items()
    if name == "Ref" and isinstance(part, str):
        return f"!Ref {part}"
    if name == "Fn::GetAtt" and isinstance(part, list) and all(isinstance(item, str) for item in part):
        return f"!GetAtt {'.'.join(part)}"
    return f"!Sub {json.dumps(part)}" if name == "Fn::Sub" and isinstance(part, str) else ""


def key_text(name: str, style: Style, like: str = "") -> str:
    """A key, in the quotes of its neighbour."""
    if style.is_json or like == '"':
        return json.dumps(name)
    if like == "'":
        return f"'{name}'"
    return name if _PLAIN.fullmatch(name) else json.dumps(name)


def block(value: Any, style: Style, *, like: str = "") -> list[str]:  # noqa: ANN401 - JSON
    """A value of YAML as lines without indentation."""
    lines: list[str] = []
    if isinstance(value, Mapping) and value and not _short(value):
        for key, item in value.items():
            name = key_text(str(key), style, like)
            if _is_inline(item):
                lines.append(f"{name}: {inline(item, style)}")
            else:
                lines += [f"{name}:", *(" " * style.step + line for line in block(item, style, like=like))]
        return lines
    if isinstance(value, list) and value:
        for item in value:
            first, *others = block(item, style, like=like)
            lines += [f"- {first}", *(f"  {line}" for line in others)]
        return lines
    return [inline(value, style)]


def _is_inline(value: Any) -> bool:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        return not value or bool(_short(value))
    if isinstance(value, list):
        return all(_is_inline(item) and (not isinstance(item, list)) for item in value)
    return True
