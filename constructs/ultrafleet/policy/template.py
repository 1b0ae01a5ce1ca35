"""CloudFormation templates of anybody, from JSON or YAML with short intrinsics; values resolved where they can be."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from ultrafleet.errors import FleetError
from ultrafleet.policy.intrinsics import Resolver, Unknown

_KEY = re.compile(r"""\s*["']?(\w+)["']?\s*:""")
_TYPE = re.compile(r"""["']?Type["']?\s*:\s*["']?(AWS|Alexa|Custom)::""")
TEMPLATE_SUFFIXES = (".json", ".yaml", ".yml", ".template")


@dataclass(frozen=True, kw_only=True, eq=False)
class Resource:
    """A resource, with its values resolved.

    Attributes:
        logical_id: its name in the template.
        type: such as `AWS::EC2::LaunchTemplate`.
        properties: its properties; what isn't known before deployment is an `Unknown`.
        raw: the resource as it is written.
        template: the template that it stands in.
    """

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    raw: Mapping[str, Any]
    template: "Template" = field(repr=False)

    def get(self, *path: str | int) -> Any:  # noqa: ANN401 - JSON
        """A value below the properties; None where it isn't there, an `Unknown` where it can't be told."""
        value: Any = self.properties
        for part in path:
            if isinstance(value, Unknown):
                return value
            if isinstance(part, int):
                value = value[part] if isinstance(value, Sequence) and part < len(value) else None
            else:
                value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def items(self, *path: str | int) -> list[Any]:
        """A list below the properties; one thing stands for itself."""
        value = self.get(*path)
        if value is None:
            return []
        return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]


