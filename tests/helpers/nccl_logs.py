"""Logs as nccl-tests and NCCL print them, made from their formats, to be spoilt by tests.

Formats are those of nccl-tests 2.9 to 2.19.6 (src/common.cu, src/util.cu) and NCCL 2.12 to 2.30 (src/init.cc,
src/transport, src/plugin/net.cc, src/mnnvl.cc).
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

WIDTHS = {"int8": 1, "half": 2, "bfloat16": 2, "float": 4, "double": 8}
GIB = 1 << 30
MIB = 1 << 20


@dataclass(frozen=True)
class Job:
    """A run of nccl-tests.

    Attributes:
        nodes: hosts.
        gpus: accelerators of a host.
        device: their name.
        peak: GB/s of bus bandwidth at large sizes; by cycle and operation where it is a function.
        collective: program.
        version: nccl-tests' version, whose layout it has.
        group: group of a rank.
        threads_gpus: accelerators of a process.
    """

    nodes: int = 2
    gpus: int = 8
    device: str = "NVIDIA H200"
    peak: float | Callable[[int, str], float] = 380.0
    collective: str = "all_reduce"
    version: tuple[int, int, int] = (2, 19, 6)
    min_bytes: int = 8 * MIB
    max_bytes: int = 16 * GIB
    factor: int = 2
    step: int | None = None
    reduced_to: int | None = None
    cycles: int = 1
    operations: Sequence[str] = ("sum",)
    types: Sequence[str] = ("float",)
    wrong: float | None = 0
    wrong_at: int | None = None
    timestamps: bool = False
    per_iteration: bool = False
    cpu_time: bool = False
    group: Callable[[int], int] = field(default=lambda _: 0)
    group_ranks: int | None = None
    threads_gpus: int = 1
    info: Sequence[str] = ()
    host: str = "node-{}"
    own_verdict: str = ""
    last_error: str = ""

    @property
    def ranks(self) -> int:
        return self.nodes * self.gpus

    @property
    def communicator(self) -> int:
        return self.group_ranks or self.ranks

    def host_of(self, rank: int) -> str:
        return self.host.format(rank // self.gpus)

    def sizes(self) -> Iterator[int]:
        last = self.reduced_to or self.max_bytes
        size = min(self.min_bytes, last)
        while size <= last:
            yield size
            size = size + self.step if self.step else size * self.factor


def number(value: float, width: int) -> str:
    """As getFloatStr of nccl-tests has it since 2.17."""
    for decimals in (2, 1, 0):
        text = f"{value:{width}.{decimals}f}"
        if len(text) <= width:
            return text
    return f"{value:{width}.1e}" if width >= 7 else f"{value:{width}.0e}"


def old_time(value: float) -> str:
    return f"{value:7.0f}" if value >= 10000 else f"{value:7.1f}" if value >= 100 else f"{value:7.2f}"


FACTORS: dict[str, Callable[[int], float]] = {
    "all_reduce": lambda n: 2 * (n - 1) / n,
    "reduce_scatter": lambda n: (n - 1) / n,
    "all_gather": lambda n: (n - 1) / n,
    "alltoall": lambda n: (n - 1) / n,
    "gather": lambda n: (n - 1) / n,
    "scatter": lambda n: (n - 1) / n,
    "sendrecv": lambda _: 1.0,
    "broadcast": lambda _: 1.0,
    "reduce": lambda _: 1.0,
    "hypercube": lambda _: 1.0,
}
BY_RANK = {"reduce_scatter", "all_gather", "alltoall", "gather", "scatter", "hypercube"}
NO_OPERATION = {"all_gather", "alltoall", "broadcast", "gather", "scatter", "hypercube"}
ROOTED = {"broadcast", "reduce", "gather", "scatter"}


def figures(job: Job, size: int, peak: float, *, noise: float = 1.0) -> tuple[float, float, float]:
    bus = peak * min(1.0, (size / GIB) ** 0.3) * noise
    algorithm = bus / FACTORS[job.collective](job.communicator)
    return size / algorithm / 1e3, algorithm, bus


def way(job: Job, size: int, peak: float, wrong: float | None, *, noise: float = 1.0) -> str:
    time, algorithm, bus = figures(job, size, peak, noise=noise)
    shown = time * 0.1 if job.cpu_time else time
    if job.version >= (2, 17, 6):
        last = "   N/A" if wrong is None else f"{float(wrong):6g}"
        text = f"  {number(shown, 7)}  {number(algorithm, 6)}  {number(bus, 6)}  {last}"
    elif job.version >= (2, 13, 0):
        last = "  N/A" if wrong is None else f"{float(wrong):5g}"
        text = f"  {old_time(shown)}  {algorithm:6.2f}  {bus:6.2f}  {last}"
    else:
        last = "  N/A" if wrong is None else f"{4e-07:5.0e}"
        text = f"  {old_time(shown)}  {algorithm:6.2f}  {bus:6.2f}  {last}"
    if job.per_iteration:
        text += f"  {number(shown * 0.98, 7)}  {number(shown * 1.1, 7)}  {number(shown * 1.05, 7)}  {number(1.7, 7)}"
    return text


def rows(job: Job) -> Iterator[str]:
    for kind in job.types:
        for operation in job.operations:
            for cycle in range(job.cycles):
                peak = job.peak(cycle, operation) if callable(job.peak) else job.peak
                for size in job.sizes():
                    wrong = job.wrong if job.wrong_at in (None, size) else 0
                    yield row(job, size, kind, operation, peak, wrong)


def row(job: Job, size: int, kind: str, operation: str, peak: float, wrong: float | None) -> str:
    count = size // WIDTHS[kind]
    size = count * WIDTHS[kind]
    if job.collective in BY_RANK:
        count = count // job.communicator // 4 * 4
        size = count * job.communicator * WIDTHS[kind]
    named = "none" if job.collective in NO_OPERATION else operation
    root = 0 if job.collective in ROOTED else -1
    begin = f"{size:12d}  {count:12d}  {kind:>8}  {named:>6}"
    if job.version >= (2, 13, 0):
        begin += f"  {root:6d}"
    ways = way(job, size, peak, wrong) + way(job, size, peak, wrong, noise=0.999)
    return begin + ways + ("  2026-11-01 10:00:01" if job.timestamps else "")


def head(job: Job) -> Iterator[str]:
    """First line to the ranks."""
    threads = 1
    if job.version >= (2, 17, 6):
        yield f"# nccl-tests version {'.'.join(map(str, job.version))} nccl-headers=23004 nccl-library=23004"
        yield f"# Collective test starting: {job.collective}_perf"
    step = f"{job.step}(bytes)" if job.step else f"{job.factor}(factor)"
    tail = " agg iters: 1" if job.version >= (2, 11, 0) else ""
    tail += f" validation: {int(job.wrong is not None)}"
    tail += " graph: 0" if job.version >= (2, 11, 0) else " "
    tail += " unalign: 0" if job.version >= (2, 18, 2) else ""
    yield (
        f"# nThread {threads} nGpus {job.threads_gpus} minBytes {job.min_bytes} maxBytes {job.max_bytes} "
        f"step: {step} warmup iters: 1 iters: 20{tail}"
    )
    yield "#"
    yield "# Using devices"


def rank_lines(job: Job) -> Iterator[str]:
    for rank in range(job.ranks):
        group = f"Group {job.group(rank):2d} " if job.version >= (2, 11, 0) else ""
        bus = f"[0000:{rank % job.gpus + 1:02x}:00]" if job.version >= (2, 16, 0) else f"[0x{rank % job.gpus + 1:02x}]"
        yield (
            f"#  Rank {rank:2d} {group}Pid {4000 + rank:6d} on {job.host_of(rank):>10} device {rank % job.gpus:2d} "
            f"{bus} {job.device}"
        )


def table_head(job: Job) -> Iterator[str]:
    time = "cputime" if job.cpu_time else "time"
    wrong = "#wrong" if job.version >= (2, 13, 0) else "error"
    columns = [time, "algbw", "busbw", wrong]
    if job.per_iteration:
        columns += ["i_min", "i_max", "i_p99", "i_cv%"]
    begin = ["type", "redop", *(["root"] if job.version >= (2, 13, 0) else [])]
    yield "#"
    yield f"#{'':62}out-of-place{'':23}in-place          "
    yield (
        f"# {'size':>10}  {'count':>12}  "
        + "  ".join(f"{name:>6}" for name in (*begin, *columns, *columns))
        + ("           timestamp" if job.timestamps else " ")
    )
    yield f"#        (B)    (elements){'':31}(us)  (GB/s)  (GB/s){'':12}(us)  (GB/s)  (GB/s)       "


def foot(job: Job) -> Iterator[str]:
    bad = 1 if job.wrong else 0
    yield f"# Out of bounds values : {bad} {'FAILED' if bad else 'OK'}"
    yield f"# Avg bus bandwidth    : 213.417 {job.own_verdict}"
    yield "#"
    if job.version >= (2, 17, 6):
        yield f"# Collective test concluded: {job.collective}_perf"
        yield "#"
    yield f"# error: {job.last_error}" if job.last_error else ""


def lines(job: Job) -> list[str]:
    """The log of a run, line by line."""
    reduced = [f"#\n# Reducing maxBytes to {job.reduced_to} due to memory limitation"] if job.reduced_to else []
    parts = [
        *head(job),
        *rank_lines(job),
        *"\n".join(reduced).split("\n"),
        *job.info,
        *table_head(job),
        *rows(job),
        *foot(job),
    ]
    return [line for line in parts if line or line == ""]


def text(job: Job) -> str:
    """The log of a run."""
    return "\n".join(lines(job)) + "\n"


def no_mpi(job: Job) -> str:
    """Log of processes that each think they are alone, as mpirun mixes them."""
    own = [replace(job, nodes=1, host=f"node-{node}", threads_gpus=job.gpus) for node in range(job.nodes)]
    parts = [list(part) for part in zip(*(lines(one) for one in own), strict=True)]
    return "\n".join(line for part in parts for line in part) + "\n"


def said(job: Job, rank: int, what: str, *, level: str = "INFO", where: str = "") -> str:
    """A line of NCCL's."""
    begin = f"{job.host_of(rank)}:{4000 + rank}:{5000 + rank} [{rank % job.gpus}] {where}"
    return f"{begin}NCCL {level} {what}"


