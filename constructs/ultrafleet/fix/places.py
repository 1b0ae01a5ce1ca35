"""Places at which a value of a resource is written: in branches of `Fn::If`, or as the default of a parameter."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.fix.edits import Path
from ultrafleet.fix.tree import CannotEditError
from ultrafleet.templates.template import Template, mapping

_IF: Final = "Fn::If"
_NO_VALUE: Final = {"Ref": "AWS::NoValue"}


def properties(logical_id: str, *parts: str | int) -> Path:
    """Path of a property of a resource."""
    return ("Resources", logical_id, "Properties", *parts)


def written(template: Template, path: Path) -> Any:  # noqa: ANN401 - JSON
    """The value at a path as it is written; None without any."""
    value: Any = template.content
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def branches(template: Template, path: Path) -> Iterator[Path]:
    """Paths at which the value of a path is written: each branch of `Fn::If` on the way.

    Where it isn't stated the path ends in what is missing.

    Raises:
        CannotEditError: another function is on the way.
    """
    yield from _below(template.content, (), path)


def _below(value: Any, done: Path, left: Path) -> Iterator[Path]:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping) and set(value) == {_IF}:
        parts = value[_IF]
        if not isinstance(parts, list) or len(parts) != len(("condition", "then", "else")):
            raise CannotEditError("an Fn::If that can't be read")
        for number in (1, 2):
            if not left or parts[number] != _NO_VALUE:
                yield from _below(parts[number], (*done, _IF, number), left)
        return
    if not left:
        yield done
        return
    part, rest = left[0], left[1:]
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        yield from _below(value[part], (*done, part), rest)
    elif isinstance(value, Mapping) and (part in value or not is_function(value)):
        if value.get(part) is None:
            yield (*done, *left)
        else:
            yield from _below(value[part], (*done, part), rest)
    else:
        raise CannotEditError("a function in the place of what is repaired")


def is_function(value: Mapping[Any, Any]) -> bool:
    """True for a function in its long form."""
    return len(value) == 1 and all(str(key) == "Ref" or str(key).startswith("Fn::") for key in value)


def members(template: Template, path: Path) -> Iterator[Path]:
    """Paths of the members of a list, branches of `Fn::If` included; a single value is its only member."""
    for place in branches(template, path):
        found = written(template, place)
        if isinstance(found, Mapping) and is_function(found):
            raise CannotEditError("a function in the place of a list")
        if isinstance(found, Mapping):
            yield place
        elif isinstance(found, list):
            for number in range(len(found)):
                yield from branches(template, (*place, number))


def stated(template: Template, path: Path) -> Iterator[Path]:
    """Paths at which a value has to be changed: its branches, or the default of the parameter that it refers to."""
    for place in branches(template, path):
        name = parameter_at(template, place)
        yield ("Parameters", name, "Default") if name is not None else place


def parameter_at(template: Template, path: Path) -> str | None:
    """Name of the parameter with a default that a value is, if it is one."""
    value = written(template, path)
    name = value.get("Ref") if isinstance(value, Mapping) and len(value) == 1 else None
    parameters = mapping(template.content.get("Parameters"))
    return name if isinstance(name, str) and "Default" in mapping(parameters.get(name)) else None


def references_to(template: Template, logical_id: str) -> bool:
    """True if something in a template names a resource: by a function, in a text, or as what it depends on."""

    def names(value: Any) -> bool:  # noqa: ANN401 - JSON
        if isinstance(value, Mapping):
            return any(names(item) for item in value.values())
        if isinstance(value, list):
            return any(names(item) for item in value)
        return isinstance(value, str) and (value == logical_id or f"${{{logical_id}" in value)

    others = {key: value for key, value in template.content.items() if key != "Resources"}
    resources = {key: value for key, value in template.content["Resources"].items() if key != logical_id}
    return names(others) or names(resources)
