"""A cell that the CDK synthesised, read as a pattern for cells of its shape.

Its name, account, CIDRs and racks are words, in the places of those of other cells. What the words don't explain is
equal in all of them; a pattern that, filled with its own words, isn't the assembly that it was read from is refused.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from ultrafleet.cell_assembly.ids import unique_id
from ultrafleet.cell_assembly.json_text import member
from ultrafleet.cell_assembly.names import CellValues
from ultrafleet.cell_assembly.segments import Segments
from ultrafleet.errors import FleetError
from ultrafleet.templates.assembly import MANIFEST

_TEMPLATE_INDENT: Final = 1
_METADATA_INDENT: Final = 2
RACKS: Final = 2
"""Racks of a pattern: with two of them, what is repeated for each is distinguished from what isn't."""


@dataclass(frozen=True, kw_only=True)
class StackPattern:
    """One stack of the platform.

    Attributes:
        id: id of the stack.
        paths: path of each resource below the stack that is named after a CIDR, by the key of its logical id.
        template: its template.
        metadata: metadata of its constructs.
        assets: its asset manifest.
    """

    id: str
    paths: Mapping[str, Segments]
    template: Segments
    metadata: Segments
    assets: Segments


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """Members of an object that come again for each rack, in one run.

    Attributes:
        members: text of the members of one rack.
    """

    members: Segments


Part = Segments | Repeated


@dataclass(frozen=True, kw_only=True)
class RackStackPattern:
    """A stack of racks.

    Attributes:
        sections: parts of the template by its key at the top; without a key a part that stands as it is.
        metadata: parts of the metadata of its constructs.
        assets: its asset manifest.
        paths: path of each resource and output of one rack below the stack, by the key of its logical id.
        resources: resources of one rack.
        outputs: outputs of one rack.
    """

    sections: Sequence[tuple[str | None, Sequence[Part]]]
    metadata: Sequence[Part]
    assets: Segments
    paths: Mapping[str, tuple[str, ...]]
    resources: int
    outputs: int


@dataclass(frozen=True, kw_only=True)
class CellPattern:
    """A pattern of cells of one shape.

    Attributes:
        stacks: its stacks in their order, that of the racks once.
        artifacts: parts of the stage's manifest: of all stacks but those of racks, and between them the stack of racks.
        rest: members of the manifest before and after its artifacts.
    """

    stacks: Sequence[StackPattern | RackStackPattern]
    artifacts: Sequence[Part]
    before: str
    after: str

    @classmethod
    def read(cls, folder: Path, words: CellValues) -> Self:
        """Read the assembly of a pattern.

        Args:
            folder: of its stage, with the manifest.
            words: values of the pattern itself.

        Raises:
            FleetError: something of the assembly follows from a word in a way that isn't known.
        """
        return cls(**_Reader(folder, words).read())


