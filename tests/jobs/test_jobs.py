"""Jobs as objects: where they are placed, what their pods ask for, and what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.workloads import b300, flavor_of, h200, job, rack, trainium
from ultrafleet.errors import FleetError
from ultrafleet.jobs import jobset, some_nodes, torchrun_command, train_job, whole_ultraservers
from ultrafleet.queueing import Flavor, fleet_flavors

SLICE = "kueue.x-k8s.io/podset-slice-required-topology"
SLICE_SIZE = "kueue.x-k8s.io/podset-slice-size"
REQUIRED = "kueue.x-k8s.io/podset-required-topology"
PREFERRED = "kueue.x-k8s.io/podset-preferred-topology"


def racks(count: int, **options: Any) -> Flavor:
    return flavor_of([rack(f"rack-{index}") for index in range(count)], **options)


def pod_of(objects: list[Any]) -> dict[str, Any]:
    """The pod template of a JobSet or of a TrainJob's runtime."""
    (owner,) = [item for item in objects if item["kind"] in {"JobSet", "TrainingRuntime"}]
    spec = owner["spec"]["template"]["spec"] if owner["kind"] == "TrainingRuntime" else owner["spec"]
    template: dict[str, Any] = spec["replicatedJobs"][0]["template"]["spec"]["template"]
    return template


@given(
    count=st.integers(1, 12),
    spare=st.integers(0, 17),
    data=st.data(),
)
def test_whole_ultraservers_are_whole_slices(count: int, spare: int, data: st.DataObject) -> None:
    flavor = racks(count, spare_nodes_per_ultraserver=spare)
    wanted = data.draw(st.integers(1, count))
    placement = whole_ultraservers(flavor, wanted)
    assert placement.nodes == wanted * (18 - spare)
    assert placement.nodes <= flavor.nodes
    annotations = placement.annotations
    if wanted == 1:
        assert annotations == {REQUIRED: "ultrafleet/ultraserver"}
    else:
        assert annotations[SLICE] == "ultrafleet/ultraserver"
        assert int(annotations[SLICE_SIZE]) * wanted == placement.nodes


def test_several_ultraservers_are_near_each_other_where_the_network_is_known() -> None:
    assert whole_ultraservers(racks(2), 2).annotations[PREFERRED] == "topology.k8s.aws/network-node-layer-1"
    assert PREFERRED not in whole_ultraservers(racks(2, ultraserver_network_layers=0), 2).annotations


def test_a_few_nodes_stay_in_one_ultraserver() -> None:
    assert some_nodes(racks(2), 4).annotations == {REQUIRED: "ultrafleet/ultraserver"}


def test_single_instances_are_near_each_other_if_that_can_be() -> None:
    assert some_nodes(flavor_of([b300()]), 2).annotations == {PREFERRED: "topology.k8s.aws/network-node-layer-4"}
    assert some_nodes(flavor_of([h200()]), 2).annotations == {PREFERRED: "topology.k8s.aws/network-node-layer-3"}


@pytest.mark.parametrize("wanted", [0, 3])
def test_fails_on_ultraservers_that_are_not_there(wanted: int) -> None:
    with pytest.raises(FleetError, match=f"ultraservers is {wanted}, expected 1 to 2: training has that many u-p6e"):
        whole_ultraservers(racks(2), wanted)


def test_fails_on_an_overlap_as_if_it_were_two_ultraservers() -> None:
    """A job that needed both would wait as soon as the first block is over."""
    flavor = flavor_of([rack(nodes=36, nodes_per_group=18)])
    assert whole_ultraservers(flavor, 1).nodes == 18
    with pytest.raises(FleetError, match="ultraservers is 2, expected 1 to 1"):
        whole_ultraservers(flavor, 2)
    with pytest.raises(FleetError, match=r"nodes is 5, expected 1 to 4 p5en\.48xlarge"):
        some_nodes(flavor_of([h200(count=8, nodes_per_group=4)]), 5)


