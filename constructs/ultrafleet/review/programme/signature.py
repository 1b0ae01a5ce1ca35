"""Signature of a cell's change: what differs in its stacks, with the cell's own names taken out.

Cells with one signature change in the same way, and one of them is reviewed for all. Only names that are a cell's own
are taken out: another account, another network or another reservation in one cell makes another signature.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from ultrafleet.review.programme.cell_files import ASSETS, TEMPLATE
from ultrafleet.templates.assembly import MANIFEST
from ultrafleet.templates.block_metadata import BLOCKS_PREFIX, BlockWindow, read_block_windows
from ultrafleet.templates.template_text import parsed_text

RACKS: Final = "-racks-"
"""Part of the name of a stack that holds racks."""
_RESERVATION: Final = re.compile(r"cr-[0-9a-f]{6,}")
_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?")
_HASH: Final = re.compile(r"(?<=[a-z])[0-9A-F]{8}\b")
_NUMBERED_HASH: Final = re.compile(r"(?<=[a-z])\d*[0-9A-F]{8}\b")
"""End of a logical id; that of a further CIDR of a VPC has its digits."""
_CIDR: Final = re.compile(r"\b(?:10|100)\.\d{1,3}\.\d{1,3}\.\d{1,3}(?:/\d{1,2})?")

Entry = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Names that are a cell's own.

    Attributes:
        cell: name of the cell.
        account: its account; "" where it isn't known.
        racks: names of racks of either side.
    """

    cell: str
    account: str
    racks: frozenset[str]

    def taken_out_of(self, text: str) -> str:
        """Text with the cell's names replaced."""
        return self._names.sub(lambda match: self._word(match.group()), text) if self._names else text

    @cached_property
    def _names(self) -> re.Pattern[str] | None:
        tranches = {name.rpartition("-")[0] for name in self.racks}
        parts = [re.escape(name) for name in (self.cell, self.cell.replace("-", ""), self.account) if name]
        parts += [rf"{re.escape(tranche)}-\d{{3,}}" for tranche in sorted(tranches, key=len, reverse=True)]
        return re.compile("|".join(parts)) if parts else None

    def _word(self, found: str) -> str:
        if found in {self.cell, self.cell.replace("-", "")}:
            return "{cell}"
        return "{account}" if found == self.account else "{rack}"


@dataclass(frozen=True, kw_only=True)
class StackDifference:
    """Difference of one stack's template.

    Attributes:
        entries: what differs, names taken out.
        racks_added: names in the metadata of node groups that come, without their reservation.
        racks_removed: names of those that go.
        racks_changed: names of those whose resources or blocks differ; of all of the stack where which isn't known.
    """

    entries: frozenset[Entry]
    racks_added: frozenset[str] = frozenset()
    racks_removed: frozenset[str] = frozenset()
    racks_changed: frozenset[str] = frozenset()


def difference(
    name: str, before: str | None, after: str | None, *, identity: Identity, as_of: datetime
) -> StackDifference:
    """Difference of a file of a cell.

    Args:
        name: its path in the cell's folder.
        before: its text; None where it isn't there.
        after: the same in the head.
        identity: names of the cell.
        as_of: moment from which a block counts as over.
    """
    kind = _kind(name, identity)
    if name == MANIFEST or name.endswith("/" + MANIFEST):
        return StackDifference(entries=frozenset(_manifest(name, before, after, identity)))
    try:
        old, new = (parsed_text(text) if text is not None else {} for text in (before, after))
    except ValueError:
        return StackDifference(entries=frozenset({(kind, "unreadable", identity.cell)}))
    if not isinstance(old, dict) or not isinstance(new, dict):
        return StackDifference(entries=frozenset({(kind, "unreadable", identity.cell)}))
    has_racks = RACKS in name
    if name.endswith(ASSETS):
        old, new = _assets(old), _assets(new)
    entries = set(_entries(kind, old, new, identity, has_racks=has_racks))
    was, now = _racks(old, identity.cell), _racks(new, identity.cell)
    changed = _touched(old, new, was.keys() & now.keys())
    if has_racks:
        entries |= {(kind, "blocks", _state(was.get(rack, ()), as_of)) for rack in changed | (was.keys() - now.keys())}
    return StackDifference(
        entries=frozenset(entries),
        racks_added=frozenset(now.keys() - was.keys()),
        racks_removed=frozenset(was.keys() - now.keys()),
        racks_changed=frozenset(changed),
    )


def _touched(old: Mapping[str, Any], new: Mapping[str, Any], racks: Iterable[str]) -> set[str]:
    """Racks of a stack that stay and of which something changes."""
    found: set[str] = set()
    for section in ("Resources", "Metadata"):
        was, now = (side.get(section) for side in (old, new))
        if not isinstance(was, dict) or not isinstance(now, dict):
            continue
        for key in was.keys() & now.keys():
            if was[key] != now[key]:
                text = f"{key} {json.dumps(now[key])}"
                found.update([rack for rack in racks if rack in text] or racks)
    return found


def _kind(name: str, identity: Identity) -> str:
    """Name of a file without the cell's name; that of racks' stacks without their tranche, too."""
    return "racks" if RACKS in name else identity.taken_out_of(name)


