"""A template from its text: JSON, or YAML with CloudFormation's short intrinsics."""

from collections.abc import Mapping
from typing import Any, Final

from ultrafleet.errors import FleetError
from ultrafleet.templates.other_formats import recognised, refusal
from ultrafleet.templates.template import Template, is_resource
from ultrafleet.templates.template_text import parsed_text

_MAX_DEPTH: Final = 100
_MAX_PARTS: Final = 2_000_000
"""Ours: far beyond the megabyte that CloudFormation takes."""
_ESCAPES: Final = ("\\u", "\\x", "\\U", "\\\n", "\\\r")
"""Beginnings of the escapes by which JSON and YAML spell a letter, or a word over two lines."""


def parse_template(text: str, *, name: str, parameters: Mapping[str, Any] | None = None) -> Template:
    """A template from its text.

    Raises:
        FleetError: it is neither JSON nor YAML, or no template.
    """
    try:
        content = parsed_content(text, name)
    except FleetError as error:
        other = recognised(text, name)
        raise (error if other is None else refusal(name, other)) from error
    if not is_template(content):
        other = recognised(text, name)
        if other is not None:
            raise refusal(name, other)
        raise FleetError(
            path=name,
            verb="has",
            got="no Resources",
            expected="a CloudFormation template",
            remedy="name another file",
        )
    return Template(name=name, content=content, text=text, parameters=parameters or {})


def template_of_stack(text: str, *, name: str, parameters: Mapping[str, Any] | None = None) -> Template:
    """The template of a stack that a manifest names; it may have no resource.

    Raises:
        FleetError: it is neither JSON nor YAML, or no object.
    """
    content = parsed_content(text, name)
    resources = content.get("Resources", {}) if isinstance(content, dict) else None
    if not isinstance(resources, dict):
        raise FleetError(
            path=name,
            got="no template",
            expected="one, because a cloud assembly's manifest names it",
            remedy="synthesise again",
        )
    return Template(name=name, content={**content, "Resources": resources}, text=text, parameters=parameters or {})


def may_be_template(text: str) -> bool:
    """True unless no spelling of JSON or YAML makes the text a template: reading YAML is slow."""
    return "Resources" in text or spells_by_escapes(text)


def may_be_meant(text: str) -> bool:
    """True if a text that can't be parsed may be meant as a template: it names a type, or hides its words."""
    return "::" in text or spells_by_escapes(text)


def spells_by_escapes(text: str) -> bool:
    """True if a text has escapes that may spell letters."""
    return "\\" in text and any(escape in text for escape in _ESCAPES)


def is_template(content: object) -> bool:
    """True if parsed JSON or YAML is a template: it has resources, or what a deployment makes resources of."""
    resources = content.get("Resources") if isinstance(content, Mapping) else None
    if not isinstance(content, Mapping) or not isinstance(resources, Mapping):
        return False
    if content.keys() & {"AWSTemplateFormatVersion", "Transform"}:
        return True
    return any(str(key).startswith("Fn::") or is_resource(item) for key, item in resources.items())


def parsed_content(text: str, name: str) -> Any:  # noqa: ANN401 - JSON
    """Data of a file that is meant as a template, or may be.

    Raises:
        FleetError: it is neither JSON nor YAML, or no template's size.
    """
    try:
        content = parsed_text(text)
        _measure(content)
    except ValueError as error:
        first = " ".join(str(error).split())
        raise FleetError(
            f"{name} can't be read: {first}; expected a CloudFormation template in JSON or YAML",
            path=name,
            got=first,
            expected="a CloudFormation template in JSON or YAML",
        ) from error
    return content


def _measure(content: Any) -> None:  # noqa: ANN401 - JSON
    """Refuse JSON that no template is: nested more than a hundred levels, or too large with its aliases written out.

    Raises:
        ValueError: it is that.
    """
    level, depth, parts = [content], 0, 1
    while level:
        inside: list[Any] = []
        for value in level:
            inside += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        parts += len(inside)
        depth += 1
        if depth > _MAX_DEPTH or parts > _MAX_PARTS:
            raise ValueError("it is nested too deeply, or its aliases make it too large")
        level = inside
