"""Rows of results as nccl-tests prints them, in any of its layouts. Standard library only."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

TYPE_BYTES: Final = {
    "int8": 1, "uint8": 1, "char": 1, "int32": 4, "uint32": 4, "int": 4, "int64": 8, "uint64": 8, "half": 2, "float": 4,
    "double": 8, "bfloat16": 2, "f8e4m3": 1, "f8e5m2": 1, "fp8_e4m3": 1, "fp8_e5m2": 1,
}  # fmt: skip
"""Names of element types in all versions -> bytes of an element."""

ROW: Final = re.compile(
    rf"(?<![0-9.+\-])([0-9]{{1,20}})[ \t]+([0-9]{{1,20}})[ \t]+({'|'.join(TYPE_BYTES)})(?![A-Za-z0-9_])"
)
"""Beginning of a row, wherever on a line: size, count and type."""

_NUMBER = re.compile(
    r"([+-]?)(?:([0-9]{1,24})(?:\.([0-9]{0,12}))?(?:[eE]([+-]?[0-9]{1,3}))?|(nan|inf|N/A))", re.IGNORECASE
)
_AFTER = frozenset("\"',;|}])\\<`*")
"""Characters that may follow the last figure of a row in an export of a viewer."""
_ROW_CHARACTERS: Final = 4000
_MOST_CELLS: Final = 64
_COLUMNS_OF_A_GROUP: Final = ("time", "algbw", "busbw", "#wrong")


@dataclass(frozen=True)
class Figure:
    """A printed number.

    Attributes:
        value: the number, perhaps nan or inf; None for `N/A`.
        error: half of the last printed digit's unit.
    """

    value: float | None
    error: float = 0.0


@dataclass(frozen=True)
class Group:
    """Figures of one way, out of place or in place.

    Attributes:
        time: microseconds.
        algorithm_bandwidth: GB/s.
        bus_bandwidth: GB/s.
        wrong: wrong values; None where the layout doesn't count them.
    """

    time: Figure
    algorithm_bandwidth: Figure
    bus_bandwidth: Figure
    wrong: Figure | None = None

    @property
    def factor(self) -> tuple[float, float] | None:
        """Bus bandwidth by algorithm bandwidth, from and to, as far as printed digits say; None where they don't."""
        bus, algorithm = self.bus_bandwidth, self.algorithm_bandwidth
        if bus.value is None or algorithm.value is None or not 1 <= algorithm.value < float("inf"):
            return None
        if not 0 < bus.value < float("inf"):
            return None
        low, high = algorithm.value - algorithm.error, algorithm.value + algorithm.error
        return (bus.value - bus.error) / high, (bus.value + bus.error) / low


@dataclass(frozen=True)
class Row:
    """Results for one message size.

    Attributes:
        size_bytes: size of the message.
        count: elements, as the row has them.
        element_type: such as `float`.
        operation: reduction, such as `sum`; `none` or None where there is none.
        root: rank of the root; -1 where the collective has none, None where the layout doesn't show it.
        groups: figures, out of place and, where it was run, in place.
    """

    size_bytes: int
    count: int
    element_type: str
    operation: str | None
    root: int | None
    groups: tuple[Group, ...]

    @property
    def bus_bandwidths(self) -> tuple[float, ...]:
        """Bus bandwidth of each way, GB/s; nan where it is no number."""
        return tuple(
            math.nan if group.bus_bandwidth.value is None else group.bus_bandwidth.value for group in self.groups
        )

    @property
    def bus_bandwidth(self) -> float:
        """Bus bandwidth of the slower way; nan where one is no finite number."""
        return min(self.bus_bandwidths) if all(map(math.isfinite, self.bus_bandwidths)) else math.nan

    @property
    def wrong(self) -> float | None:
        """Wrong values of all ways; None where they weren't counted."""
        counted = [group.wrong.value for group in self.groups if group.wrong and group.wrong.value is not None]
        return sum(counted) if counted else None

    @property
    def is_consistent(self) -> bool:
        """True if both ways' figures agree on the collective; a row that was put together wrongly doesn't."""
        factors = [factor for group in self.groups if (factor := group.factor)]
        counts = [group.wrong.value for group in self.groups if group.wrong and group.wrong.value is not None]
        if any(not math.isfinite(count) or count != int(count) for count in counts):
            return False
        # The bus bandwidth of one rank is 0 in both ways.
        if (
            len(
                {group.bus_bandwidth.value == 0 for group in self.groups if (group.algorithm_bandwidth.value or 0) >= 1}
            )
            > 1
        ):
            return False
        return all(max(a[0], b[0]) <= min(a[1], b[1]) * 1.001 for a, b in pairwise(factors))


