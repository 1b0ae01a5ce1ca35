"""Provider of a resource type: the service calls that create, describe, update and delete a resource."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.simulated_account import Refusal

Properties = Mapping[str, Any]


@dataclass(kw_only=True)
class PhysicalResource:
    """Resource in its service.

    Attributes:
        physical_id: what `Ref` gives.
        attributes: what `Fn::GetAtt` gives.
    """

    physical_id: str
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ResourceContext:
    """Stack and logical id of a resource."""

    stack_name: str
    stack_id: str
    logical_id: str
    partition: str
    attempt: int = 0
    """Counts replacements, so that a generated name is a new one."""

    def name(self, *, most: int = 64, lower: bool = False) -> str:
        """Name as CloudFormation generates it: stack, logical id, twelve random characters (here: a digest)."""
        digest = hashlib.sha256(f"{self.stack_id}/{self.logical_id}/{self.attempt}".encode()).hexdigest()[:12].upper()
        head = f"{self.stack_name}-{self.logical_id}"[: most - 13]
        name = f"{head}-{digest}"
        return name.lower() if lower else name


class Provider:
    """Base class: service calls of one resource type.

    `known` are the properties that the embedded AWS models; any other property fails the resource, so that nothing is
    left out in silence.
    """

    type: ClassVar[str]
    known: ClassVar[frozenset[str]]

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        """Create a resource."""
        raise NotImplementedError

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        """Description of the resource by its service.

        Raises:
            Refusal: it isn't there.
        """
        raise NotImplementedError

    def read(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any] | None:
        """Properties as they are, in the template's spelling, for drift detection; None: the type can't be read.

        Raises:
            Refusal: the resource isn't there.
        """
        return None

    def adopt(self, call: Calls, identifier: Mapping[str, str], properties: Properties) -> PhysicalResource:
        """Resource that exists and that a stack takes over.

        Args:
            call: calls its service.
            identifier: properties that identify it, as ResourcesToImport has them.
            properties: stated in the template.

        Raises:
            Refusal: it isn't there, or the embedded AWS can't import the type.
        """
        raise Refusal("NotModelled", f"the embedded AWS does not model an import of {self.type}")

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        """Update the resource in place; `resource.attributes` may change with it."""
        changed = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
        raise Refusal(
            "NotUpdatable", f"the embedded AWS does not model an update of {', '.join(changed)} of {self.type}"
        )

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        """Delete the resource."""
        raise NotImplementedError


PROVIDERS: dict[str, Provider] = {}


def provides(kind: type[Provider]) -> type[Provider]:
    """Class decorator: registers the provider of its type."""
    PROVIDERS[kind.type] = kind()
    return kind


def find(items: Sequence[Mapping[str, Any]], code: str, what: str) -> Mapping[str, Any]:
    """First item of a describe call's answer.

    Raises:
        Refusal: there is none.
    """
    if not items:
        raise Refusal(code, f"{what} does not exist")
    return items[0]


def tags_of(properties: Properties) -> list[dict[str, str]]:
    """Tags of a resource, from a list or a map."""
    tags = properties.get("Tags", [])
    return [{"Key": key, "Value": value} for key, value in tags.items()] if isinstance(tags, Mapping) else list(tags)


def tag_specifications(resource: str, properties: Properties) -> list[dict[str, Any]] | None:
    """`TagSpecifications` of an EC2 call; None where there are no tags."""
    tags = tags_of(properties)
    return [{"ResourceType": resource, "Tags": tags}] if tags else None


def update_tags(
    old: Properties, new: Properties, *, put: Callable[[dict[str, str]], object], drop: Callable[[list[str]], object]
) -> None:
    """Change the tags of a resource from old to new."""
    before = {tag["Key"]: tag["Value"] for tag in tags_of(old)}
    after = {tag["Key"]: tag["Value"] for tag in tags_of(new)}
    if gone := sorted(set(before) - set(after)):
        drop(gone)
    if changed := {key: value for key, value in after.items() if before.get(key) != value}:
        put(changed)


def only_changed(old: Properties, new: Properties, *known: str) -> set[str]:
    """Names of changed properties.

    Raises:
        Refusal: one is not among `known`, so that an update which does nothing can't pass for one.
    """
    changed = {key for key in {*old, *new} if old.get(key) != new.get(key)}
    if extra := sorted(changed - set(known)):
        raise Refusal("NotUpdatable", f"the embedded AWS does not model an update of {', '.join(extra)}")
    return changed


def is_true(value: Any) -> bool:
    """True if a value of a template is true, or the text `"true"`."""
    return value in {True, "true", "True"}


def raise_problem(problem: Mapping[str, str]) -> None:
    """Raise the error that a batch call reports for one of its items."""
    raise Refusal(problem["Code"], problem["Message"])
