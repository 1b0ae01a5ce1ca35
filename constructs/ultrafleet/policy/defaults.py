"""Findings that depend on the default of a parameter: a deployment may give another value."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from ultrafleet.policy.rule import PolicyRule, Problem, Severity
from ultrafleet.templates.references import references
from ultrafleet.templates.template import Template, mapping
from ultrafleet.templates.unknown import Unknown

_MOST: Final = 40
"""Parameters that are tried, at most (ours): each is a run of the rules that found something."""
_RESOURCES: Final = 20_000
"""Resources that are resolved again for them, at most (ours): large templates have fewer tried."""

_LONGEST: Final = 80
"""Characters of a default that are shown, at most."""

Found = tuple[PolicyRule, Problem]


def told_with_defaults(template: Template, problems: Sequence[Found]) -> list[Found]:
    """Problems, each with the parameter whose default it rests on, if it does.

    A problem rests on a default if its rule doesn't find it once the parameter has no value.
    """
    candidates = _candidates(template, {problem.resource for _, problem in problems})
    rests_on: dict[tuple[str, Problem], list[str]] = {}
    tries = min(_MOST, _RESOURCES // max(1, len(template.resources)))
    for name, resources in list(candidates.items())[:tries]:
        asked = [(rule, problem) for rule, problem in problems if _may_rest(problem, resources)]
        if not asked:
            continue
        without = replace(template, parameters={**template.parameters, name: Unknown(f"parameter {name} is open")})
        again = {
            (rule.id, problem.resource, problem.severity or rule.severity)
            for rule in dict.fromkeys(rule for rule, _ in asked)
            for problem in rule.problems(without)
        }
        for rule, problem in asked:
            if (rule.id, problem.resource, problem.severity or rule.severity) not in again:
                rests_on.setdefault((rule.id, problem), []).append(name)
    return [(rule, _told(template, problem, rests_on.get((rule.id, problem), ()))) for rule, problem in problems]


def _may_rest(problem: Problem, resources: frozenset[str]) -> bool:
    return problem.severity is not Severity.UNKNOWN and problem.resource in resources


def _told(template: Template, problem: Problem, names: Sequence[str]) -> Problem:
    if not names:
        return problem
    stated = mapping(template.content.get("Parameters"))
    shown = " and ".join(f"{name} ({_shown(mapping(stated.get(name)).get('Default'))})" for name in names)
    passed = " ".join(f"--parameter {name}=..." for name in names)
    many = len(names) > 1
    return replace(
        problem,
        message=f"{problem.message} [by the default{'s' * many} of parameter{'s' * many} {shown}: pass {passed} for "
        f"the value{'s' * many} of a deployment]",
    )


def _shown(default: Any) -> str:  # noqa: ANN401 - JSON
    return str(default)[:_LONGEST] or "empty"


def _candidates(template: Template, resources: set[str]) -> Mapping[str, frozenset[str]]:
    """Parameters whose default no caller replaced, and the resources with problems that they may decide."""
    defaults = {
        str(name)
        for name, stated in mapping(template.content.get("Parameters")).items()
        if "Default" in mapping(stated) and name not in template.parameters
    }
    if not defaults or not resources:
        return {}
    users = _users(template, resources)
    reached = {
        logical_id: defaults & set().union(*(_reached(template, name) for name in (logical_id, *users[logical_id])))
        for logical_id in resources
    }
    found: dict[str, set[str]] = {}
    for logical_id, names in reached.items():
        for name in sorted(names):
            found.setdefault(name, set()).add(logical_id)
    return {name: frozenset(of) for name, of in found.items()}


def _users(template: Template, resources: set[str]) -> Mapping[str, list[str]]:
    """Resources that refer to those with problems: a group states the type of its launch template's instances, too."""
    found: dict[str, list[str]] = {logical_id: [] for logical_id in resources}
    for name, resource in template.resources.items():
        for reference in references(resource.raw):
            if reference.name in found and reference.name != name:
                found[reference.name].append(name)
    return found


def _reached(template: Template, logical_id: str) -> set[str]:
    """Names that a resource refers to: itself, through the conditions, and through resources of the template."""
    conditions = mapping(template.content.get("Conditions"))
    seen: set[str] = set()
    waiting = [logical_id]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        resource = template.resources.get(name)
        for part in (resource.raw if resource is not None else None, conditions.get(name)):
            waiting += [reference.name for reference in references(part)]
            waiting += _conditions_in(part)
    return seen


def _conditions_in(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Names of conditions anywhere in a value."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "Condition" and isinstance(inner, str):
                yield inner
            elif key == "Fn::If" and isinstance(inner, list) and inner and isinstance(inner[0], str):
                yield inner[0]
            yield from _conditions_in(inner)
    elif isinstance(value, list):
        for item in value:
            yield from _conditions_in(item)