def _manifest(name: str, before: str | None, after: str | None, identity: Identity) -> Iterator[Entry]:
    """Entries of a manifest: the CDK writes hashes of the templates into it, which say nothing of their own."""
    if (before is None) != (after is None):
        yield (name, "manifest", "added" if before is None else "removed")
        return
    try:
        old, new = (_places(parsed_text(text or "{}")) for text in (before, after))
    except (ValueError, AttributeError, TypeError):
        yield (name, "unreadable", identity.cell)
        return
    for key in sorted(old.keys() & new.keys()):
        if old[key] != new[key]:
            yield (name, identity.taken_out_of(key), *(identity.taken_out_of(side[key]) for side in (old, new)))


def _assets(content: dict[str, Any]) -> dict[str, Any]:
    """Assets of a stack without its template, whose hash follows from what is compared itself."""
    files = content.get("files")
    if not isinstance(files, dict):
        return content
    return {**content, "files": {key: item for key, item in files.items() if not _is_template_asset(item)}}


def _is_template_asset(item: object) -> bool:
    source = item.get("source") if isinstance(item, Mapping) else None
    path = source.get("path") if isinstance(source, Mapping) else None
    return isinstance(path, str) and path.endswith(TEMPLATE)


def _places(manifest: Any) -> dict[str, str]:  # noqa: ANN401 - JSON
    """Places of the stacks of a manifest by their names."""
    return {
        str((item.get("properties") or {}).get("stackName", key)): str(item.get("environment"))
        for key, item in manifest["artifacts"].items()
        if item.get("type") == "aws:cloudformation:stack"
    }


def _entries(
    kind: str, old: Mapping[str, Any], new: Mapping[str, Any], identity: Identity, *, has_racks: bool
) -> Iterator[Entry]:
    for section in sorted({*old, *new}):
        was, now = old.get(section, {}), new.get(section, {})
        if was == now:
            continue
        if not isinstance(was, dict) or not isinstance(now, dict):
            yield (kind, section, _plain(was, identity), _plain(now, identity))
            continue
        for key in sorted({*was, *now}):
            if was.get(key) == now.get(key):
                continue
            named = "" if has_racks else identity.taken_out_of(key)
            if key in was and key in now:
                about = _type(now[key]) if section == "Resources" else ""
                for path, left, right in _leaves(was[key], now[key], ()):
                    yield (kind, section, named, about, "/".join(path), _plain(left, identity), _plain(right, identity))
            else:
                action = "added" if key in now else "removed"
                yield (kind, section, named, action, _without_ids(now.get(key, was.get(key)), identity, has_racks))


def _type(resource: object) -> str:
    return str(resource.get("Type")) if isinstance(resource, Mapping) else ""


def _leaves(was: Any, now: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:  # noqa: ANN401
    """Values that differ, each at its path."""
    if isinstance(was, dict) and isinstance(now, dict):
        for key in sorted({*was, *now}):
            if key not in was or key not in now or was[key] != now[key]:
                yield from _leaves(was.get(key), now.get(key), (*path, key))
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for place, (left, right) in enumerate(zip(was, now, strict=True)):
            if left != right:
                yield from _leaves(left, right, (*path, str(place)))
    else:
        yield path, was, now


def _plain(value: Any, identity: Identity) -> str:  # noqa: ANN401 - JSON
    return identity.taken_out_of(json.dumps(value, sort_keys=True))


def _without_ids(value: Any, identity: Identity, has_racks: bool) -> str:  # noqa: ANN401 - JSON
    """Text of what comes or goes; of a rack without its reservation, its days, and hashes of its name."""
    text = _plain(value, identity)
    if not has_racks:
        return text
    return _HASH.sub("{hash}", _MOMENT.sub("{moment}", _RESERVATION.sub("{reservation}", text)))


def _racks(template: Mapping[str, Any], cell: str) -> dict[str, tuple[BlockWindow, ...]]:
    """Blocks of racks by the rack's name, which begins the name of its node group."""
    metadata = template.get("Metadata")
    found: dict[str, tuple[BlockWindow, ...]] = {}
    for key in metadata if isinstance(metadata, Mapping) else ():
        if isinstance(key, str) and key.startswith(BLOCKS_PREFIX):
            group = key.removeprefix(BLOCKS_PREFIX)
            rack = _RESERVATION.sub("", group.removeprefix(f"{cell}-")).rstrip("-")
            found[rack] = (*found.get(rack, ()), *read_block_windows(metadata, group))
    return found


def _state(windows: tuple[BlockWindow, ...], as_of: datetime) -> str:
    """`over`, `later` or `now`, by the blocks that a rack has; `now` where none can be read."""
    if windows and all(window.end <= as_of for window in windows):
        return "over"
    return "later" if windows and all(window.start > as_of for window in windows) else "now"


def platform_digest(texts: Mapping[str, str | None], identity: Identity) -> str:
    """Digest of a cell's platform, its names and networks taken out: cells of one shape have one.

    Args:
        texts: texts of the cell's files, by their path in its folder.
        identity: names of the cell.
    """
    parts = (
        (
            identity.taken_out_of(name),
            _NUMBERED_HASH.sub("{hash}", _CIDR.sub("{cidr}", identity.taken_out_of(text or ""))),
        )
        for name, text in sorted(texts.items())
        if RACKS not in name
    )
    return digest(part for pair in parts for part in pair)


def digest(parts: Iterable[str]) -> str:
    """Digest of texts."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part.encode(errors="backslashreplace"))
        found.update(b"\0")
    return found.hexdigest()
