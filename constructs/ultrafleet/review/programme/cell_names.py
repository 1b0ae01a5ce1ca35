"""Names of cells, those that follow each other as a range."""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

_NUMBERED: Final = re.compile(r"(.*?)(\d+)")


def ranges(names: Iterable[str]) -> list[str]:
    """`dallas-gb200x72-t001 to t070` for seventy names that follow each other.

    Args:
        names: names of cells or racks.
    """
    return [_range(run) for run in _runs(sorted(set(names)))]


def shown_names(names: Iterable[str], *, most: int = 6) -> str:
    """Ranges of names on one line, those beyond a number counted.

    Args:
        names: names of cells or racks.
        most: ranges that are shown.
    """
    found = ranges(names)
    more = f" and {len(found) - most:,} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more


def _runs(names: list[str]) -> Iterator[list[str]]:
    def key(item: tuple[int, str]) -> tuple[str, int, int]:
        place, name = item
        match = _NUMBERED.fullmatch(name)
        return (match[1], len(match[2]), int(match[2][:18]) - place) if match else (name, 0, 0)

    for _, run in groupby(enumerate(names), key=key):
        yield [name for _, name in run]


def _range(run: list[str]) -> str:
    if len(run) == 1:
        return run[0]
    last = _NUMBERED.fullmatch(run[-1])
    letters = re.search(r"[a-z]*$", last[1]) if last else None
    return f"{run[0]} to {letters[0] if letters else ''}{last[2]}" if last else ", ".join(run)
