"""Output of Neuron's nccom-test, read and judged: Trainium's counterpart of nccl-tests. Standard library only.

Columns, units and words are those of the nccom-test user guide (aws-neuron-sdk @81ce03ae, high). Its GB/s are GiB/s. It
says neither how many ranks took part nor what carried the bytes: ranks follow from the two bandwidths of a row, whose
quotient is 2(r - 1)/r for an all-reduce of r ranks; the path is the run's, which sets the runtime's mode.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ultrafleet.acceptance.thresholds import Threshold, UnknownThresholdError, efa_limit_gbs, node_type
from ultrafleet.acceptance.verdict import AcceptanceFinding, Verdict

NEURON_PATHS = ("neuronlink", "efa", "node")
"""NeuronLink: between all nodes of an UltraServer. EFA: between nodes whose NeuronLink is off. Node: in one node."""

GIB, GB = 1 << 30, 10**9

_LARGEST = 1 << 30
"""The guide's tables stop growing at 1 GiB; a run that ends below is refused (our choice)."""

_SIZE, _TYPE, _ALGORITHM, _BUS = "size(B)", "type", "algbw(GB/s)", "busbw(GB/s)"
_TYPES = re.compile(r"u?int(?:8|16|32)|fp8(?:e4)?|fp16|bf16|fp32")
_MOST_COLUMNS, _MOST_LINE = 64, 4096
_GLUED = re.compile(r"(?:[^\s]{0,200}[:\]>|])?(\d{1,18})")
_AVERAGE = re.compile(r"Avg bus bandwidth:\s{0,16}([-+.\w]{1,32}?)GB/s")
_ERRORS = re.compile(r"(\d{1,9}) errors? found")
_FAILED = "Failure running neuron-bench"
_DRIVER = "Neuron DKMS Driver is not running"
_ROUNDED = 0.005
"""Half of the last digit of a bandwidth in the table."""
_LEAST_TO_COUNT = 2.0
"""GiB/s from which the two rounded bandwidths of a row tell 128 ranks from 256."""


@dataclass(frozen=True)
class NccomRow:
    """Results for one message size.

    Attributes:
        size_bytes: size of the message.
        algorithm_bandwidth: GiB/s of size by time.
        bus_bandwidth: GiB/s of one rank.
        exact: whether the bandwidths are not rounded, as in a report file.
    """

    size_bytes: int
    algorithm_bandwidth: float
    bus_bandwidth: float
    exact: bool = False


@dataclass
class NccomRun:
    """One table of a log.

    Attributes:
        rows: message sizes, in order.
        average: average of the bus bandwidths at the table's end; None where the end is missing.
        failures: what went wrong in it, in nccom-test's words.
        broken_rows: rows that end in the middle.
    """

    rows: list[NccomRow] = field(default_factory=list)
    average: float | None = None
    failures: list[str] = field(default_factory=list)
    broken_rows: int = 0


def parse_nccom_log(text: str) -> list[NccomRun]:
    """The tables of a log, whatever a viewer put before its lines, or of a report file.

    Args:
        text: what nccom-test printed, or the content of `--report-to-json-file`.
    """
    if text.lstrip().startswith("{"):
        report = _report(text)
        if report is not None:
            return [report]
    runs: list[NccomRun] = []
    columns: list[str] = []
    for raw in text.replace("\r", "\n").split("\n"):
        line = raw[:_MOST_LINE]
        if _SIZE in line and _BUS in line:
            columns = line[line.index(_SIZE) :].split()[:_MOST_COLUMNS]
            runs.append(NccomRun())
        elif _DRIVER in line:
            runs.append(NccomRun(failures=["the Neuron driver doesn't run"]))
        elif runs:
            _take(runs[-1], line, columns)
    return runs


def _take(run: NccomRun, line: str, columns: Sequence[str]) -> None:
    """Read one line into its table."""
    if average := _AVERAGE.search(line):
        run.average = _number(average.group(1))
    elif (errors := _ERRORS.search(line)) and int(errors.group(1)):
        run.failures.append(f"{errors.group(1)} errors found")
    elif _FAILED in line:
        run.failures.append(" ".join(line[line.index(_FAILED) :].split())[:200])
    elif run.average is None:
        _row(run, line.split(), columns)


