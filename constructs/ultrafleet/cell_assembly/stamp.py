"""A cell written from a pattern: what the CDK would have made, in plain text."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ultrafleet.catalog.limits import STACK_OUTPUTS, STACK_RESOURCES, TEMPLATE_BYTES
from ultrafleet.cell_assembly.ids import unique_id
from ultrafleet.cell_assembly.json_text import dumps
from ultrafleet.cell_assembly.names import CellValues, RackValues
from ultrafleet.cell_assembly.pattern import CellPattern, Part, RackStackPattern, Repeated, StackPattern
from ultrafleet.cell_assembly.segments import Segments
from ultrafleet.errors import FleetError
from ultrafleet.rules.names import launch_template_name, node_group_name
from ultrafleet.templates.assembly import MANIFEST

_ASSETS_INDENT: Final = 2
_VERSION_FILE: Final = "cdk.out"


def stamp(pattern: CellPattern, cell: CellValues, *, version: str) -> dict[str, str]:
    """Files of a cell's stage by their names, as the CDK writes them.

    Args:
        pattern: pattern of its shape.
        cell: the cell.
        version: content of the CDK's file of its assembly's version.

    Raises:
        FleetError: a template past CloudFormation's limits, or a name that is too long.
    """
    return _Stamp(pattern, cell, version).files()


class _Stamp:
    def __init__(self, pattern: CellPattern, cell: CellValues, version: str) -> None:
        self._pattern = pattern
        self._cell = cell
        self._files: dict[str, str] = {_VERSION_FILE: version}
        self._words = cell.words()
        for stack in pattern.stacks:
            if isinstance(stack, StackPattern):
                self._words[f"artifact {stack.id}"] = unique_id([cell.name, stack.id])
                for key, path in stack.paths.items():
                    self._words[key] = unique_id(path.fill(self._words).split("/"))
        self._racks: list[dict[str, str]] = []

    def files(self) -> dict[str, str]:
        """All files."""
        for stack in self._pattern.stacks:
            if isinstance(stack, StackPattern):
                self._platform(stack)
            else:
                for stack_id, racks in _by_stack(self._cell.racks).items():
                    self._rack_stack(stack, stack_id, racks)
        self._manifest()
        return self._files

    def _platform(self, stack: StackPattern) -> None:
        artifact = self._words[f"artifact {stack.id}"]
        digest = self._write(artifact, stack.template.fill(self._words), stack.metadata.fill(self._words))
        self._words[f"hash {stack.id}"] = digest
        self._assets(artifact, stack.assets, self._words)

    def _rack_stack(self, stack: RackStackPattern, stack_id: str, racks: Sequence[RackValues]) -> None:
        artifact = unique_id([self._cell.name, stack_id])
        words = {**self._words, "stack": stack_id, "artifact": artifact}
        of_racks = [self._rack(stack, words, rack) for rack in racks]
        for what, count, limit in (
            ("resources", stack.resources * len(racks), STACK_RESOURCES),
            ("outputs", stack.outputs * len(racks), STACK_OUTPUTS),
        ):
            if count > limit.value:
                raise _past(f"{self._cell.name}-{stack_id}", f"{count:,} {what}", f"{limit.value:,}")
        sections = [
            _fill(parts, words, of_racks) if key is None else _section(key, _fill(parts, words, of_racks))
            for key, parts in stack.sections
        ]
        template = "{\n" + ",\n".join(sections) + "\n}"
        metadata = "{\n" + _fill(stack.metadata, words, of_racks) + "\n}"
        words["hash"] = self._write(artifact, template, metadata)
        self._assets(artifact, stack.assets, words)
        self._racks.append(words)

    def _rack(self, stack: RackStackPattern, words: Mapping[str, str], rack: RackValues) -> dict[str, str]:
        launch_template_name(self._cell.name, node_group_name(rack.name, rack.reservation))
        ids = {
            key: unique_id(
                [part.replace("{rack}", rack.name).replace("{reservation}", rack.reservation) for part in path]
            )
            for key, path in stack.paths.items()
        }
        return {**words, **rack.words(), **ids}

    def _write(self, artifact: str, template: str, metadata: str) -> str:
        """Write template and metadata of a stack; the hash of the template."""
        encoded = template.encode()
        if len(encoded) > TEMPLATE_BYTES.value:
            raise _past(artifact, f"{len(encoded):,} bytes", f"{TEMPLATE_BYTES.value:,}")
        self._files[f"{artifact}.template.json"] = template
        self._files[f"{artifact}.metadata.json"] = metadata
        return hashlib.sha256(encoded).hexdigest()

    def _assets(self, artifact: str, pattern: Segments, words: Mapping[str, str]) -> None:
        """Write the asset manifest of a stack: its template under its own hash, destinations in the cell's account."""
        content = json.loads(pattern.fill(words))
        for file in content["files"].values():
            file["destinations"] = {_key(key, item): item for key, item in file["destinations"].items()}
        self._files[f"{artifact}.assets.json"] = dumps(content, indent=_ASSETS_INDENT)

    def _manifest(self) -> None:
        parts = []
        for part in self._pattern.artifacts:
            if isinstance(part, Repeated):
                parts += [part.members.fill(words) for words in self._racks]
            else:
                parts.append(part.fill(self._words))
        pattern = self._pattern
        self._files[MANIFEST] = (
            "{\n" + pattern.before + '  "artifacts": {\n' + ",\n".join(parts) + "\n  }" + pattern.after + "\n}"
        )


def _by_stack(racks: Sequence[RackValues]) -> dict[str, list[RackValues]]:
    """Racks of each stack, in the order of their names."""
    found: dict[str, list[RackValues]] = {}
    for rack in racks:
        found.setdefault(rack.stack_id, []).append(rack)
    return found


def _fill(parts: Sequence[Part], words: Mapping[str, str], racks: Sequence[Mapping[str, str]]) -> str:
    """Members of an object, those of racks for each."""
    found: list[str] = []
    for part in parts:
        found += [part.members.fill(rack) for rack in racks] if isinstance(part, Repeated) else [part.fill(words)]
    return ",\n".join(found)


def _section(key: str, members: str) -> str:
    return f' "{key}": {{\n{members}\n }}'


def _key(key: str, destination: Mapping[str, Any]) -> str:
    """Key of a destination: account, region and eight digits of its hash (aws-cdk-lib, asset-manifest-builder.js)."""
    content = json.dumps(destination, separators=(",", ":"), ensure_ascii=False)
    return f"{key.rpartition('-')[0]}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"


def _past(path: str, got: str, limit: str) -> FleetError:
    return FleetError(
        path=f"stack {path}",
        verb="has",
        got=got,
        expected=f"at most {limit}, CloudFormation's limit",
        remedy="lower fleet.racks_per_stack before any of its racks is deployed",
    )
