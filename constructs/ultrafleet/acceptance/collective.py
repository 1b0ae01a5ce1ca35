"""Collective and size of the communicator, as the figures of a run show them. Standard library only."""

import math
from collections.abc import Iterator
from typing import Final

from ultrafleet.acceptance.figures import TYPE_BYTES, Row
from ultrafleet.acceptance.runs import Run

_ALL_REDUCE: Final = "all_reduce_perf"
_OPERATIONS: Final = frozenset({"sum", "prod", "max", "min", "avg", "mulsum"})
_SLACK: Final = 1.0005
"""Figures are rounded from others that were rounded, so that digits deviate by more than half a unit (our choice)."""
_WHOLE: Final = 1e-6
_MOST_RANKS: Final = 1 << 20
_COUNTED_BYTES: Final = 1 << 20
"""Sizes from which a count of size by ranks can't be one of rounding."""


def ranks_by_figures(run: Run) -> tuple[int, int] | None:
    """Smallest and largest number of ranks that bus and algorithm bandwidth agree with, if the run is an all-reduce.

    The factor between them is 2(n-1)/n. None where no row shows it.
    """
    low, high = 2, _MOST_RANKS
    seen = False
    for factor in _factors(run):
        seen = True
        least, most = _ranks(factor[0] / _SLACK), _ranks(factor[1] * _SLACK)
        low = max(low, _MOST_RANKS if least == math.inf else math.ceil(least - _WHOLE))
        high = min(high, _MOST_RANKS if most == math.inf else math.floor(most + _WHOLE))
    return (low, high) if seen else None


def other_collective(run: Run, ranks: int | None) -> str | None:
    """Collective that a run is instead of an all-reduce, or why it can't be known; None where it is one.

    Args:
        run: the run.
        ranks: ranks of its communicator, where they are known.
    """
    if run.collective is not None and _ALL_REDUCE not in run.collective:
        return run.collective
    operations = {row.operation for row in run.rows if row.operation is not None}
    if odd := operations - _OPERATIONS:
        return f"one with the operation {', '.join(sorted(odd))}"
    if any(row.root is not None and row.root >= 0 for row in run.rows):
        return "one with a root"
    if any(_counts_by_rank(row) for row in run.rows):
        return "one whose count is the size by ranks, such as all-gather, reduce-scatter or all-to-all"
    return _by_factor(run, ranks)


def _by_factor(run: Run, ranks: int | None) -> str | None:
    factors = list(_factors(run))
    if any(high < 1 / _SLACK for _, high in factors):
        return "one whose bus bandwidth is below its algorithm bandwidth, such as all-gather or all-to-all"
    plain = any(low / _SLACK <= 1 <= high * _SLACK for low, high in factors)
    if plain and run.collective is None and (ranks is None or ranks > 2):  # noqa: PLR2004 - two ranks have the factor 1
        return "one whose bus and algorithm bandwidth are the same, such as send-receive, broadcast or reduce"
    return None


def is_ambiguous(run: Run, ranks: int | None) -> bool:
    """True if the figures are those of an all-reduce and of others: with two ranks all have the factor 1."""
    return run.collective is None and ranks == 2 and bool(run.rows)  # noqa: PLR2004


def _factors(run: Run) -> Iterator[tuple[float, float]]:
    for row in run.largest_rows:
        for group in row.groups:
            if (factor := group.factor) is not None:
                yield factor


def _ranks(factor: float) -> float:
    """Ranks of an all-reduce with this factor; infinite where it is that of no number of ranks."""
    return 2 / (2 - factor) if factor < 2 else math.inf  # noqa: PLR2004 - 2(n-1)/n


def _counts_by_rank(row: Row) -> bool:
    """True if the elements of a row are fewer than its bytes hold."""
    width = TYPE_BYTES.get(row.element_type)
    return width is not None and row.size_bytes >= _COUNTED_BYTES and row.count * width < 0.75 * row.size_bytes
