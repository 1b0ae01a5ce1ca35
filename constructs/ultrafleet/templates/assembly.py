"""Cloud assembly: the stacks that `cdk synth` writes, and the one reading of its `manifest.json`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Final

from ultrafleet.errors import FleetError
from ultrafleet.templates.template import mapping
from ultrafleet.templates.template_text import json_in_text

MANIFEST: Final = "manifest.json"
_STACK: Final = "aws:cloudformation:stack"
_NESTED: Final = "cdk:cloud-assembly"


@dataclass(frozen=True, kw_only=True)
class ManifestStack:
    """A stack that a manifest lists.

    Attributes:
        name: name of the stack.
        template_file: its template, relative to the manifest.
        place: account and region: `111122223333/us-east-1`; empty where the manifest doesn't state them.
        termination_protection: whether CloudFormation refuses to delete it.
        needs: names of the stacks that have to be deployed before it.
    """

    name: str
    template_file: str
    place: str
    termination_protection: bool
    needs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class AssemblyStack:
    """A stack of an assembly, with its template.

    Attributes:
        name: name of the stack.
        template: its template, as it was written.
        termination_protection: whether CloudFormation refuses to delete it.
        needs: names of the stacks that it needs.
    """

    name: str
    template: str
    termination_protection: bool
    needs: tuple[str, ...]

    @property
    def content(self) -> Mapping[str, Any]:
        """The template as data."""
        found: Mapping[str, Any] = json.loads(self.template)
        return found

    @property
    def resource_count(self) -> int:
        """Number of its resources."""
        return len(self.content.get("Resources", {}))  # none: a pool whose blocks have existing node groups

    @property
    def size_bytes(self) -> int:
        """Size of the template as a file."""
        return len(self.template.encode())


def manifest_stacks(text: str) -> list[ManifestStack]:
    """Stacks of a manifest, each after those that it needs.

    Raises:
        FleetError: the text is no cloud assembly's manifest.
    """
    try:
        artifacts = json_in_text(text)["artifacts"]
        stacks: dict[str, Any] = {key: item for key, item in artifacts.items() if item["type"] == _STACK}
        names = {key: str(item["properties"].get("stackName", key)) for key, item in stacks.items()}
        graph = {key: [need for need in item.get("dependencies", []) if need in stacks] for key, item in stacks.items()}
        return [
            ManifestStack(
                name=names[key],
                template_file=str(stacks[key]["properties"]["templateFile"]),
                place=str(stacks[key].get("environment", "")).removeprefix("aws://"),
                termination_protection=bool(stacks[key]["properties"].get("terminationProtection")),
                needs=tuple(names[need] for need in graph[key]),
            )
            for key in TopologicalSorter(graph).static_order()
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FleetError(
            path=MANIFEST,
            got="no manifest of a cloud assembly",
            expected="one",
            remedy="run `cdk synth`",
        ) from error


def is_assembly(text: str) -> bool:
    """True if the text of a `manifest.json` is meant as a cloud assembly's: other programs write files of this name."""
    try:
        content = json_in_text(text)
    except ValueError:
        return _STACK in text or _NESTED in text
    return isinstance(content, dict) and isinstance(content.get("artifacts"), dict)


def nested_assemblies(text: str) -> list[str]:
    """Folders of the assemblies that a manifest nests, one for each Stage, relative to the manifest."""
    artifacts = json_in_text(text)["artifacts"]
    return [
        str(item["properties"]["directoryName"])
        for item in artifacts.values()
        if mapping(item).get("type") == _NESTED and "directoryName" in mapping(mapping(item).get("properties"))
    ]


def read_assembly(folder: Path) -> list[AssemblyStack]:
    """Stacks of an assembly, each after those that it needs.

    Args:
        folder: of one stage, with its `manifest.json` (`cdk.out/assembly-ENVIRONMENT`).

    Raises:
        FleetError: there is no assembly.
    """
    try:
        return [
            AssemblyStack(
                name=stack.name,
                template=(folder / stack.template_file).read_text(encoding="utf-8"),
                termination_protection=stack.termination_protection,
                needs=stack.needs,
            )
            for stack in manifest_stacks((folder / MANIFEST).read_text(encoding="utf-8"))
        ]
    except (OSError, ValueError) as error:
        raise FleetError(
            path=folder,
            verb="holds",
            got="no cloud assembly",
            expected="one",
            remedy="run `cdk synth` first",
        ) from error