def test_fails_on_ultraservers_of_single_instances() -> None:
    with pytest.raises(FleetError, match=r"ultraservers is 1 on p6-b300.48xlarge, expected nodes"):
        whole_ultraservers(flavor_of([b300()]), 1)


@pytest.mark.parametrize("wanted", [0, 17])
def test_fails_on_more_nodes_than_an_ultraserver_leaves(wanted: int) -> None:
    flavor = racks(2, spare_nodes_per_ultraserver=2)
    with pytest.raises(FleetError, match=rf"nodes is {wanted}, expected 1 to 16 .* in one UltraServer: pass ultra"):
        some_nodes(flavor, wanted)


def test_fails_on_more_single_instances_than_there_are() -> None:
    with pytest.raises(FleetError, match=r"nodes is 5, expected 1 to 4 p5en.48xlarge: a job can have that many"):
        some_nodes(flavor_of([h200()]), 5)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "Llama"}, "name of the job is 'Llama', expected up to 40 lower-case"),
        ({"name": "l" * 41}, "expected up to 40"),
        ({"image": ""}, "image is empty, expected a container image"),
        ({"max_restarts": -1}, "max_restarts is -1, expected 0 or more"),
        ({"termination_grace_period_seconds": -1}, "termination_grace_period_seconds is -1, expected 0 or more"),
    ],
)
def test_fails_on_a_job_that_cannot_be(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(FleetError, match=message):
        job(**changed)


def jobset_spec_of(objects: list[Any]) -> dict[str, Any]:
    """The spec of a JobSet, or of the one that a TrainJob becomes."""
    (owner,) = [item for item in objects if item["kind"] in {"JobSet", "TrainingRuntime"}]
    return dict(owner["spec"]["template"]["spec"] if owner["kind"] == "TrainingRuntime" else owner["spec"])


@pytest.mark.parametrize("make", [jobset, train_job])
def test_evicted_pods_start_the_job_again_and_are_no_failures(make: Any) -> None:
    spec = jobset_spec_of(make(job(max_restarts=2)))
    (replicated,) = spec["replicatedJobs"]
    inner = replicated["template"]["spec"]
    (rule,) = inner["podFailurePolicy"]["rules"]
    assert rule == {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    # What Kubernetes wants beside a podFailurePolicy; one failed pod is enough for all others.
    assert inner["template"]["spec"]["restartPolicy"] == "Never"
    assert inner["backoffLimit"] == 0
    assert spec["failurePolicy"] == {
        "maxRestarts": 2,
        "rules": [
            {
                "name": "disruption",
                "action": "RestartJobSetAndIgnoreMaxRestarts",
                "onJobFailureReasons": ["PodFailurePolicy"],
            }
        ],
    }


@pytest.mark.parametrize("make", [jobset, train_job])
def test_a_pod_has_time_for_a_last_checkpoint(make: Any) -> None:
    assert "terminationGracePeriodSeconds" not in pod_of(make(job()))["spec"]
    given = job(termination_grace_period_seconds=600)
    assert pod_of(make(given))["spec"]["terminationGracePeriodSeconds"] == 600


@pytest.mark.parametrize("make", [jobset, train_job])
def test_a_pod_has_the_whole_node_and_a_claim_on_its_own_domain(make: Any) -> None:
    objects = make(job("llama", racks=2))
    (domain,) = [item for item in objects if item["kind"] == "ComputeDomain"]
    pod = pod_of(objects)["spec"]
    limits = pod["containers"][0]["resources"]["limits"]
    assert limits == {"nvidia.com/gpu": "4", "vpc.amazonaws.com/efa": "4"}
    (claim,) = pod["resourceClaims"]
    assert claim["resourceClaimTemplateName"] == domain["spec"]["channel"]["resourceClaimTemplate"]["name"]
    assert pod["containers"][0]["resources"]["claims"] == [{"name": claim["name"]}]


@pytest.mark.parametrize("make", [jobset, train_job])
def test_domains_are_for_nodes_that_nvlink_joins(make: Any) -> None:
    for flavor in (flavor_of([b300()]), flavor_of([trainium()])):
        objects = make(job(flavor=flavor, racks=None, some=2))
        assert "ComputeDomain" not in [item["kind"] for item in objects]
        assert "resourceClaims" not in pod_of(objects)["spec"]


def environment(**changed: Any) -> dict[str, Any]:
    (container,) = pod_of(jobset(job(**changed)))["spec"]["containers"]
    return {item["name"]: item.get("value") for item in container["env"]}


def test_nccl_is_told_only_what_its_plugin_does_not_set() -> None:
    assert {"FI_PROVIDER", "NCCL_MNNVL_ENABLE", "NCCL_NVLS_ENABLE", "NODE_RANK"} == set(environment())
    single = environment(flavor=flavor_of([b300()]), racks=None, some=1)
    assert set(single) == {"FI_PROVIDER", "NODE_RANK"}
    neuron = {"FI_PROVIDER", "FI_EFA_USE_DEVICE_RDMA", "NEURON_LOGICAL_NC_CONFIG", "NODE_RANK"}
    assert set(environment(flavor=flavor_of([trainium()]), racks=None, some=1)) == neuron


def test_the_caller_has_the_last_word_on_the_environment() -> None:
    assert environment(env={"NCCL_MNNVL_ENABLE": "0"})["NCCL_MNNVL_ENABLE"] == "0"


def test_trainium_jobs_ask_for_chips() -> None:
    pod = pod_of(jobset(job(flavor=flavor_of([trainium()]), racks=1)))["spec"]
    assert pod["containers"][0]["resources"]["limits"] == {"aws.amazon.com/neuron": "16", "vpc.amazonaws.com/efa": "16"}


def test_a_jobset_runs_one_pod_a_node_and_restarts_them_together() -> None:
    objects = jobset(job(racks=2, max_restarts=5))
    spec = objects[-1]["spec"]
    inner = spec["replicatedJobs"][0]["template"]["spec"]
    assert inner["parallelism"] == inner["completions"] == 36
    assert (inner["completionMode"], inner["backoffLimit"]) == ("Indexed", 0)
    assert spec["failurePolicy"]["maxRestarts"] == 5


def test_a_train_job_runs_on_a_runtime_of_its_own() -> None:
    domain, runtime, made = train_job(job("llama", racks=1))
    assert made["spec"]["runtimeRef"]["name"] == runtime["metadata"]["name"] == domain["metadata"]["name"]
    assert made["spec"]["trainer"]["numNodes"] == runtime["spec"]["mlPolicy"]["numNodes"] == 18
    assert made["spec"]["trainer"]["numProcPerNode"] == 4


@pytest.mark.parametrize("make", [jobset, train_job])
def test_a_job_goes_through_the_queue_of_its_team(make: Any) -> None:
    labels = make(job(priority="training-urgent"))[-1]["metadata"]["labels"]
    assert labels["kueue.x-k8s.io/queue-name"] == "pretraining"
    assert labels["kueue.x-k8s.io/priority-class"] == "training-urgent"


@pytest.mark.parametrize("make", [jobset, train_job])
def test_a_team_file_system_is_mounted_where_the_job_says(make: Any) -> None:
    pod = pod_of(make(job(lustre_path="/lustre")))["spec"]
    mounts = {item["name"]: item["mountPath"] for item in pod["containers"][0]["volumeMounts"]}
    assert mounts["lustre"] == "/lustre"
    assert {"name": "lustre", "persistentVolumeClaim": {"claimName": "lustre"}} in pod["volumes"]
    assert "lustre" not in str(pod_of(make(job()))["spec"]["volumes"])


def test_torchrun_meets_at_the_first_pod_of_the_jobset() -> None:
    command = torchrun_command("llama", ["train.py", "--steps", "10"], nodes=36, processes_per_node=4)
    assert "--master-addr=llama-worker-0-0.llama" in command
    assert {"--nnodes=36", "--nproc-per-node=4", "--node-rank=$(NODE_RANK)"} <= set(command)
    assert command[-3:] == ["train.py", "--steps", "10"]
    found = torchrun_command("llama", ["train.py"], nodes=4, processes_per_node=64, by_topology=True)
    assert found == ["torchrun", "--nnodes=4", "--nproc-per-node=64", "--master-port=29500", "train.py"]
    assert jobset(job("llama"))[-1]["spec"]["network"] == {"enableDNSHostnames": True}


def test_flavors_of_two_workloads_are_told_apart_by_the_selector() -> None:
    training, inference = sorted(
        fleet_flavors([rack("rack-a"), rack("rack-b", workload="inference")]),
        key=lambda item: item.workload,
        reverse=True,
    )
    assert whole_ultraservers(training, 1).node_selector["ultrafleet/workload"] == "training"
    assert whole_ultraservers(inference, 1).node_selector["ultrafleet/workload"] == "inference"


@pytest.mark.parametrize("make", [jobset, train_job])
@pytest.mark.parametrize("nodes", [1, 3, 15])
def test_a_part_of_an_ultraserver_has_no_second_domain_in_its_clique(make: Any, nodes: int) -> None:
    flavor = flavor_of([rack("rack-a"), rack("rack-b")], spare_nodes_per_ultraserver=2)
    made = make(job(flavor=flavor, racks=None, some=nodes))
    assert not [item for item in made if item["kind"] == "ComputeDomain"]
    spec = pod_of(made)["spec"]
    assert "resourceClaims" not in spec
    variables = {item["name"]: item.get("value") for item in spec["containers"][0]["env"]}
    assert variables["NCCL_MNNVL_ENABLE"] == "0"
    assert "NCCL_NVLS_ENABLE" not in variables


@pytest.mark.parametrize(("racks", "some"), [(1, None), (2, None), (None, 16)])
def test_all_nodes_of_ultraservers_have_one(racks: int | None, some: int | None) -> None:
    flavor = flavor_of([rack("rack-a"), rack("rack-b")], spare_nodes_per_ultraserver=2)
    made = jobset(job(flavor=flavor, racks=racks, some=some))
    assert [item["kind"] for item in made] == ["ComputeDomain", "JobSet"]


@pytest.mark.parametrize(("nvlink", "count"), [(True, 1), (False, 0)])
def test_who_is_alone_in_an_ultraserver_can_say_so(nvlink: bool, count: int) -> None:
    made = jobset(job(racks=None, some=3, nvlink=nvlink))
    assert [item["kind"] for item in made].count("ComputeDomain") == count


def test_a_whole_ultraserver_can_do_without() -> None:
    assert [item["kind"] for item in jobset(job(racks=1, nvlink=False))] == ["JobSet"]


@pytest.mark.parametrize("changed", [{"flavor": flavor_of([b300()])}, {"accelerators": 2}])
def test_fails_on_nvlink_that_joins_no_nodes(changed: Any) -> None:
    with pytest.raises(FleetError, match=r"nvlink is True for .*, expected whole nodes that NVLink joins"):
        job(racks=None, some=1, nvlink=True, **changed)


@pytest.mark.parametrize(("seconds", "stated"), [({}, 604_800), ({"ttl_seconds_after_finished": 60}, 60)])
def test_a_job_set_that_is_over_goes_after_a_while(seconds: Any, stated: int) -> None:
    assert jobset(job(**seconds))[-1]["spec"]["ttlSecondsAfterFinished"] == stated
    assert "ttlSecondsAfterFinished" not in jobset(job(ttl_seconds_after_finished=None))[-1]["spec"]


@pytest.mark.parametrize("name", ["ttl_seconds_after_finished", "termination_grace_period_seconds"])
def test_fails_on_a_time_before_now(name: str) -> None:
    with pytest.raises(FleetError, match=f"{name} is -1, expected 0 or more"):
        job(**{name: -1})