def _row(run: NccomRun, cells: Sequence[str], columns: Sequence[str]) -> None:
    """A row has a cell for each column, counted from its end: what a viewer puts before it isn't one."""
    own = cells[-len(columns) :]
    size = _GLUED.fullmatch(own[0]) if own else None
    values = dict(zip(columns, own, strict=False))
    algorithm, bus = _number(values.get(_ALGORITHM, "")), _number(values.get(_BUS, ""))
    whole = len(own) == len(columns) and _TYPES.fullmatch(values.get(_TYPE, "")) is not None
    if size is not None and whole and algorithm is not None and bus is not None:
        run.rows.append(NccomRow(int(size.group(1)), algorithm, bus))
    elif len(cells) > 1 and cells[0].isdecimal() and cells[1].isdecimal():  # a size and a count
        run.broken_rows += 1


def _report(text: str) -> NccomRun | None:
    try:
        found = json.loads(text)
        results = found["results"]
        rows = [NccomRow(int(item[_SIZE]), float(item[_ALGORITHM]), float(item[_BUS]), exact=True) for item in results]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    # A report is written when the run is over.
    return NccomRun(rows=rows, average=sum(row.bus_bandwidth for row in rows) / len(rows) if rows else None)


def nccom_threshold(
    instance_type: str | None,
    path: str,
    *,
    min_bus_bandwidth_gbs: float | None = None,
) -> Threshold:
    """The floor of a type of Trainium on a path: the caller's, because no source publishes one.

    Args:
        instance_type: such as `trn2u.48xlarge`.
        path: "neuronlink", "efa" or "node".
        min_bus_bandwidth_gbs: a floor in nccom-test's GB/s, which are GiB/s.

    Raises:
        UnknownThresholdError: none was passed. A node alone is judged without a floor then.
        ValueError: another path, or a floor that isn't positive.
    """
    if path not in NEURON_PATHS:
        raise ValueError(f"path is {path!r}, expected one of {', '.join(NEURON_PATHS)} on Trainium: choose one")
    if min_bus_bandwidth_gbs is None and path == "node":
        return Threshold(None, _LARGEST, "no source states one", "low")
    if min_bus_bandwidth_gbs is None:
        raise UnknownThresholdError(
            f"no floor is published for {instance_type or 'an unnamed type'} over {path}, expected what a good node of "
            "yours reaches, in nccom-test's GB/s: pass --min-bus-bandwidth-gbs"
        )
    if not 0 < min_bus_bandwidth_gbs < math.inf:
        raise ValueError(f"min_bus_bandwidth_gbs is {min_bus_bandwidth_gbs}, expected GB/s above 0: pass another")
    limit = efa_limit_gbs(node_type(instance_type), nodes=None, ranks=None) if path == "efa" else None
    impossible = limit * GB / GIB if limit is not None else None
    return Threshold(min_bus_bandwidth_gbs, _LARGEST, "caller", impossible_above_gbs=impossible)


def judge_nccom(
    text: str, *, path: str, floor: Threshold, expected_ranks: int | None = None, min_largest: int | None = None
) -> Verdict:
    """Judge the log of an all-reduce by nccom-test. Every table in it has to pass, by its largest size's slowest row.

    Args:
        text: what it printed, or its report file.
        path: "neuronlink", "efa" or "node".
        floor: what it has to reach.
        expected_ranks: logical NeuronCores that had to take part. Default: not looked at.
        min_largest: size in bytes that the run has to reach. Default: the floor's.
    """
    runs = parse_nccom_log(text)
    findings = [finding for run in runs for finding in _findings(run, floor, expected_ranks, min_largest)]
    if not any(run.rows or run.failures or run.broken_rows for run in runs):
        findings.append(
            AcceptanceFinding("no-results", "the log has no row of results, expected an nccom-test run: run it again")
        )
    notes = []
    if path != "node":
        notes.append(
            f"nccom-test doesn't say what carries the bytes: that it was {path} is the run's mode of the runtime"
        )
    counted = any(_counts(row) for run in runs for row in _largest(run))
    if expected_ranks is not None and not counted:
        notes.append("the bandwidths are too low to say how many ranks took part")
    judged = [row for run in runs for row in _largest(run)]
    slowest = min(judged, key=lambda row: row.bus_bandwidth, default=None)
    return Verdict(
        passed=not findings,
        findings=tuple(dict.fromkeys(findings)),
        notes=tuple(notes),
        bus_bandwidth_gbs=slowest.bus_bandwidth if slowest else None,
        size_bytes=slowest.size_bytes if slowest else None,
        ranks=_seen(runs, findings, expected_ranks if counted else None),
    )


def _seen(runs: Sequence[NccomRun], findings: Sequence[AcceptanceFinding], fitting: int | None) -> int | None:
    """Ranks that took part: the expected ones where the figures fit them, else those that the figures say alone."""
    if fitting is not None and not any(finding.code in {"ranks", "not-all-reduce"} for finding in findings):
        return fitting
    return next((count for run in runs for count in (_ranks(run),) if count is not None), None)


