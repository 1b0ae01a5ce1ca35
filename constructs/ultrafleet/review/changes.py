"""Changes of every stack: two revisions compared, resource by resource, values resolved."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.review.fleet import Key
from ultrafleet.templates.revision import Revision
from ultrafleet.templates.schema_effects import effects_of_type
from ultrafleet.templates.template import Resource, Template
from ultrafleet.templates.template_changes import (
    ChangeAction,
    ResourceChange,
    TemplateChanges,
    imports,
    template_changes,
)

_ATTRIBUTES: Final = ("DeletionPolicy", "UpdateReplacePolicy", "UpdatePolicy", "CreationPolicy")
_SETS: Final = ("Action", "NotAction", "Resource", "NotResource")
_EMPTY: Final[Mapping[str, Any]] = {"Resources": {}}


@dataclass(frozen=True, kw_only=True)
class Change:
    """One resource that changes.

    Attributes:
        key: its stack and logical id.
        of: what happens to it.
        before: as it was; None where it is added.
        after: as it will be; None where it goes.
        attributes: what differs beside its properties, such as DeletionPolicy.
    """

    key: Key
    of: ResourceChange
    before: Resource | None
    after: Resource | None
    attributes: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """Its type."""
        return self.of.resource_type

    @property
    def paths(self) -> tuple[str, ...]:
        """Properties that differ."""
        return tuple(change.path for change in self.of.properties)

    def attribute(self, name: str) -> tuple[Any, Any]:
        """A value beside the properties, before and after."""
        return (
            self.before.raw.get(name) if self.before is not None else None,
            self.after.raw.get(name) if self.after is not None else None,
        )

    def get(self, *path: str | int) -> tuple[Any, Any]:
        """A value before and after."""
        return (
            self.before.get(*path) if self.before is not None else None,
            self.after.get(*path) if self.after is not None else None,
        )


@dataclass(frozen=True, kw_only=True)
class StackChange:
    """One stack that changes.

    Attributes:
        stack: its name.
        is_new: it isn't in the base.
        is_gone: it isn't in the head.
        changes: its resources that change, by logical id.
        refused_exports: exports that change while other stacks import them, which CloudFormation refuses, with those.
    """

    stack: str
    is_new: bool
    is_gone: bool
    changes: tuple[Change, ...]
    refused_exports: tuple[tuple[str, tuple[str, ...]], ...]


def changes_between(base: Revision, head: Revision) -> list[StackChange]:
    """Stacks that change, by name."""
    importers: dict[str, list[str]] = defaultdict(list)
    for stack, template in base.stacks.items():
        for name in imports(template.content):
            importers[name].append(stack)
    found = []
    for stack in sorted({*base.stacks, *head.stacks}):
        before, after = base.stacks.get(stack), head.stacks.get(stack)
        changed = template_changes(_plain(before), _plain(after), effects=effects_of_type)
        changes = tuple(_changes(stack, before, after, changed))
        moved = sorted(changed.moved_exports & importers.keys()) if after is not None else []
        exports = tuple((name, tuple(sorted(importers[name]))) for name in moved)
        if changes or exports or (before is None) is not (after is None):
            found.append(
                StackChange(
                    stack=stack,
                    is_new=before is None,
                    is_gone=after is None,
                    changes=changes,
                    refused_exports=exports,
                )
            )
    return found


def _changes(stack: str, before: Template | None, after: Template | None, changed: TemplateChanges) -> Iterator[Change]:
    old = before.resources if before is not None else {}
    new = after.resources if after is not None else {}
    of_resources = {change.logical_id: change for change in changed.resources}
    for logical_id in sorted({*old, *new}):
        was, now = old.get(logical_id), new.get(logical_id)
        attributes = tuple(
            name
            for name in _ATTRIBUTES
            if was is not None and now is not None and was.raw.get(name) != now.raw.get(name)
        )
        of_resource = of_resources.get(logical_id)
        if of_resource is None and attributes and now is not None:
            of_resource = ResourceChange(logical_id=logical_id, resource_type=now.type, action=ChangeAction.CHANGED)
        if of_resource is not None:
            yield Change(key=(stack, logical_id), of=of_resource, before=was, after=now, attributes=attributes)


def _plain(template: Template | None) -> Mapping[str, Any]:
    """The template with every value resolved that can be, and without resources whose condition is false."""
    return _one_form(template.simplified) if template is not None else _EMPTY


def _one_form(value: Any) -> Any:  # noqa: ANN401 - JSON
    """One form of what CloudFormation and IAM treat as equal: a number and its text, an action and a list of it."""
    if isinstance(value, dict):
        is_statement = "Effect" in value and ("Action" in value or "NotAction" in value)
        return {key: _as_set(item) if is_statement and key in _SETS else _one_form(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_one_form(item) for item in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _as_set(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    return sorted((_one_form(item) for item in (value if isinstance(value, list) else [value])), key=repr)


def is_removed(change: Change) -> bool:
    """True if the resource leaves the stack."""
    return change.of.action in (ChangeAction.REMOVED, ChangeAction.LEFT)
