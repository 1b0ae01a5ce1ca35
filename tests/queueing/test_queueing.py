"""Kueue objects from pools: topologies, flavors, quotas, queues."""

from typing import Any

import pytest
import yaml

from helpers.workloads import b300, flavor_of, h200, nodes, rack, serving, trainium
from ultrafleet.accelerator_addons import VersionTable
from ultrafleet.errors import FleetError
from ultrafleet.inference.server_manifests import server_manifests
from ultrafleet.kubernetes import PoolNodes, Taint
from ultrafleet.queueing import PRIORITIES, Flavor, PodsReady, fleet_flavors, queue_manifests
from ultrafleet.queueing.kueue import kueue_configuration, kueue_release
from ultrafleet.training.team_manifests import team_manifests

LAYER = "topology.k8s.aws/network-node-layer-{}"


@pytest.mark.parametrize(
    ("flavor", "levels"),
    [
        (flavor_of([rack()]), (LAYER.format(1), LAYER.format(2), "ultrafleet/ultraserver", "kubernetes.io/hostname")),
        (flavor_of([h200()]), (*map(LAYER.format, (1, 2, 3)), "kubernetes.io/hostname")),
        (flavor_of([b300()]), (*map(LAYER.format, (1, 2, 3, 4)), "kubernetes.io/hostname")),
        (flavor_of([rack()], ultraserver_network_layers=0), ("ultrafleet/ultraserver", "kubernetes.io/hostname")),
        (
            flavor_of([rack()], ultraserver_network_layers=3),
            (*map(LAYER.format, (1, 2, 3)), "ultrafleet/ultraserver", "kubernetes.io/hostname"),
        ),
    ],
    ids=["rack", "three layers", "four layers", "no layers", "all layers"],
)
def test_a_topology_goes_from_the_network_over_the_ultraserver_to_the_node(
    flavor: Flavor, levels: tuple[str, ...]
) -> None:
    (topology,) = [item for item in queue_manifests([flavor]) if item["kind"] == "Topology"]
    assert tuple(level["nodeLabel"] for level in topology["spec"]["levels"]) == levels
    assert flavor.manifest()["spec"]["topologyName"] == topology["metadata"]["name"]


def test_layers_of_ultraservers_leave_single_instances_as_they_are() -> None:
    single, racks = fleet_flavors([rack(), h200(workload="training")], ultraserver_network_layers=0)
    assert len(single.levels) == 4
    assert len(racks.levels) == 2


def test_pools_of_one_kind_share_a_flavor() -> None:
    (flavor,) = fleet_flavors([rack("rack-b"), rack("rack-a")])
    assert [pool.pool_name for pool in flavor.pools] == ["rack-a", "rack-b"]
    assert flavor.quotas == {
        "nvidia.com/gpu": 144,
        "vpc.amazonaws.com/efa": 144,
        "nvidia.com/compute-domain-channel": 36,
    }


@pytest.mark.parametrize(("spare", "held", "per_rack"), [(0, 36, 18), (2, 32, 16), (17, 2, 1)])
def test_spare_nodes_stay_free_in_every_ultraserver(spare: int, held: int, per_rack: int) -> None:
    (flavor,) = fleet_flavors([rack("rack-a"), rack("rack-b")], spare_nodes_per_ultraserver=spare)
    assert (flavor.nodes, flavor.nodes_per_ultraserver) == (held, per_rack)
    assert flavor.quotas["nvidia.com/gpu"] == held * 4
    assert flavor.quotas["nvidia.com/compute-domain-channel"] == held


def overlapping_rack(name: str = "rack-a", **changed: Any) -> PoolNodes:
    """A pool two of whose blocks run at the same time."""
    return rack(name, nodes=36, nodes_per_group=18, **changed)


@pytest.mark.parametrize(("spare", "held"), [(0, 54), (2, 48)])
def test_ultraservers_of_overlapping_blocks_are_counted_each_with_its_spare_nodes(spare: int, held: int) -> None:
    (flavor,) = fleet_flavors([overlapping_rack(), rack("rack-b")], spare_nodes_per_ultraserver=spare)
    assert (flavor.nodes, flavor.nodes_at_hand) == (held, 36 - 2 * spare)
    assert flavor.nodes_per_ultraserver == 18 - spare
    assert flavor.quotas == {
        "nvidia.com/gpu": held * 4,
        "vpc.amazonaws.com/efa": held * 4,
        "nvidia.com/compute-domain-channel": held,
    }


