"""A fleet whose pools, objects and charts agree, for tests that plant a fault in it."""

import copy
from typing import Any

from helpers.workloads import b300, flavor_of, h200, job, rack, serving, trainium
from ultrafleet.accelerator_addons import VersionTable, accelerator_runtime
from ultrafleet.consistency import inconsistencies
from ultrafleet.inference import VLLM, ServingRecipe
from ultrafleet.inference.server_manifests import server_manifests
from ultrafleet.jobs import jobset, train_job
from ultrafleet.jobs.acceptance_jobs import acceptance_job, shared_acceptance_manifests
from ultrafleet.kubernetes import PoolNodes
from ultrafleet.kubernetes.chart import ChartRelease
from ultrafleet.queueing import TeamShare, fleet_flavors, queue_manifests
from ultrafleet.training.team_manifests import lustre_volume, team_manifests

Fleet = tuple[list[PoolNodes], dict[str, dict[str, Any]], list[ChartRelease]]
"""Pools, objects by kind and name, charts."""


def pools() -> list[PoolNodes]:
    return [rack("rack-a"), rack("rack-b"), b300(), trainium(), h200()]


def agreeing_fleet() -> Fleet:
    """Racks with a job of each kind, and a scaled model: nothing is wrong with it."""
    members = pools()
    flavors = {flavor.name: flavor for flavor in fleet_flavors(members, spare_nodes_per_ultraserver=2)}
    racks = flavors["training-u-p6e-gb200x72"]
    objects = [
        *queue_manifests(
            [flavor for flavor in flavors.values() if flavor.workload != "inference"],
            [TeamShare(team_name="pretraining")],
        ),
        *team_manifests("pretraining", "training"),
        *lustre_volume("pretraining", file_system_id="fs-1", dns_name="fs-1", mount_name="a", capacity_gib=4800),
        *jobset(job("both", flavor=racks, racks=2, lustre_path="/lustre")),
        *train_job(job("one", flavor=racks, racks=1)),
        *jobset(job("small", flavor=flavors["training-p6-b300-48xlarge"], racks=None, some=2)),
        *jobset(job("chips", flavor=flavors["training-u-trn2x64"], racks=None, some=1, accelerators=1)),
        *shared_acceptance_manifests(),
        *acceptance_job(rack("rack-a"), image="registry.example/nccl-tests:1"),
        *server_manifests(serving(flavor=flavors["inference-p5en-48xlarge"], max_replicas=8)),
    ]
    by_name = {f"{item['kind']} {item['metadata']['name']}": copy.deepcopy(dict(item)) for item in objects}
    assert len({id(item) for item in by_name.values()}) == len(by_name)
    return members, by_name, accelerator_runtime(members, VersionTable.of())


def served_model(name: str, *, nodes: int = 1) -> dict[str, dict[str, Any]]:
    """Objects of a model by kind, beside the one of the fleet; of groups on several nodes, in the racks."""
    members = [rack("rack-a"), rack("rack-b")] if nodes > 1 else [h200()]
    recipe = ServingRecipe(engine=VLLM, gpus=4, nodes=nodes) if nodes > 1 else None
    made = server_manifests(serving(name, flavor=flavor_of(members), recipe=recipe))
    return {item["kind"]: copy.deepcopy(dict(item)) for item in made}


def grace_model(name: str, *, imex_channel: bool | None = None) -> dict[str, dict[str, Any]]:
    """Objects of a model by kind, with replicas of one node of a rack."""
    recipe = ServingRecipe(engine=VLLM, gpus=4, imex_channel=imex_channel)
    made = server_manifests(serving(name, flavor=flavor_of([rack("rack-a")]), recipe=recipe))
    return {item["kind"]: copy.deepcopy(dict(item)) for item in made}


def found(fleet: Fleet) -> list[str]:
    members, objects, releases = fleet
    return inconsistencies(pools=members, manifests=list(objects.values()), releases=releases)


def pod(owner: dict[str, Any]) -> dict[str, Any]:
    """The pod that a JobSet, a runtime or a LeaderWorkerSet makes."""
    spec = owner["spec"]
    if owner["kind"] == "LeaderWorkerSet":
        found: dict[str, Any] = spec["leaderWorkerTemplate"]["workerTemplate"]
        return found
    spec = spec["template"]["spec"] if owner["kind"] == "TrainingRuntime" else spec
    template: dict[str, Any] = spec["replicatedJobs"][0]["template"]["spec"]["template"]
    return template


def container(owner: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = pod(owner)["spec"]["containers"][0]
    return found
