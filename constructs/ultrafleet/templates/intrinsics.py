"""Values of CloudFormation's intrinsic functions before a deployment: resolved, or an `Unknown` that says why not.

The rehearsal has a resolver of its own, which has a value for everything or fails, as a deployment does; both read
references in `references`.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from ultrafleet.errors import FleetError
from ultrafleet.templates.budget import LONGEST_TEXT, MEMBER, Budget
from ultrafleet.templates.references import attribute_reference, joined_text, only_variable, substituted
from ultrafleet.templates.unknown import NO_VALUE, Unknown, reference_text, text_of, written

_DEPTH = 250
"""Beyond what a template of a hundred levels comes to: each function takes two."""
_DYNAMIC = "{{resolve:"


class Resolver:
    """Resolver of the values of one template.

    Args:
        content: the template.
        parameters: values of parameters. Default: the template's own defaults.
        imported: finds what another stack exports, by name. Default: none is known.
        name: the template's name, for errors. Default: none.
    """

    def __init__(
        self,
        content: Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
        imported: Callable[[str], Any] | None = None,
        name: str = "",
    ) -> None:
        self._name = name
        self._imported = imported
        self.budget = Budget(name)
        self._resources = _section(content, "Resources")
        self._mappings = _section(content, "Mappings")
        self._conditions = _section(content, "Conditions")
        self._parameters: dict[str, Any] = {}
        for key, parameter in _section(content, "Parameters").items():
            if key in (parameters or {}):
                self._parameters[key] = (parameters or {})[key]
            elif isinstance(parameter, Mapping) and "Default" in parameter:
                self._parameters[key] = _typed(parameter["Default"], str(parameter.get("Type", "String")))
            else:
                self._parameters[key] = Unknown(f"parameter {key} has no default")
        self._known_conditions: dict[str, bool | Unknown] = {}
        # Every function that is resolved here: a template names no other code.
        self._functions: dict[str, Callable[[Any, int], Any]] = {
            "Fn::Base64": self._base64,
            "Fn::FindInMap": self._findinmap,
            "Fn::GetAtt": self._getatt,
            "Fn::If": self._if,
            "Fn::ImportValue": self._importvalue,
            "Fn::Join": self._join,
            "Fn::Length": self._length,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::Sub": self._sub,
            "Fn::ToJsonString": self._tojsonstring,
        }

    def resolve(self, value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - JSON
        """The value; what isn't there (`AWS::NoValue`) is left out.

        Raises:
            FleetError: functions make more than a template holds, or are nested too deeply.
        """
        if depth > _DEPTH:
            raise _too_deep(self._name)
        # Plain dict and list: JSON and YAML make nothing else, and the abstract classes are slow to ask.
        if isinstance(value, dict):
            if len(value) == 1:
                (name,) = value
                if name == "Ref":
                    return self._ref(value[name])
                if isinstance(name, str) and name.startswith("Fn::"):
                    return self._function(name, value[name], depth + 1)
            resolved = {key: self.resolve(item, depth + 1) for key, item in value.items()}
            return {key: item for key, item in resolved.items() if item is not NO_VALUE}
        if isinstance(value, list):
            return [item for item in (self.resolve(item, depth + 1) for item in value) if item is not NO_VALUE]
        return Unknown("it is a dynamic reference", text=value) if _is_dynamic(value) else value

    def condition(self, name: Any) -> bool | Unknown:  # noqa: ANN401 - JSON
        """Value of a named condition."""
        if not isinstance(name, str):
            return Unknown("a condition has no name")
        # Those that it is made of come first, however long their chain is.
        pending, opened = [name], set()
        while pending:
            first = pending[-1]
            if first not in self._known_conditions:
                self._known_conditions[first] = Unknown(f"condition {first} refers to itself")
                opened.add(first)
                pending += [item for item in _conditions_in(self._conditions.get(first)) if item not in opened]
                continue
            pending.pop()
            if first in opened:
                opened.discard(first)
                self._known_conditions[first] = self._judged(self._conditions.get(first))
        return self._known_conditions[name]

    def _judged(self, condition: Any) -> bool | Unknown:  # noqa: ANN401 - JSON
        try:
            return self._holds(condition)
        except FleetError:
            raise
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return Unknown("a condition can't be read")

    def _ref(self, name: Any) -> Any:  # noqa: ANN401 - JSON
        if not isinstance(name, str):  # functions in it are AWS::LanguageExtensions'
            name = self.resolve(name)
        if not isinstance(name, str):
            return name if isinstance(name, Unknown) else Unknown("a Ref has no name")
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self._parameters:
            value = self._parameters[name]
            return Unknown("it is a dynamic reference", text=value) if _is_dynamic(value) else value
        if name in self._resources:
            return Unknown(f"{name} is made at deployment", str(name))
        return Unknown(f"{name} is known at deployment")

    def _function(self, name: str, argument: Any, depth: int) -> Any:  # noqa: ANN401 - JSON
        handler = self._functions.get(name)
        if handler is None:
            known = name in _DEPLOYED
            return Unknown(f"{name} is known at deployment" if known else f"{name} is no function of CloudFormation")
        try:
            return handler(argument, depth)
        except FleetError:
            raise
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return Unknown(f"{name} can't be read")

    def _if(self, argument: Any, depth: int) -> Any:  # noqa: ANN401 - JSON
        name, yes, no = argument
        holds = self.condition(name)
        if isinstance(holds, bool):
            return self.resolve(yes if holds else no, depth)
        first, second = self.resolve(yes, depth), self.resolve(no, depth)
        if first == second and first is not NO_VALUE:
            return first
        absent = any(part is NO_VALUE or (isinstance(part, Unknown) and part.may_be_absent) for part in (first, second))
        known = tuple(
            option
            for part in (first, second)
            for option in (part.options or (part,) if isinstance(part, Unknown) else (part,))
            if option is not NO_VALUE
        )
        return Unknown(f"condition {name} is open", may_be_absent=absent, options=known)

    def _getatt(self, argument: Any, depth: int) -> Any:  # noqa: ANN401 - JSON
        del depth
        named = attribute_reference(argument)
        return Unknown(f"{named.name}.{named.attribute} is made at deployment", named.name, named.attribute)

    def _importvalue(self, argument: Any, depth: int) -> Any:  # noqa: ANN401 - JSON
        name = self.resolve(argument, depth)
        if isinstance(name, str) and self._imported is not None:
            return self._imported(name)
        return Unknown("it is exported by another stack")

    def _findinmap(self, argument: Any, depth: int) -> Any:  # noqa: ANN401 - JSON
        name, first, second = (self.resolve(item, depth) for item in argument[:3])
        for part in (name, first, second):
            if isinstance(part, Unknown):
                return part
        found = self._mappings[name][str(first)][str(second)]
        if isinstance(found, dict | list):  # a function may name one list again and again
            self.budget.take(_members(found) * MEMBER)
        return self.resolve(found, depth)

    def _sub(self, argument: Any, depth: int) -> Any:  # noqa: ANN401 - JSON
        text, own = (argument, {}) if isinstance(argument, str) else argument
        given = {key: self.resolve(item, depth) for key, item in own.items()}
        unknown: list[Unknown] = []

        def value_of(variable: str) -> str:
            name = variable.strip()
            made = self._getatt if "." in name else lambda name, _: self._ref(name)
            found = given[name] if name in given else made(name, depth)
            if isinstance(found, Unknown):
                unknown.append(found)
                return counted(found.text or reference_text(found) or f"${{{name}}}")
            return counted(found if isinstance(found, str) else written(found))

        length = len(text)

        def counted(value: str) -> str:
            nonlocal length
            length += len(value)
            if length > LONGEST_TEXT:  # before all of it is made
                self.budget.take_text(length)
            return value

        resolved = substituted(text, value_of)
        self.budget.take_text(len(resolved))
        if unknown:
            # "${Group}" alone is the group itself; text around it only says that it is made of it.
            return unknown[0] if only_variable(text) else Unknown(unknown[0].reason, text=resolved)
        return resolved

    def _join(self, argument: Any, depth: int) -> Any:  # noqa: ANN401 - JSON
        separator, items = argument
        text = joined_text(argument)
        if text is not None:
            return self._sub(text, depth)
        resolved = self.resolve(items, depth)
        if isinstance(resolved, Unknown):
            return Unknown(resolved.reason)
        parts = [text_of(item) or reference_text(item) or "${…}" for item in resolved]
        self.budget.take_text(sum(map(len, parts)) + len(str(separator)) * len(parts))
        joined = str(separator).join(parts)
        unknown = next((item for item in resolved if isinstance(item, Unknown)), None)
        return joined if unknown is None else Unknown(unknown.reason, text=joined)

    def _select(self, argument: Any, depth: int) -> Any:  # noqa: ANN401 - JSON
        index, items = (self.resolve(item, depth) for item in argument)
        for part in (index, items):
            if isinstance(part, Unknown):
                return part
        return items[int(index)]

    def _split(self, argument: Any, depth: int) -> Any:  # noqa: ANN401 - JSON
        separator, text = (self.resolve(item, depth) for item in argument)
        if isinstance(text, Unknown):
            return text
        whole, between = str(text), str(separator)
        self.budget.take(len(whole) + (whole.count(between) if between else 0) * MEMBER)
        return whole.split(between)

    def _tojsonstring(self, argument: Any, depth: int) -> Any:  # noqa: ANN401 - JSON
        unknown: list[Unknown] = []

        def known(part: Unknown) -> str:
            unknown.append(part)
            return part.text or "${…}"

        text = json.dumps(self.resolve(argument, depth), default=known)
        self.budget.take_text(len(text))
        return Unknown(unknown[0].reason, text=text) if unknown else text

    def _length(self, argument: Any, depth: int) -> Any:  # noqa: ANN401 - JSON
        items = self.resolve(argument, depth)
        return items if isinstance(items, Unknown) else len(items)

    def _base64(self, argument: Any, depth: int) -> Any:  # noqa: ANN401 - JSON
        value = self.resolve(argument, depth)
        known = text_of(value)
        self.budget.take_text(len(known or "") * 4 // 3)
        encoded = base64.b64encode(known.encode()).decode() if known is not None else None
        return Unknown(value.reason, text=encoded) if isinstance(value, Unknown) else encoded

    def _holds(self, condition: Any) -> bool | Unknown:  # noqa: ANN401 - JSON
        if not isinstance(condition, Mapping) or len(condition) != 1:
            return Unknown("it is no condition")
        ((name, argument),) = condition.items()
        if name == "Condition":
            return self.condition(str(argument))
        if name == "Fn::Equals":
            first, second = (self.resolve(item) for item in argument)
            unknown = next((part for part in (first, second) if isinstance(part, Unknown)), None)
            return unknown or written(first) == written(second)
        if name in {"Fn::And", "Fn::Or", "Fn::Not"}:
            return _combined(name, [self._holds(item) for item in argument])
        return Unknown(f"{name} is known at deployment")


_DEPLOYED: Final = frozenset({"Fn::Cidr", "Fn::GetAZs", "Fn::Transform"})
"""Functions whose value a deployment makes (CloudFormation user guide, intrinsic functions, high)."""

_CONDITIONS: Final = frozenset({"Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"})
_RESOLVED: Final = frozenset(
    f"Fn::{name}"
    for name in (
        *("Base64", "FindInMap", "GetAtt", "If", "ImportValue", "Join", "Length", "Select", "Split", "Sub"),
        "ToJsonString",
    )
)
FUNCTIONS: Final = _RESOLVED | _DEPLOYED | _CONDITIONS
"""Functions of CloudFormation but for loops; whatever else is named so is a macro's, or an error."""


