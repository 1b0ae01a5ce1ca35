"""CloudFormation template of any author, with values resolved where they can be."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ultrafleet.errors import FleetError
from ultrafleet.templates.for_each import PREFIX, expanded, has_loops
from ultrafleet.templates.intrinsics import Resolver
from ultrafleet.templates.simplified import simplified
from ultrafleet.templates.unknown import Unknown

_TRANSFORM = "Fn::Transform"
_KEY = re.compile(r"""\s*["']?(\w+)["']?\s*:""")


@dataclass(frozen=True, kw_only=True, eq=False)
class Resource:
    """A resource, with its values resolved.

    Attributes:
        logical_id: its name in the template.
        type: such as `AWS::EC2::LaunchTemplate`.
        properties: its properties; what isn't known before deployment is an `Unknown`.
        raw: the resource as it is written.
        template: the template that has it.
    """

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    raw: Mapping[str, Any]
    template: "Template" = field(repr=False)

    def get(self, *path: str | int) -> Any:  # noqa: ANN401 - JSON
        """Value below the properties; None where it isn't stated, an `Unknown` where it is only known at deployment."""
        value: Any = self.properties
        for part in path:
            if isinstance(value, Unknown):
                return Unknown(value.reason, may_be_absent=True)  # what is below isn't known to be stated
            if isinstance(value, dict) and _TRANSFORM in value and part not in value:
                return Unknown("a transform adds to it", may_be_absent=True)
            if isinstance(part, int):
                value = value[part] if isinstance(value, list) and part < len(value) else None
            else:
                value = value.get(part) if isinstance(value, dict) else None
        return value

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of all properties, at any depth, and of attributes that are pairs of `Key` and `Value`."""
        found: set[str] = set()
        pending: list[Any] = [self.properties]
        while pending:
            value = pending.pop()
            if isinstance(value, dict):
                found.update(map(str, value))
                if isinstance(value.get("Key"), str):
                    found.add(value["Key"])
                pending += value.values()
            elif isinstance(value, list):
                pending += value
        return frozenset(found)

    def items(self, *path: str | int) -> list[Any]:
        """List below the properties; a single value is its only member."""
        value = self.get(*path)
        if value is None:
            return []
        return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]


@dataclass(frozen=True, eq=False)
class TemplateSet:
    """Templates that are read together: their exports, parents and nested templates.

    Attributes:
        exporters: templates by the name of what they export.
        parents: the template, and the resource in it, that makes a nested stack, by the nested template's name.
        children: nested templates, by the name of the template that nests them and the resource in it.
        exported: values of exports that were asked for, by name.
        files: names of their files, without folders.
        templates: all of them.
    """

    exporters: dict[str, "Template"] = field(default_factory=dict)
    parents: dict[str, tuple["Template", str]] = field(default_factory=dict)
    children: dict[tuple[str, str], "Template"] = field(default_factory=dict)
    exported: dict[str, Any] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    templates: list["Template"] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, eq=False)
class Template:
    """A template.

    Attributes:
        name: what it is called in findings: its path, usually.
        content: the template as it is written, short intrinsics in their long form.
        text: the template as a file has it. Default: not known.
        parameters: values of parameters that are known. Default: the template's own defaults.
        together: what is read together with it: see `linked`.
    """

    name: str
    content: Mapping[str, Any]
    text: str = field(default="", repr=False)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    together: TemplateSet = field(default_factory=TemplateSet, repr=False)

    @cached_property
    def resources(self) -> Mapping[str, Resource]:
        """Resources by logical id, resolved. One whose condition is known to be false isn't there.

        Raises:
            FleetError: its functions make more than a template holds, or are nested too deeply.
        """
        with _bounded(self.name):
            return {logical_id: self._made(logical_id, raw) for logical_id, raw in self._written_items()}

    def _written_items(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for logical_id, raw in self._written_out["Resources"].items():
            if is_resource(raw) and (
                raw.get("Condition") is None or self._resolver.condition(raw["Condition"]) is not False
            ):
                yield logical_id, raw

    def _made(self, logical_id: str, raw: Mapping[str, Any]) -> Resource:
        properties = self._resolver.resolve(raw.get("Properties") or {})
        return Resource(
            logical_id=logical_id,
            type=raw["Type"],
            properties=properties if isinstance(properties, Mapping) else {},
            raw=raw,
            template=self,
        )

    @property
    def unread(self) -> list[str]:
        """Entries that only a deployment turns into resources: loops over unknown collections, and transforms."""
        return [key for key, raw in self._written_out["Resources"].items() if not is_resource(raw)]

    @cached_property
    def _written_out(self) -> Mapping[str, Any]:
        resources = self.content["Resources"]
        # The text is quicker to ask than the data, unless it hides its words.
        plain = bool(self.text) and PREFIX not in self.text and "\\" not in self.text
        if plain or not has_loops(resources):
            return self.content
        resolver = Resolver(self.content, self._known_parameters, self._imported, self.name)
        return {**self.content, "Resources": expanded(resources, resolver.resolve, resolver.budget)}

    @cached_property
    def _known_parameters(self) -> Mapping[str, Any]:
        """Parameters from the caller and from a stack that nests this one."""
        parent, logical_id = self.together.parents.get(self.name, (None, ""))
        nesting = parent.resources.get(logical_id) if parent is not None else None
        stated = mapping(nesting.get("Parameters")) if nesting is not None else {}
        return {**{name: made_by(parent, value) for name, value in stated.items()}, **self.parameters}

    @cached_property
    def _resolver(self) -> Resolver:
        return Resolver(self._written_out, self._known_parameters, self._imported, self.name)

    def resolve(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        """A value of this template, resolved where it can be."""
        return self._resolver.resolve(value)

    @cached_property
    def simplified(self) -> Mapping[str, Any]:
        """The template in which every value is resolved that can be; resources that aren't made are left out.

        Raises:
            FleetError: its functions make more than a template holds, or are nested too deeply.
        """
        with _bounded(self.name):
            return {
                **self.content,
                "Resources": {
                    logical_id: {
                        **resource.raw,
                        "Properties": simplified(resource.raw.get("Properties") or {}, self._resolver),
                    }
                    for logical_id, resource in self.resources.items()
                },
            }

    @cached_property
    def exports(self) -> Mapping[str, Any]:
        """Values of its exports as they are written, by name, where the name is known."""
        found = {}
        for output in mapping(self.content.get("Outputs")).values():
            export = output.get("Export") if isinstance(output, Mapping) else None
            name = self._resolver.resolve(export.get("Name")) if isinstance(export, Mapping) else None
            if isinstance(name, str):
                found[name] = output.get("Value")
        return found

    def _imported(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """Value that another template exports, with the template that it comes from."""
        exporter = self.together.exporters.get(name)
        if exporter is None:
            return Unknown(f"export {name} is made by another stack")
        known = self.together.exported
        if name not in known:
            known[name] = Unknown(f"export {name} refers to itself")
            known[name] = made_by(exporter, exporter.resolve(exporter.exports[name]))
        return known[name]

    @property
    def size_bytes(self) -> int:
        """Its size as a file."""
        return len(self.text.encode())

    @cached_property
    def _lines(self) -> Mapping[str, int]:
        """Lines on which resources begin: the first that looks like it, which is enough to find it."""
        found: dict[str, int] = {}
        inside = False
        for number, line in enumerate(self.text.splitlines(), 1):
            inside = inside or "Resources" in line
            key = _KEY.match(line) if inside else None
            if key is not None and key.group(1) in self.content["Resources"]:
                found.setdefault(key.group(1), number)
        return found

    def line_of(self, logical_id: str) -> int:
        """Line of a resource; 1 where it isn't known."""
        return self._lines.get(logical_id, 1)

    @property
    def resource_count(self) -> int:
        """Number of its resources, with loops expanded."""
        return len(self._written_out["Resources"])

    def of_type(self, *types: str) -> Iterator[Resource]:
        """Resources of some types, in the template's order."""
        known = self._by_type
        if len(types) == 1:
            return iter(known.get(types[0], ()))
        found = sum(len(known.get(kind, ())) for kind in types)
        if not found:
            return iter(())
        return (resource for resource in self.resources.values() if resource.type in types)

    @cached_property
    def _by_type(self) -> Mapping[str, list[Resource]]:
        """Resources of each type, in the template's order."""
        found: dict[str, list[Resource]] = {}
        for resource in self.resources.values():
            found.setdefault(resource.type, []).append(resource)
        return found

    def referred(self, value: Any) -> Resource | None:  # noqa: ANN401 - JSON
        """The resource that a value refers to, by Ref or GetAtt, or by what a template read with this one exports."""
        if not isinstance(value, Unknown) or value.logical_id is None:
            return None
        maker: Template = value.template or self
        nested = self.together.children.get((maker.name, value.logical_id))
        if nested is not None and value.attribute is not None:
            output = mapping(nested.content.get("Outputs")).get(value.attribute.removeprefix("Outputs."))
            return nested.referred(made_by(nested, nested.resolve(mapping(output).get("Value"))))
        return maker.resources.get(value.logical_id)


@contextmanager
def _bounded(name: str) -> Iterator[None]:
    try:
        yield
    except RecursionError as error:
        raise FleetError(
            path=name,
            verb="can't be resolved:",
            got="a chain of templates or functions that is too long",
            expected="a shorter one",
            remedy="name fewer templates, or write the functions flatter",
        ) from error


def is_resource(raw: object) -> bool:
    """True if an entry of `Resources` is one: a type is text."""
    return isinstance(raw, Mapping) and isinstance(raw.get("Type"), str)


def mapping(value: Any) -> Mapping[str, Any]:  # noqa: ANN401 - JSON
    """A mapping, or an empty one in place of anything else."""
    return value if isinstance(value, Mapping) else {}


def made_by(template: Template | None, value: Any) -> Any:  # noqa: ANN401 - JSON
    """A value that another template makes, which keeps where it comes from."""
    if isinstance(value, list):
        return [made_by(template, item) for item in value]
    return replace(value, template=template) if isinstance(value, Unknown) and value.template is None else value