@dataclass(frozen=True)
class Layout:
    """Columns of a table.

    Attributes:
        columns: names of the columns after the type.
    """

    columns: tuple[str, ...] = ("redop", "root", *_COLUMNS_OF_A_GROUP, *_COLUMNS_OF_A_GROUP)

    @property
    def has_root(self) -> bool:
        """True if the table has a column for the root."""
        return "root" in self.columns

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of the columns of figures."""
        return tuple(name for name in self.columns if name not in {"redop", "op", "root"})

    def groups_at(self) -> list[dict[str, int]]:
        """Places of time, bandwidths and wrong values among the figures, by group."""
        found: list[dict[str, int]] = []
        for place, name in enumerate(self.figures):
            if name in {"time", "cputime"}:
                found.append({})
            if found:
                found[-1].setdefault({"cputime": "time", "res": "error"}.get(name, name), place)
        return [places for places in found if {"time", "algbw", "busbw"} <= places.keys()]


DEFAULT_LAYOUT: Final = Layout()
_ITERATIONS: Final = ("i_min", "i_max", "i_p99", "i_cv%")
OTHER_LAYOUTS: Final = (
    Layout(("redop", "root", *2 * (*_COLUMNS_OF_A_GROUP, *_ITERATIONS))),
    DEFAULT_LAYOUT,
    Layout(("redop", *2 * _COLUMNS_OF_A_GROUP)),
)
"""Layouts of rows that the head, where it was cut, doesn't fit."""
_HEAD = re.compile(r"\btype\b[ \t]+((?:[#A-Za-z][A-Za-z0-9_%#/-]{0,24}[ \t]*){3,40})")


def layout_of(line: str) -> Layout | None:
    """Columns of the table whose head this line is; None where it is none, or is cut."""
    if "algbw" not in line or "busbw" not in line or (head := _HEAD.search(line[:_ROW_CHARACTERS])) is None:
        return None
    found = Layout(tuple(head.group(1).lower().split()))
    return found if found.groups_at() else None


def figure(text: str) -> Figure | None:
    """Number of a cell; None where it isn't one."""
    found = _NUMBER.match(text)
    if found is None or (found.end() < len(text) and text[found.end()] not in _AFTER):
        return None
    _, whole, decimals, exponent, word = found.groups()
    if word is not None:
        return Figure(None) if word.lower() == "n/a" else Figure(float(found.group(1) + word))
    value = float(found.group(0))
    error = 0.5 * 10.0 ** (int(exponent or 0) - len(decimals or ""))
    return Figure(value, error if whole else 0.0)


def parse_row(text: str, layout: Layout | None) -> Row | None:
    """Row that a text holds, wherever it begins; None where there is none, or it isn't whole.

    Args:
        text: a line, or the parts of one that was cut.
        layout: columns of its table. Default: those of today's nccl-tests.
    """
    begin = ROW.search(text)
    if begin is None:
        return None
    cells = text[begin.end() : begin.end() + _ROW_CHARACTERS].split(maxsplit=_MOST_CELLS)[:_MOST_CELLS]
    operation = None
    if cells and figure(cells[0]) is None and re.fullmatch(r"[a-z]{2,12}", cells[0]):
        operation, cells = cells[0], cells[1:]
    figures: list[Figure] = []
    for cell in cells:
        if (found := figure(cell)) is None:
            break
        figures.append(found)
    known = layout or DEFAULT_LAYOUT
    # Where the head is missing, a row of eight figures is one of the layouts without a root.
    has_root = known.has_root and (layout is not None or len(figures) != 2 * len(_COLUMNS_OF_A_GROUP))
    root = None
    if figures and has_root and re.fullmatch(r"-?[0-9]{1,7}", cells[0]):
        root, figures = int(cells[0]), figures[1:]
    places = known.groups_at()
    if len(figures) <= _last_needed(places):
        return None
    groups = tuple(_group(figures, at) for at in places)
    return Row(int(begin.group(1)), int(begin.group(2)), begin.group(3), operation, root, groups)


def _last_needed(places: Sequence[dict[str, int]]) -> int:
    """Place of the last figure without which a row isn't whole; what other tools add after it may lack."""
    return max(place for group in places for name, place in group.items() if name in _NEEDED)


_NEEDED: Final = frozenset((*_COLUMNS_OF_A_GROUP, "error", "i_min", "i_max", "i_p99", "i_cv%"))


def _group(figures: Sequence[Figure], at: dict[str, int]) -> Group:
    wrong = figures[at["#wrong"]] if "#wrong" in at else None
    return Group(figures[at["time"]], figures[at["algbw"]], figures[at["busbw"]], wrong)