def _largest(run: NccomRun) -> list[NccomRow]:
    most = max((row.size_bytes for row in run.rows), default=0)
    return [row for row in run.rows if row.size_bytes == most]


def _findings(
    run: NccomRun, floor: Threshold, expected_ranks: int | None, min_largest: int | None
) -> Iterator[AcceptanceFinding]:
    for failure in run.failures:
        yield AcceptanceFinding(
            "failed", f"nccom-test says: {failure}, expected none: read the log of neuron-bench and `dmesg` on the node"
        )
    if (run.average is None or run.broken_rows) and not run.failures:
        end = f"after {run.rows[-1].size_bytes} bytes" if run.rows else "before its first row"
        yield AcceptanceFinding(
            "truncated", f"the table ends {end}, expected its average: the run hung, was killed, or was cut"
        )
    if not run.rows:
        return
    last = min(_largest(run), key=lambda row: row.bus_bandwidth)
    least = floor.min_largest_bytes if min_largest is None else min_largest
    if last.size_bytes < least:
        yield AcceptanceFinding(
            "too-small", f"the largest message is {last.size_bytes} bytes, expected {least} or more: run to -e {least}"
        )
    yield from _rank_findings(run, expected_ranks)
    if floor.impossible_above_gbs is not None and last.bus_bandwidth > floor.impossible_above_gbs:
        yield AcceptanceFinding(
            "too-fast",
            f"the bus bandwidth is {last.bus_bandwidth} GB/s, expected at most {floor.impossible_above_gbs:.0f}: "
            "NeuronLink carried it, set NEURON_RT_ULTRASERVER_MODE=4 on every node",
        )
    # Written so that nan fails.
    if not (floor.bus_bandwidth_gbs or 0) <= last.bus_bandwidth < math.inf:
        yield AcceptanceFinding(
            "bandwidth",
            f"the bus bandwidth is {last.bus_bandwidth} GB/s at {last.size_bytes} bytes, expected "
            f"{floor.bus_bandwidth_gbs or 0} or more ({floor.source}, {floor.confidence}): test the nodes one by one "
            "to find the slow one",
        )


def _rank_findings(run: NccomRun, expected: int | None) -> Iterator[AcceptanceFinding]:
    """The collective and its ranks, from the quotient of the two bandwidths."""
    rows = [row for row in _largest(run) if _counts(row)]
    for row in rows:
        factor, slack = row.bus_bandwidth / row.algorithm_bandwidth, _slack(row)
        if factor < 1 - slack or factor >= 2 + slack:
            yield AcceptanceFinding(
                "not-all-reduce",
                f"bus and algorithm bandwidth are {factor:.3f} to one, expected 1 to 2: another collective ran, floors "
                "are for allr",
            )
            return
        if expected is not None and expected > 1 and abs(factor - 2 * (expected - 1) / expected) > slack:
            yield AcceptanceFinding(
                "ranks",
                f"the bandwidths are those of {_ranks(run) or 'another number of'} ranks, expected {expected}: nodes "
                "or NeuronCores are missing, or another collective ran",
            )
            return


def _counts(row: NccomRow) -> bool:
    return row.exact or _LEAST_TO_COUNT <= row.algorithm_bandwidth < math.inf


def _slack(row: NccomRow) -> float:
    """Tolerance of rounding in the quotient of a row's bandwidths."""
    return 1e-6 if row.exact else 3 * _ROUNDED / row.algorithm_bandwidth


def _ranks(run: NccomRun) -> int | None:
    """Ranks by the largest size; None where the figures are too rounded."""
    for row in _largest(run):
        if not _counts(row) or not 0 < row.bus_bandwidth < math.inf:
            continue
        factor, slack = row.bus_bandwidth / row.algorithm_bandwidth, _slack(row)
        lowest, highest = 2 / max(2 - factor + slack, 1e-12), 2 / max(2 - factor - slack, 1e-12)
        nearest = round(2 / max(2 - factor, 1e-12))
        if math.ceil(lowest) == math.floor(highest) == nearest or (row.exact and nearest < GIB):
            return nearest
    return None


def looks_like_nccom(text: str) -> bool:
    """True if a log has a table or a report of nccom-test."""
    return bool(parse_nccom_log(text))


def _number(text: str) -> float | None:
    """A number as printf writes it; `nan` and `inf` are numbers, too, and judged later."""
    try:
        return float(text)
    except ValueError:
        return None
