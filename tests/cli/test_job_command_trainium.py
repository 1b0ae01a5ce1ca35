"""`ultrafleet job` for Trainium: the environment synthesises, and its jobs have Neuron's ranks and variables."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from helpers.manifests import check_object, needs_crds
from helpers.rehearsal_site import synthesised
from helpers.trainium_environment import TRAINIUM
from ultrafleet.cli import app
from ultrafleet.consistency import inconsistencies
from ultrafleet.environment import load_environment
from ultrafleet.environment.pool_nodes import environment_pool_nodes
from ultrafleet.queueing import TeamShare, fleet_flavors, queue_manifests
from ultrafleet.training.team_manifests import team_manifests

ULTRA, SINGLE = ["--capacity", "u-trn2x64"], ["--capacity", "trn2.48xlarge"]
JOBS = {
    "an UltraServer": [*ULTRA, "--ultraservers", "1"],
    "an UltraServer as a TrainJob": [*ULTRA, "--ultraservers", "1", "--kind", "trainjob"],
    "two nodes of one": [*ULTRA, "--nodes", "2"],
    "single instances": [*SINGLE, "--nodes", "2"],
    "a part of a node": [*SINGLE, "--nodes", "1", "--accelerators", "4"],
}


@pytest.fixture
def environments(tmp_path: Path) -> Path:
    (tmp_path / "trainium.yaml").write_text(TRAINIUM)
    return tmp_path


def run(environments: Path, options: list[str]) -> Any:
    job = ["job", "train", "trainium", "pretraining", "llama", "--image", "registry.example/neuron:1"]
    return CliRunner().invoke(app, [*job, *options, "--environments", str(environments), "--", "train.py"])


def printed(environments: Path, options: list[str]) -> list[dict[str, Any]]:
    result = run(environments, options)
    assert result.exit_code == 0, result.output
    return list(yaml.safe_load_all(result.stdout))


def pod(objects: list[dict[str, Any]]) -> dict[str, Any]:
    (owner,) = [item for item in objects if item["kind"] in {"JobSet", "TrainingRuntime"}]
    spec = owner["spec"]["template"]["spec"] if owner["kind"] == "TrainingRuntime" else owner["spec"]
    found: dict[str, Any] = spec["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize(
    ("pool", "floors"), [("trn2u", ["--floor=neuronlink=60", "--floor=efa=20"]), ("trn2", ["--floor=efa=20"])]
)
def test_a_pool_is_tested_again_by_its_own_image_and_floors(environments: Path, pool: str, floors: list[str]) -> None:
    result = CliRunner().invoke(app, ["job", "accept", "trainium", pool, "--environments", str(environments)])
    assert result.exit_code == 0, result.output
    runtime, train_job = yaml.safe_load_all(result.stdout)
    steps = {step["name"]: step for step in runtime["spec"]["template"]["spec"]["replicatedJobs"]}
    (launcher,) = steps["launcher"]["template"]["spec"]["template"]["spec"]["containers"]
    assert launcher["image"] == "registry.example/nccom-test:1"
    assert [word for word in launcher["command"] if word.startswith("--floor")] == floors
    assert train_job["spec"]["trainer"]["numProcPerNode"] == 64


@pytest.mark.slow
def test_the_environment_synthesises() -> None:
    environment, stacks = synthesised(TRAINIUM, "trainium")
    assert [pool.ultraservers for pool in environment_pool_nodes(environment)] == [1, 0]
    text = str([stack.template for stack in stacks])
    assert "AL2023_x86_64_NEURON" in text


@pytest.mark.parametrize("options", JOBS.values(), ids=JOBS)
def test_a_job_fits_the_fleet_that_it_is_for(environments: Path, options: list[str]) -> None:
    pools = environment_pool_nodes(load_environment(environments / "trainium.yaml"))
    flavors = fleet_flavors(pools)
    around = [
        *queue_manifests(flavors, [TeamShare(team_name="pretraining")]),
        *team_manifests("pretraining", "training", flavors=flavors),
    ]
    assert inconsistencies(pools=pools, manifests=[*around, *printed(environments, options)]) == []


@needs_crds
@pytest.mark.parametrize("pool", ["trn2u", "trn2"])
def test_the_tests_of_a_pool_are_what_their_schema_says(environments: Path, pool: str) -> None:
    result = CliRunner().invoke(app, ["job", "accept", "trainium", pool, "--environments", str(environments)])
    for manifest in yaml.safe_load_all(result.stdout):
        check_object(manifest, "1.35")


@needs_crds
@pytest.mark.parametrize("options", JOBS.values(), ids=JOBS)
def test_a_job_is_what_its_schema_says(environments: Path, options: list[str]) -> None:
    for manifest in printed(environments, options):
        check_object(manifest, "1.35")


def test_a_job_on_an_ultraserver_has_64_ranks_a_node_in_its_order(environments: Path) -> None:
    (container,) = pod(printed(environments, JOBS["an UltraServer"]))["containers"]
    program = container["command"][container["command"].index("--") + 1 :]
    assert program == ["torchrun", "--nnodes=4", "--nproc-per-node=64", "--master-port=29500", "train.py"]
    assert "--joined=4" in container["command"]
    assert container["resources"]["limits"] == {"aws.amazon.com/neuron": "16"}
    assert container["resources"]["claims"] == [{"name": "network"}]
    assert {"name": "NEURON_LOGICAL_NC_CONFIG", "value": "2"} in container["env"]


def test_a_train_job_has_them_too(environments: Path) -> None:
    objects = printed(environments, JOBS["an UltraServer as a TrainJob"])
    assert objects[-1]["spec"]["trainer"]["numProcPerNode"] == 64
    command = pod(objects)["containers"][0]["command"]
    assert command[command.index("--") + 1 :] == ["torchrun", "train.py"]


def test_logical_cores_of_one_are_128_ranks(environments: Path) -> None:
    (container,) = pod(printed(environments, [*JOBS["single instances"], "--env", "NEURON_LOGICAL_NC_CONFIG=1"]))[
        "containers"
    ]
    assert "--nproc-per-node=128" in container["command"]


def test_a_part_of_a_node_is_placed_by_neurons_scheduler(environments: Path) -> None:
    spec = pod(printed(environments, JOBS["a part of a node"]))
    assert spec["schedulerName"] == "my-scheduler"
    assert "--nproc-per-node=16" in spec["containers"][0]["command"]


def test_fails_on_chips_that_cannot_be_connected(environments: Path) -> None:
    result = run(environments, [*SINGLE, "--nodes", "1", "--accelerators", "6"])
    assert "accelerators is 6, expected one of 1, 4, 8, 16 of a trn2.48xlarge" in str(result.exception or result.output)