def test_overlapping_blocks_of_single_instances() -> None:
    (flavor,) = fleet_flavors([h200(count=6, nodes_per_group=4)])
    assert (flavor.nodes, flavor.nodes_at_hand, flavor.quotas["nvidia.com/gpu"]) == (6, 4, 48)


@pytest.mark.parametrize("spare", [18, 20])
def test_fails_where_an_ultraserver_of_an_overlap_is_all_spare(spare: int) -> None:
    with pytest.raises(FleetError, match="an UltraServer of pool rack-a has 18 nodes"):
        fleet_flavors([overlapping_rack()], spare_nodes_per_ultraserver=spare)


def test_spare_nodes_are_no_matter_of_single_instances() -> None:
    (flavor,) = fleet_flavors([h200(count=1)], spare_nodes_per_ultraserver=2)
    assert flavor.quotas == {"nvidia.com/gpu": 8, "vpc.amazonaws.com/efa": 16}


def queue_of(workload: str, flavors: list[Flavor]) -> dict[str, Any]:
    (queue,) = [
        dict(item)
        for item in queue_manifests(flavors)
        if item["kind"] == "ClusterQueue" and item["metadata"]["name"] == workload
    ]
    return queue


def test_a_queue_holds_the_flavors_of_its_workload_alone() -> None:
    flavors = fleet_flavors([rack(), h200()])
    for workload, expected in (("training", "training-u-p6e-gb200x72"), ("inference", "inference-p5en-48xlarge")):
        (group,) = queue_of(workload, flavors)["spec"]["resourceGroups"]
        assert [entry["name"] for entry in group["flavors"]] == [expected]


def test_every_flavor_of_a_queue_states_every_resource() -> None:
    (group,) = queue_of("training", fleet_flavors([rack(), trainium()]))["spec"]["resourceGroups"]
    for entry in group["flavors"]:
        assert [item["name"] for item in entry["resources"]] == group["coveredResources"]
    trainium_quotas = {item["name"]: item["nominalQuota"] for item in group["flavors"][-1]["resources"]}
    assert trainium_quotas == {
        "aws.amazon.com/neuron": "64",
        "vpc.amazonaws.com/efa": "64",
        "nvidia.com/gpu": "0",
        "nvidia.com/compute-domain-channel": "0",
    }


def test_urgent_training_goes_before_the_rest() -> None:
    assert PRIORITIES["training-urgent"] > PRIORITIES["training"] > PRIORITIES["opportunistic"]
    values = {
        item["metadata"]["name"]: item["value"]
        for item in queue_manifests(fleet_flavors([rack()]))
        if item["kind"] == "WorkloadPriorityClass"
    }
    assert values == PRIORITIES


def test_channels_are_counted_where_there_are_any() -> None:
    counted = yaml.safe_load(kueue_configuration(counts_channels=True))["resources"]
    assert counted["deviceClassMappings"] == [
        {
            "name": "nvidia.com/compute-domain-channel",
            "deviceClassNames": ["compute-domain-default-channel.nvidia.com"],
        }
    ]
    assert "deviceClassMappings" not in yaml.safe_load(kueue_configuration(counts_channels=False))["resources"]


@pytest.mark.parametrize("spare", [-1, 18])
def test_fails_when_no_node_is_left(spare: int) -> None:
    with pytest.raises(
        FleetError,
        match=rf"spare_nodes_per_ultraserver is {spare}, expected 0 to 17: an UltraServer of pool rack-a has",
    ):
        fleet_flavors([rack()], spare_nodes_per_ultraserver=spare)


@pytest.mark.parametrize(("layers", "most"), [(4, 3), (-1, 3)])
def test_fails_on_layers_that_ec2_does_not_show(layers: int, most: int) -> None:
    with pytest.raises(FleetError, match=rf"network_layers is {layers}, expected 0 to {most} for p6e-gb200.36xlarge"):
        fleet_flavors([rack()], ultraserver_network_layers=layers)


