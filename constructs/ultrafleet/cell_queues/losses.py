"""A cell that is lost, and its jobs: admitted again in another, or why not, and after how many seconds.

A model of Kueue 0.19.2 with our settings, from its source. Seconds are those of the first offer: one that ran needed
6 s more, and up to 82 s for each ComputeDomain (docs/decisions/0045). Cells place jobs of whole nodes: up to one
UltraServer in one, larger ones on whole UltraServers and a rest in one more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ultrafleet.cell_queues.times import CellTimes
from ultrafleet.errors import FleetError


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job of the queue.

    Attributes:
        name: name.
        nodes: nodes that it has all at once.
        priority: value of its WorkloadPriorityClass. Default: 0.
    """

    name: str
    nodes: int
    priority: int = 0


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell and the jobs that it runs.

    Attributes:
        name: name.
        ultraservers: UltraServers that are there.
        nodes_per_ultraserver: nodes of each that jobs may have.
        jobs: jobs that run there, in the order of their admission.
    """

    name: str
    ultraservers: int
    nodes_per_ultraserver: int
    jobs: tuple[Job, ...] = ()

    @property
    def nodes(self) -> int:
        """Nodes that jobs may have."""
        return self.ultraservers * self.nodes_per_ultraserver

    def free(self) -> list[int] | None:
        """Free nodes by UltraServer, fullest first; None if its jobs don't fit."""
        return _after(self.jobs, [self.nodes_per_ultraserver] * self.ultraservers, self.nodes_per_ultraserver)

    def takes(self, job: Job) -> bool:
        """True if a job has room beside those that run."""
        return replace(self, jobs=(*self.jobs, job)).free() is not None

    def could_ever_take(self, job: Job) -> bool:
        """True if a job has room when nothing else runs."""
        return replace(self, jobs=(job,)).free() is not None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A job after the loss.

    Attributes:
        job: the job.
        cell: cell that has it now; None if it waits.
        seconds: seconds from the loss to its admission; of a job that waits, to the round in which all cells have it.
        why: why it moved, or waits.
    """

    job: Job
    cell: str | None
    seconds: int
    why: str


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Cells after one was lost.

    Attributes:
        lost: name of the lost cell.
        cells: those that are left, with the jobs that they run now.
        outcomes: jobs of the lost cell, and those that had to make room, in the order of their decisions.
    """

    lost: str
    cells: tuple[Cell, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def waiting(self) -> tuple[Outcome, ...]:
        """Jobs that no cell has."""
        return tuple(outcome for outcome in self.outcomes if outcome.cell is None)


def largest_cell(cells: Sequence[Cell]) -> str:
    """Name of the cell with the most nodes; the first of several.

    Args:
        cells: cells.

    Raises:
        FleetError: there is none.
    """
    if not cells:
        raise FleetError(path="cells", got="none", expected="one or more", remedy="name the cells of the queue")
    return max(cells, key=lambda cell: cell.nodes).name


def lose_cell(cells: Sequence[Cell], *, lost: str | None = None, times: CellTimes | None = None) -> Loss:
    """A cell is gone for good: what becomes of its jobs.

    Jobs are taken by priority, then in the order of their admission. Each is offered to the first cells of the order,
    with each round to more of them, the lost one among them, since Kueue's dispatcher doesn't look at connections. Of
    those that are offered it, the first with room has it; if none has room, the first that has it by evicting jobs of
    less priority.

    Args:
        cells: cells of the queue, most preferred first.
        lost: name of the lost one. Default: the largest.
        times: times of the queue. Default: `CellTimes()`.

    Raises:
        FleetError: no cell, one that isn't there, or a cell whose jobs don't fit it.
    """
    times = times or CellTimes()
    lost = largest_cell(cells) if lost is None else lost
    order = [cell.name for cell in cells]
    if lost not in order:
        raise FleetError(path="lost", got=repr(lost), expected=f"one of {', '.join(order)}", remedy="name a cell")
    for cell in cells:
        if cell.free() is None:
            raise FleetError(
                path=f"jobs of {cell.name}",
                got=f"{sum(job.nodes for job in cell.jobs)} nodes",
                expected=f"jobs that fit {cell.ultraservers} UltraServers of {cell.nodes_per_ultraserver} nodes",
                remedy="correct the jobs",
            )
    gone = next(cell for cell in cells if cell.name == lost)
    state = _State(order, {cell.name: cell for cell in cells if cell.name != lost}, times)
    state.queue(gone.jobs, since=times.worker_lost_seconds, why=f"its cell {lost} was lost")
    outcomes = tuple(state.run())
    return Loss(lost=lost, cells=tuple(state.cells[name] for name in order if name != lost), outcomes=outcomes)


@dataclass
class _State:
    order: list[str]
    cells: dict[str, Cell]
    times: CellTimes
    waiting: list[tuple[int, int, Job, int, str]] = field(default_factory=list)
    seen: int = 0

    def queue(self, jobs: Sequence[Job], *, since: int, why: str) -> None:
        for job in jobs:
            self.waiting.append((-job.priority, self.seen, job, since, why))
            self.seen += 1

    def run(self) -> Iterator[Outcome]:
        while self.waiting:
            self.waiting.sort(key=lambda item: item[:2])
            _, _, job, since, why = self.waiting.pop(0)
            yield self._place(job, since, why)

    def _place(self, job: Job, since: int, why: str) -> Outcome:
        step = self.times.workers_at_once
        for first in range(0, len(self.order), step):
            after = since + self.times.seconds_until_offered(first)
            offered = [self.cells[name] for name in self.order[: first + step] if name in self.cells]
            for cell in offered:
                if cell.takes(job):
                    self._admit(cell, job)
                    return Outcome(job=job, cell=cell.name, seconds=after, why=why)
            for cell in offered:
                evicted = _evicted(cell, job)
                if evicted is not None:
                    left = replace(cell, jobs=tuple(other for other in cell.jobs if other not in evicted))
                    self._admit(left, job)
                    self.queue(evicted, since=after, why=f"{job.name} of more priority has its nodes in {cell.name}")
                    return Outcome(job=job, cell=cell.name, seconds=after, why=why)
        last = since + self.times.seconds_until_offered(len(self.order) - 1)
        return Outcome(job=job, cell=None, seconds=last, why=self._why_not(job))

    def _admit(self, cell: Cell, job: Job) -> None:
        self.cells[cell.name] = replace(cell, jobs=(*cell.jobs, job))

    def _why_not(self, job: Job) -> str:
        if not self.cells:
            return "no other cell has the queue"
        able = [cell for cell in self.cells.values() if cell.could_ever_take(job)]
        if not able:
            most = max(self.cells.values(), key=lambda cell: cell.nodes)
            return (
                f"it needs {job.nodes} nodes at once, and the largest cell that is left, {most.name}, has {most.nodes}"
            )
        freest = max(able, key=lambda cell: sum(cell.free() or ()))
        return (
            f"it waits for {job.nodes} nodes: {freest.name} has {sum(freest.free() or ())} of {freest.nodes} free, "
            "and the others run jobs of its priority or more"
        )


def _evicted(cell: Cell, job: Job) -> tuple[Job, ...] | None:
    """Jobs that have to go for one of more priority, least priority and youngest first; None if that isn't enough."""
    gone: list[Job] = []
    for _, other in sorted(enumerate(cell.jobs), key=lambda item: (item[1].priority, -item[0])):
        if other.priority >= job.priority:
            return None
        gone.append(other)
        if replace(cell, jobs=tuple(kept for kept in cell.jobs if kept not in gone)).takes(job):
            return tuple(gone)
    return None


def _after(jobs: Sequence[Job], free: list[int], whole: int) -> list[int] | None:
    """Free nodes by UltraServer after jobs were placed, the largest first; None if they don't fit."""
    for job in sorted(jobs, key=lambda item: -item.nodes):
        for part in (*([whole] * (job.nodes // whole)), *([job.nodes % whole] if job.nodes % whole else [])):
            fitting = [index for index, count in enumerate(free) if count >= part]
            if not fitting:
                return None
            index = min(fitting, key=lambda item: free[item])
            free[index] -= part
    return sorted(free)
