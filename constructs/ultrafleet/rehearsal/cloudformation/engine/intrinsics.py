"""Values of a template's intrinsic functions during a deployment.

Every function has a value or fails as CloudFormation does; the policy's resolver (`templates.intrinsics`) reads
templates before that, and answers `Unknown` instead. Both read references in `templates.references`. moto has a
resolver too; it logs what it can't resolve and goes on without the property.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ultrafleet.rehearsal.simulated_account import Refusal
from ultrafleet.templates.references import substituted

NO_VALUE = object()
_DYNAMIC: Final = re.compile(r"\{\{resolve:ssm:([^:}]+)(?::\d+)?\}\}")
"""Dynamic reference to a plain parameter (CloudFormation user guide, dynamic references, high)."""


@dataclass(kw_only=True)
class IntrinsicScope:
    """Values that a template's intrinsic functions can refer to.

    Attributes:
        refs: values of `Ref`: parameters, pseudo parameters, resources made so far.
        attributes: logical id and attribute -> value; raises a Refusal for one that isn't.
        imported: value of an export; raises a Refusal for one that isn't.
        stack_output: stack name, output and region -> value; raises a Refusal for one that isn't.
        parameter: value of a parameter of Systems Manager, for dynamic references; raises a Refusal for one that isn't.
    """

    refs: dict[str, Any]
    attributes: Callable[[str, str], Any]
    imported: Callable[[str], Any]
    stack_output: Callable[[str, str, str | None], Any]
    parameter: Callable[[str], str]
    mappings: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, Any] = field(default_factory=dict)

    def resolve(self, value: Any) -> Any:
        """Value with every intrinsic function in it resolved.

        Raises:
            Refusal: it refers to something that isn't there, or uses a function that isn't known.
        """
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not NO_VALUE]
        if isinstance(value, str):
            return _DYNAMIC.sub(lambda found: self.parameter(found[1]), value) if "{{resolve:" in value else value
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            is_condition = name == "Condition" and isinstance(argument, str) and argument in self.conditions
            if name == "Ref" or is_condition or name.startswith("Fn::"):
                return self._call(name, argument)
        resolved = {key: self.resolve(inner) for key, inner in value.items()}
        return {key: inner for key, inner in resolved.items() if inner is not NO_VALUE}

    def condition(self, name: str) -> bool:
        """True if a condition of the template holds."""
        if name not in self.conditions:
            raise Refusal("ValidationError", f"Template error: unresolved condition dependency {name}")
        return bool(self.resolve(self.conditions[name]))

    def _call(self, name: str, argument: Any) -> Any:
        function = _FUNCTIONS.get(name)
        if function is None:
            raise Refusal("ValidationError", f"Template error: the embedded AWS does not know {name}")
        return function(self, argument)

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name not in self.refs:
            raise Refusal("ValidationError", f"Template format error: Unresolved resource dependencies [{name}]")
        return self.refs[name]

    def _get_att(self, argument: Any) -> Any:
        logical_id, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        return self.attributes(logical_id, self.resolve(attribute))

    def _sub(self, argument: Any) -> str:
        text, given = (argument, {}) if isinstance(argument, str) else argument
        names = self.resolve(given)

        def value_of(name: str) -> str:
            if name in names:
                return str(names[name])
            return str(self._get_att(name) if "." in name else self._ref(name))

        return substituted(text, value_of)

    def _find_in_map(self, argument: list[Any]) -> Any:
        name, *keys = (self.resolve(item) for item in argument[:3])
        found = self.mappings.get(name)
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        if found is None:
            raise Refusal("ValidationError", f"Template error: Unable to get mapping for {name}::{'::'.join(keys)}")
        return found

    def _stack_output(self, argument: Mapping[str, Any]) -> Any:
        given = self.resolve(argument)
        return self.stack_output(given["StackName"], given["OutputName"], given.get("Region"))

    def _select(self, argument: list[Any]) -> Any:
        index, items = self.resolve(argument[0]), self.resolve(argument[1])
        if not 0 <= int(index) < len(items):
            raise Refusal(
                "ValidationError", f"Template error: Fn::Select cannot select nonexistent value at index {index}"
            )
        return items[int(index)]


def _equals(scope: IntrinsicScope, argument: list[Any]) -> bool:
    left, right = (scope.resolve(item) for item in argument)
    return str(left) == str(right)


_FUNCTIONS: Mapping[str, Callable[[IntrinsicScope, Any], Any]] = {
    "Ref": lambda scope, name: scope._ref(name),
    "Condition": lambda scope, name: scope.condition(name),
    "Fn::GetAtt": lambda scope, argument: scope._get_att(argument),
    "Fn::Sub": lambda scope, argument: scope._sub(argument),
    "Fn::Join": lambda scope, argument: argument[0].join(str(item) for item in scope.resolve(argument[1])),
    "Fn::Split": lambda scope, argument: str(scope.resolve(argument[1])).split(argument[0]),
    "Fn::Select": lambda scope, argument: scope._select(argument),
    "Fn::If": lambda scope, argument: scope.resolve(argument[1] if scope.condition(argument[0]) else argument[2]),
    "Fn::Equals": _equals,
    "Fn::And": lambda scope, argument: all(scope.resolve(item) for item in argument),
    "Fn::Or": lambda scope, argument: any(scope.resolve(item) for item in argument),
    "Fn::Not": lambda scope, argument: not scope.resolve(argument[0]),
    "Fn::Base64": lambda scope, argument: base64.b64encode(str(scope.resolve(argument)).encode()).decode(),
    "Fn::FindInMap": lambda scope, argument: scope._find_in_map(argument),
    "Fn::ImportValue": lambda scope, argument: scope.imported(scope.resolve(argument)),
    "Fn::GetStackOutput": lambda scope, argument: scope._stack_output(argument),
    "Fn::Length": lambda scope, argument: len(scope.resolve(argument)),
    "Fn::ToJsonString": lambda scope, argument: json.dumps(scope.resolve(argument)),
}
