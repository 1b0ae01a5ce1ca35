"""Care of a cluster with pools: spare nodes that are held, and what jobs leave behind."""

from collections.abc import Sequence

from constructs import Construct

from ultrafleet.delivery.delivery import Delivery
from ultrafleet.jobs.cluster_care import care_manifests
from ultrafleet.jobs.cluster_program import PROGRAM_IMAGE
from ultrafleet.queueing.flavors import Flavor


class ClusterCare(Construct):
    """Programs in the cluster that hold spare nodes, and delete ComputeDomains of jobs that are over.

    Nodes of pools with the startup taint `SPARE_TAINT` are closed to jobs and models. Each minute a CronJob opens as
    many of each UltraServer as jobs may have; for a node that fails, another of the same UltraServer. Another deletes,
    every ten minutes, ComputeDomains whose JobSet or TrainJob is over or gone.

    Args:
        scope: parent.
        id: construct id.
        delivery: how objects reach the cluster.
        flavors: the capacity, with its spare nodes: `FleetPlatform.flavors`.
        training: whether JobSet and Trainer are installed. Default: True.
        image: image with Python 3.11 or newer. Default: Docker's official one in Amazon ECR Public.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        delivery: Delivery,
        flavors: Sequence[Flavor],
        training: bool = True,
        image: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        for manifest in care_manifests(flavors, training=training, image=image or PROGRAM_IMAGE):
            delivery.add_manifest(self, manifest)
