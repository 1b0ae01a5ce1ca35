"""Acceptance of pools as a construct."""

from collections.abc import Mapping, Sequence
from typing import Any

from constructs import Construct

from ultrafleet.delivery.delivery import Delivery
from ultrafleet.errors import FleetError
from ultrafleet.jobs.acceptance_gate import GateSettings, gate_manifests
from ultrafleet.jobs.acceptance_jobs import acceptance_template, shared_acceptance_manifests
from ultrafleet.kubernetes.acceptance_images import AcceptanceImages
from ultrafleet.kubernetes.pool_nodes import PoolNodes


class PoolAcceptance(Construct):
    """Tests of every block's new nodes, and the gate that lets jobs onto those that pass.

    Nodes start with the taint `ultrafleet/unproven`. When a block's nodes are there the gate runs the tests on them,
    over NVLink and EFA, each judged by its own floor. It takes the taint off nodes that pass, and holds those that
    fail, with an Event, a line in its log and what they cost. A node that takes another's place is tested, too.

    Args:
        scope: parent.
        id: construct id.
        delivery: how objects reach the cluster, which has Kubeflow Trainer.
        pools: the pools, with the startup taint `UNPROVEN_TAINT`; passed over are those without
            NVIDIA GPUs, but for Trainium that has an image of its own.
        image: image that has what `ultrafleet.acceptance.image` says, for the architectures of nodes with NVIDIA GPUs.
            Default: each of their pools has its own.
        images: images of single pools instead, by pool; Trainium's have what `neuron_run` says. Default: none.
        floors_gbs: floors of your own by pool and path ("nvlink", "neuronlink", "efa", "roce", "node"), GB/s of bus
            bandwidth. Default: the published ones; for Trainium there are none.
        gate: how long the gate waits, and its image. Default: `GateSettings()`.
        usd_per_node_hour: public price of a node by pool, which reports name; None where there is none. Default: none
            known.

    Raises:
        FleetError: a pool lacks the startup taint, it has no image or one for another architecture, or an image
            or a floor is of no pool.
        UnknownFactError: no source publishes a floor for a pool's type, and none was passed.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        delivery: Delivery,
        pools: Sequence[PoolNodes],
        image: str | None = None,
        images: Mapping[str, str] | None = None,
        floors_gbs: Mapping[str, Mapping[Any, float]] | None = None,
        gate: GateSettings | None = None,
        usd_per_node_hour: Mapping[str, float | None] | None = None,
    ) -> None:
        super().__init__(scope, id)
        chosen = AcceptanceImages(image, images or {})
        tested = [pool for pool in pools if chosen.cover(pool)]
        if strange := chosen.own.keys() - {pool.pool_name for pool in tested}:
            raise FleetError(
                path="images",
                got=", ".join(sorted(strange)),
                expected=f"tested pools: {', '.join(pool.pool_name for pool in tested) or '(none)'}",
                remedy="name one of them",
            )
        known = {pool.pool_name for pool in pools}
        if strange_floors := (floors_gbs or {}).keys() - known:
            raise FleetError(
                path="floors_gbs",
                got=", ".join(sorted(strange_floors)),
                expected=f"pools: {', '.join(sorted(known)) or '(none)'}",
                remedy="name one of them",
            )
        templates = {
            pool.pool_name: acceptance_template(
                pool,
                image=chosen.of(pool),
                floors=(floors_gbs or {}).get(pool.pool_name, {}),
            )
            for pool in tested
        }
        manifests = gate_manifests(tested, templates, settings=gate, usd_per_node_hour=usd_per_node_hour)
        for manifest in (*shared_acceptance_manifests(tested), *manifests):
            delivery.add_manifest(self, manifest)
