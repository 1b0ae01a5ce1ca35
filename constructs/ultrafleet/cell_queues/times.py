"""Times of a queue over cells, and Kueue's `multiKueue` configuration of them."""

from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.errors import FleetError

ROUND_SECONDS: Final = 300
"""Seconds between two rounds of Kueue's incremental dispatcher: a constant (kueue 0.19.2,
pkg/controller/workloaddispatcher/incrementaldispatcher.go, high)."""

RECONNECT_SECONDS: Final = (5, 320)
"""First and longest pause between two tries to reach a worker that is gone; each is twice the one before (kueue
0.19.2, pkg/controller/admissionchecks/multikueue/multikueuecluster.go, high)."""

INCREMENTAL_DISPATCHER: Final = "kueue.x-k8s.io/multikueue-dispatcher-incremental"
"""Kueue's dispatcher that keeps the order of the workers (apis/config/v1beta2, high)."""


@dataclass(frozen=True, kw_only=True)
class CellTimes:
    """Times of a queue over cells.

    Attributes:
        worker_lost_seconds: seconds for which jobs of a worker that doesn't answer are kept there, before they are
            started elsewhere. A job whose worker answers again within it goes on. After it, it runs a second time
            elsewhere, and the first run is deleted when the worker answers again: both write checkpoints until then.
            Default: 900, Kueue's own.
        workers_at_once: workers that a job is offered to in each round, in their order; the first that admits it has
            it. With 1 the order is strict, and each worker that is full or lost costs a round of five minutes.
            Default: 3, Kueue's own.
    """

    worker_lost_seconds: int = 900
    workers_at_once: int = 3

    def __post_init__(self) -> None:
        for name, least in (("worker_lost_seconds", 30), ("workers_at_once", 1)):
            if getattr(self, name) < least:
                raise FleetError(
                    path=name, got=getattr(self, name), expected=f"{least} or more", remedy="state another"
                )

    def seconds_until_offered(self, position: int) -> int:
        """Seconds after which a job that no worker admits before is offered to a worker.

        Args:
            position: place of the worker in the order, from 0 on.
        """
        return position // self.workers_at_once * ROUND_SECONDS

    def configuration(self, *, origin: str) -> dict[str, Any]:
        """Kueue's `multiKueue`.

        Args:
            origin: name of the manager, by which Kueue knows its own objects in the workers.
        """
        return {
            "gcInterval": "1m",
            "origin": origin,
            "workerLostTimeout": f"{self.worker_lost_seconds}s",
            "dispatcherName": INCREMENTAL_DISPATCHER,
            "incrementalDispatcherConfig": {"stepSize": self.workers_at_once},
        }
