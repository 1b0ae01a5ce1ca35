"""Verdict on a pool from its nccl-tests log. Standard library only."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ultrafleet.acceptance.advice import advice_on
from ultrafleet.acceptance.collective import is_ambiguous, other_collective, ranks_by_figures
from ultrafleet.acceptance.lines import Readable
from ultrafleet.acceptance.nccl_log import parse_nccl_log
from ultrafleet.acceptance.runs import NcclLog, Run
from ultrafleet.acceptance.thresholds import Threshold, efa_limit_gbs, nvlink_limit_gbs
from ultrafleet.acceptance.transport import (
    NETWORKS,
    AcceptanceFinding,
    is_one_host,
    transport_findings,
    transport_notes,
)

__all__ = ["AcceptanceFinding", "Verdict", "communicator_ranks", "judge", "judge_log"]


_MOST = 50
"""Most findings and notes of a verdict."""


@dataclass(frozen=True)
class Verdict:
    """The verdict on a log.

    Attributes:
        passed: True if the pool passes.
        findings: reasons that it doesn't.
        notes: what couldn't be determined, and what costs bandwidth.
        bus_bandwidth_gbs: what was judged: the largest size's slowest bandwidth of all cycles and reductions, GB/s;
            None where there was no row, or no number.
        size_bytes: that size.
        ranks: ranks of the smallest communicator, where the log shows them.
        hosts: hosts that took part, as far as the log lists them.
    """

    passed: bool
    findings: tuple[AcceptanceFinding, ...]
    notes: tuple[str, ...]
    bus_bandwidth_gbs: float | None
    size_bytes: int | None
    ranks: int | None
    hosts: tuple[str, ...] = ()


def judge(log: str | Readable, *, path: str, floor: Threshold, expected_ranks: int | None = None) -> Verdict:
    """Judge the log of an all-reduce.

    The bandwidth is the largest message's, out of place or in place, in any cycle, reduction or type, whichever is the
    slowest: the average that nccl-tests prints is over all sizes, and small ones measure latency. Every run in the log
    has to pass. NCCL's statements on its transport count before any bandwidth.

    Args:
        log: what the job printed: text, or a binary stream.
        path: "nvlink", "efa", "roce" or "node".
        floor: what it has to reach, and what the instance type can't carry.
        expected_ranks: accelerators that had to take part. Default: not looked at.
    """
    return judge_log(parse_nccl_log(log), path=path, floor=floor, expected_ranks=expected_ranks)


def judge_log(log: NcclLog, *, path: str, floor: Threshold, expected_ranks: int | None = None) -> Verdict:
    """Judge a log that is read already; see `judge`."""
    runs = [run for run in log.runs if run.is_begun]
    silent = [run for run in log.runs if not run.is_begun]
    findings: list[AcceptanceFinding] = []
    notes: list[str] = []
    if not any(run.rows for run in runs):
        findings.append(
            AcceptanceFinding("no-results", "the log has no row of results, expected an nccl-tests run: run it again")
        )
        findings += [finding for run in silent for finding in transport_findings(run, path, floor.node)]
    for number, run in enumerate(runs, start=1):
        which = f"run {number} of {len(runs)}: " if len(runs) > 1 else ""
        judged = _Judged(run, path, floor, expected_ranks, is_alone=len(runs) == 1)
        findings += [replace(finding, message=which + finding.message) for finding in judged.findings()]
        notes += [which + note for note in judged.notes()]
    findings = list(dict.fromkeys(findings))[:_MOST]
    warned = advice_on(warning for run in log.runs for warning in run.info.warnings)
    if warned is not None and findings:
        findings[0] = replace(findings[0], message=f"{findings[0].message}; {warned}")
    elif warned is not None:
        notes.append(warned)
    rows = [row for run in runs for row in run.largest_rows]
    slowest = min(rows, key=lambda row: -1.0 if math.isnan(row.bus_bandwidth) else row.bus_bandwidth, default=None)
    value = slowest.bus_bandwidth if slowest is not None else math.nan
    return Verdict(
        passed=not findings,
        findings=tuple(findings),
        notes=tuple(dict.fromkeys(notes))[:_MOST],
        bus_bandwidth_gbs=None if math.isnan(value) else value,
        size_bytes=slowest.size_bytes if slowest is not None else None,
        ranks=min((size for run in runs if (size := communicator_ranks(run)) is not None), default=None),
        hosts=tuple(sorted({host for run in runs for host in run.hosts})),
    )


def communicator_ranks(run: Run) -> int | None:
    """Ranks of a run's smallest communicator; None where the log doesn't show them."""
    sizes = [size for size, _ in _stated_ranks(run)]
    if not sizes and (shown := ranks_by_figures(run)) is not None and shown[0] == shown[1]:
        return shown[0]
    return min(sizes, default=None)


def _stated_ranks(run: Run) -> Iterator[tuple[int, str]]:
    """Sizes of a run's communicators, and who states them. A log can begin after its first ranks."""
    groups = Counter(rank.group for rank in run.ranks)
    if len(groups) > 1:
        yield min(groups.values()), f"{len(groups)} groups of ranks"
    elif run.ranks:
        numbers = {rank.number for rank in run.ranks}
        yield (len(numbers) if len(numbers) < len(run.ranks) else run.largest_rank + 1), "the list of ranks"
    for size in run.info.communicator_ranks:
        yield size, "NCCL's nRanks"


