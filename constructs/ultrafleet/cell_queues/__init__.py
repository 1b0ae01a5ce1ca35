"""One queue over cells: Kueue's MultiKueue on a manager cluster, and the worker clusters that run its jobs."""

from ultrafleet.cell_queues.losses import Cell, Job, Loss, Outcome, largest_cell, lose_cell
from ultrafleet.cell_queues.queue import (
    JOB_KINDS,
    MOST_WORKERS,
    EksCredentials,
    QueueOverCells,
    SecretCredentials,
    Worker,
)
from ultrafleet.cell_queues.times import CellTimes

__all__ = [
    "JOB_KINDS",
    "MOST_WORKERS",
    "Cell",
    "CellTimes",
    "EksCredentials",
    "Job",
    "Loss",
    "Outcome",
    "QueueOverCells",
    "SecretCredentials",
    "Worker",
    "largest_cell",
    "lose_cell",
]
