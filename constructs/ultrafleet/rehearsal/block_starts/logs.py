"""Logs of nccl-tests as a rack prints them, good and with each planted fault, for the judge."""

from collections.abc import Iterator
from enum import StrEnum
from functools import cache

from ultrafleet.acceptance import judge, threshold

INSTANCE_TYPE = "p6e-gb200.36xlarge"
_GPUS = 4
_SIZES = tuple(1 << power for power in range(28, 35))


class LogFault(StrEnum):
    """Fault that a log shows."""

    NONE = "none"
    SLOW = "slow"
    """A link carries a tenth."""
    SOCKETS = "sockets"
    """NCCL fell back from EFA to sockets."""
    NO_NVLINK = "no-nvlink"
    """Nodes reach each other through the network, NVLink between them is off."""
    WRONG_VALUES = "wrong-values"
    CUT = "cut"
    """The run broke off."""


@cache
def findings_of(path: str, nodes: int, fault: LogFault) -> tuple[str, ...]:
    """Findings of the judge in the log of a run; none where it passes.

    Args:
        path: "node", "nvlink" or "efa".
        nodes: nodes that took part.
        fault: what is wrong.
    """
    floor = threshold(INSTANCE_TYPE, path)
    verdict = judge(all_reduce_log(path, nodes, fault), path=path, floor=floor, expected_ranks=nodes * _GPUS)
    found = tuple(f"{finding.code}: {finding.message}" for finding in verdict.findings)
    return found if found or verdict.passed else ("failed",)


def all_reduce_log(path: str, nodes: int, fault: LogFault = LogFault.NONE) -> str:
    """Log of an all-reduce over a path.

    Args:
        path: "node", "nvlink" or "efa".
        nodes: nodes that took part.
        fault: what is wrong.
    """
    return "\n".join(_lines(path, nodes, fault)) + "\n"


def _lines(path: str, nodes: int, fault: LogFault) -> Iterator[str]:
    ranks = nodes * _GPUS
    yield "# nThread 1 nGpus 1 minBytes 268435456 maxBytes 17179869184 step: 2(factor) warmup iters: 1 iters: 20"
    yield "# Using devices"
    for rank in range(ranks):
        host, gpu = divmod(rank, _GPUS)
        where = f"on node-{host:02} device {gpu:2} [0x0{gpu + 1}] NVIDIA GB200"
        yield f"#  Rank {rank:2} Group  0 Pid {4000 + rank:6} {where}"
    for rank in range(ranks):
        yield from _info(path, rank, ranks, fault)
    figures = "     time   algbw   busbw #wrong"
    yield f"#       size         count      type   redop    root{figures}{figures}"
    sizes = _SIZES[:3] if fault is LogFault.CUT else _SIZES
    for size in sizes:
        yield _row(path, size, ranks, fault)
    if fault is not LogFault.CUT:
        wrong = 7 * len(sizes) if fault is LogFault.WRONG_VALUES else 0
        yield f"# Out of bounds values : {wrong} {'FAILED' if wrong else 'OK'}"
        yield f"# Avg bus bandwidth    : {_bandwidth(path, fault):g}"


def _info(path: str, rank: int, ranks: int, fault: LogFault) -> Iterator[str]:
    host, gpu = divmod(rank, _GPUS)
    after = (rank + 1) % ranks
    head = f"node-{host:02}:{4000 + rank}:{5000 + rank} [{gpu}] NCCL INFO"
    mnnvl = int(path == "nvlink" and fault is not LogFault.NO_NVLINK)
    if path == "efa" and fault is LogFault.SOCKETS:
        yield f"{head} NET/Plugin: Could not find: libnccl-net.so"
        yield f"{head} Using network Socket"
    else:
        yield f"{head} NET/OFI Selected provider is efa, fabric is efa-direct (found 4 nics)"
        yield f"{head} Using network AWS Libfabric"
    nodes = ranks // _GPUS
    yield (
        f"{head} comm 0x{rank + 1:012x} rank {rank} nRanks {ranks} nNodes {1 if mnnvl else nodes} "
        f"localRanks {ranks if mnnvl else _GPUS} localRank {rank if mnnvl else gpu} MNNVL {mnnvl}"
    )
    if after // _GPUS == host:
        via = "P2P/CUMEM"
    elif mnnvl:
        via = "P2P/MNNVL"
    else:
        via = "NET/Socket/0" if path == "efa" and fault is LogFault.SOCKETS else f"NET/AWS Libfabric/{gpu}/GDRDMA"
    yield f"{head} Channel 00/0 : {rank}[{gpu}] -> {after}[{after % _GPUS}] via {via}"


def _bandwidth(path: str, fault: LogFault) -> float:
    good = {"node": 830.0, "nvlink": 835.0, "efa": 160.0}[path]
    return good / 10 if fault in {LogFault.SLOW, LogFault.SOCKETS, LogFault.NO_NVLINK} else good


def _row(path: str, size: int, ranks: int, fault: LogFault) -> str:
    bus = _bandwidth(path, fault)
    algorithm = bus / (2 * (ranks - 1) / ranks)
    micros = size / algorithm / 1000
    wrong = 7 if fault is LogFault.WRONG_VALUES else 0
    part = f"{micros:9.1f} {algorithm:7.2f} {bus:7.2f} {wrong:6}"
    return f"{size:12} {size // 4:13}     float     sum      -1 {part} {part}"
