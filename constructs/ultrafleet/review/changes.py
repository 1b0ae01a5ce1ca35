"""What a deployment does to every stack: two revisions compared, resource by resource, values resolved."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.policy.template import Resource, Template
from ultrafleet.review.effects import effects_of_type
from ultrafleet.review.fleet import Key
from ultrafleet.review.revision import Revision
from ultrafleet.rules.template_changes import Fate, ResourceChange, TemplateChanges, imports, template_changes

_ATTRIBUTES: Final = ("DeletionPolicy", "UpdateReplacePolicy", "UpdatePolicy", "CreationPolicy")
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
        refused_exports: exports that change while another stack imports them, which CloudFormation refuses.
    """

    stack: str
    is_new: bool
    is_gone: bool
    changes: tuple[Change, ...]
    refused_exports: tuple[str, ...]


def changes_between(base: Revision, head: Revision) -> list[StackChange]:
    """Stacks that change, by name."""
    imported = {name for template in base.stacks.values() for name in imports(template.content)}
    found = []
    for stack in sorted({*base.stacks, *head.stacks}):
        before, after = base.stacks.get(stack), head.stacks.get(stack)
        changed = template_changes(_plain(before), _plain(after), effects=effects_of_type)
        changes = tuple(_changes(stack, before, after, changed))
        exports = tuple(sorted(changed.moved_exports & imported)) if after is not None else ()
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
            of_resource = ResourceChange(logical_id=logical_id, resource_type=now.type, fate=Fate.CHANGED)
        if of_resource is not None:
            yield Change(key=(stack, logical_id), of=of_resource, before=was, after=now, attributes=attributes)


def _plain(template: Template | None) -> Mapping[str, Any]:
    """The template with every value resolved that can be, and without resources whose condition is false."""
    return template.simplified if template is not None else _EMPTY


def is_removed(change: Change) -> bool:
    """Whether the resource leaves the stack."""
    return change.of.fate in (Fate.REMOVED, Fate.LEFT)
