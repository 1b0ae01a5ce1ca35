"""Verdict on a pool from its nccl-tests log. Standard library only."""

from dataclasses import dataclass

from ultrafleet.acceptance.nccl_log import NcclLog, Run, parse_nccl_log
from ultrafleet.acceptance.thresholds import Threshold

_GRACE_ADVICE = (
    "on GB200 and GB300 with the 580 driver check `grep GrdmaPciTopoCheckOverride /proc/driver/nvidia/params`, which "
    "must say 1"
)


@dataclass(frozen=True)
class AcceptanceFinding:
    """Why a pool doesn't pass.

    Attributes:
        code: what it is about.
        message: got, expected, what to do.
    """

    code: str
    message: str


@dataclass(frozen=True)
class Verdict:
    """The verdict on a log.

    Attributes:
        passed: whether the pool passes.
        findings: why not.
        notes: what couldn't be determined.
        bus_bandwidth_gbs: what was judged: the largest size's slower bandwidth, GB/s; None where there was no row.
        size_bytes: that size.
        ranks: ranks that took part, where the log lists them.
    """

    passed: bool
    findings: tuple[AcceptanceFinding, ...]
    notes: tuple[str, ...]
    bus_bandwidth_gbs: float | None
    size_bytes: int | None
    ranks: int | None


def judge(text: str, *, path: str, floor: Threshold, expected_ranks: int | None = None) -> Verdict:
    """Judge the log of one all-reduce run.

    The bandwidth is the largest message's, out of place or in place, whichever is slower: the average that nccl-tests
    prints is over all sizes, and small ones measure latency. Every run in the log has to pass.

    Args:
        text: what the job printed.
        path: "nvlink" or "efa".
        floor: what it has to reach.
        expected_ranks: accelerators that had to take part. Default: not looked at.
    """
    log = parse_nccl_log(text)
    findings: list[AcceptanceFinding] = []
    notes: list[str] = []
    runs = [run for run in log.runs if run.rows or run.has_table or run.ranks]
    if not any(run.rows for run in runs):
        findings.append(
            AcceptanceFinding("no-results", "the log has no row of results, expected an nccl-tests run: run it again")
        )
    for run in runs:
        if run.rows or run.has_table:
            findings += _run_findings(run, floor)
    ranks = max((_rank_count(run) for run in runs), default=0) or None
    if expected_ranks is not None and ranks != expected_ranks:
        findings.append(
            AcceptanceFinding(
                "ranks",
                f"{ranks or 'no'} ranks took part, expected {expected_ranks}: nodes or accelerators are missing",
            )
        )
    findings += _transport_findings(log, path, runs)
    if not log.has_info:
        notes.append("NCCL printed nothing about itself, so the transport is unknown: set NCCL_DEBUG=INFO")
    judged = [run.rows[-1] for run in runs if run.rows]
    slowest = min(judged, key=lambda row: row.bus_bandwidth, default=None)
    return Verdict(
        passed=not findings,
        findings=tuple(dict.fromkeys(findings)),
        notes=tuple(notes),
        bus_bandwidth_gbs=slowest.bus_bandwidth if slowest else None,
        size_bytes=slowest.size_bytes if slowest else None,
        ranks=ranks,
    )


def _rank_count(run: Run) -> int:
    """The highest rank counts, too: logs are published without their beginning."""
    return max(len(run.ranks), (run.largest_rank + 1) if run.largest_rank is not None else 0)


def _run_findings(run: Run, floor: Threshold) -> list[AcceptanceFinding]:
    found = []
    if not run.is_complete:
        end = f"after {run.rows[-1].size_bytes} bytes" if run.rows else "before its first row"
        found.append(
            AcceptanceFinding(
                "truncated", f"the run ends {end}, expected its average at the end: it hung, was killed, or was cut"
            )
        )
    out_of_bounds, verdict = run.out_of_bounds or (0, "OK")
    wrong = sum(row.wrong or 0 for row in run.rows) or out_of_bounds
    if wrong or verdict != "OK":
        found.append(
            AcceptanceFinding("wrong-results", f"{wrong or 'some'} values are wrong, expected none: replace nodes")
        )
    if not run.rows:
        return found
    if run.collective not in (None, "all_reduce_perf") or "none" in run.operations:
        found.append(
            AcceptanceFinding(
                "not-all-reduce",
                f"the run is one of {run.collective or 'another collective'}, expected all_reduce_perf: floors are "
                "for it",
            )
        )
    last = run.rows[-1]
    if last.size_bytes < floor.min_largest_bytes:
        found.append(
            AcceptanceFinding(
                "too-small",
                f"the largest message is {last.size_bytes} bytes, expected {floor.min_largest_bytes} or more: "
                "run to -e 16G",
            )
        )
    if floor.impossible_above_gbs is not None and last.bus_bandwidth > floor.impossible_above_gbs:
        found.append(
            AcceptanceFinding(
                "too-fast",
                f"the bus bandwidth is {last.bus_bandwidth} GB/s, expected at most {floor.impossible_above_gbs}: "
                "NVLink carried it, set NCCL_MNNVL_ENABLE=0",
            )
        )
    # Written so that nan fails.
    if not floor.bus_bandwidth_gbs <= last.bus_bandwidth < float("inf"):
        found.append(
            AcceptanceFinding(
                "bandwidth",
                f"the bus bandwidth is {last.bus_bandwidth} GB/s at {last.size_bytes} bytes, expected "
                f"{floor.bus_bandwidth_gbs} or more ({floor.source}, {floor.confidence}): test pairs of nodes "
                "to find the slow one",
            )
        )
    return found


def _transport_findings(log: NcclLog, path: str, runs: list[Run]) -> list[AcceptanceFinding]:
    if not log.has_info:
        return []
    several_hosts = any(len(run.hosts) > 1 for run in runs)
    through_network = sorted(item for item in log.transports if item.startswith("NET/"))
    if path == "nvlink":
        if several_hosts and through_network:
            return [
                AcceptanceFinding(
                    "not-nvlink",
                    f"channels go through {', '.join(through_network)}, expected P2P/MNNVL between all nodes: see "
                    "whether the job has a ComputeDomain and its IMEX daemons are ready",
                )
            ]
        return []
    sockets = {name for name in log.networks if "socket" in name.lower()}
    sockets |= {item for item in through_network if item.startswith("NET/Socket")}
    others = {provider for provider in log.providers if provider != "efa"}
    libfabric = any("libfabric" in name.lower() or "ofi" in name.lower() for name in log.networks)
    if sockets or others or not (libfabric or "efa" in log.providers):
        got = ", ".join(sorted(sockets | others)) or ", ".join(sorted(log.networks)) or "no network that it names"
        return [
            AcceptanceFinding(
                "not-efa",
                f"NCCL goes through {got}, expected AWS Libfabric with the provider efa: see whether the image has "
                f"aws-ofi-nccl and pods ask for vpc.amazonaws.com/efa; {_GRACE_ADVICE}",
            )
        ]
    return []