@dataclass(frozen=True, kw_only=True, eq=False)
class Template:
    """A template.

    Attributes:
        name: what it is called in findings: its path, usually.
        content: the template as it is written, short intrinsics in their long form.
        text: the template as a file has it. Default: not known.
        parameters: values of parameters that are known. Default: the template's own defaults.
        exporters: templates that are read together, by the name of what they export: see `linked`.
    """

    name: str
    content: Mapping[str, Any]
    text: str = field(default="", repr=False)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    exporters: Mapping[str, "Template"] = field(default_factory=dict, repr=False)

    @cached_property
    def resources(self) -> Mapping[str, Resource]:
        """Resources by logical id, resolved. One whose condition is known to be false isn't there."""
        resolver = self._resolver
        found = {}
        for logical_id, raw in self.content["Resources"].items():
            if not isinstance(raw, Mapping) or "Type" not in raw:
                continue  # Fn::ForEach and other transforms
            if raw.get("Condition") is not None and resolver.condition(raw["Condition"]) is False:
                continue
            properties = resolver.resolve(raw.get("Properties") or {})
            found[logical_id] = Resource(
                logical_id=logical_id,
                type=str(raw["Type"]),
                properties=properties if isinstance(properties, Mapping) else {},
                raw=raw,
                template=self,
            )
        return found

    @cached_property
    def _resolver(self) -> Resolver:
        return Resolver(self.content, self.parameters, self._imported)

    def resolve(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        """A value of this template, resolved where it can be."""
        return self._resolver.resolve(value)

    @cached_property
    def simplified(self) -> Mapping[str, Any]:
        """The template in which every value is resolved that can be; resources that aren't made are left out."""
        return {
            **self.content,
            "Resources": {
                logical_id: {
                    **resource.raw,
                    "Properties": self._resolver.simplify(resource.raw.get("Properties") or {}),
                }
                for logical_id, resource in self.resources.items()
            },
        }

    @cached_property
    def exports(self) -> Mapping[str, Any]:
        """Values of its exports as they are written, by name, where the name can be told."""
        found = {}
        for output in (self.content.get("Outputs") or {}).values():
            export = output.get("Export") if isinstance(output, Mapping) else None
            name = self._resolver.resolve(export.get("Name")) if isinstance(export, Mapping) else None
            if isinstance(name, str):
                found[name] = output.get("Value")
        return found

    def _imported(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """What another template exports; what is made there keeps where it comes from."""
        exporter = self.exporters.get(name)
        if exporter is None:
            return Unknown(f"export {name} is made by another stack")
        value = exporter.resolve(exporter.exports[name])
        return replace(value, template=exporter) if isinstance(value, Unknown) and value.template is None else value

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

    def of_type(self, *types: str) -> Iterator[Resource]:
        """Resources of some types, in the template's order."""
        return (resource for resource in self.resources.values() if resource.type in types)

    def referred(self, value: Any) -> Resource | None:  # noqa: ANN401 - JSON
        """The resource that a value refers to, by Ref or GetAtt, or by what a template read with this one exports."""
        if isinstance(value, Unknown) and value.logical_id is not None:
            return (value.template or self).resources.get(value.logical_id)
        return None


def linked(templates: Sequence[Template]) -> list[Template]:
    """The same templates, each of which sees what the others export."""
    exporters: dict[str, Template] = {}
    found = [replace(template, exporters=exporters) for template in templates]
    for template in found:
        exporters.update(dict.fromkeys(template.exports, template))
    return found


def parse_template(text: str, *, name: str, parameters: Mapping[str, Any] | None = None) -> Template:
    """A template from its text.

    Raises:
        FleetError: it is neither JSON nor YAML, or no template.
    """
    content = _parsed(text, name)
    if not is_template(content):
        raise FleetError(f"{name} has no Resources, expected a CloudFormation template: name another file")
    return Template(name=name, content=content, text=text, parameters=parameters or {})


def template_among(text: str, *, name: str, parameters: Mapping[str, Any] | None = None) -> Template | None:
    """A template from a file that may be anything else; None where it is.

    Raises:
        FleetError: it is meant as a template and can't be read.
    """
    # YAML is slow to read, and most of a folder may be none of ours.
    if "Resources" not in text or _TYPE.search(text) is None:
        return None
    content = _parsed(text, name)
    if not is_template(content):
        return None
    return Template(name=name, content=content, text=text, parameters=parameters or {})


def _parsed(text: str, name: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, Loader=_Loader)  # noqa: S506 - safe
    except (ValueError, yaml.YAMLError) as error:
        first = str(error).replace("\n", " ")
        raise FleetError(
            f"{name} can't be read: {first}; expected a CloudFormation template in JSON or YAML"
        ) from error


def is_template(content: object) -> bool:
    """Whether parsed JSON or YAML is a template."""
    resources = content.get("Resources") if isinstance(content, Mapping) else None
    return isinstance(resources, Mapping) and any(
        isinstance(item, Mapping) and isinstance(item.get("Type"), str) for item in resources.values()
    )


def read_templates(paths: Sequence[Path], *, parameters: Mapping[str, Any] | None = None) -> list[Template]:
    """Templates of files and folders. In a folder, files that are no templates are passed over.

    Raises:
        FleetError: a path that doesn't exist, a named file that is no template, or a folder without any.
    """
    found = []
    for path in paths:
        if path.is_dir():
            inside = list(_in_folder(path, parameters))
            if not inside:
                raise FleetError(f"{path} holds no template, expected some: synthesise first, or name another folder")
            found += inside
        elif path.is_file():
            found.append(parse_template(_text(path), name=str(path), parameters=parameters))
        else:
            raise FleetError(f"{path} doesn't exist, expected a template or a folder of templates: correct the path")
    return linked(found)


def _in_folder(folder: Path, parameters: Mapping[str, Any] | None) -> Iterator[Template]:
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix not in TEMPLATE_SUFFIXES or _in_asset(path, folder):
            continue
        template = template_among(_text(path), name=str(path), parameters=parameters)
        if template is not None:
            yield template


def _in_asset(path: Path, folder: Path) -> bool:
    """Assets of CDK are what templates deploy, not templates."""
    return any(part.startswith("asset.") for part in path.relative_to(folder).parts)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig", errors="replace")


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short intrinsics, and nothing that a template doesn't mean (dates, say)."""


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = str(value).split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _intrinsic)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
