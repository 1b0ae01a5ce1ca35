"""Results that nccl-tests writes as JSON (`-J`), versions 1 to 3. Standard library only."""

from typing import Any, Final

from ultrafleet.acceptance.figures import Figure, Group, Row
from ultrafleet.acceptance.lines import Document
from ultrafleet.acceptance.runs import Rank, Run

_ERROR: Final = 0.005
"""Documents have six decimals; two are enough to know a collective by its figures."""
_MOST: Final = 30_000


def run_of(document: Document) -> Run:
    """Run that a document describes."""
    config = document["config"]
    run = Run(starts=1, has_table=True, collective=_collective(document.get("args")))
    run.min_bytes, run.max_bytes = _whole(config.get("minimum_bytes")), _whole(config.get("maximum_bytes"))
    factor, step = _whole(config.get("step_factor")), _whole(config.get("step_bytes"))
    run.step, run.step_is_factor = (step, False) if factor is None and step is not None else (factor or 2, True)
    run.validation = _whole(config.get("validation"))
    run.ranks = _ranks(config)
    for item in document["results"][:_MOST]:
        row = _row(item) if isinstance(item, dict) else None
        if row is None:
            run.broken_sizes.append(_whole(item.get("size")) or 0 if isinstance(item, dict) else 0)
        else:
            run.rows.append(row)
    run.is_overfull = len(document["results"]) > _MOST
    bounds, average = document.get("out_of_bounds"), document.get("average_bus_bandwidth")
    if isinstance(bounds, dict):
        okay = str(bounds.get("okay")).lower() == "true"
        run.out_of_bounds = (_whole(bounds.get("count")) or 0, "OK" if okay else "FAILED")
    if isinstance(average, dict) and (mean := _figure(average.get("bandwidth"))) is not None:
        run.averages, run.average_bus_bandwidth = 1, mean.value
        # Where memory allows less than the maximum, the document names the higher one; its summary proves the end.
        run.max_bytes = None
        run.own_verdict = "FAILED" if str(average.get("okay")).lower() == "false" else None
    errors = document.get("errors")
    if isinstance(errors, list):
        run.last_error = next((error for error in errors if isinstance(error, str) and error), None)
    return run


def _collective(args: Any) -> str | None:  # noqa: ANN401 - JSON
    """Name of the program, which is the name of the test."""
    if not isinstance(args, list) or not args or not isinstance(args[0], str):
        return None
    name = args[0].rpartition("/")[2]
    return name if name.endswith(("_perf", "_perf_mpi")) else None


def _ranks(config: dict[str, Any]) -> list[Rank]:
    """Ranks; of a process with several accelerators nccl-tests writes the first alone."""
    devices = config.get("devices")
    listed = [item for item in devices if isinstance(item, dict)] if isinstance(devices, list) else []
    own = max(1, (_whole(config.get("nthreads")) or 1) * (_whole(config.get("ngpus")) or 1))
    numbers = [_whole(item.get("rank")) for item in listed]
    skips = own > 1 and all(number is not None and number % own == 0 for number in numbers)
    found = []
    for item, number in zip(listed, numbers, strict=True):
        for at in range(own if skips else 1):
            device = (_whole(item.get("device")) or 0) + at
            found.append(Rank((number or 0) + at, _whole(item.get("group")) or 0, str(item.get("hostname")), device))
            if len(found) >= _MOST:
                return found
    return found


def _row(item: dict[str, Any]) -> Row | None:
    size, count = _whole(item.get("size")), _whole(item.get("count"))
    groups = [_group(item[way]) for way in ("out_of_place", "in_place") if isinstance(item.get(way), dict)]
    if size is None or count is None or not groups or None in groups:
        return None
    root = str(item.get("root", "")).strip()
    operation = item.get("redop")
    return Row(
        size,
        count,
        str(item.get("type")),
        operation if isinstance(operation, str) else None,
        int(root) if root.lstrip("-").isdecimal() and root.isascii() else None,
        tuple(group for group in groups if group is not None),
    )


def _group(way: dict[str, Any]) -> Group | None:
    time = way.get("time", way.get("cpu_time"))
    figures = [_figure(value) for value in (time, way.get("alg_bw"), way.get("bus_bw"))]
    if any(figure is None for figure in figures):
        return None
    times, algorithm, bus = (figure for figure in figures if figure is not None)
    wrong = way.get("nwrong")
    return Group(times, algorithm, bus, Figure(None) if wrong is None else _figure(wrong) or Figure(float("nan")))


def _figure(value: Any) -> Figure | None:  # noqa: ANN401 - JSON
    """Number; nccl-tests writes nan as a text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return Figure(float(value), _ERROR)
    except (ValueError, OverflowError):
        return None


def _whole(value: Any) -> int | None:  # noqa: ANN401 - JSON
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63 else None
