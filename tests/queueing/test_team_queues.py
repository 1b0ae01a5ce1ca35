"""Queues of teams: guarantees, weights, and that all of them together give out what the pools hold."""

from collections import Counter
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from helpers.workloads import b300, h200, rack
from ultrafleet.errors import FleetError
from ultrafleet.queueing import Flavor, TeamShare, fleet_flavors, queue_manifests
from ultrafleet.queueing.kueue import kueue_configuration
from ultrafleet.queueing.team_queues import team_local_queue

RACK = "u-p6e-gb200x72"


def flavors() -> list[Flavor]:
    return fleet_flavors([rack("rack-a"), rack("rack-b"), b300(), h200()], spare_nodes_per_ultraserver=2)


def queues(*shares: TeamShare, of: list[Flavor] | None = None) -> dict[str, dict[str, Any]]:
    made = queue_manifests(of or flavors(), shares)
    return {item["metadata"]["name"]: dict(item["spec"]) for item in made if item["kind"] == "ClusterQueue"}


def share(team: str, racks: int) -> TeamShare:
    return TeamShare(team_name=team, guaranteed_nodes={RACK: racks})


def quota(spec: dict[str, Any], flavor: str) -> dict[str, int]:
    (entry,) = [entry for entry in spec["resourceGroups"][0]["flavors"] if entry["name"] == flavor]
    return {item["name"]: int(item["nominalQuota"]) for item in entry["resources"]}


def test_each_team_has_a_queue_in_the_cohort_of_its_workload() -> None:
    made = queues(TeamShare(team_name="a"), TeamShare(team_name="b"), TeamShare(team_name="c", workload="inference"))
    assert {name: spec["cohortName"] for name, spec in made.items()} == {
        "training": "training",
        "training.a": "training",
        "training.b": "training",
        "inference": "inference",
        "inference.c": "inference",
    }


def test_without_teams_a_queue_is_in_no_cohort() -> None:
    made = queues()
    assert set(made) == {"training", "inference"}
    assert all("cohortName" not in spec and "fairSharing" not in spec for spec in made.values())
    assert all(spec["preemption"] == {"withinClusterQueue": "LowerPriority"} for spec in made.values())


def test_guaranteed_nodes_are_quota_of_the_team_and_no_longer_of_the_rest() -> None:
    made = queues(TeamShare(team_name="a", guaranteed_nodes={RACK: 16}), TeamShare(team_name="b"))
    flavor = f"training-{RACK}"
    assert quota(made["training.a"], flavor) == {
        "nvidia.com/gpu": 64,
        "vpc.amazonaws.com/efa": 64,
        "nvidia.com/compute-domain-channel": 16,
    }
    assert quota(made["training"], flavor) == quota(made["training.a"], flavor)
    assert set(quota(made["training.b"], flavor).values()) == {0}


def test_a_team_takes_back_what_it_lent_and_lends_to_its_own_younger_jobs() -> None:
    spec = queues(TeamShare(team_name="a"))["training.a"]
    assert spec["preemption"] == {
        "withinClusterQueue": "LowerOrNewerEqualPriority",
        "reclaimWithinCohort": "Any",
    }
    assert spec["queueingStrategy"] == "BestEffortFIFO"


@pytest.mark.parametrize(("weight", "stated"), [(1, "1"), (0, "0"), (2.5, "2.5"), (0.25, "0.25")])
def test_the_weight_is_a_quantity(weight: float, stated: str) -> None:
    made = queues(TeamShare(team_name="a", fair_sharing_weight=weight))
    assert made["training.a"]["fairSharing"] == {"weight": stated}


def test_fair_sharing_is_on() -> None:
    configuration = yaml.safe_load(kueue_configuration(counts_channels=True))
    assert configuration["fairSharing"] == {
        "preemptionStrategies": ["LessThanOrEqualToFinalShare", "LessThanInitialShare"]
    }


def test_a_team_s_jobs_go_to_its_queue_by_its_name() -> None:
    local = team_local_queue("a", "training")
    assert (local["metadata"]["name"], local["metadata"]["namespace"]) == ("a", "a")
    assert local["spec"] == {"clusterQueue": TeamShare(team_name="a").queue}


@given(
    shares=st.lists(st.tuples(st.integers(0, 16), st.integers(0, 1)), max_size=2),
    weights=st.floats(0.01, 100),
)
def test_queues_of_a_cohort_give_out_what_the_pools_hold(shares: list[tuple[int, int]], weights: float) -> None:
    teams = [
        TeamShare(
            team_name=f"t{number}",
            guaranteed_nodes={RACK: racks, "p6-b300.48xlarge": single},
            fair_sharing_weight=weights,
        )
        for number, (racks, single) in enumerate(shares)
    ]
    found: dict[str, Counter[str]] = {}
    for spec in queues(*teams).values():
        for entry in spec["resourceGroups"][0]["flavors"]:
            given_out = {item["name"]: int(item["nominalQuota"]) for item in entry["resources"]}
            assert min(given_out.values()) >= 0
            found.setdefault(entry["name"], Counter()).update(given_out)
    for flavor in flavors():
        assert {name: count for name, count in found[flavor.name].items() if count} == flavor.quotas


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ([share("a", 16), share("b", 17)], rf"guaranteed_nodes of team b is 17 {RACK}, expected 0 to 16"),
        ([share("a", 33)], rf"team a is 33 {RACK}, expected 0 to 32"),
        ([share("a", -1)], rf"team a is -1 {RACK}, expected 0 to 32"),
        (
            [TeamShare(team_name="a", guaranteed_nodes={"p5en.48xlarge": 1})],
            "team a name 'p5en.48xlarge', expected a capacity of .* training: p6-b300.48xlarge, u-p6e-gb200x72",
        ),
    ],
)
def test_fails_when_more_is_guaranteed_than_there_is(shares: list[TeamShare], message: str) -> None:
    with pytest.raises(FleetError, match=message):
        queue_manifests(flavors(), shares)


def test_fails_when_only_overlapping_blocks_have_what_is_guaranteed() -> None:
    overlapping = fleet_flavors([rack("rack-a", nodes=36, nodes_per_group=18)], spare_nodes_per_ultraserver=2)
    queues(TeamShare(team_name="a", guaranteed_nodes={RACK: 16}), of=overlapping)
    with pytest.raises(FleetError, match="expected 0 to 16"):
        queues(TeamShare(team_name="a", guaranteed_nodes={RACK: 17}), of=overlapping)


@pytest.mark.parametrize("weight", [-1, 1e-10, float("inf"), float("nan")])
def test_fails_on_a_weight_that_kueue_does_not_take(weight: float) -> None:
    with pytest.raises(FleetError, match="fair_sharing_weight of team a is"):
        TeamShare(team_name="a", fair_sharing_weight=weight)
