"""Logs of every kind with the right answer: good ones of all layouts and viewers, bad ones of every fault."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from helpers.nccl_logs import (
    GIB,
    MIB,
    Job,
    channels,
    communicator,
    document,
    interleaved,
    lines,
    network,
    no_mpi,
    prefixed,
    said,
    text,
)  # fmt: skip
from ultrafleet.acceptance import Verdict, judge, threshold

P6E, P6ER, P5, P5EN, P4D, B200, B300 = (
    "p6e-gb200.36xlarge", "p6e-gb300r.36xlarge", "p5.48xlarge", "p5en.48xlarge", "p4d.24xlarge", "p6-b200.48xlarge",
    "p6-b300.48xlarge",
)  # fmt: skip

RACK = Job(nodes=18, gpus=4, device="NVIDIA GB200", peak=830.0)
PAIR = Job()
NODE = Job(nodes=1, peak=470.0)
MNNVL = [*network(RACK), *communicator(RACK, mnnvl=1, nodes=18), *channels(RACK, "P2P/MNNVL", "P2P/MNNVL")]
EFA = [*network(PAIR), *communicator(PAIR), *channels(PAIR)]
ROCE_PAIR = Job(gpus=4, device="NVIDIA GB300", peak=387.0)
OVER_ROCE = [*network(ROCE_PAIR, "IB", ""), *communicator(ROCE_PAIR), *channels(ROCE_PAIR, "NET/IB/{device}/GDRDMA")]
GOOD_RACK, GOOD_PAIR = replace(RACK, info=MNNVL), replace(PAIR, info=EFA)
IMEX = (
    "MNNVL (cliqueSize 72) is available but not working on this system. Check the IMEX channel configuration "
    "(/dev/nvidia-caps-imex-channels). Set NCCL_MNNVL_ENABLE=0 to ignore this issue."
)


@dataclass(frozen=True)
class Kind:
    """A log and its right answer: no codes where it passes."""

    log: str
    path: str
    codes: frozenset[str] = frozenset()
    instance_type: str | None = None
    floor: float | None = None
    ranks: int | None = None
    note: str = ""
    says: str = ""

    def verdict(self) -> Verdict:
        floor = threshold(self.instance_type, self.path, min_bus_bandwidth_gbs=self.floor)
        return judge(self.log, path=self.path, floor=floor, expected_ranks=self.ranks)


def rack(log: str, *codes: str, note: str = "", says: str = "", ranks: int | None = 72) -> Kind:
    return Kind(log, "nvlink", frozenset(codes), P6E, ranks=ranks, note=note, says=says)


def pair(
    log: str, *codes: str, note: str = "", says: str = "", floor: float | None = 300, ranks: int | None = 16
) -> Kind:
    return Kind(log, "efa", frozenset(codes), P5EN, floor=floor, ranks=ranks, note=note, says=says)


def roce(info: list[str], *codes: str, note: str = "", says: str = "", peak: float = 387.0) -> Kind:
    log = text(replace(ROCE_PAIR, peak=peak, info=info))
    return Kind(log, "roce", frozenset(codes), P6ER, ranks=8, note=note, says=says)


def node(log: str, *codes: str, note: str = "", says: str = "", instance_type: str | None = P5EN) -> Kind:
    return Kind(log, "node", frozenset(codes), instance_type, ranks=8, note=note, says=says)


def without(log: str, *words: str) -> str:
    return "\n".join(line for line in log.split("\n") if not any(word in line for word in words)) + "\n"


def slow_cycle(cycle: int, _operation: str) -> float:
    return 90.0 if cycle == 2 else 830.0


def slow_product(_cycle: int, operation: str) -> float:
    return 90.0 if operation == "prod" else 830.0


def socket(job: Job) -> list[str]:
    return [
        *(said(job, rank, "NET/OFI No eligible providers were found") for rank in range(job.ranks)),
        said(job, 0, "NET/OFI aws-ofi-nccl initialization failed", level="WARN", where="nccl_net_ofi.c:418 "),
        *network(job, "Socket", ""),
        *communicator(job),
        *channels(job, "NET/Socket/0"),
    ]


LAYOUTS = {
    "today": (2, 19, 6),
    "with unalign": (2, 18, 3),
    "first with JSON": (2, 17, 6),
    "2.16": (2, 16, 9),
    "2.13": (2, 13, 10),
    "2.11": (2, 11, 0),
    "2.9": (2, 9, 0),
}

GOOD: dict[str, Kind] = {
    **{f"rack, layout of {name}": rack(text(replace(GOOD_RACK, version=version))) for name, version in LAYOUTS.items()},
    **{f"pair, layout of {name}": pair(text(replace(GOOD_PAIR, version=version))) for name, version in LAYOUTS.items()},
    "pair over RoCE": roce(OVER_ROCE),
    "pair over RoCE without GPUDirect RDMA": roce(
        [*network(ROCE_PAIR, "IB", ""), *channels(ROCE_PAIR, "NET/IB/{device}")], note="channels without /GDRDMA"
    ),
    "pair over RoCE without info": roce([], note="set NCCL_DEBUG=INFO"),
    "rack without info": rack(text(RACK), note="set NCCL_DEBUG=INFO"),
    "pair without info": pair(text(PAIR), note="set NCCL_DEBUG=INFO"),
    "info without transport": pair(
        text(replace(PAIR, info=[said(PAIR, 0, "cudaDriverVersion 13000")])), note="nothing about its transport"
    ),
    "no channels": pair(text(replace(PAIR, info=[*network(PAIR), *communicator(PAIR)])), note="no channels"),
    "lowered maximum": pair(text(replace(GOOD_PAIR, reduced_to=13815400789))),
    "lowered below the minimum": pair(text(replace(GOOD_PAIR, min_bytes=16 * GIB, reduced_to=13815400789))),
    "one size": pair(text(replace(GOOD_PAIR, min_bytes=8 * GIB, max_bytes=8 * GIB))),
    "steps of bytes": pair(text(replace(GOOD_PAIR, min_bytes=GIB, max_bytes=8 * GIB, step=GIB))),
    "a maximum that steps jump over": pair(text(replace(GOOD_PAIR, min_bytes=3 * MIB, max_bytes=8 * GIB))),
    "factor of four": pair(text(replace(GOOD_PAIR, factor=4, max_bytes=9 * GIB))),
    "timestamps": rack(text(replace(GOOD_RACK, timestamps=True))),
    "times of iterations": rack(text(replace(GOOD_RACK, per_iteration=True))),
    "times of iterations with timestamps": rack(text(replace(GOOD_RACK, per_iteration=True, timestamps=True))),
    "CPU time": rack(text(replace(GOOD_RACK, cpu_time=True))),
    "five cycles": rack(text(replace(GOOD_RACK, cycles=5))),
    "all operations": rack(text(replace(GOOD_RACK, operations=("sum", "prod", "max", "min", "avg", "mulsum")))),
    "all types": rack(text(replace(GOOD_RACK, types=("int8", "half", "float", "double", "bfloat16")))),
    "cycles of one size": rack(text(replace(GOOD_RACK, cycles=3, min_bytes=8 * GIB, max_bytes=8 * GIB))),
    "four accelerators a process": rack(text(replace(GOOD_RACK, threads_gpus=4))),
    "not checked": rack(text(replace(GOOD_RACK, wrong=None)), note="weren't checked"),
    "without GPUDirect RDMA": pair(
        text(replace(PAIR, info=[*network(PAIR), *channels(PAIR, "NET/AWS Libfabric/{device}")])), note="/GDRDMA"
    ),
    "on host memory in one place": pair(
        text(
            replace(
                PAIR, info=[*EFA, said(PAIR, 3, "NET/AWS Libfabric : GPU Direct RDMA Disabled for HCA 0 'rdmap79s0'")]
            )
        ),
        note="/GDRDMA",
    ),
    "few interfaces": pair(text(replace(PAIR, info=[*network(PAIR, nics=1), *channels(PAIR)])), note="found 1 network"),
    "interfaces of one node are missing": pair(
        text(replace(PAIR, info=[line.replace("found 16", "found 15") if "node-1:" in line else line for line in EFA])),
        note="found 15 network interfaces on node-1, expected 16",
    ),
    "through another rank's interface": pair(
        text(replace(PAIR, info=[*network(PAIR), *channels(PAIR, "NET/AWS Libfabric/{device}(3)/GDRDMA/Shared")]))
    ),
    "newer name of the network": pair(
        text(replace(PAIR, info=[*network(PAIR, "Libfabric"), *channels(PAIR, "NET/Libfabric/{device}/GDRDMA(PCI)")]))
    ),
    "sockets beside NVLink": rack(
        text(
            replace(
                RACK, info=[said(RACK, 0, "Initialized NET plugin Socket"), *channels(RACK, "P2P/MNNVL", "P2P/MNNVL")]
            )
        ),
        note="Socket",
    ),
    "a warning that changed nothing": rack(
        text(replace(RACK, info=[*MNNVL, said(RACK, 5, "NET/Plugin: Could not find: libnccl-net.so", level="WARN")])),
        note="NCCL warns “NET/Plugin",
    ),
    "JSON": rack(document(RACK)),
    "JSON of four accelerators a process": rack(document(replace(RACK, threads_gpus=4))),
    "JSON of several cycles": rack(document(replace(RACK, cycles=2))),
    "JSON with readable indents": rack(json.dumps(json.loads(document(RACK)), indent=2)),
    "JSON of a lowered maximum": rack(document(replace(RACK, reduced_to=8 * GIB))),
    "JSON not checked": rack(document(replace(RACK, wrong=None)), note="weren't checked"),
    "JSON after a prompt": rack(f"$ cat out.json\n{document(RACK)}\n"),
    "JSON with times of iterations": rack(
        document(RACK).replace(
            '"in_place":',
            '"out_of_place_per_iter":{"times_us":[' + ",".join(["123.456789"] * 20000) + ']},"in_place":',
            1,
        )
    ),
    "two good runs": rack(text(GOOD_RACK) + text(GOOD_RACK)),
    "teardown lines after the end": rack(
        text(GOOD_RACK)
        + "\n".join(
            said(RACK, rank, f"comm 0x1 rank {rank} nranks 72 cudaDev 0 busId 1000 - Destroy COMPLETE")
            for rank in range(72)
        )
    ),
    "blank line and warning in a row": rack(
        text(GOOD_RACK).replace(
            "     sum      -1",
            f"     sum\n\n{said(RACK, 3, 'Call to recv timed out', level='WARN', where='socket.cc:1 ')}\n      -1",
            3,
        ),
        note="NCCL warns",
    ),
    "a process that ended with 0": rack(text(GOOD_RACK) + "Process completed with exit code 0\n"),
    "a failed attempt to connect before": rack(
        "ssh: connect to host node-3: exit status 255, again\n" + text(GOOD_RACK)
    ),
    "the last error was none": rack(
        text(replace(GOOD_RACK, last_error="Could not find libnccl-tuner.so")), note="last error"
    ),
    "one node": node(
        text(replace(NODE, info=[*network(NODE), *communicator(NODE), *channels(NODE)])), note="no source states"
    ),
    "one node with a floor": Kind(
        text(replace(NODE, device="NVIDIA B200", peak=800.0)), "node", instance_type=B200, ranks=8
    ),
    "one node of four": Kind(
        text(
            replace(
                NODE,
                gpus=4,
                info=[
                    *communicator(replace(NODE, gpus=4), mnnvl=1),
                    *channels(replace(NODE, gpus=4), within="P2P/MNNVL"),
                ],
            )
        ),
        "node",
        instance_type=P6E,
        ranks=4,
    ),
    "published floor": Kind(text(GOOD_PAIR), "efa", instance_type=P5EN, ranks=16, note=""),
    "two nodes near their limit": Kind(text(replace(GOOD_PAIR, peak=700.0)), "efa", instance_type=P5EN),
    "EFA of a rack": Kind(
        text(replace(RACK, peak=180.0, info=[*network(RACK, nics=4), *communicator(RACK), *channels(RACK)])),
        "efa",
        instance_type=P6E,
        ranks=72,
    ),
    "EFA with one interface": Kind(
        text(
            replace(
                PAIR,
                gpus=4,
                peak=44.04,
                device="NVIDIA GB300",
                info=[*network(replace(PAIR, gpus=4), nics=1), *channels(replace(PAIR, gpus=4))],
            )
        ),
        "efa",
        instance_type=P6ER,
        ranks=8,
        note="1 network interface",
    ),
}

BAD: dict[str, Kind] = {
    **{
        f"{name} over EFA": pair(text(replace(GOOD_PAIR, collective=name, version=(2, 16, 9))), "not-all-reduce")
        for name in (
            "reduce_scatter",
            "all_gather",
            "alltoall",
            "sendrecv",
            "broadcast",
            "reduce",
            "gather",
            "scatter",
            "hypercube",
        )
    },
    "reduce_scatter whose figures are too small for a factor": pair(
        text(replace(PAIR, collective="reduce_scatter", peak=0.5, version=(2, 16, 9))), "not-all-reduce", floor=0.1
    ),
    "another collective by its name": rack(
        text(replace(GOOD_RACK, collective="all_gather", peak=800.0)), "not-all-reduce"
    ),
    "JSON of another collective": rack(document(replace(RACK, collective="sendrecv")), "not-all-reduce"),
    "reduce of two ranks": Kind(
        text(replace(PAIR, gpus=1, collective="reduce", version=(2, 16, 9))),
        "efa",
        frozenset({"not-all-reduce"}),
        floor=3,
    ),
    "one host over EFA": pair(text(replace(NODE, info=[*network(NODE), *channels(NODE)])), "one-host", ranks=None),
    "one host over EFA without info": pair(text(NODE), "one-host", ranks=None),
    "one host by NCCL alone": pair(
        without(text(replace(NODE, info=[*network(NODE), *communicator(NODE), *channels(NODE)])), "#  Rank"),
        "one-host",
        ranks=None,
    ),
    "a node for a rack": rack(
        text(replace(RACK, nodes=1, peak=690.0, info=communicator(replace(RACK, nodes=1), mnnvl=1))),
        "one-host",
        ranks=None,
    ),
    "a node for a rack, with ranks": rack(text(replace(RACK, nodes=1, peak=690.0)), "one-host", "ranks"),
    "NVLink under EFA": pair(
        text(
            replace(
                PAIR,
                peak=380.0,
                info=[*network(PAIR), *communicator(PAIR, mnnvl=1), *channels(PAIR, "P2P/MNNVL", "P2P/MNNVL")],
            )
        ),
        "not-efa",
    ),
    "NVLink under EFA in a rack": Kind(text(GOOD_RACK), "efa", frozenset({"not-efa", "too-fast"}), P6E, ranks=72),
    "NVLink under EFA with the caller's floor": Kind(
        text(GOOD_RACK), "efa", frozenset({"not-efa", "too-fast"}), P6E, floor=40, ranks=72
    ),
    "NVLink under EFA of GB300": Kind(
        text(GOOD_RACK), "efa", frozenset({"not-efa", "too-fast"}), P6ER, floor=40, ranks=72
    ),
    "NVLink under EFA without info": Kind(text(RACK), "efa", frozenset({"too-fast"}), P6E, floor=40, ranks=72),
    "NVLink under EFA without a type": Kind(
        text(replace(RACK, peak=1700.0)), "efa", frozenset({"too-fast"}), floor=40, ranks=72
    ),
    "a rack of GB300 under EFA": Kind(
        text(replace(RACK, device="NVIDIA GB300", peak=842.0)), "efa", frozenset({"too-fast"}), P6ER, floor=40, ranks=72
    ),
    "the same without a type": Kind(
        text(replace(RACK, device="NVIDIA GB300", peak=842.0)), "efa", frozenset({"too-fast"}), floor=40
    ),
    "more than NVLink carries": rack(text(replace(GOOD_RACK, peak=43046.0)), "too-fast", says="built for this GPU"),
    "more than NVLink carries in a node": node(text(replace(NODE, peak=2000.0)), "too-fast"),
    "more than two nodes carry": Kind(text(replace(PAIR, peak=800.0)), "efa", frozenset({"too-fast"}), P5EN, ranks=16),
    "more than sixteen nodes carry": Kind(
        text(replace(PAIR, nodes=16, peak=500.0)), "efa", frozenset({"too-fast"}), P5EN, floor=300, ranks=128
    ),
    "MNNVL 1 alone under EFA": pair(
        text(replace(PAIR, info=[*network(PAIR), *communicator(PAIR, mnnvl=1)])), "not-efa"
    ),
    "sockets": pair(text(replace(PAIR, info=socket(PAIR))), "not-efa", says="NCCL warns “NET/OFI"),
    "sockets on one rank": pair(
        text(replace(PAIR, info=[*EFA[:-16], said(PAIR, 9, "Using network Socket"), *EFA[-16:]])), "not-efa"
    ),
    "sockets by channels alone": pair(text(replace(PAIR, info=channels(PAIR, "NET/Socket/0"))), "not-efa"),
    "sockets that were only initialized": pair(
        text(replace(PAIR, info=[said(PAIR, rank, "Initialized NET plugin Socket") for rank in range(16)])), "not-efa"
    ),
    "sockets under RoCE": roce(socket(ROCE_PAIR), "not-roce", says="claim roce.networking.k8s.aws"),
    "EFA under RoCE": roce([*network(ROCE_PAIR), *channels(ROCE_PAIR)], "not-roce"),
    "NVLink under RoCE": roce(
        [*network(ROCE_PAIR, "IB", ""), *channels(ROCE_PAIR, "P2P/MNNVL", "P2P/MNNVL")],
        "not-roce",
        "too-fast",
        peak=842,
    ),
    "slow over RoCE": roce(OVER_ROCE, "bandwidth", peak=30),
    "InfiniBand": pair(
        text(replace(PAIR, info=[*network(PAIR, "IB", ""), *channels(PAIR, "NET/IB/0/GDRDMA")])), "not-efa"
    ),
    "another provider": pair(
        text(replace(PAIR, info=[*network(PAIR, provider="tcp;ofi_rxm"), *channels(PAIR)])), "not-efa"
    ),
    "network under NVLink": rack(
        text(replace(RACK, info=[*network(RACK), *communicator(RACK), *channels(RACK)])),
        "not-nvlink",
        says="ComputeDomain",
    ),
    "MNNVL 0": rack(text(replace(RACK, info=communicator(RACK))), "not-nvlink"),
    "MNNVL 0 on one rank": rack(text(replace(RACK, info=[*MNNVL, communicator(RACK)[3]])), "not-nvlink"),
    "MNNVL switched off": rack(
        text(replace(RACK, info=[said(RACK, 0, "NCCL_MNNVL_ENABLE set by environment to 0.")])), "not-nvlink"
    ),
    "one channel through the network": rack(
        text(
            replace(
                RACK, info=[*MNNVL, said(RACK, 3, "Channel 01/0 : 3[3] -> 4[0] [send] via NET/AWS Libfabric/0/GDRDMA")]
            )
        ),
        "not-nvlink",
    ),
    "groups": rack(text(replace(RACK, peak=690.0, group=lambda rank: rank // 4, group_ranks=4)), "split", "ranks"),
    "groups without a column": rack(
        text(replace(RACK, peak=690.0, group_ranks=4, version=(2, 10, 0))), "ranks", says="those of 4 ranks"
    ),
    "groups by NCCL's ranks": rack(text(replace(RACK, info=communicator(RACK, mnnvl=1, ranks=4))), "ranks"),
    "built without MPI": rack(no_mpi(replace(RACK, peak=690.0)), "processes", "ranks"),
    "built without MPI, one after the other": rack(
        "".join(text(replace(RACK, nodes=1, host=f"node-{at}", peak=690.0)) for at in range(18)), "ranks", "one-host"
    ),
    "a smaller run after the rack's": rack(
        text(GOOD_RACK) + text(replace(RACK, nodes=1, peak=690.0)), "ranks", "one-host"
    ),
    "slow, newest first": rack("\n".join(reversed(text(replace(GOOD_RACK, peak=480.0)).splitlines())), "bandwidth"),
    "cut at its end, newest first": rack(
        "\n".join(reversed(text(GOOD_RACK).partition("# Out of bounds")[0].splitlines())), "truncated", "ranks"
    ),
    "a smaller run after the rack's, without ranks": rack(
        text(GOOD_RACK) + text(replace(RACK, nodes=1, peak=690.0)), "one-host", ranks=None
    ),
    "missing ranks": rack(text(replace(GOOD_RACK, nodes=17, info=())), "ranks"),
    "too many ranks": pair(text(replace(PAIR, nodes=3)), "ranks"),
    "no ranks": rack("hello\n", "no-results", ranks=72),
    "a slow cycle": rack(text(replace(GOOD_RACK, cycles=5, peak=slow_cycle)), "bandwidth"),
    "a slow reduction": rack(
        text(replace(GOOD_RACK, operations=("sum", "prod", "avg"), peak=slow_product)), "bandwidth"
    ),
    "JSON with a slow cycle": rack(document(replace(RACK, cycles=5, peak=slow_cycle)), "bandwidth"),
    "slow": rack(text(replace(GOOD_RACK, peak=480.0)), "bandwidth"),
    "wrong values": rack(text(replace(GOOD_RACK, wrong=3)), "wrong-results"),
    "many wrong values": rack(
        without(text(replace(GOOD_RACK, wrong=1048580, wrong_at=GIB)), "Out of bounds"),
        "wrong-results",
        says="2.09716e+06 values",
    ),
    "wrong values below the largest size": rack(text(replace(GOOD_RACK, wrong=2, wrong_at=16 * MIB)), "wrong-results"),
    "wrong values of the old layout": rack(
        text(replace(GOOD_RACK, version=(2, 9, 0))).replace("values : 0 OK", "values : 4 FAILED"), "wrong-results"
    ),
    "JSON with wrong values": rack(document(replace(RACK, wrong=7)), "wrong-results"),
    "not a number": rack(text(GOOD_RACK).replace(" 830.00 ", "    nan "), "bandwidth"),
    "JSON with nan": rack(document(RACK).replace('"bus_bw":830.0', '"bus_bw":"nan"'), "bandwidth"),
    "zero": rack(text(GOOD_RACK).replace(" 830.00 ", "   0.00 "), "bandwidth"),
    "too small": pair(text(replace(GOOD_PAIR, max_bytes=512 * MIB, peak=600.0)), "too-small"),
    "cut before the average": rack(text(GOOD_RACK).partition("# Avg bus")[0], "truncated"),
    "cut in the average": rack(text(GOOD_RACK).partition("213.417")[0], "truncated"),
    "without the largest rows": pair(without(text(GOOD_PAIR), "  17179869184 ", " 17179869184  "), "truncated"),
    "a cycle without its end": rack(
        text(replace(GOOD_RACK, cycles=2)).replace(" 17179869184    4294967296", " 17179869184    429x967296", 1),
        "truncated",
    ),
    "JSON without its end": rack(document(RACK)[:-200], "no-results"),
    "JSON without a summary": rack(document(RACK, average_bus_bandwidth=..., out_of_bounds=...), "truncated"),
    "a run that hung, then a good one": rack("\n".join(lines(GOOD_RACK)[:90]) + "\n" + text(GOOD_RACK), "truncated"),
    "a good run, then one that hung": rack(text(GOOD_RACK) + "\n".join(lines(GOOD_RACK)[:90]), "truncated"),
    "no IMEX channel": rack(
        "\n".join(
            [
                *lines(RACK)[:78],
                said(RACK, 0, IMEX, level="WARN", where="mnnvl.cc:74 "),
                "node-0: Test NCCL failure common.cu:1601 'unhandled system error'",
            ]
        ),
        "no-results",
        "failed",
        says="ComputeDomain",
    ),
    "no provider": pair(
        "\n".join([*lines(PAIR)[:21], said(PAIR, 0, "NET/OFI Failed to initialize provider", level="WARN"), ""]),
        "no-results",
        says="vpc.amazonaws.com/efa",
    ),
    "mpirun fails after the table": rack(
        text(GOOD_RACK)
        + "Primary job  terminated normally, but 1 process returned\n"
        + "a non-zero exit code. Per user-direction, the job has been aborted.\n",
        "failed",
    ),
    "mpirun names the exit code": rack(
        text(GOOD_RACK) + "  Process name: [[12345,1],7]\n  Exit code:    3\n", "failed"
    ),
    "prterun names a signal": rack(
        text(GOOD_RACK)
        + "prterun noticed that process rank 5 with PID 77 on node node-1 exited on signal 9 (Killed).\n",
        "failed",
    ),
    "srun names the exit code": rack(
        text(GOOD_RACK) + "srun: error: node-3: task 12: Exited with exit code 1\n", "failed"
    ),
    "kubectl names the exit code": rack(text(GOOD_RACK) + "command terminated with exit code 137\n", "failed"),
    "nccl-tests' own minimum": rack(text(replace(GOOD_RACK, own_verdict="FAILED")), "failed"),
    "several hosts for one node": node(text(replace(GOOD_PAIR, peak=470.0)), "several-hosts", "ranks"),
    "network within a node": node(text(replace(NODE, info=channels(NODE, within="NET/AWS Libfabric/0"))), "not-nvlink"),
    "shared memory within a node": node(text(replace(NODE, info=channels(NODE, within="SHM/direct"))), "not-nvlink"),
    "a slow node": node(text(replace(NODE, peak=500.0)), "bandwidth", instance_type=B200),
    "a node with wrong values": node(text(replace(NODE, wrong=1)), "wrong-results"),
    "a node that hung": node("\n".join(lines(NODE)[:25]), "truncated"),
}


@pytest.mark.parametrize("kind", GOOD.values(), ids=GOOD)
def test_passes_what_is_good(kind: Kind) -> None:
    verdict = kind.verdict()
    assert verdict.findings == ()
    assert verdict.passed
    assert kind.note in " | ".join(verdict.notes)


@pytest.mark.parametrize("kind", BAD.values(), ids=BAD)
def test_fails_what_is_bad(kind: Kind) -> None:
    verdict = kind.verdict()
    assert {finding.code for finding in verdict.findings} == kind.codes
    assert not verdict.passed
    assert kind.says in " | ".join(finding.message for finding in verdict.findings)


def stamp(at: int) -> str:
    return f"2026-11-01T10:{at // 60 % 60:02d}:{at % 60:02d}.{at * 7919 % 1000000:06d}Z "


PREFIXES: dict[str, str | Callable[[int], str]] = {
    "argo": "rack-a-18-launcher: ",
    "argo with a pod's name": "rack-a-18-launcher-x7k2p: ",
    "CRI": lambda at: stamp(at).replace("Z ", "456+00:00 stdout F "),
    "aws logs tail": lambda at: stamp(at).replace("Z ", "+00:00 launcher/node/0f3a "),
    "stern": "rack-a-18-launcher-0-0-x7k2p node ",
    "stern in colour": "\x1b[36mrack-a-18-launcher-0-0-x7k2p\x1b[0m \x1b[33mnode\x1b[0m ",
    "GitHub Actions": lambda at: stamp(at).replace("Z ", "0Z "),
    "GitHub Actions with a job": lambda at: f"test\tRun tests\t{stamp(at)}",
    "torchrun": "[rank0]: ",
    "kubectl --prefix": "[pod/rack-a-18-launcher-0-0-x7k2p/node] ",
    "kubectl --timestamps": stamp,
    "kubectl --prefix --timestamps": lambda at: f"[pod/launcher-0-0-x7k2p/node] {stamp(at)}",
    "docker compose": "launcher-1  | ",
    "docker compose with a time": lambda at: f"launcher-1  | {stamp(at)}",
    "k9s": "node ",
    "journalctl": lambda at: f"Nov 26 07:{at // 60 % 60:02d}:{at % 60:02d} ip-10-0-0-7 nccl-tests[4242]: ",
    "syslog": lambda at: f"<14>1 {stamp(at)}ip-10-0-0-7 nccl 4242 - - ",
    "Slurm": "0: ",
    "Slurm of many tasks": " 0: ",
    "mpirun --tag-output": "[1,0]<stdout>:",
    "prterun --output tag": "[prterun-node-0-812@1,0]<stdout>: ",
    "mpirun with a time": lambda at: f"Thu Nov 26 07:{at // 60 % 60:02d}:{at % 60:02d} 2026[1,0]<stdout>:",
    "Loki": lambda at: f'{1793800000000000000 + at * 1000} {{app="launcher"}} ',
    "logcli": lambda at: f'{stamp(at)}{{app="launcher", pod="x"}} ',
    "Grafana": lambda at: f"2026-11-01 10:{at // 60 % 60:02d}:{at % 60:02d}.{at % 1000:03d}\t",
    "Datadog": lambda at: f"{stamp(at)}INFO ip-10-0-0-7 launcher ",
    "CloudWatch Insights": lambda at: f"{stamp(at)}| ",
    "quoted mail": "> ",
    "diff": "+",
    "indent": "    ",
    "tab": "\t",
    "line numbers": lambda at: f"{at + 1:6d}\t",
    "grep -n": lambda at: f"{at + 1}:",
    "grep of a file": lambda at: f"logs/nccl.log:{at + 1}:",
    "an unknown one": "~~~ whatever #7 (stdout) ~~~ ",
}

ENDS = {"Unix": "\n", "Windows": "\r\n", "Mac of old": "\r", "Windows, twice": "\r\r\n"}


@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
@pytest.mark.parametrize("job", [GOOD_RACK, RACK], ids=["with info", "without"])
def test_any_viewer_s_prefix_changes_nothing(prefix: str | Callable[[int], str], job: Job) -> None:
    plain = rack(text(job)).verdict()
    assert rack(prefixed(text(job), prefix)).verdict() == plain
    bad = text(replace(job, peak=480.0))
    assert rack(prefixed(bad, prefix)).verdict() == rack(bad).verdict()


@pytest.mark.parametrize("newline", ENDS.values(), ids=ENDS)
def test_any_line_end_changes_nothing(newline: str) -> None:
    assert rack(prefixed(text(GOOD_RACK), "", newline)).verdict() == rack(text(GOOD_RACK)).verdict()


def exported(make: Callable[[str, int], object]) -> list[object]:
    return [make(line, at) for at, line in enumerate(text(RACK).splitlines())]


EXPORTS: dict[str, str | bytes] = {
    "Docker's file": "\n".join(
        json.dumps(item)
        for item in exported(lambda line, at: {"log": f"{line}\n", "stream": "stdout", "time": stamp(at)})
    ),
    "journalctl -o json": "\n".join(
        json.dumps(item) for item in exported(lambda line, _: {"PRIORITY": "6", "MESSAGE": line})
    ),
    "CRI around JSON": "\n".join(
        f"{stamp(7)}stdout F {json.dumps(item)}"
        for item in exported(lambda line, _: {"message": line, "level": "info"})
    ),
    "Grafana's JSON": json.dumps(
        exported(lambda line, at: {"line": line, "timestamp": str(at), "fields": {"app": "x"}})
    ),
    "Loki's query": json.dumps(
        {
            "status": "success",
            "data": {
                "resultType": "streams",
                "result": [
                    {"stream": {"app": "x"}, "values": exported(lambda line, at: [str(1793800000000000000 + at), line])}
                ],
            },
        }
    ),
    "aws logs get-log-events": json.dumps(
        {"events": exported(lambda line, at: {"timestamp": at, "message": line})}, indent=1
    ),
    "aws logs get-query-results": json.dumps(
        {
            "results": exported(
                lambda line, at: [{"field": "@timestamp", "value": stamp(at)}, {"field": "@message", "value": line}]
            )
        }
    ),
    "Datadog's JSON": json.dumps(
        {"data": exported(lambda line, _: {"attributes": {"message": line, "host": "x"}, "id": "a"})}
    ),
    "Datadog's CSV": "\n".join(exported(lambda line, at: f'"{stamp(at).strip()}","ip-10-0-0-7","launcher","{line}"')),  # type: ignore[arg-type]
    "logfmt": "\n".join(exported(lambda line, at: f'ts={stamp(at).strip()} level=info msg="{line}"')),  # type: ignore[arg-type]
    "newest first": "\n".join(reversed(text(RACK).splitlines())),
    "newest first, with Windows' line ends": "\r\n".join(reversed(prefixed(text(RACK), "node ").splitlines())),
    "Loki's query, newest first": json.dumps(
        {"data": {"result": [{"values": exported(lambda line, at: [str(at), line])[::-1]}]}}
    ),
    "colours": "\n".join(f"\x1b[1;32m{line}\x1b[0m" for line in text(RACK).splitlines()),
    "blanks of a web page": text(RACK).replace("  ", "\xa0 "),
    "mark of byte order": text(RACK).encode("utf-8-sig"),
    "PowerShell": text(RACK).encode("utf-16"),
    "NUL bytes": text(RACK).replace("\n", "\x00\n\x00"),
    "without marks of comments": text(RACK)
    .replace("#wrong", "wrong")
    .replace("# ", "")
    .replace("#", "")
    .replace("wrong", "#wrong"),
}


@pytest.mark.parametrize("export", EXPORTS.values(), ids=EXPORTS)
def test_any_export_changes_nothing(export: str | bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("export") / "log"
    file.write_bytes(export if isinstance(export, bytes) else export.encode())
    with file.open("rb") as stream:
        verdict = judge(stream, path="nvlink", floor=threshold(P6E, "nvlink"), expected_ranks=72)
    assert verdict == rack(text(RACK)).verdict()


@pytest.mark.parametrize("prefix", ["", "rack-a-18-launcher: ", "[1,0]<stdout>:", "2026-11-01T10:00:00.1Z stdout F "])
@pytest.mark.parametrize("seed", range(6))
def test_rows_that_lines_of_nccl_s_cut_are_rows(prefix: str, seed: int) -> None:
    log = interleaved(text(GOOD_RACK), MNNVL, seed, cuts=6)
    assert rack(prefixed(log, prefix)).verdict().findings == ()


@pytest.mark.parametrize("prefix", ["", "rack-a-18-launcher: ", "2026-11-01T10:00:00.1Z stdout F "])
@pytest.mark.parametrize("part", [" 17179869184  ", " 17179869184    4294967296  "], ids=["size", "size and count"])
def test_a_viewer_s_own_line_of_a_row_s_first_figures_is_its_beginning(part: str, prefix: str) -> None:
    between = said(RACK, 3, "[Proxy Progress] Device 3 CPU core 21")
    log = text(GOOD_RACK).replace(part, f"{part}\n{between}\n")
    assert log != text(GOOD_RACK)
    assert rack(prefixed(log, prefix)).verdict() == rack(text(GOOD_RACK)).verdict()
    slow = text(replace(GOOD_RACK, peak=480.0))
    cut = slow.replace(part, f"{part}\n{between}\n")
    assert rack(prefixed(cut, prefix)).verdict() == rack(slow).verdict()


def test_a_figure_that_is_no_size_begins_no_row() -> None:
    log = text(GOOD_RACK).replace("\n 17179869184 ", "\n1\n99999999999999999999\n1 17\n 17179869184 ")
    assert rack(log).verdict() == rack(text(GOOD_RACK)).verdict()