def _too_deep(name: str) -> FleetError:
    return FleetError(
        path=name or "the template",
        verb="can't be resolved:",
        got="functions that are nested too deeply",
        expected=f"at most {_DEPTH} levels",
        remedy="write them flatter",
    )


def _conditions_in(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Names of the conditions that one is made of."""
    match value:
        case {"Condition": str() as name}:
            yield name
        case {"Fn::If": [str() as name, *_]}:
            yield name
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _conditions_in(item)


def _members(value: Any) -> int:  # noqa: ANN401 - JSON
    if isinstance(value, dict | list):
        return 1 + sum(map(_members, value.values() if isinstance(value, dict) else value))
    return 1


def _section(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = content.get(name)
    return section if isinstance(section, dict) else {}


def _is_dynamic(value: Any) -> bool:  # noqa: ANN401 - JSON
    return isinstance(value, str) and _DYNAMIC in value


def _combined(name: str, parts: list[bool | Unknown]) -> bool | Unknown:
    """Result from the known parts: one may decide, whatever the others are."""
    unknown = next((part for part in parts if isinstance(part, Unknown)), None)
    if name == "Fn::Not":
        return unknown or parts[0] is False
    decisive = name == "Fn::Or"
    return decisive if decisive in parts else unknown or not decisive


def _typed(default: Any, kind: str) -> Any:  # noqa: ANN401 - JSON
    """A parameter's default as its type reads it."""
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        return [part.strip() for part in str(default).split(",") if part.strip()]
    if kind.startswith("AWS::SSM::Parameter::Value"):
        # As a dynamic reference says it: public parameters name the image's architecture.
        return Unknown("it is in Parameter Store", text=f"{{{{resolve:ssm:{default}}}}}")
    return default