def network(job: Job, name: str = "AWS Libfabric", provider: str = "efa", nics: int = 16) -> list[str]:
    """Set-up of the network on every rank."""
    found = []
    for rank in range(job.ranks):
        if provider:
            found.append(
                said(job, rank, f"NET/OFI Selected provider is {provider}, fabric is efa-direct (found {nics} nics)")
            )
        found.append(said(job, rank, f"Initialized NET plugin {name}"))
        found.append(said(job, rank, f"Assigned NET plugin {name} to comm"))
        found.append(said(job, rank, f"Using network {name}"))
    return found


def communicator(job: Job, *, mnnvl: int = 0, nodes: int | None = None, ranks: int | None = None) -> list[str]:
    """Statement on the communicator by every rank."""
    return [
        said(
            job, rank,
            f"comm 0x55d5{rank:04x} rank {rank} nRanks {ranks or job.communicator} nNodes {nodes or job.nodes} "
            f"localRanks {job.gpus} localRank {rank % job.gpus} MNNVL {mnnvl}",
        )
        for rank in range(job.ranks)
    ]  # fmt: skip


def channels(job: Job, between: str = "NET/AWS Libfabric/{device}/GDRDMA", within: str = "P2P/CUMEM") -> list[str]:
    """A ring through all ranks."""
    found = []
    for rank in range(job.ranks):
        other = (rank + 1) % job.ranks
        way_ = within if job.host_of(rank) == job.host_of(other) else between.format(device=rank % 4)
        send = "[send] " if way_.startswith("NET") else ""
        found.append(
            said(job, rank, f"Channel 00/0 : {rank}[{rank % job.gpus}] -> {other}[{other % job.gpus}] {send}via {way_}")
        )
    return found


