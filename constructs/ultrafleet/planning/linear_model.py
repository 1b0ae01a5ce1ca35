"""Mixed-integer linear model as lists, in parts that have nothing in common."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

INFINITY = float("inf")
Entries = Sequence[tuple[int, float]]
"""Columns and their coefficients."""


@dataclass
class LinearModel:
    """Model: columns with cost and bounds, rows with entries and bounds; the sum of costs is minimised.

    Attributes:
        cost: of a unit of each column.
        lower: bound of each column.
        upper: bound of each column.
        integer: whether each column is whole.
        rows: entries of each row.
        row_lower: bound of each row.
        row_upper: bound of each row.
    """

    cost: list[float] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    integer: list[bool] = field(default_factory=list)
    rows: list[Entries] = field(default_factory=list)
    row_lower: list[float] = field(default_factory=list)
    row_upper: list[float] = field(default_factory=list)

    def column(
        self, *, cost: float = 0.0, lower: float = 0.0, upper: float = INFINITY, is_integer: bool = False
    ) -> int:
        """Add a column and return its number."""
        self.cost.append(cost)
        self.lower.append(lower)
        self.upper.append(upper)
        self.integer.append(is_integer)
        return len(self.cost) - 1

    def row(self, entries: Entries, *, lower: float = -INFINITY, upper: float = INFINITY) -> None:
        """Add a row; entries of one column are added up."""
        self.rows.append(entries)
        self.row_lower.append(lower)
        self.row_upper.append(upper)

    def parts(self) -> list["Part"]:
        """Parts of the model that share no row; columns in no row are left out."""
        parent = list(range(len(self.cost)))

        def root(column: int) -> int:
            while parent[column] != column:
                parent[column] = parent[parent[column]]
                column = parent[column]
            return column

        for entries in self.rows:
            for column, _ in entries[1:]:
                parent[root(column)] = root(entries[0][0])
        rows: dict[int, list[int]] = {}
        for number, entries in enumerate(self.rows):
            rows.setdefault(root(entries[0][0]), []).append(number)
        columns: dict[int, list[int]] = {}
        for column in range(len(parent)):
            columns.setdefault(root(column), []).append(column)
        return [self._part(columns[key], numbers) for key, numbers in rows.items()]

    def _part(self, columns: list[int], rows: Iterable[int]) -> "Part":
        place = {column: number for number, column in enumerate(columns)}
        part = LinearModel(
            [self.cost[column] for column in columns],
            [self.lower[column] for column in columns],
            [self.upper[column] for column in columns],
            [self.integer[column] for column in columns],
        )
        for number in rows:
            part.row(
                [(place[column], value) for column, value in self.rows[number]],
                lower=self.row_lower[number],
                upper=self.row_upper[number],
            )
        return Part(part, columns)


@dataclass
class Part:
    """Part of a model.

    Attributes:
        model: the part as a model of its own.
        columns: numbers of its columns in the whole model.
    """

    model: LinearModel
    columns: list[int]