@pytest.mark.parametrize("label", ["ultrafleet/capacity", "ultrafleet/workload"])
def test_fails_on_a_pool_whose_labels_would_count_it_elsewhere(label: str) -> None:
    other = rack(labels={**rack().labels, label: "other"})
    with pytest.raises(FleetError, match=rf"pool rack-a has the label {label} 'other', expected"):
        fleet_flavors([other])


def test_fails_on_a_workload_that_is_no_name() -> None:
    with pytest.raises(FleetError, match="workload of pool rack-a is 'Research Lab', expected up to 30 lower-case"):
        fleet_flavors([rack(workload="Research Lab")])


def test_a_flavor_tolerates_the_taints_of_all_its_pools() -> None:
    own = nodes("own", "p5en.48xlarge", 1, efa=16, taints=(Taint(key="team", value="a", effect="NO_EXECUTE"),))
    (flavor,) = fleet_flavors([own, h200(workload="training")])
    assert {item["key"] for item in flavor.manifest()["spec"]["tolerations"]} == {"team", "nvidia.com/gpu"}


def waits(**given: Any) -> dict[str, Any]:
    found = yaml.safe_load(kueue_configuration(counts_channels=True, pods_ready=PodsReady.of(**given)))
    return dict(found["waitForPodsReady"])


def test_a_job_that_does_not_start_gives_its_nodes_back_and_ends() -> None:
    assert waits() == {
        "timeout": "30m",
        "recoveryTimeout": "15m",
        "blockAdmission": False,
        "requeuingStrategy": {"timestamp": "Eviction", "backoffLimitCount": 3, "backoffBaseSeconds": 60},
    }


def test_the_times_are_the_caller_s() -> None:
    given = waits(start_minutes=90, recovery_minutes=5, max_requeues=0)
    assert (given["timeout"], given["recoveryTimeout"]) == ("90m", "5m")
    assert given["requeuingStrategy"]["backoffLimitCount"] == 0


@pytest.mark.parametrize("name", ["start_minutes", "recovery_minutes", "max_requeues"])
def test_fails_with_a_time_that_cannot_be(name: str) -> None:
    with pytest.raises(FleetError, match=f"{name} is -1, expected"):
        PodsReady.of(**{name: -1})


def managed(labels: dict[str, str]) -> bool:
    """Whether Kueue, and its webhooks, look at a namespace with these labels."""
    selector = yaml.safe_load(kueue_configuration(counts_channels=False))["managedJobsNamespaceSelector"]
    (expression,) = selector["matchExpressions"]
    assert set(selector) == {"matchExpressions"}
    assert expression["operator"] == "Exists"
    return expression["key"] in labels


def test_kueue_is_asked_about_namespaces_of_queues_alone() -> None:
    for queue in ("training", "inference"):
        wanted = queue_of(queue, fleet_flavors([rack(), h200()]))["spec"]["namespaceSelector"]["matchLabels"]
        assert managed(wanted)  # whom a queue lets in, Kueue looks at
    for made, is_managed in ((team_manifests("pretraining", "training"), True), (server_manifests(serving()), False)):
        for namespace in (item for item in made if item["kind"] == "Namespace"):
            assert managed(dict(namespace["metadata"]["labels"])) is is_managed
    for name in ("kube-system", "kueue-system", "keda", "dra-driver-nvidia-gpu", "acceptance"):
        assert not managed({"kubernetes.io/metadata.name": name})


def test_an_eviction_leaves_one_of_kueue_s_replicas() -> None:
    release = kueue_release(VersionTable.of(), counts_channels=True)
    controller = release.values["controllerManager"]
    assert controller["replicas"] == 2
    assert controller["podDisruptionBudget"] == {"enabled": True, "minAvailable": 1}
    assert [item["topologyKey"] for item in controller["topologySpreadConstraints"]] == ["topology.kubernetes.io/zone"]
    leader = yaml.safe_load(release.values["managerConfig"]["controllerManagerConfigYaml"])["leaderElection"]
    assert leader["leaderElect"] is True
    assert release.wait


@pytest.mark.parametrize("waits_for_spares", [True, False])
def test_kueue_waits_for_a_spare_node_where_there_are_any(waits_for_spares: bool) -> None:
    found = yaml.safe_load(kueue_configuration(counts_channels=True, waits_for_spares=waits_for_spares))
    gates = {"TASFailedNodeReplacementFailFast": False} if waits_for_spares else None
    assert found.get("featureGates") == gates