@dataclass(frozen=True)
class _Judged:
    """A run and what it has to be."""

    run: Run
    path: str
    floor: Threshold
    expected_ranks: int | None
    is_alone: bool

    def findings(self) -> Iterator[AcceptanceFinding]:
        """Reasons that the run doesn't pass, what ended it first."""
        run = self.run
        processes = list(self._processes())
        yield from processes
        yield from self._completeness(is_one_process=not processes)
        yield from self._values()
        yield from self._ranks()
        if run.rows:
            ranks = communicator_ranks(run) or self.expected_ranks
            if (other := other_collective(run, ranks)) is not None:
                yield AcceptanceFinding(
                    "not-all-reduce", f"the run is {other}, expected all_reduce_perf: floors are for it"
                )
            yield from self._bandwidth()
        yield from transport_findings(run, self.path, self.floor.node)

    def notes(self) -> Iterator[str]:
        """Gaps of the log, and what costs bandwidth."""
        run = self.run
        yield from transport_notes(run, self.path, self.floor.node)
        if run.rows and (run.validation == 0 or not self._is_checked()):
            yield "values weren't checked, so that wrong ones would not be seen: run with -c 1"
        if run.broken_sizes and run.is_complete:
            yield f"{len(run.broken_sizes)} rows below the largest size end in the middle"
        if is_ambiguous(run, communicator_ranks(run)):
            yield "of two ranks an all-reduce and a send-receive have the same figures, and the log names no collective"
        if self.floor.bus_bandwidth_gbs is None:
            yield (
                "no source states a floor for this type on one node, so completeness, values and transport alone were "
                "judged: pass --min-bus-bandwidth-gbs"
            )
        if run.last_error is not None and run.last_error not in run.info.warnings:
            yield f"nccl-tests ends with NCCL's last error “{run.last_error}”"

    def _is_checked(self) -> bool:
        """True if wrong values of every row would be seen, in the row or, in old layouts, at the end."""
        counted = [row.wrong is not None for row in self.run.rows]
        counts_deltas = all(group.wrong is None for row in self.run.rows for group in row.groups)
        return all(counted) or (self.run.out_of_bounds is not None and counts_deltas)

    def _completeness(self, *, is_one_process: bool) -> Iterator[AcceptanceFinding]:
        """Reasons that the end isn't there; lines of several processes are in no order, and one cause is enough."""
        run = self.run
        if run.is_overfull:
            yield AcceptanceFinding("too-large", "the log has more runs, ranks or rows than are read: judge a part")
        has_results = run.rows or run.has_table or run.broken_sizes or not self.is_alone
        if not run.is_complete and is_one_process and has_results:
            end = f"after {run.rows[-1].size_bytes} bytes" if run.rows else "before its first row"
            if run.broken_sizes:
                end += f", with the row of {run.broken_sizes[-1]} bytes cut"
            yield AcceptanceFinding(
                "truncated", f"the run ends {end}, expected its average at the end: it hung, was killed, or was cut"
            )
        if run.failures:
            yield AcceptanceFinding(
                "failed", f"a process failed (“{run.failures[0]}”), expected all to end with 0: look at its pod's log"
            )
        if run.own_verdict == "FAILED":
            yield AcceptanceFinding(
                "failed", "nccl-tests itself calls the average FAILED, by NCCL_TESTS_MIN_BW: see why it is slow"
            )

    def _values(self) -> Iterator[AcceptanceFinding]:
        run = self.run
        out_of_bounds, verdict = run.out_of_bounds or (0, "OK")
        counted = sum(row.wrong for row in run.rows if row.wrong is not None)
        if counted > 0 or math.isnan(counted) or out_of_bounds or verdict != "OK":
            number = counted or out_of_bounds
            wrong = f"{number:.6g}" if number and not math.isnan(number) else "some"
            yield AcceptanceFinding("wrong-results", f"{wrong} values are wrong, expected none: replace nodes")

    def _processes(self) -> Iterator[AcceptanceFinding]:
        run = self.run
        repeated = Counter(rank.number for rank in run.ranks)
        times = max([run.starts, run.names, run.averages, *repeated.values()], default=0)
        if times > 1 or run.goes_on_after_end:
            yield AcceptanceFinding(
                "processes",
                f"rank 0 or the run's own lines are there {max(times, 2)} times, expected once: nccl-tests was built "
                "without MPI and each process tests its own accelerators; build it with MPI=1",
            )

    def _ranks(self) -> Iterator[AcceptanceFinding]:
        run, expected = self.run, self.expected_ranks
        groups = {rank.group for rank in run.ranks}
        if len(groups) > 1:
            yield AcceptanceFinding(
                "split",
                f"ranks are in {len(groups)} groups, expected one: each is a communicator of its own; unset "
                "NCCL_TESTS_SPLIT and NCCL_TESTS_SPLIT_MASK",
            )
        stated = dict(_stated_ranks(run))
        shown = ranks_by_figures(run) if run.rows and other_collective(run, expected) is None else None
        if expected is not None:
            odd = {size: who for size, who in stated.items() if size != expected}
            if odd or not (stated or shown):
                got, who = min(odd.items(), default=("no", "the log"))
                yield AcceptanceFinding(
                    "ranks",
                    f"{got} ranks took part, expected {expected} (by {who}): nodes or accelerators are missing",
                )
                return
        elif len(stated) > 1:
            told = ", ".join(f"{size} by {who}" for size, who in sorted(stated.items()))
            yield AcceptanceFinding("ranks", f"ranks are {told}, expected one number: judge each communicator")
            return
        size = expected if expected is not None else next(iter(stated), None)
        if shown is not None and size is not None and size > 1 and not shown[0] <= size <= shown[1]:
            likely = f"{shown[0]}" if shown[0] >= shown[1] else f"{shown[0]} to {shown[1]}"
            yield AcceptanceFinding(
                "ranks",
                f"bus and algorithm bandwidth are those of {likely} ranks, expected {size}: the communicator isn't the "
                "whole job",
            )

    def _bandwidth(self) -> Iterator[AcceptanceFinding]:
        run, floor = self.run, self.floor
        if run.largest_bytes < floor.min_largest_bytes and run.is_complete:
            yield AcceptanceFinding(
                "too-small",
                f"the largest message is {run.largest_bytes} bytes, expected {floor.min_largest_bytes} or more: "
                "run to -e 16G",
            )
        values = [row.bus_bandwidth for row in run.largest_rows]
        slowest = math.nan if any(map(math.isnan, values)) else min(values)
        if max(values) > (limit := self._limit()):
            yield AcceptanceFinding(
                "too-fast",
                f"the bus bandwidth is {max(values)} GB/s, expected at most {limit:.0f}, which "
                + (
                    f"{NETWORKS[self.path]} carries: NVLink carried it, set NCCL_MNNVL_ENABLE=0"
                    if self.path in NETWORKS
                    else "NVLink carries: nothing was sent; see whether nccl-tests was built for this GPU, with -c 1"
                ),
            )
        least = floor.bus_bandwidth_gbs
        # Written so that nan fails. Without a floor a bandwidth has to be one.
        if not (least if least is not None else _LEAST) <= slowest < math.inf:
            yield AcceptanceFinding(
                "bandwidth",
                f"the bus bandwidth is {slowest} GB/s at {run.largest_bytes} bytes, expected "
                f"{f'{least} or more' if least is not None else 'more than 0'} ({floor.source}, {floor.confidence}): "
                "test pairs of nodes to find the slow one",
            )

    def _limit(self) -> float:
        run, ranks = self.run, communicator_ranks(self.run)
        if self.floor.impossible_above_gbs is not None:
            return self.floor.impossible_above_gbs
        if self.path not in NETWORKS:
            return nvlink_limit_gbs(ranks=ranks)
        nodes = len(run.hosts) if is_one_host(run) is False and run.ranks else None
        accelerators = max([_NODE, *Counter(rank.host for rank in run.ranks).values()]) if run.ranks else None
        return efa_limit_gbs(self.floor.node, nodes=nodes, ranks=ranks, accelerators=accelerators)


_NODE = 4
"""Accelerators of a node at least where its type isn't named: few ranks may have all its interfaces (our choice)."""
_LEAST = 0.01