class _Reader:
    def __init__(self, folder: Path, cell: CellValues) -> None:
        self._folder = folder
        self._cell = cell
        self._rack_stack = cell.racks[0].stack_id
        self._manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        self._stacks = {
            key: value
            for key, value in self._manifest["artifacts"].items()
            if value["type"] == "aws:cloudformation:stack"
        }
        self._words = {word: key for key, word in cell.words().items()}
        self._words[self._rack_stack] = "stack"
        for artifact in self._stacks:
            stack_id = self._id(artifact)
            if unique_id([cell.name, stack_id]) != artifact:
                raise _unexplained(folder, f"artifact {artifact} of stack {stack_id}")
            self._words[artifact] = "artifact" if stack_id == self._rack_stack else f"artifact {stack_id}"

    def read(self) -> dict[str, Any]:
        stacks = [self._stack(artifact) for artifact in self._stacks]
        # Hashes of templates are read from the stacks' manifests, so they are words from here on.
        return {"stacks": stacks, **self._manifest_parts()}

    def _id(self, artifact: str) -> str:
        return str(self._stacks[artifact]["displayName"]).removeprefix(f"{self._cell.name}/")

    def _text(self, name: str) -> str:
        return (self._folder / name).read_text(encoding="utf-8")

    def _stack(self, artifact: str) -> StackPattern | RackStackPattern:
        found, stack_id = self._stacks[artifact], self._id(artifact)
        template, metadata = (
            self._text(found["properties"]["templateFile"]),
            self._text(found["additionalMetadataFile"]),
        )
        digest = found["properties"]["stackTemplateAssetObjectUrl"].rpartition("/")[2].removesuffix(".json")
        self._words[digest] = "hash" if stack_id == self._rack_stack else f"hash {stack_id}"
        assets = self._cut(self._text(f"{artifact}.assets.json"), f"{artifact}.assets.json")
        if stack_id != self._rack_stack:
            paths = self._named_after_cidrs(stack_id, json.loads(metadata))
            return StackPattern(
                id=stack_id,
                paths=paths,
                template=self._cut(template, stack_id),
                metadata=self._cut(metadata, stack_id),
                assets=assets,
            )
        return self._racks(json.loads(template), json.loads(metadata), assets)

    def _named_after_cidrs(self, stack_id: str, metadata: Mapping[str, Any]) -> dict[str, Segments]:
        """Paths of constructs that are named after CIDRs; their logical ids become words."""
        found: dict[str, Segments] = {}
        for path, logical_id in _logical_ids(f"/{self._cell.name}/{stack_id}/", metadata):
            segments = Segments.cut("/".join(path), self._words)
            if any(key.startswith("dashed ") for key in segments.keys):
                if unique_id(path) != logical_id:
                    raise _unexplained(self._folder, f"logical id {logical_id} of {'/'.join(path)}")
                key = f"id {stack_id} {len(found)}"
                self._words[logical_id] = key
                found[key] = segments
        return found

    def _cut(self, text: str, of: str, words: Mapping[str, str] | None = None) -> Segments:
        segments = Segments.cut(text, self._words if words is None else words)
        self._check(segments, of)
        return segments

    def _check(self, segments: Segments, of: str) -> None:
        """Refuse a text in which a word is left: written otherwise, or as a part of something that is computed."""
        rack = self._cell.racks[0]
        for word in (
            self._cell.name,
            self._cell.account,
            f"{rack.end:%Y}-",
            rack.reservation[5:13],
            rack.name.rpartition("-")[0],
            *(re.sub("[./]", separator, cidr) for cidr in self._cell.cidrs.values() for separator in ("", "-")),
        ):
            for literal in segments.literals:
                if word in literal:
                    near = literal[max(0, literal.index(word) - 60) :][:120]
                    raise _unexplained(self._folder, f"{of}: …{near}…")

    def _racks(self, template: dict[str, Any], metadata: dict[str, Any], assets: Segments) -> RackStackPattern:
        stack = f"/{self._cell.name}/{self._rack_stack}/"
        ids = dict(_logical_ids(stack, metadata))
        one, two = self._cell.racks
        places: list[dict[str, str]] = []
        paths: dict[str, tuple[str, ...]] = {}
        for rack in (one, two):
            words = {word: key for key, word in rack.words().items()} | self._words
            own = {path: logical_id for path, logical_id in ids.items() if path[0] == rack.name}
            for number, (path, logical_id) in enumerate(own.items()):
                if unique_id(path) != logical_id:
                    raise _unexplained(self._folder, f"logical id {logical_id} of {'/'.join(path)}")
                words[logical_id] = f"id {number}"
                paths[f"id {number}"] = tuple(
                    part.replace(rack.name, "{rack}").replace(rack.reservation, "{reservation}") for part in path
                )
            places.append(words)
        sections: list[tuple[str | None, Sequence[Part]]] = []
        for key, value in template.items():
            if isinstance(value, str):
                sections.append((None, [self._cut(member(key, value, indent=_TEMPLATE_INDENT), key)]))
            else:
                members = [(name, member(name, item, indent=_TEMPLATE_INDENT, depth=2)) for name, item in value.items()]
                sections.append((key, self._runs(members, places)))
        of_metadata = [(name, member(name, item, indent=_METADATA_INDENT)) for name, item in metadata.items()]
        return RackStackPattern(
            sections=sections,
            metadata=self._runs(of_metadata, places),
            assets=assets,
            paths=paths,
            resources=len(template["Resources"]) // RACKS,
            outputs=len(template.get("Outputs", {})) // RACKS,
        )

    def _runs(self, members: Sequence[tuple[str, str]], places: Sequence[Mapping[str, str]]) -> list[Part]:
        """Parts of an object: members of no rack, and runs of members of the first rack and then of the second."""
        found: list[Part] = []
        for owner, texts in _by_owner(members, [self._own(words) for words in places]):
            if owner == 0:
                found.append(Repeated(members=self._cut(",\n".join(texts), "racks", places[0])))
            elif owner is None:
                found.append(self._cut(",\n".join(texts), "racks"))
            else:
                again = self._cut(",\n".join(texts), "racks", places[1])
                before = found[-1] if found else None
                if not isinstance(before, Repeated) or before.members != again:
                    raise _unexplained(self._folder, f"racks that differ: {texts[0][:120]}")
        return found

    @staticmethod
    def _own(words: Mapping[str, str]) -> list[str]:
        """Words of one rack alone."""
        return [word for word, key in words.items() if key in {"rack", "reservation"} or key.startswith("id ")]

    def _manifest_parts(self) -> dict[str, Any]:
        artifacts, parts = self._manifest["artifacts"], []
        of_racks = [key for key in self._stacks if self._id(key) == self._rack_stack]
        racks = {*of_racks, *(f"{key}.assets" for key in of_racks)}
        members = [(key, member(key, value, indent=_METADATA_INDENT, depth=2)) for key, value in artifacts.items()]
        for owner, texts in _by_owner(members, [sorted(racks)], exact=True):
            segments = self._cut(",\n".join(texts), MANIFEST)
            parts.append(segments if owner is None else Repeated(members=segments))
        keys = list(self._manifest)
        at = keys.index("artifacts")
        return {
            "artifacts": parts,
            "before": "".join(f"{member(key, self._manifest[key], indent=_METADATA_INDENT)},\n" for key in keys[:at]),
            "after": "".join(
                f",\n{member(key, self._manifest[key], indent=_METADATA_INDENT)}" for key in keys[at + 1 :]
            ),
        }


def _logical_ids(stack: str, metadata: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Path below its stack and logical id of each resource and output."""
    for path, entries in metadata.items():
        for entry in entries:
            if entry["type"] == "aws:cdk:logicalId":
                yield tuple(path.removeprefix(stack).split("/")), entry["data"]


def _by_owner(
    members: Sequence[tuple[str, str]], owners: Sequence[Sequence[str]], *, exact: bool = False
) -> Iterator[tuple[int | None, list[str]]]:
    """Runs of members with the same owner: the number of the first whose word their key has, or None."""
    run: list[str] = []
    last: int | None = None
    for key, text in members:
        owner = next(
            (
                number
                for number, words in enumerate(owners)
                if (key in words if exact else any(w in key for w in words))
            ),
            None,
        )
        if run and owner != last:
            yield last, run
            run = []
        run.append(text)
        last = owner
    if run:
        yield last, run


def _unexplained(folder: Path, what: str) -> FleetError:
    return FleetError(
        path=str(folder),
        verb="has",
        got=what,
        expected="templates in which names, ids, CIDRs and dates stand as they are",
        remedy="synthesise its cells one by one: `ultrafleet programme synth --compare` shows what differs",
    )
