"""Consistency rules: a planted fault for every rule."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from helpers.agreeing_fleet import Fleet, agreeing_fleet, container, found, grace_model, pod, pools, served_model
from helpers.workloads import h200, job, nodes, rack
from ultrafleet.accelerator_addons import VersionTable, accelerator_runtime
from ultrafleet.consistency import CONSISTENCY_RULES, check_consistency, inconsistencies
from ultrafleet.consistency.content import Content
from ultrafleet.consistency.serving_rules import domains_of_models
from ultrafleet.errors import FleetError
from ultrafleet.jobs import jobset
from ultrafleet.jobs.acceptance_gate import gate_manifests
from ultrafleet.jobs.acceptance_jobs import acceptance_template, shared_acceptance_manifests
from ultrafleet.kubernetes import Taint
from ultrafleet.kubernetes.chart import ChartRelease
from ultrafleet.kubernetes.labels import CAPACITY_LABEL, ULTRASERVER_LABEL, WORKLOAD_LABEL
from ultrafleet.kubernetes.network_devices import EFA_CLASS, EfaDriver, NetworkDevices
from ultrafleet.kubernetes.taint import UNPROVEN_TAINT
from ultrafleet.queueing import TeamShare, fleet_flavors, queue_manifests
from ultrafleet.training.team_manifests import team_manifests

CLAIMED = NetworkDevices(count=16, device_class=EFA_CLASS)


@pytest.fixture
def fleet() -> Fleet:
    return agreeing_fleet()


def test_what_the_library_makes_agrees(fleet: Fleet) -> None:
    assert found(fleet) == []
    members, objects, releases = fleet
    check_consistency(pools=members, manifests=list(objects.values()), releases=releases)


def overlapping(spare: int = 2) -> Fleet:
    """A pool two of whose blocks run at the same time, with its queue."""
    members = [rack("rack-a", nodes=36, nodes_per_group=18)]
    manifests = queue_manifests(
        fleet_flavors(members, spare_nodes_per_ultraserver=spare), [TeamShare(team_name="pretraining")]
    )
    by_name = {f"{item['kind']} {item['metadata']['name']}": copy.deepcopy(dict(item)) for item in manifests}
    return members, by_name, accelerator_runtime(members, VersionTable.of())


@pytest.mark.parametrize("spare", [0, 2, 17])
def test_a_queue_counts_the_ultraservers_of_overlapping_blocks(spare: int) -> None:
    assert found(overlapping(spare)) == []


def test_fails_on_a_quota_that_no_spare_nodes_of_two_ultraservers_explain() -> None:
    members, objects, releases = overlapping()
    (entry,) = objects["ClusterQueue training"]["spec"]["resourceGroups"][0]["flavors"]
    for item in entry["resources"]:
        if item["name"] == "nvidia.com/gpu":
            item["nominalQuota"] = str(int(item["nominalQuota"]) + 4)  # one node more: spare of one rack alone
    assert any("its pools have 36 nodes of 4" in problem for problem in found((members, objects, releases)))


def test_a_job_on_more_ultraservers_than_ever_run_at_once_fails() -> None:
    members, objects, releases = overlapping(0)
    wide = fleet_flavors([rack("rack-a"), rack("rack-b"), rack("rack-c")])[0]
    for number, fits in ((2, True), (3, False)):
        made = {
            f"{item['kind']} {item['metadata']['name']}": dict(item)
            for item in jobset(job("wide", flavor=wide, racks=number))
        }
        home = {
            f"{item['kind']} {item['metadata']['name']}": dict(item)
            for item in team_manifests("pretraining", "training")
        }
        problems = found((members, {**objects, **home, **made}, releases))
        assert any("one for each of at most 2 UltraServers" in problem for problem in problems) is not fits, problems


@pytest.mark.parametrize(
    ("ultraserver", "fits"),
    [("rack-a-cr-0aaaaaaaaaaaaaaa1", True), ("rack-a", True), ("rack-z-cr-0aaaaaaaaaaaaaaa1", False), ("b300", False)],
)
def test_a_pod_may_choose_one_ultraserver(fleet: Fleet, ultraserver: str, fits: bool) -> None:
    """The node group of a block names it, which no pool states."""
    pod(fleet[1]["TrainingRuntime one"])["spec"]["nodeSelector"][ULTRASERVER_LABEL] = ultraserver
    assert any("selects nodes" in problem for problem in found(fleet)) is not fits


def quota(objects: dict[str, dict[str, Any]], flavor: str, resource: str) -> dict[str, Any]:
    for queue in ("ClusterQueue training",):
        for entry in objects[queue]["spec"]["resourceGroups"][0]["flavors"]:
            for item in entry["resources"]:
                if (entry["name"], item["name"]) == (flavor, resource):
                    found: dict[str, Any] = item
                    return found
    raise KeyError(flavor)


def apart(queue: dict[str, Any], name: str) -> dict[str, Any]:
    """The same queue under another name and without a cohort."""
    found = {**copy.deepcopy(queue), "metadata": {"name": name}}
    del found["spec"]["cohortName"]
    return found


RULES = {rule.id: rule for rule in CONSISTENCY_RULES}
RACKS = "training-u-p6e-gb200x72"
Plant = Callable[[dict[str, dict[str, Any]]], object]

PLANTED: dict[str, tuple[Plant, str]] = {
    "a selector that no pool has": (
        lambda o: pod(o["JobSet both"])["spec"]["nodeSelector"].update({"ultrafleet/capacity": "u-p6e-gb300x72"}),
        "JobSet-pretraining-both selects nodes by ultrafleet/capacity=u-p6e-gb300x72.*expected labels that some pool",
    ),
    "a pod with accelerators that selects the wrong workload": (
        lambda o: pod(o["LeaderWorkerSet gpt-oss-120b"])["spec"]["nodeSelector"].update({WORKLOAD_LABEL: "web"}),
        "LeaderWorkerSet-.*selects nodes by .*workload=web",
    ),
    "a taint that nothing tolerates": (
        lambda o: (
            pod(o["JobSet both"])["spec"].pop("tolerations"),
            o[f"ResourceFlavor {RACKS}"]["spec"].pop("tolerations"),
        ),
        r"JobSet-pretraining-both tolerates \[\], expected nvidia.com/gpu=true:NO_SCHEDULE of pool rack-a",
    ),
    "more accelerators than a node has": (
        lambda o: container(o["JobSet both"])["resources"]["limits"].update({"nvidia.com/gpu": "8"}),
        "asks for 8 accelerators, expected 1 to 4 nvidia.com/gpu: rack-a has that many a node",
    ),
    "accelerators of another make": (
        lambda o: container(o["JobSet small"])["resources"].update({"limits": {"aws.amazon.com/neuron": "4"}}),
        "JobSet-pretraining-small asks for 4 accelerators, expected 1 to 8 nvidia.com/gpu",
    ),
    "more EFA devices than a node has": (
        lambda o: container(o["JobSet both"])["resources"]["limits"].update({"vpc.amazonaws.com/efa": "16"}),
        "asks for 16 EFA devices, expected at most 4: a node of pool rack-",
    ),
    "more pods than the pools have nodes": (
        lambda o: o["JobSet small"]["spec"]["replicatedJobs"][0]["template"]["spec"].update({"parallelism": 3}),
        "JobSet-pretraining-small has 3 pods, expected at most 2",
    ),
    "more workers in one UltraServer than it has nodes": (
        lambda o: o["TrainJob one"]["spec"]["trainer"].update({"numNodes": 19}),
        "TrainingRuntime-pretraining-one has 19 pods in one UltraServer, expected at most 18",
    ),
    "slices that are no UltraServers": (
        lambda o: pod(o["JobSet both"])["metadata"]["annotations"].update({"kueue.x-k8s.io/podset-slice-size": "32"}),
        "JobSet-pretraining-both has 32 pods in slices of 32, expected whole slices of at most 18",
    ),
    "some of a node's chips without Neuron's scheduler": (
        lambda o: pod(o["JobSet chips"])["spec"].pop("schedulerName"),
        "asks for 1 of 16 aws.amazon.com/neuron by the scheduler default-scheduler, expected schedulerName my-",
    ),
    "a launcher for each node": (
        lambda o: o["TrainingRuntime rack-a-18"]["spec"]["mlPolicy"].update({"numNodes": 18}),
        "TrainingRuntime-acceptance-rack-a-18 has 18 launchers, expected mlPolicy.numNodes 1",
    ),
    "a launcher that waits for nothing": (
        lambda o: o["TrainingRuntime rack-a-18"]["spec"]["template"]["spec"]["replicatedJobs"][1].pop("dependsOn"),
        r"step launcher depends on \[\], expected step node Ready",
    ),
    "a launcher without its code": (
        lambda o: o.pop("ConfigMap acceptance-package-1"),
        "TrainingRuntime-acceptance-rack-a-18 mounts acceptance-package-1, expected a ConfigMap of acceptance",
    ),
    "more workers of MPI than the pools have nodes": (
        lambda o: o["TrainJob rack-a-18"]["spec"]["trainer"].update({"numNodes": 19}),
        "TrainingRuntime-acceptance-rack-a-18 has 19 pods, expected at most 18",
    ),
    "a claim without its ComputeDomain": (
        lambda o: o.pop("ComputeDomain both"),
        "JobSet-pretraining-both claims by both-channel, expected a ComputeDomain in pretraining",
    ),
    "a claim that no container uses": (
        lambda o: container(o["JobSet both"])["resources"].pop("claims"),
        "the claim compute-domain-channel of JobSet-pretraining-both is used by no container, expected",
    ),
    "a container's claim that its pod lacks": (
        lambda o: pod(o["TrainingRuntime one"])["spec"].pop("resourceClaims"),
        r"TrainingRuntime-pretraining-one uses the claim compute-domain-channel, expected one of .*: \(none\)",
    ),
    "a job on UltraServers without a ComputeDomain": (
        lambda o: (
            o.pop("ComputeDomain both"),
            pod(o["JobSet both"])["spec"].pop("resourceClaims"),
            container(o["JobSet both"])["resources"].pop("claims"),
        ),
        "JobSet-pretraining-both has 32 pods that work together on rack-a, rack-b and claims no ComputeDomain",
    ),
    "some of the GPUs of each node": (
        lambda o: container(o["JobSet both"])["resources"]["limits"].update({"nvidia.com/gpu": "2"}),
        "a pod of JobSet-pretraining-both asks for 2 of 4 nvidia.com/gpu beside 31 others, expected all",
    ),
    "no EFA devices": (
        lambda o: container(o["JobSet small"])["resources"]["limits"].pop("vpc.amazonaws.com/efa"),
        "JobSet-pretraining-small has 2 pods that work together and ask for no vpc.amazonaws.com/efa, expected the 16",
    ),
    "a program that counts other nodes": (
        lambda o: container(o["JobSet both"]).update({"command": ["torchrun", "--nnodes=8", "train.py"]}),
        "JobSet-pretraining-both is started with --nnodes=8 and has 32 pods that work together, expected 32",
    ),
    "a level that the topology lacks": (
        lambda o: pod(o["JobSet small"])["metadata"]["annotations"].update(
            {"kueue.x-k8s.io/podset-preferred-topology": "example.com/rack"}
        ),
        "JobSet-pretraining-small is placed by the level example.com/rack .*expected one of topology.k8s.aws/network",
    ),
    "another architecture": (
        lambda o: pod(o["JobSet both"])["spec"]["nodeSelector"].update({"kubernetes.io/arch": "amd64"}),
        "JobSet-pretraining-both selects nodes by .*arch=amd64.*expected what nodes of pool rack-a .*arch=arm64",
    ),
    "a claim of EFA devices where the plugin gives them": (
        lambda o: (
            o.update({"ResourceClaimTemplate efa-16": dict(CLAIMED.template("pretraining"))}),
            container(o["JobSet small"])["resources"]["limits"].pop("vpc.amazonaws.com/efa"),
            CLAIMED.add_to(pod(o["JobSet small"])["spec"], container(o["JobSet small"])),
        ),
        "JobSet-pretraining-small claims efa.networking.k8s.aws, expected the resource vpc.amazonaws.com/efa: a node",
    ),
    "two jobs in one ComputeDomain": (
        lambda o: pod(o["TrainingRuntime one"])["spec"]["resourceClaims"][0].update(
            {"resourceClaimTemplateName": "both-channel"}
        ),
        "claim by both-channel in pretraining, expected a ComputeDomain for each",
    ),
    "a ComputeDomain on nodes that NVLink doesn't join": (
        lambda o: pod(o["JobSet both"])["spec"]["nodeSelector"].update({"ultrafleet/capacity": "p6-b300.48xlarge"}),
        "claims a ComputeDomain on pool b300, expected an UltraServer whose nodes NVLink joins",
    ),
    "a flavor that selects nothing": (
        lambda o: o[f"ResourceFlavor {RACKS}"]["spec"]["nodeLabels"].update({WORKLOAD_LABEL: "nobody"}),
        f"flavor {RACKS} selects nodes by .*nobody.*expected labels that a pool has",
    ),
    "a flavor without its topology": (
        lambda o: o.pop("Topology ultraserver-2-layers"),
        "has the topology ultraserver-2-layers, expected one that exists",
    ),
    "a flavor that doesn't tolerate its pools' taints": (
        lambda o: o[f"ResourceFlavor {RACKS}"]["spec"].update({"tolerations": []}),
        f"flavor {RACKS} doesn't tolerate nvidia.com/gpu=true:NO_SCHEDULE, expected the taints of pool rack-a",
    ),
    "a topology level that nodes don't have": (
        lambda o: o["Topology instance-4-layers"]["spec"]["levels"].insert(0, {"nodeLabel": "ultrafleet/ultraserver"}),
        "the level ultrafleet/ultraserver, expected labels of pool b300",
    ),
    "a queue with a flavor that doesn't exist": (
        lambda o: o.pop(f"ResourceFlavor {RACKS}"),
        f"queue training has the flavor {RACKS}, expected one that exists",
    ),
    "a quota of more accelerators than the pools hold": (
        lambda o: quota(o, RACKS, "nvidia.com/gpu").update({"nominalQuota": "148"}),
        f"queue training has 148 nvidia.com/gpu of flavor {RACKS}, expected 144: its pools have 36 nodes of 4",
    ),
    "a quota that is no number of nodes": (
        lambda o: quota(o, "training-p6-b300-48xlarge", "nvidia.com/gpu").update({"nominalQuota": "15"}),
        "queue training has 15 nvidia.com/gpu .*expected 16: its pools have 2 nodes of 8",
    ),
    "fewer accelerators than single instances hold": (
        lambda o: quota(o, "training-p6-b300-48xlarge", "nvidia.com/gpu").update({"nominalQuota": "8"}),
        "queue training has 8 nvidia.com/gpu .*expected 16",
    ),
    "a quota of EFA devices that isn't the nodes'": (
        lambda o: quota(o, RACKS, "vpc.amazonaws.com/efa").update({"nominalQuota": "144"}),
        "queue training has 144 vpc.amazonaws.com/efa .*expected 128",
    ),
    "a quota of NVLink channels that isn't the nodes'": (
        lambda o: quota(o, RACKS, "nvidia.com/compute-domain-channel").update({"nominalQuota": "36"}),
        "queue training has 36 nvidia.com/compute-domain-channel .*expected 32",
    ),
    "more guaranteed to a team than the cohort has": (
        lambda o: o["ClusterQueue training.pretraining"]["spec"]["resourceGroups"][0]["flavors"][1]["resources"][
            2
        ].update({"nominalQuota": "200"}),
        "queue training has 328 nvidia.com/gpu of flavor .*, expected",
    ),
    "a pool that is counted twice": (
        lambda o: o.update({"ClusterQueue another": apart(o["ClusterQueue training"], "another")}),
        r"pool b300 is counted by the queues \['training', 'another'\], expected one",
    ),
    "a pool that no queue counts": (
        lambda o: [
            o[f"ClusterQueue {name}"]["spec"]["resourceGroups"][0]["flavors"].pop(0)
            for name in ("training", "training.pretraining")
        ],
        r"pool b300 is counted by the queues \[\], expected one",
    ),
    "a pool that a queue counts and a model is served from": (
        lambda o: o["ResourceFlavor training-p6-b300-48xlarge"]["spec"]["nodeLabels"].update(
            {CAPACITY_LABEL: "p5en.48xlarge", WORKLOAD_LABEL: "inference"}
        ),
        r"pool h200 is counted by the queues \['training'\], expected none: LeaderWorkerSet-gpt-oss-120b-",
    ),
    "groups of two models on one rack": (
        lambda o: [
            o.update({f"LeaderWorkerSet {name}": served_model(name, nodes=4)["LeaderWorkerSet"]})
            for name in ("wide-a", "wide-b")
        ],
        "LeaderWorkerSet-wide-b-wide-b may run on pool rack-a, rack-b, expected another: LeaderWorkerSet-wide-a-wide-a",
    ),
    "a way to a queue that doesn't exist": (
        lambda o: o["LocalQueue pretraining"]["spec"].update({"clusterQueue": "trainings"}),
        "the queue pretraining of pretraining leads to trainings, expected a ClusterQueue",
    ),
    "a namespace that the queue doesn't let in": (
        lambda o: o["Namespace pretraining"]["metadata"]["labels"].update({WORKLOAD_LABEL: "inference"}),
        "namespace pretraining has the labels .*expected .*'training'.* for queue training.pretraining",
    ),
    "a job that names no queue of its namespace": (
        lambda o: o["JobSet both"]["metadata"]["labels"].update({"kueue.x-k8s.io/queue-name": "urgent"}),
        "JobSet both names the queue urgent, expected a LocalQueue of pretraining",
    ),
    "a priority that doesn't exist": (
        lambda o: o["JobSet both"]["metadata"]["labels"].update({"kueue.x-k8s.io/priority-class": "highest"}),
        "JobSet both has the priority highest, expected a WorkloadPriorityClass",
    ),
    "an account that isn't there": (
        lambda o: o.pop("ServiceAccount training"),
        "JobSet-pretraining-both runs as training, expected a ServiceAccount of pretraining",
    ),
    "a volume that isn't there": (
        lambda o: o.pop("PersistentVolumeClaim lustre"),
        "JobSet-pretraining-both mounts lustre, expected a PersistentVolumeClaim of pretraining",
    ),
    "a service that selects no pods": (
        lambda o: o["Service gpt-oss-120b-server"]["spec"]["selector"].update({"app": "another"}),
        "service gpt-oss-120b-server of gpt-oss-120b selects .*expected labels of pods there",
    ),
    "a service that leads to a closed port": (
        lambda o: o["Service gpt-oss-120b-server"]["spec"]["ports"][0].update({"targetPort": 9999}),
        "service gpt-oss-120b-server of gpt-oss-120b leads to port 9999, expected one of LeaderWorkerSet",
    ),
    "a probe of a closed port": (
        lambda o: container(o["LeaderWorkerSet gpt-oss-120b"])["readinessProbe"]["httpGet"].update({"port": 9998}),
        "readinessProbe of LeaderWorkerSet-.* asks port 9998, expected one of its container's",
    ),
    "a scaler of nothing": (
        lambda o: o["ScaledObject gpt-oss-120b"]["spec"]["scaleTargetRef"].update({"name": "another"}),
        "gpt-oss-120b scales LeaderWorkerSet another, expected one that exists",
    ),
    "more replicas than the pools hold": (
        lambda o: o["ScaledObject gpt-oss-120b"]["spec"].update({"maxReplicaCount": 500}),
        "gpt-oss-120b may have 500 replicas, expected at most",
    ),
}


@pytest.mark.parametrize(
    ("owner", "path"),
    [("JobSet both", ("spec", "replicatedJobs")), ("LeaderWorkerSet gpt-oss-120b", ("spec", "leaderWorkerTemplate"))],
)
def test_fails_on_an_object_without_what_its_kind_requires(fleet: Fleet, owner: str, path: tuple[str, ...]) -> None:
    members, objects, _ = fleet
    objects[owner][path[0]].pop(path[1])
    with pytest.raises(
        FleetError, match=f"{owner.split(maxsplit=1)[0]}-.* has no {path[1]}, expected the fields that a"
    ):
        inconsistencies(pools=members, manifests=list(objects.values()))


@pytest.mark.parametrize(("plant", "message"), PLANTED.values(), ids=PLANTED)
def test_fails_on(fleet: Fleet, plant: Plant, message: str) -> None:
    members, objects, releases = fleet
    plant(objects)
    with pytest.raises(FleetError, match=message):
        check_consistency(pools=members, manifests=list(objects.values()), releases=releases)


def changed(release: ChartRelease, **values: Any) -> ChartRelease:
    return ChartRelease(
        chart=release.chart,
        release=release.release,
        namespace=release.namespace,
        values={**release.values, **values},
    )


def charts_without(name: str) -> list[ChartRelease]:
    return [release for release in accelerator_runtime(pools(), VersionTable.of()) if release.chart.name != name]


def charts_with(name: str, **values: Any) -> list[ChartRelease]:
    return [
        changed(release, **values) if release.chart.name == name else release
        for release in accelerator_runtime(pools(), VersionTable.of())
    ]


@pytest.mark.parametrize(
    "chart", ["nvidia-device-plugin", "dra-driver-nvidia-gpu", "aws-efa-k8s-device-plugin", "neuron-helm-chart"]
)
def test_fails_when_a_node_lacks_a_chart(chart: str) -> None:
    (message, *_) = inconsistencies(pools=pools(), manifests=[], releases=charts_without(chart))
    assert f"needs the chart {chart}, expected it among" in message


@pytest.mark.parametrize(
    ("chart", "values", "where"),
    [
        ("nvidia-device-plugin", {"tolerations": []}, "tolerations"),
        ("nvidia-device-plugin", {"nfd": {"worker": {}}}, "nfd.worker.tolerations"),
        ("dra-driver-nvidia-gpu", {"kubeletPlugin": {}}, "kubeletPlugin.tolerations"),
        ("aws-efa-k8s-device-plugin", {"tolerations": []}, "tolerations"),
        ("neuron-helm-chart", {"devicePlugin": {"enabled": True}}, "devicePlugin.tolerations"),
    ],
)
def test_fails_when_a_chart_does_not_tolerate_a_taint(chart: str, values: dict[str, Any], where: str) -> None:
    messages = inconsistencies(pools=pools(), manifests=[], releases=charts_with(chart, **values))
    assert messages
    assert all(f"{chart} doesn't tolerate" in text and text.endswith(f"in {where}") for text in messages)


def test_fails_when_both_drivers_hand_out_gpus() -> None:
    releases = charts_with("dra-driver-nvidia-gpu", resources={"gpus": {"enabled": True}})
    messages = inconsistencies(pools=pools(), manifests=[], releases=releases)
    assert any("hands out GPUs beside the device plugin" in message for message in messages)


def test_fails_when_both_efa_drivers_are_installed() -> None:
    releases = accelerator_runtime(pools(), VersionTable.of())
    claimed = [replace(pool, efa_driver=EfaDriver.DRA) for pool in pools()]
    other = [
        release for release in accelerator_runtime(claimed, VersionTable.of()) if release.chart.name == "aws-dranet"
    ]
    (message,) = inconsistencies(pools=pools(), manifests=[], releases=[*releases, *other])
    assert "aws-dranet are both installed on p5en.48xlarge, p6-b300.48xlarge, p6e-gb200.36xlarge, trn2u" in message
    everywhere = replace(other[0], values={})
    assert inconsistencies(pools=pools(), manifests=[], releases=[*releases, everywhere]) == [message]


def test_each_efa_driver_may_have_nodes_of_its_own() -> None:
    members = [rack("rack-a"), h200(efa_driver=EfaDriver.DRA)]
    releases = accelerator_runtime(members, VersionTable.of())
    assert {"aws-dranet", "aws-efa-k8s-device-plugin"} <= {release.chart.name for release in releases}
    assert inconsistencies(pools=members, manifests=[], releases=releases) == []


def test_a_pool_with_a_taint_of_its_own_is_covered_everywhere() -> None:
    own = nodes(
        "odd", "p5en.48xlarge", 2, efa=16, taints=(Taint(key="nvidia.com/gpu", value="true"), Taint(key="t", value="x"))
    )
    manifests = queue_manifests(fleet_flavors([own]))
    assert (
        inconsistencies(pools=[own], manifests=manifests, releases=accelerator_runtime([own], VersionTable.of())) == []
    )


@pytest.mark.parametrize(("chips", "right"), [(1, True), (2, False), (4, True), (12, False), (16, True)])
def test_chips_of_one_pod_are_connected(chips: int, right: bool) -> None:
    members = [nodes("single", "trn2.48xlarge", 2, efa=16)]
    objects = jobset(job("chips", flavor=fleet_flavors(members)[0], racks=None, some=1, accelerators=1))
    made = copy.deepcopy(dict(objects[-1]))
    container(made)["resources"]["limits"]["aws.amazon.com/neuron"] = str(chips)
    home = [
        *team_manifests("pretraining", "training"),
        *queue_manifests(fleet_flavors(members), [TeamShare(team_name="pretraining")]),
    ]
    messages = inconsistencies(pools=members, manifests=[*home, made])
    expected = [] if right else [f"asks for {chips} aws.amazon.com/neuron, expected one of 1, 4, 8, 16: those can be"]
    assert len(messages) == len(expected)
    assert all(text in message for text, message in zip(expected, messages, strict=True))


def test_fails_on_a_scheduler_that_no_chart_brings(fleet: Fleet) -> None:
    members, objects, _ = fleet
    releases = charts_with("neuron-helm-chart", scheduler={"enabled": False})
    (message,) = found((members, objects, releases))
    assert "JobSet-pretraining-chips has the scheduler my-scheduler, expected neuron-helm-chart with" in message


def gated(efa: int) -> list[str]:
    """Findings where a gate tests a rack whose template asks for so many EFA devices."""
    tested = rack("rack-a", startup_taints=(UNPROVEN_TAINT,))
    template = acceptance_template(tested, image="registry.example/nccl-tests:1")
    text = json.dumps(template).replace('"vpc.amazonaws.com/efa": "4"', f'"vpc.amazonaws.com/efa": "{efa}"')
    manifests = [*shared_acceptance_manifests(), *gate_manifests([tested], {"rack-a": json.loads(text)})]
    return inconsistencies(pools=[tested], manifests=manifests)


def test_runs_that_the_gate_creates_are_looked_at() -> None:
    assert gated(4) == []
    assert [message for message in gated(16) if "asks for 16 EFA devices, expected at most 4" in message]


def test_the_error_says_what_to_change(fleet: Fleet) -> None:
    members, objects, releases = fleet
    container(objects["JobSet both"])["resources"].pop("claims")
    with pytest.raises(
        FleetError, match=r"1 inconsistency .*\. to correct it: name each claim .*\(rule used-claims\)$"
    ) as error:
        check_consistency(pools=members, manifests=list(objects.values()), releases=releases)
    assert error.value.remedy == f"{RULES['used-claims'].remedy} (rule used-claims)"


@pytest.mark.parametrize(("second", "count"), [(None, 1), (False, 0)])
def test_two_models_have_two_domains_in_a_rack_only_where_both_claim_channels(second: bool | None, count: int) -> None:
    made = [*grace_model("first").values(), *grace_model("second", imex_channel=second).values()]
    content = Content(pools=[rack("rack-a")], manifests=made)
    assert len(list(domains_of_models(content))) == count
