"""Runs of nccl-tests, as a log shows them. Standard library only."""

from dataclasses import dataclass, field
from typing import Final

from ultrafleet.acceptance.figures import Layout, Row
from ultrafleet.acceptance.nccl_info import NcclInfo


@dataclass(frozen=True)
class Rank:
    """A rank as the run listed it.

    Attributes:
        number: its number.
        group: its group, 0 where the run isn't split.
        host: its host.
        device: accelerator on the host.
    """

    number: int
    group: int
    host: str
    device: int


@dataclass
class Run:
    """Results of one test in a log.

    Attributes:
        ranks: ranks that were listed.
        rows: message sizes, in order.
        starts: first lines of a run; more than one where several processes ran tests of their own.
        names: lines that name the test; more than one where several processes ran tests of their own.
        averages: last lines of a run.
        min_bytes: size that the run was to begin with.
        max_bytes: size that the run was to end with; None where its first line is missing.
        step: factor or bytes between sizes.
        step_is_factor: True if sizes grow by a factor.
        validation: checks of each size; 0 where values weren't checked, None where the log doesn't say.
        average_bus_bandwidth: as the run reported it at its end, GB/s.
        out_of_bounds: wrong values of the whole run, and the run's own verdict.
        own_verdict: verdict of nccl-tests on the average, `OK` or `FAILED`, where it has a minimum.
        broken_sizes: sizes of rows that end in the middle.
        has_table: True if the table's head was printed.
        layout: columns of the table; None where its head is missing.
        collective: test that the run names ("all_reduce_perf"); None where it names none.
        failures: lines that report that a process failed.
        last_error: last error of NCCL, as nccl-tests prints it at its end.
        info: statements of NCCL.
        goes_on_after_end: True if rows follow the last line, as those of another process do.
        is_overfull: True if there was more than is kept.
    """

    ranks: list[Rank] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    starts: int = 0
    names: int = 0
    averages: int = 0
    min_bytes: int | None = None
    max_bytes: int | None = None
    step: int = 2
    step_is_factor: bool = True
    validation: int | None = None
    average_bus_bandwidth: float | None = None
    out_of_bounds: tuple[int, str] | None = None
    own_verdict: str | None = None
    broken_sizes: list[int] = field(default_factory=list)
    has_table: bool = False
    layout: Layout | None = None
    collective: str | None = None
    failures: list[str] = field(default_factory=list)
    last_error: str | None = None
    info: NcclInfo = field(default_factory=NcclInfo)
    goes_on_after_end: bool = False
    is_overfull: bool = False

    @property
    def is_begun(self) -> bool:
        """True if the log has anything of this run but NCCL's lines."""
        listed = self.ranks or self.rows or self.broken_sizes
        return bool(listed or self.starts or self.averages or self.has_table or self.collective)

    @property
    def hosts(self) -> set[str]:
        """Hosts of the ranks, as the run lists them or, where it doesn't, as NCCL prints them."""
        return {rank.host for rank in self.ranks} or set(self.info.rank_hosts.values()) or self.info.hosts

    @property
    def largest_rank(self) -> int:
        """Highest number of a rank that was listed; -1 where none was."""
        return max((rank.number for rank in self.ranks), default=-1)

    @property
    def largest_bytes(self) -> int:
        """Largest size of a row; 0 without rows."""
        return max((row.size_bytes for row in self.rows), default=0)

    @property
    def largest_rows(self) -> list[Row]:
        """Rows of the largest size: one for each cycle, reduction and type."""
        largest = self.largest_bytes
        return [row for row in self.rows if row.size_bytes + _ALIGNMENT >= largest]

    @property
    def sweeps(self) -> list[list[Row]]:
        """Rows by cycle, reduction and type: sizes begin again in each."""
        found: list[list[Row]] = []
        for row in self.rows:
            last = found[-1][-1] if found else None
            if (
                last is None
                or row.size_bytes < last.size_bytes
                or _kind(row) != _kind(last)
                or (row.size_bytes == last.size_bytes and row.size_bytes > _SMALL)
            ):
                found.append([])
            found[-1].append(row)
        return found

    def reaches_end(self, size_bytes: int, *, largest_bytes: int) -> bool:
        """True if a size is the last one of a sweep: by the run's maximum or, where that is missing, the largest."""
        if self.max_bytes is None:
            return size_bytes + _ALIGNMENT >= largest_bytes
        if size_bytes % _ALIGNMENT:
            size_bytes += _ALIGNMENT
        following = size_bytes * max(self.step, 2) if self.step_is_factor else size_bytes + max(self.step, 1)
        return following > self.max_bytes

    @property
    def is_complete(self) -> bool:
        """True if the log holds the end of the run: every sweep to its last size, and the average after the last."""
        if not self.rows or self.average_bus_bandwidth is None:
            return False
        largest = self.largest_bytes
        whole = all(self.reaches_end(sweep[-1].size_bytes, largest_bytes=largest) for sweep in self.sweeps)
        return whole and not any(
            self.out_of_bounds is None or self.reaches_end(size, largest_bytes=largest) for size in self.broken_sizes
        )


_ALIGNMENT: Final = 16
"""Bytes that a size is rounded down by, at most: sizes are whole elements."""
_SMALL: Final = 64
"""Sizes up to which several rows have one size, because they are less than an element."""


def _kind(row: Row) -> tuple[str, str | None, int | None]:
    return row.element_type, row.operation, row.root


@dataclass
class NcclLog:
    """A whole log.

    Attributes:
        runs: the tests in it, in order.
    """

    runs: list[Run] = field(default_factory=list)

    @property
    def nccl_version(self) -> str | None:
        """Version of NCCL, where it was printed."""
        return next((run.info.version for run in self.runs if run.info.version), None)
