"""Queues of a manager together, with what their workers have."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ultrafleet.cell_queues.queue import JOB_KINDS, QueueOverCells
from ultrafleet.cell_queues.times import CellTimes
from ultrafleet.cell_queues.worker_manifests import check_job_kinds
from ultrafleet.kubernetes.pool_nodes import PoolNodes


@dataclass(frozen=True, kw_only=True)
class ManagedQueues:
    """Queues over cells of one manager.

    Attributes:
        queues: the queues.
        pools: nodes that all workers have together, at most: what jobs may ask for.
        job_kinds: kinds of jobs, such as `JobSet`.
        times: their times.
    """

    queues: Sequence[QueueOverCells]
    pools: Sequence[PoolNodes] = ()
    job_kinds: Sequence[str] = ("JobSet",)
    times: CellTimes = field(default_factory=CellTimes)

    def __post_init__(self) -> None:
        check_job_kinds(self.job_kinds)

    @property
    def frameworks(self) -> list[str]:
        """Kueue's names of the kinds: it opens a watch in every worker for each."""
        return [JOB_KINDS[kind] for kind in self.job_kinds]
