"""Racks in bulk: one entry of `pools` with a line for each UltraServer, read as pools of their own.

    - kind: ultraserver
      ultraserver_type: u-p6e-gb200x72
      workload: training
      subnet: dallas
      block: { availability_zone: us-east-1-dfw-2a, start: 2026-12-01T11:30:00Z, end: 2027-01-05T11:30:00Z }
      racks:
        rack-01: cr-0123456789abcdef1
        rack-02: { capacity_reservation_id: cr-0123456789abcdef2, end: 2027-02-02T11:30:00Z }

Names are written in full, so that none moves when another rack is taken out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.environment.document import KeyPath
from ultrafleet.errors import FleetError

RACKS: Final = "racks"
"""Key by which an entry of `pools` is recognised as one of several racks: name → block."""
SHARED_BLOCK: Final = "block"
"""Key of such an entry: what the blocks of its racks have in common."""

_ID: Final = "capacity_reservation_id"
_KIND: Final = "ultraserver"
_TYPE: Final = "ultraserver_type"
_OF_ONE_POOL: Final = ("name", "blocks")


@dataclass(frozen=True, kw_only=True)
class Expanded:
    """Content of a file in which each rack is a pool.

    Attributes:
        content: of the file, with the pools; an entry that can't be expanded is one without name and blocks.
        faults: paths in the file, each with what is wrong there.
        unread: pools whose entry says wrongly what their racks and blocks are, by their position in the content.
    """

    content: dict[str, Any]
    faults: list[tuple[KeyPath, FleetError]]
    unread: frozenset[int]
    _origins: list[tuple[int, str | None]]
    _written: Mapping[str, Any]

    def is_read(self, path: KeyPath) -> bool:
        """True unless a key is one that a pool has not, because its entry says wrongly what its racks are.

        Args:
            path: path in the expanded content.
        """
        match path:
            case ("pools", int(number)):
                return number not in self.unread
            case ("pools", int(number), key, *_) if number in self.unread:
                return key in self.content["pools"][number]
        return True

    @property
    def unknown(self) -> list[KeyPath]:
        """Keys of pools that aren't known, in the expanded content."""
        return [("pools", number, key) for number in self.unread for key in (*_OF_ONE_POOL, "nodes")]

    def origin(self, path: KeyPath) -> KeyPath:
        """Path in the file of a key of the expanded content.

        Args:
            path: path in the expanded content.
        """
        match path:
            case ("pools", int(number), *rest) if number < len(self._origins):
                index, rack = self._origins[number]
                entry: KeyPath = ("pools", index)
                return (*entry, *rest) if rack is None else self._of_rack(entry, rack, tuple(rest))
        return path

    def _of_rack(self, entry: KeyPath, rack: str, rest: KeyPath) -> KeyPath:
        own: KeyPath = (*entry, RACKS, rack)
        match rest:
            case () | ("name",) | ("blocks",):
                return own
            case ("blocks", int(number), *key):
                stated = self._written["pools"][entry[1]]
                line = stated[RACKS][rack]
                if isinstance(line, list):
                    own, line = (*own, number), line[number]
                if isinstance(line, Mapping) and key and key[0] in line:
                    return (*own, *key)
                shared = stated.get(SHARED_BLOCK)
                is_shared = isinstance(shared, Mapping) and key and key[0] in shared and key[0] != _ID
                return (*entry, SHARED_BLOCK, *key) if is_shared else own
        return (*entry, *rest)


def expand(content: Mapping[str, Any]) -> Expanded:
    """Return a file's content with each rack as a pool.

    A rack's line is the id of its capacity block, a mapping with what differs from the entry's `block`, or a list of
    either, in the order of their starts.

    Args:
        content: of an environment file.
    """
    entries = content.get("pools")
    if not isinstance(entries, list):
        return Expanded(content=dict(content), faults=[], unread=frozenset(), _origins=[], _written=content)
    pools: list[Any] = []
    origins: list[tuple[int, str | None]] = []
    faults: list[tuple[KeyPath, FleetError]] = []
    unread: set[int] = set()
    for index, entry in enumerate(entries):
        if not isinstance(entry, Mapping) or RACKS not in entry:
            pools.append(entry)
            origins.append((index, None))
            continue
        wrong = [(("pools", index, *path), error) for path, error in _faults(entry)]
        faults += wrong
        if wrong:
            unread.add(len(pools))
            unknown = {RACKS, SHARED_BLOCK, *_OF_ONE_POOL}
            pool = {key: value for key, value in entry.items() if key not in unknown}
            pools.append({**pool, "kind": _KIND} if _TYPE in entry else pool)
            origins.append((index, None))
        else:
            pools += [_pool(entry, name, line) for name, line in entry[RACKS].items()]
            origins += [(index, name) for name in entry[RACKS]]
    return Expanded(
        content={**content, "pools": pools},
        faults=faults,
        unread=frozenset(unread),
        _origins=origins,
        _written=content,
    )


def _faults(entry: Mapping[str, Any]) -> Iterator[tuple[KeyPath, FleetError]]:
    """Faults that keep an entry from being expanded."""
    racks = entry[RACKS]
    if not isinstance(racks, Mapping) or not racks:
        got = "empty" if not racks else "a list" if isinstance(racks, list) else repr(racks)
        yield (
            (RACKS,),
            FleetError(path=RACKS, got=got, expected="NAME: cr-… of each rack", remedy="write a line for each rack"),
        )
    else:
        for name in racks:
            if not isinstance(name, str):
                yield (
                    (RACKS,),
                    FleetError(
                        path="the name of a rack", got=name, expected="text, such as rack-01", remedy="name it in full"
                    ),
                )
    for key in _OF_ONE_POOL:
        if key in entry:
            yield (
                (key,),
                FleetError(
                    path=key, got=f"stated beside {RACKS}", expected=f"it in {RACKS}", remedy="remove it, each line of "
                    f"{RACKS} is a pool's name and its block",
                ),
            )  # fmt: skip
    if entry.get("kind") != _KIND:
        yield (
            ("kind",),
            FleetError(
                path="kind", got=repr(entry["kind"]) if "kind" in entry else "missing", expected=f"{_KIND}, of {RACKS}",
                remedy=f"write kind: {_KIND}, or an entry for each pool",
            ),
        )  # fmt: skip
    shared = entry.get(SHARED_BLOCK, {})
    if not isinstance(shared, Mapping):
        yield (
            (SHARED_BLOCK,),
            FleetError(
                path=SHARED_BLOCK,
                got="empty" if shared is None else repr(shared),
                expected="a mapping with availability_zone, start, end",
                remedy="write KEY: VALUE, or take it out",
            ),
        )
    elif _ID in shared:
        yield (
            (SHARED_BLOCK, _ID),
            FleetError(
                path=_ID, got="stated for all racks", expected="it in the line of each rack", remedy="move it there"
            ),
        )


def _pool(entry: Mapping[str, Any], name: str, line: object) -> dict[str, Any]:
    shared = entry.get(SHARED_BLOCK, {})
    blocks = [_block(shared, item) for item in (line if isinstance(line, list) else [line])]
    pool = {key: value for key, value in entry.items() if key not in {RACKS, SHARED_BLOCK}}
    return {**pool, "name": name, "blocks": blocks}


def _block(shared: Mapping[str, Any], line: object) -> dict[str, Any]:
    return {**shared, **line} if isinstance(line, Mapping) else {**shared, _ID: line}
