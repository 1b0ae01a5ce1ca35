"""Reads what nccl-tests and NCCL print. Standard library only: the acceptance job runs this in its own image."""

import re
from dataclasses import dataclass, field

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_PREFIX = re.compile(
    r"^\s*(?:"
    r"\[\d+,\d+\]<std(?:out|err)>:"  # mpirun --tag-output
    r"|\[\d+\]\s"
    r"|\d+:\s"  # srun --label
    r"|\[pod/[^\]]+\]\s"  # kubectl logs --prefix
    r"|\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]?\s"  # kubectl logs --timestamps
    r"|[\w.-]+(?:/[\w.-]+)?\s\|\s"  # docker compose, stern
    r"|>\s"
    r")"
)
"""Prefixes that mpirun, kubectl and others put before a line, perhaps several of them."""

_COLLECTIVE = re.compile(r"^#?\s*Collective test starting:\s*(\S+)")

_START = re.compile(r"^#?\s*nThread\s+\d+\s+nGpus\s+\d+\s+minBytes\s+(\d+)\s+maxBytes\s+(\d+)")
_RANK = re.compile(r"^#?\s*Rank\s+(\d+)\s+(?:Group\s+\d+\s+)?Pid\s+\d+\s+on\s+(\S+)\s+device\s+\d+\s+\[\S+\]\s+(.*\S)")
_COLUMNS = re.compile(r"^#?\s*size\s+count\s+(?:\([^)]*\)\s+)?type\b(.*)")
_AVERAGE = re.compile(r"^#?\s*Avg bus bandwidth\s*:\s*(\S+)")
_BOUNDS = re.compile(r"^#?\s*Out of bounds values\s*:\s*(\d+)\s+(\S+)")
_VERSION = re.compile(r"NCCL version (\d+\.\d+\.\d+\S*)")
_NETWORK = re.compile(r"NCCL INFO (?:Using network|Assigned NET plugin) (.*?)(?: to comm)?\s*$")
_PROVIDER = re.compile(r"NET/OFI Selected [Pp]rovider is ([^\s,*]+)")
_CHANNEL = re.compile(r"NCCL INFO (?:Channel|Ring) \d+(?:/\d+)? : (\d+)\[\w+\] -> (\d+)\[\w+\].* via (\S+)")
_OLD_CHANNEL = re.compile(r"NCCL INFO Ring \d+ : (\d+) -> (\d+).* via (\S+)")


@dataclass(frozen=True)
class Row:
    """Results for one message size.

    Attributes:
        size_bytes: size of the message.
        bus_bandwidths: bus bandwidth in GB/s, out of place and, where it was run, in place.
        wrong: wrong values; None where they weren't counted.
    """

    size_bytes: int
    bus_bandwidths: tuple[float, ...]
    wrong: int | None

    @property
    def bus_bandwidth(self) -> float:
        """The slower one."""
        return min(self.bus_bandwidths)


@dataclass
class Run:
    """Results of one test in a log.

    Attributes:
        ranks: host and device of each rank that was listed.
        largest_rank: the highest number of a rank that was listed; None where none was.
        rows: message sizes, in order.
        max_bytes: size that the run was to end with; None where its first line is missing.
        average_bus_bandwidth: as the run reported it at its end, GB/s.
        out_of_bounds: wrong values of the whole run, and the run's own verdict.
        broken_rows: rows that end in the middle.
        has_table: whether the table's head was printed.
        groups: groups of columns: out of place and in place, or one of them.
        collective: what the run said that it tests ("all_reduce_perf"); None where it didn't.
        operations: reductions of its rows ("sum", "none").
    """

    ranks: list[tuple[str, str]] = field(default_factory=list)
    largest_rank: int | None = None
    rows: list[Row] = field(default_factory=list)
    max_bytes: int | None = None
    average_bus_bandwidth: float | None = None
    out_of_bounds: tuple[int, str] | None = None
    broken_rows: int = 0
    has_table: bool = False
    groups: int = 2
    collective: str | None = None
    operations: set[str] = field(default_factory=set)

    @property
    def hosts(self) -> set[str]:
        """Hosts of the ranks."""
        return {host for host, _ in self.ranks}

    @property
    def is_complete(self) -> bool:
        """True if the log holds the end of the run: every row whole, and the average after the last."""
        reached = self.max_bytes is None or (bool(self.rows) and self.rows[-1].size_bytes * 2 > self.max_bytes)
        return bool(self.rows) and not self.broken_rows and self.average_bus_bandwidth is not None and reached


