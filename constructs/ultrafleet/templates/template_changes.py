"""Changes of a stack: two of its templates compared, with what follows from a replacement."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from ultrafleet.templates.references import Reference, function_references
from ultrafleet.templates.refused_updates import Refusal, refusals
from ultrafleet.templates.update_effects import Effect, PropertyChange, TypeEffects, effects_of_change, type_effects

Template = Mapping[str, Any]

_RETAINED: Final = {"Retain", "RetainExceptOnCreate"}
_VERSION_ATTRIBUTE: Final = "LatestVersionNumber"
"""Attribute of our types that moves while its resource stays (CloudFormation schema, LaunchTemplate, high)."""

_KEPT_WHILE_IN_USE: Final = frozenset({"AWS::EC2::PlacementGroup"})
"""EC2 refuses to delete one while instances are in it (EC2 API reference, DeletePlacementGroup, high); CloudFormation
then forgets it (CloudFormation user guide, failed clean-up, medium)."""


class ChangeAction(StrEnum):
    """Action of a deployment on a resource."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    """Deleted."""
    LEFT = "left"
    """Taken out of the stack and kept, by its DeletionPolicy."""


@dataclass(frozen=True, kw_only=True)
class ResourceChange:
    """Change of one resource: added, changed or removed by a deployment.

    Attributes:
        logical_id: its logical id.
        resource_type: its type.
        action: what becomes of it.
        properties: what differs, with its effects; only where it is changed.
        refused: CloudFormation refuses the update because of it and rolls the stack back: it would have to replace a
            resource that keeps its name (CloudFormation user guide, custom-named resources, high), to change its type,
            or to change what can't be, or not in one step.
        refusals: changes that the service refuses together or in one step; `refused` is then true.
    """

    logical_id: str
    resource_type: str
    action: ChangeAction
    properties: tuple[PropertyChange, ...] = ()
    refused: bool = False
    refusals: tuple[Refusal, ...] = ()

    @property
    def touches(self) -> bool:
        """True if the resource, or the nodes on it, may be taken away, replaced or restarted."""
        if self.action is ChangeAction.REMOVED:
            return self.resource_type not in _KEPT_WHILE_IN_USE
        return any(change.effect.touches_nodes for change in self.properties)

    def __str__(self) -> str:
        """One line: `AWS::EKS::Nodegroup Pool12345678: rolls_nodes (LaunchTemplate/Version)`."""
        named = f"{self.resource_type} {self.logical_id}"
        if self.action is not ChangeAction.CHANGED:
            return f"{named}: {self.action}"
        effects = ", ".join(f"{change.effect} ({change.path})" for change in self.properties)
        return f"{named}: {effects or 'another type'}{', refused' if self.refused else ''}"


@dataclass(frozen=True, kw_only=True)
class TemplateChanges:
    """Changes that a deployment of a template makes.

    Attributes:
        resources: what happens to resources, by logical id; those that stay as they are have no entry.
        moved_exports: exports whose value changes or that go. CloudFormation refuses the update while another stack
            imports one (CloudFormation user guide, stack outputs, high).
    """

    resources: tuple[ResourceChange, ...]
    moved_exports: frozenset[str]

    def refused(self, imported: Iterable[str]) -> bool:
        """True if CloudFormation refuses the update, given the exports that other stacks import."""
        return bool(self.moved_exports.intersection(imported)) or any(change.refused for change in self.resources)


def template_changes(
    old: Template, new: Template, *, effects: Callable[[str], TypeEffects] = type_effects
) -> TemplateChanges:
    """Compare a deployed template with the one to be deployed.

    A resource that refers to one which is replaced changes with it, and so on.

    Args:
        old: as deployed.
        new: as synthesised.
        effects: classification of a type. Default: the table, which knows the types that this library makes.

    Raises:
        FleetError: a type or a property that differs isn't classified.
    """
    before: Mapping[str, Any] = old.get("Resources", {})
    after: Mapping[str, Any] = new.get("Resources", {})
    moved = _Moved()
    while True:
        changed = [
            change
            for logical_id in sorted({*before} & {*after})
            if (change := _compare(logical_id, before[logical_id], moved.mark(after[logical_id]), effects))
        ]
        if not moved.learn(changed):
            break
    others = [
        *(_taken_out(name, before[name]) for name in before.keys() - after.keys()),
        *(
            ResourceChange(logical_id=name, resource_type=str(after[name]["Type"]), action=ChangeAction.ADDED)
            for name in after.keys() - before.keys()
        ),
    ]
    old_exports, new_exports = _exports(old), _exports(moved.mark(new))
    return TemplateChanges(
        resources=tuple(sorted([*changed, *others], key=lambda change: change.logical_id)),
        moved_exports=frozenset(name for name, value in old_exports.items() if new_exports.get(name) != value),
    )


def imports(template: Template) -> set[str]:
    """Names of the exports that a template imports, where they are plain."""
    return {value for value in _values_of(template, "Fn::ImportValue") if isinstance(value, str)}


class _Moved:
    """References whose value is another after the update, although the template says the same."""

    def __init__(self) -> None:
        self._replaced: set[str] = set()
        self._versions: set[str] = set()

    def learn(self, changes: Iterable[ResourceChange]) -> bool:
        """Take in changes; True if any was new."""
        known = len(self._replaced) + len(self._versions)
        for change in changes:
            effects = {found.effect for found in change.properties}
            if any(effect.replaces for effect in effects):
                self._replaced.add(change.logical_id)
            if Effect.NEW_VERSION in effects:
                self._versions.add(change.logical_id)
        return len(self._replaced) + len(self._versions) > known

    def mark(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        """JSON in which each reference that moved differs from its value before."""
        if isinstance(value, list):
            return [self.mark(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and self._moves(*next(iter(value.items()))):
            return {"Fn::Moved": value}
        return {key: self.mark(item) for key, item in value.items()}

    def _moves(self, function: str, argument: Any) -> bool:  # noqa: ANN401 - JSON
        return any(self._is_moved(named) for named in function_references(function, argument))

    def _is_moved(self, named: Reference) -> bool:
        return named.name in self._replaced or (named.attribute == _VERSION_ATTRIBUTE and named.name in self._versions)


def _compare(
    logical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], known: Callable[[str], TypeEffects]
) -> ResourceChange | None:
    resource_type = str(old["Type"])
    if resource_type != str(new["Type"]):
        # "Update of resource type is not permitted" (CloudFormation, medium).
        return ResourceChange(
            logical_id=logical_id, resource_type=resource_type, action=ChangeAction.CHANGED, refused=True
        )
    before, after = _properties(old), _properties(new)
    properties = tuple(effects_of_change(resource_type, before, after, effects=known))
    if not properties:
        return None
    effects = {change.effect for change in properties}
    taken = Effect.REPLACES in effects and known(resource_type).keeps_its_name(before, after)
    found = refusals(resource_type, before, after, properties)
    return ResourceChange(
        logical_id=logical_id,
        resource_type=resource_type,
        action=ChangeAction.CHANGED,
        properties=properties,
        refused=taken or Effect.REFUSED in effects or bool(found),
        refusals=found,
    )


def _properties(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    """Properties that the resource states; empty where a template has anything else in their place."""
    stated = resource.get("Properties")
    return stated if isinstance(stated, dict) else {}


def _taken_out(logical_id: str, resource: Mapping[str, Any]) -> ResourceChange:
    kept = str(resource.get("DeletionPolicy")) in _RETAINED
    return ResourceChange(
        logical_id=logical_id,
        resource_type=str(resource["Type"]),
        action=ChangeAction.LEFT if kept else ChangeAction.REMOVED,
    )


def _exports(template: Template) -> dict[str, Any]:
    outputs = template.get("Outputs")
    exported = [
        (output, output["Export"])
        for output in (outputs.values() if isinstance(outputs, dict) else ())
        if isinstance(output, dict) and isinstance(output.get("Export"), dict)
    ]
    return {str(export.get("Name")): output.get("Value") for output, export in exported}


def _values_of(value: Any, function: str) -> Iterator[Any]:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        for key, item in value.items():
            if key == function:
                yield item
            yield from _values_of(item, function)
    elif isinstance(value, list):
        for item in value:
            yield from _values_of(item, function)
