"""Bandwidth between pairs of GPUs, as nvbandwidth reports it in JSON. Standard library only."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

ONE_NODE_TEST = "device_to_device_memcpy_read_ce"
"""Reads between the GPUs of one process (nvbandwidth's README and output, high)."""

ALL_NODES_TEST = "multinode_device_to_device_memcpy_read_ce"
"""Reads between the GPUs of all ranks; a build with `-DMULTINODE=1` has it (nvbandwidth's README, high)."""

LEAST_PART = 0.9
"""Least part of what others reach (our choice): pairs of published GB200 matrices differ by a few per cent at most."""

_NOT_RUN = ("Not Found", "Waived")  # nvbandwidth, json_output.cpp, high


@dataclass(frozen=True)
class PairResults:
    """Result of a run of nvbandwidth.

    Attributes:
        matrix: GB/s by reading GPU and read GPU; None where nothing was measured, as from a GPU to itself.
        error: why there is no result.
        not_run: true if the test isn't in this build, or doesn't fit the machine.
    """

    matrix: tuple[tuple[float | None, ...], ...] = ()
    error: str | None = None
    not_run: bool = False


def parse_pairs(text: str, test: str) -> PairResults:
    """Results of a test in nvbandwidth's JSON, whatever stands before it.

    Args:
        text: what it printed.
        test: name of the test.
    """
    report = _report(text)
    if report is None:
        return PairResults(error="nvbandwidth printed no JSON")
    found = [item for item in _list(report.get("testcases")) if isinstance(item, dict) and item.get("name") == test]
    if not found:
        return PairResults(error=str(report.get("error") or f"nvbandwidth says nothing of {test}")[:300])
    (case, *_) = found
    if case.get("status") in _NOT_RUN:
        return PairResults(not_run=True)
    if case.get("status") != "Passed":
        return PairResults(error=str(case.get("error") or report.get("error") or case.get("status"))[:300])
    return PairResults(
        matrix=tuple(tuple(_number(cell) for cell in _list(row)) for row in _list(case.get("bandwidth_matrix")))
    )


def slow_gpus(matrix: Sequence[Sequence[float | None]]) -> dict[int, float]:
    """GPUs all of whose pairs are slow, or nearly all: GB/s of its better pairs, by number of the GPU."""
    usual = _usual(matrix)
    found = {}
    for gpu, row in enumerate(matrix):
        own = _usual([row, [other[gpu] for other in matrix if gpu < len(other)]])
        if 0 < own < LEAST_PART * usual:
            found[gpu] = own
    return found


def slow_pairs(matrix: Sequence[Sequence[float | None]]) -> dict[tuple[int, int], float]:
    """Slow pairs of GPUs that are not slow as a whole: GB/s by numbers of the GPUs."""
    usual = _usual(matrix)
    slow = slow_gpus(matrix)
    return {
        (gpu, other): cell
        for gpu, row in enumerate(matrix)
        for other, cell in enumerate(row)
        if cell is not None and cell < LEAST_PART * usual and gpu not in slow and other not in slow
    }


def _usual(matrix: Sequence[Sequence[float | None]]) -> float:
    """Bandwidth of good pairs: the upper quartile, since one slow GPU of four is in half of their pairs."""
    measured = sorted(cell for row in matrix for cell in row if cell is not None)
    return measured[len(measured) * 3 // 4] if measured else 0.0


def _report(text: str) -> dict[str, Any] | None:
    start = text.find("{")
    # What mpirun warns of may have braces, too; a bounded number of them is tried.
    for _ in range(100):
        if start < 0:
            return None
        try:
            value, _end = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict) and isinstance(value.get("nvbandwidth"), dict):
            return dict(value["nvbandwidth"])
        start = text.find("{", start + 1)
    return None


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON
    return value if isinstance(value, list) else []


def _number(cell: Any) -> float | None:  # noqa: ANN401 - any JSON
    try:
        number = float(cell)
    except (TypeError, ValueError):
        return None
    # A GPU's own place holds 0 in older versions, N/A in newer ones (its README and published logs, high).
    return number if math.isfinite(number) and number > 0 else None