def document(job: Job, **changed: Any) -> str:
    """The JSON of `-J`, version 3, on one line."""
    results = []
    for kind in job.types:
        for operation in job.operations:
            for cycle in range(job.cycles):
                peak = job.peak(cycle, operation) if callable(job.peak) else job.peak
                for size in job.sizes():
                    time, algorithm, bus = figures(job, size, peak)
                    one = {
                        "time": round(time, 6), "alg_bw": round(algorithm, 6), "bus_bw": round(bus, 6),
                        "nwrong": None if job.wrong is None else float(job.wrong),
                    }  # fmt: skip
                    results.append(
                        {
                            "size": size, "count": size // WIDTHS[kind], "type": kind, "redop": operation,
                            "root": "    -1", "out_of_place": one, "in_place": one,
                            "actual_iterations": 20, "experiment_name": "",
                        }
                    )  # fmt: skip
    listed = range(0, job.ranks, job.threads_gpus)
    made = {
        "version": 3, "start_time": "2026-11-01 10:00:00", "args": [f"/opt/{job.collective}_perf", "-J", "out.json"],
        "env": ["PATH=/usr/bin"], "nccl_version": 23004,
        "config": {
            "nthreads": 1, "ngpus": job.threads_gpus, "minimum_bytes": job.min_bytes, "maximum_bytes": job.max_bytes,
            "step_factor": job.factor, "warmup_iters": 1, "iterations": 20, "validation": int(job.wrong is not None),
            "devices": [
                {
                    "rank": rank, "group": job.group(rank), "pid": 4000 + rank, "hostname": job.host_of(rank),
                    "device": rank % job.gpus, "device_hex": "0000:01:00", "device_info": job.device,
                }
                for rank in listed
            ],
        },
        "results": results,
        "out_of_bounds": {"count": int(bool(job.wrong)), "okay": "false" if job.wrong else "true"},
        "average_bus_bandwidth": {"bandwidth": 213.417, "okay": "unchecked"},
        "errors": [""], "end_time": "2026-11-01 10:01:00",
    }  # fmt: skip
    made.update(changed)
    return json.dumps({key: value for key, value in made.items() if value is not ...}, separators=(",", ":"))


def interleaved(log: str, noise: Sequence[str], seed: int, *, cuts: int = 3) -> str:
    """A log whose lines other ranks' lines of NCCL cut, anywhere: the stream goes on where it was cut."""
    generator = random.Random(seed)
    table = log.index("busbw")
    found = log
    for place in sorted((generator.randrange(table, len(log)) for _ in range(cuts)), reverse=True):
        found = (
            found[:place]
            + "".join(f"{generator.choice(noise)}\n" for _ in range(generator.randrange(1, 3)))
            + found[place:]
        )
    return found


def prefixed(log: str, prefix: str | Callable[[int], str], newline: str = "\n") -> str:
    """A log with a viewer's prefix before each line."""
    return newline.join(
        (prefix if isinstance(prefix, str) else prefix(at)) + line for at, line in enumerate(log.splitlines())
    )
