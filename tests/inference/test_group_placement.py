"""Placement of replicas on several nodes by Kubernetes' scheduler."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.workloads import flavor_of, h200, rack, serving
from ultrafleet.inference import VLLM, ServingRecipe
from ultrafleet.inference.group_placement import leader_spread, worker_affinity
from ultrafleet.inference.server_manifests import server_manifests


def template(pool: Any, *, gpus: int, nodes: int) -> dict[str, Any]:
    made = server_manifests(serving("wide", pool=pool, recipe=ServingRecipe(engine=VLLM, gpus=gpus, nodes=nodes)))
    (found,) = [item for item in made if item["kind"] == "LeaderWorkerSet"]
    shape: dict[str, Any] = found["spec"]["leaderWorkerTemplate"]
    return shape


def test_workers_go_where_their_leader_is_and_leaders_where_their_groups_fit() -> None:
    made = template(rack(workload="inference"), gpus=4, nodes=4)
    worker, leader = made["workerTemplate"]["spec"], made["leaderTemplate"]["spec"]
    assert worker["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] == [
        {
            "topologyKey": "ultrafleet/ultraserver",
            "labelSelector": {
                "matchLabels": {
                    "leaderworkerset.sigs.k8s.io/name": "wide",
                    # A selector of the whole group would let a worker start before its leader, anywhere.
                    "leaderworkerset.sigs.k8s.io/worker-index": "0",
                }
            },
            "matchLabelKeys": ["leaderworkerset.sigs.k8s.io/group-key"],
        }
    ]
    (spread,) = leader["topologySpreadConstraints"]
    assert (spread["maxSkew"], spread["whenUnsatisfiable"]) == (4, "DoNotSchedule")
    assert "affinity" not in leader
    assert "topologySpreadConstraints" not in worker


def test_nothing_is_asked_of_kueue() -> None:
    for recipe in (None, ServingRecipe(engine=VLLM, gpus=8, nodes=2)):
        assert "kueue" not in str(server_manifests(serving("wide", recipe=recipe)))


def test_single_instances_are_chosen_near_each_other_and_not_refused() -> None:
    made = template(h200(), gpus=8, nodes=2)
    assert "topologySpreadConstraints" not in made["leaderTemplate"]["spec"]
    affinity = made["workerTemplate"]["spec"]["affinity"]["podAffinity"]
    assert set(affinity) == {"preferredDuringSchedulingIgnoredDuringExecution"}
    keys = [
        item["podAffinityTerm"]["topologyKey"] for item in affinity["preferredDuringSchedulingIgnoredDuringExecution"]
    ]
    assert keys == [f"topology.k8s.aws/network-node-layer-{layer}" for layer in (1, 2, 3)]


def test_a_replica_of_one_node_is_placed_freely() -> None:
    (made,) = [item for item in server_manifests(serving()) if item["kind"] == "LeaderWorkerSet"]
    assert "affinity" not in made["spec"]["leaderWorkerTemplate"]["workerTemplate"]["spec"]


@given(
    racks=st.integers(1, 4),
    overlapping=st.integers(1, 2),
    spare=st.integers(0, 4),
    nodes=st.integers(2, 14),
)
def test_leaders_of_an_ultraserver_have_room_for_their_groups(
    racks: int, overlapping: int, spare: int, nodes: int
) -> None:
    """The least count of a domain is taken for 0 while there are fewer domains than `minDomains`."""
    members = [rack(f"rack-{index}", nodes=18 * overlapping, nodes_per_group=18) for index in range(racks)]
    flavor = flavor_of(members, spare_nodes_per_ultraserver=spare)
    (spread,) = leader_spread("wide", flavor, nodes=nodes)
    assert spread["maxSkew"] >= 1
    assert spread["maxSkew"] * nodes <= 18 - spare < (spread["maxSkew"] + 1) * nodes
    assert spread["minDomains"] > racks * overlapping


@pytest.mark.parametrize("pool", [rack(), h200()])
def test_workers_follow_a_leader_of_their_own_group(pool: Any) -> None:
    affinity = worker_affinity("wide", flavor_of([pool]))["podAffinity"]
    for terms in affinity.values():
        for term in terms:
            assert term.get("podAffinityTerm", term)["matchLabelKeys"] == ["leaderworkerset.sigs.k8s.io/group-key"]