@dataclass
class NcclLog:
    """A whole log.

    Attributes:
        runs: the tests in it, in order.
        networks: networks that NCCL said it uses ("AWS Libfabric", "Socket", ...).
        providers: libfabric providers that aws-ofi-nccl selected ("efa", "tcp;ofi_rxm", ...).
        transports: what channels go through ("NET/AWS Libfabric/0", "P2P/MNNVL", ...).
        nccl_version: version of NCCL, where it was printed.
        has_info: whether NCCL printed anything about itself.
    """

    runs: list[Run] = field(default_factory=list)
    networks: set[str] = field(default_factory=set)
    providers: set[str] = field(default_factory=set)
    transports: set[str] = field(default_factory=set)
    nccl_version: str | None = None
    has_info: bool = False


def parse_nccl_log(text: str) -> NcclLog:
    """Read a log; whatever isn't known is passed over."""
    log = NcclLog()
    run = Run()
    for raw in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        line = _bare(raw)
        if "NCCL INFO" in line or "NCCL version" in line:
            _info(log, line)
            continue
        if _begins_another(run, line):
            log.runs.append(run)
            run = Run()
        _take(run, line)
    if run != Run():
        log.runs.append(run)
    return log


def _bare(raw: str) -> str:
    """A line as nccl-tests printed it, without margins."""
    line = _ANSI.sub("", raw)
    while (shorter := _PREFIX.sub("", line)) != line:
        line = shorter
    return line.strip()


def _begins_another(run: Run, line: str) -> bool:
    """True if a line belongs to the next run: its own first line, devices after results, a second head."""
    if run == Run():
        return False
    if _COLLECTIVE.match(line):
        return True
    if _START.match(line):
        return run != Run(collective=run.collective)
    ended = bool(run.rows) or run.average_bus_bandwidth is not None
    return ended and bool(_RANK.match(line) or _COLUMNS.match(line))


def _take(run: Run, line: str) -> None:
    """Read one line into its run."""
    if collective := _COLLECTIVE.match(line):
        run.collective = collective.group(1)
    elif start := _START.match(line):
        run.max_bytes = int(start.group(2))
    elif rank := _RANK.match(line):
        run.ranks.append((rank.group(2), rank.group(3)))
        run.largest_rank = max(run.largest_rank or 0, int(rank.group(1)))
    elif columns := _COLUMNS.match(line):
        # Some versions run one way alone; their heads have one group of columns.
        run.has_table, run.groups = True, max(1, columns.group(1).count("busbw"))
    elif average := _AVERAGE.match(line):
        run.average_bus_bandwidth = _number(average.group(1))
    elif bounds := _BOUNDS.match(line):
        run.out_of_bounds = (int(bounds.group(1)), bounds.group(2))
    elif run.has_table:
        _row(run, line)


def _info(log: NcclLog, line: str) -> None:
    log.has_info = log.has_info or "NCCL INFO" in line
    if version := _VERSION.search(line):
        log.nccl_version = version.group(1)
    if network := _NETWORK.search(line):
        log.networks.add(network.group(1).strip())
    if provider := _PROVIDER.search(line):
        log.providers.add(provider.group(1))
    channel = _CHANNEL.search(line) or _OLD_CHANNEL.search(line)
    if channel:
        log.transports.add(line[channel.start(3) :].partition(" comm ")[0].strip())


def _row(run: Run, line: str) -> None:
    """A row begins with two whole numbers and a type; then, perhaps, an operation and a root, and the columns."""
    cells = line.split()
    if len(cells) < 2 or not cells[0].isdecimal() or not cells[1].isdecimal():  # noqa: PLR2004 - size and count
        if cells and cells[0].isdecimal():
            run.broken_rows += 1
        return
    figures = cells[3:]
    operations = set()
    while figures and not _is_figure(figures[0]):  # redop
        operations.add(figures[0])
        figures = figures[1:]
    groups = run.groups
    if len(figures) == 4 * groups + 1:  # root
        figures = figures[1:]
    if len(figures) != 4 * groups or any(not _is_cell(cell) for cell in figures):
        run.broken_rows += 1
        return
    bandwidths, wrong = [], 0
    counted = False
    for group in range(groups):
        _, _, bus, errors = figures[4 * group : 4 * group + 4]
        value = _number(bus)
        if value is None:
            run.broken_rows += 1
            return
        bandwidths.append(value)
        if errors.isdecimal():
            wrong, counted = wrong + int(errors), True
    run.operations |= operations
    run.rows.append(Row(int(cells[0]), tuple(bandwidths), wrong if counted else None))


def _is_figure(cell: str) -> bool:
    return _number(cell) is not None


def _is_cell(cell: str) -> bool:
    return cell == "N/A" or _is_figure(cell)


def _number(text: str) -> float | None:
    """A number as printf writes it; `nan` and `inf` are numbers, too, and judged later."""
    try:
        return float(text)
    except ValueError:
        return None
