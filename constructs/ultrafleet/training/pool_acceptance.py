"""Acceptance of pools as a construct."""

from collections.abc import Mapping, Sequence
from typing import Any

from constructs import Construct

from ultrafleet.delivery.delivery import Delivery
from ultrafleet.jobs.acceptance_jobs import acceptance_job, shared_acceptance_manifests
from ultrafleet.kubernetes.pool_nodes import PoolNodes


class PoolAcceptance(Construct):
    """An all-reduce over NVLink and one over EFA on each pool, as one job that waits until its nodes are there.

    Each is judged by its own floor, and the TrainJob fails where the pool does. It runs once; `ultrafleet job accept`
    writes it again.

    Args:
        scope: parent.
        id: construct id.
        delivery: how objects reach the cluster, which has Kubeflow Trainer.
        pools: the pools; those without NVIDIA GPUs are passed over.
        image: image with `all_reduce_perf`, Open MPI, sshd and Python 3.11, for the nodes' architecture.
        floors_gbs: floors of your own by pool and path ("nvlink", "efa"), GB/s of bus bandwidth. Default: the published
            ones.

    Raises:
        UnknownFactError: no source publishes a floor for a pool's type, and none was passed.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        delivery: Delivery,
        pools: Sequence[PoolNodes],
        image: str,
        floors_gbs: Mapping[str, Mapping[Any, float]] | None = None,
    ) -> None:
        super().__init__(scope, id)
        for manifest in shared_acceptance_manifests():
            delivery.add_manifest(self, manifest)
        for pool in pools:
            floors = (floors_gbs or {}).get(pool.pool_name, {})
            for manifest in acceptance_job(pool, image=image, floors=floors):
                delivery.add_manifest(self, manifest)
