"""Jobs on Trainium: ranks, variables, parts of nodes and their scheduler."""

from typing import Any

import pytest

from helpers.workloads import b300, flavor_of, job, nodes, rack, trainium
from ultrafleet.catalog import InstanceType, InstanceTypeFacts, UltraServerType, UltraServerTypeFacts
from ultrafleet.errors import FleetError, UnknownFactError
from ultrafleet.jobs import jobset, train_job
from ultrafleet.jobs.neuron import processes_per_node
from ultrafleet.kubernetes import PoolNodes

LNC = "NEURON_LOGICAL_NC_CONFIG"


def trn(instance_type: str, count: int = 4, *, efa: int = 16) -> PoolNodes:
    return nodes("trn", instance_type, count, efa=efa)


def of(*, pool: PoolNodes | None = None, some: int | None = None, **changed: Any) -> Any:
    return job(flavor=flavor_of([pool or trainium()]), racks=None if some else 1, some=some, **changed)


def pod(objects: list[Any]) -> dict[str, Any]:
    (owner,) = [item for item in objects if item["kind"] in {"JobSet", "TrainingRuntime"}]
    spec = owner["spec"]["template"]["spec"] if owner["kind"] == "TrainingRuntime" else owner["spec"]
    found: dict[str, Any] = spec["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    return found


def variables(objects: list[Any]) -> dict[str, str]:
    return {item["name"]: item.get("value") for item in pod(objects)["containers"][0]["env"]}


@pytest.mark.parametrize(
    ("pool", "ranks"),
    [
        (trainium(), 64),
        (trn("trn2.48xlarge"), 64),
        (trn("trn2.3xlarge", efa=1), 4),
        (trn("trn1.32xlarge", efa=8), 32),
        (trn("trn1n.32xlarge"), 32),
        (trn("trn3 Gen1 UltraServer"), 64),
        (trn("trn3 Gen2 UltraServer", efa=4), 16),
        (rack(), 4),
        (b300(), 8),
    ],
    ids=lambda value: str(value.instance_type) if isinstance(value, PoolNodes) else str(value),
)
def test_a_rank_is_a_gpu_or_a_logical_neuron_core(pool: PoolNodes, ranks: int) -> None:
    assert processes_per_node(pool) == ranks


def test_smaller_logical_cores_are_twice_as_many_ranks() -> None:
    made = of(env={LNC: "1"})
    assert made.processes_per_node == 128
    assert variables(jobset(made))[LNC] == "1"
    assert variables(jobset(of()))[LNC] == "2", "ranks and runtime agree"


@pytest.mark.parametrize(
    ("instance_type", "stated"), [("trn2.48xlarge", "4"), ("trn2.48xlarge", "two"), ("trn1.32xlarge", "2")]
)
def test_fails_on_logical_cores_that_neuron_does_not_have(instance_type: str, stated: str) -> None:
    made = of(pool=trn(instance_type), some=1, env={LNC: stated})
    with pytest.raises(FleetError, match=rf"{LNC} is '{stated}', expected 1( or 2)? on {instance_type}"):
        _ = made.processes_per_node


@pytest.mark.parametrize(
    ("known", "missing"),
    [
        ({}, "neuron_cores_per_accelerator"),
        ({"neuron_cores_per_accelerator": 8}, "logical_neuron_core_size"),
    ],
)
def test_fails_on_a_type_whose_cores_nobody_states(known: dict[str, int], missing: str) -> None:
    facts = InstanceTypeFacts(accelerator_kind="neuron", accelerator_count=16, **known)
    pool = trn("trn2.48xlarge")
    unknown = PoolNodes(**{**pool.__dict__, "instance_type": InstanceType.of("trn9.48xlarge", facts=facts)})
    with pytest.raises(UnknownFactError, match=rf"{missing} of trn9.48xlarge is unknown .*: pass InstanceType.of\("):
        processes_per_node(unknown)


def test_efa_is_told_what_neurons_guide_says() -> None:
    single = variables(jobset(of(pool=trn("trn1.32xlarge", efa=8), some=2)))
    assert single == {"FI_PROVIDER": "efa", "FI_EFA_USE_DEVICE_RDMA": "1", "NODE_RANK": None}


@pytest.mark.parametrize("make", [jobset, train_job])
def test_a_pod_of_an_ultraserver_finds_its_place_and_then_trains(make: Any) -> None:
    command = pod(make(of()))["containers"][0]["command"]
    step = "worker" if make is jobset else "node"
    assert command[:3] == ["python3", "-u", "-c"]
    assert command[4:] == [f"--hosts=llama-{step}-0-{{}}.llama", "--nodes=4", "--joined=4", "--", "python", "train.py"]
    assert "NEURON_RT_ULTRASERVER_SERVER_ID" in command[3]
    assert "$(" not in command[3], "Kubernetes would replace it"
    compile(command[3], "start", "exec")


def test_some_nodes_are_joined_as_they_are_placed() -> None:
    command = pod(jobset(of(some=2)))["containers"][0]["command"]
    assert "--nodes=2" in command
    assert not [word for word in command[4:] if word.startswith("--joined")]


def test_spare_nodes_leave_no_whole_ultraserver_to_join() -> None:
    made = job(flavor=flavor_of([trainium()], spare_nodes_per_ultraserver=1), racks=1)
    assert not [word for word in pod(jobset(made))["containers"][0]["command"][4:] if word.startswith("--joined")]


def test_single_instances_start_as_they_are() -> None:
    assert pod(jobset(of(pool=trn("trn2.48xlarge"), some=2)))["containers"][0]["command"] == ["python", "train.py"]


def test_fails_on_an_ultraserver_whose_nodes_nobody_tells_apart() -> None:
    kind = UltraServerType.of(
        "u-trn9x64", instance_type=InstanceType.TRN2U_48XLARGE, facts=UltraServerTypeFacts(instance_count=4)
    )
    pool = trainium()
    labels = {**pool.labels, "ultrafleet/capacity": "u-trn9x64"}
    made = of(pool=PoolNodes(**{**pool.__dict__, "ultraserver_type": kind, "labels": labels}))
    with pytest.raises(
        UnknownFactError, match=r"neuronlink_node_counts of u-trn9x64 is unknown .*: pass UltraServerType"
    ):
        jobset(made)


def test_fails_on_an_ultraserver_job_that_leaves_its_program_to_the_image() -> None:
    with pytest.raises(FleetError, match="command is empty, expected the program that each node of u-trn2x64 runs"):
        jobset(of(command=()))


class TestPartOfANode:
    @pytest.mark.parametrize("make", [jobset, train_job])
    def test_of_trainium_goes_through_neurons_scheduler(self, make: Any) -> None:
        made = of(pool=trn("trn2.48xlarge"), some=1, accelerators=4)
        spec = pod(make(made))
        assert spec["schedulerName"] == "my-scheduler"
        assert spec["containers"][0]["resources"]["limits"] == {"aws.amazon.com/neuron": "4"}
        assert made.processes_per_node == 16
        assert "FI_PROVIDER" not in variables(make(made))

    def test_of_one_chip_too(self) -> None:
        assert pod(jobset(of(some=1, accelerators=1)))["schedulerName"] == "my-scheduler"

    @pytest.mark.parametrize("accelerators", [None, 16])
    def test_a_whole_node_needs_no_scheduler_of_its_own(self, accelerators: int | None) -> None:
        spec = pod(jobset(of(pool=trn("trn2.48xlarge"), some=1, accelerators=accelerators)))
        assert "schedulerName" not in spec
        assert spec["containers"][0]["resources"]["limits"]["vpc.amazonaws.com/efa"] == "16"

    def test_of_a_rack_has_no_domain_and_no_scheduler(self) -> None:
        objects = jobset(job(racks=None, some=1, accelerators=2))
        assert [item["kind"] for item in objects] == ["JobSet"]
        assert "schedulerName" not in pod(objects)
        assert set(variables(objects)) == {"NODE_RANK"}

    @pytest.mark.parametrize(
        ("pool", "accelerators", "message"),
        [
            (trn("trn1.32xlarge"), 5, "accelerators is 5, expected one of 1, 4, 8, 16 of a trn1.32xlarge"),
            (trn("trn2.48xlarge"), 0, "accelerators is 0, expected one of 1, 4, 8, 16 of a trn2.48xlarge"),
            (b300(), 9, "accelerators is 9, expected 1 to 8 of a p6-b300.48xlarge"),
            (b300(), 0, "accelerators is 0, expected 1 to 8"),
        ],
    )
    def test_fails_on_a_number_that_no_pod_can_have(self, pool: PoolNodes, accelerators: int, message: str) -> None:
        with pytest.raises(FleetError, match=message):
            of(pool=pool, some=1, accelerators=accelerators)

    def test_fails_where_nobody_states_which_numbers_are_connected(self) -> None:
        with pytest.raises(
            UnknownFactError, match=r"trn2u.48xlarge is unknown .*: ask for 1 or all 16 chips of a node"
        ):
            of(some=1, accelerators=4)

    def test_fails_on_parts_of_several_nodes(self) -> None:
        with pytest.raises(FleetError, match="accelerators is 4 on 2 nodes, expected 16 of each"):
            of(pool=trn("trn2.48xlarge"), some=2, accelerators=4)


def test_a_train_job_fails_as_a_jobset_does() -> None:
    _, runtime, _ = train_job(job())
    inner = runtime["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]
    assert inner["backoffLimit"] == 0
    assert inner["template"]["spec"]["restartPolicy"] == "Never"
