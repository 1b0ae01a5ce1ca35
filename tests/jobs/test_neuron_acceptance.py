"""Acceptance of Trainium: launcher, workers, floors, and which pools of an environment are tested."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.trainium_environment import TRAINIUM
from helpers.workloads import b300, nodes, trainium
from ultrafleet.acceptance.run_template import fill
from ultrafleet.environment import load_environment
from ultrafleet.environment.pool_nodes import environment_pool_nodes
from ultrafleet.errors import FleetError, UnknownFactError
from ultrafleet.jobs.acceptance_jobs import acceptance_paths, acceptance_template
from ultrafleet.jobs.acceptance_package import package_files
from ultrafleet.kubernetes.acceptance_images import AcceptanceImages
from ultrafleet.kubernetes.taint import UNPROVEN_TAINT

IMAGE = "public.ecr.aws/neuron/jax-training-neuronx:1"
FLOORS = {"neuronlink": 60.0, "efa": 20.0}


def single(count: int = 2, **changed: Any) -> Any:
    return nodes("trn2", "trn2.48xlarge", count, efa=16, **changed)


def pods(pool: Any) -> dict[str, dict[str, Any]]:
    template = acceptance_template(pool, image=IMAGE, floors=FLOORS)
    found = {item["kind"]: item for item in fill(template, run="x1", node_group="g", node_names=("a", "b"))}
    assert set(found) == {"TrainingRuntime", "TrainJob"}
    steps = found["TrainingRuntime"]["spec"]["template"]["spec"]["replicatedJobs"]
    return {step["name"]: step["template"]["spec"]["template"]["spec"] for step in steps}


@pytest.mark.parametrize(
    ("pool", "paths"),
    [
        (trainium(), ("neuronlink", "efa")),
        (single(), ("efa",)),
        (single(1), ()),
        (nodes("trn1", "trn1.32xlarge", 2, efa=0), ()),
    ],
    ids=["u-trn2x64", "trn2", "one node", "without EFA"],
)
def test_paths_are_those_between_nodes(pool: Any, paths: tuple[str, ...]) -> None:
    assert acceptance_paths(pool) == paths


def test_the_launcher_is_neurons() -> None:
    (container,) = pods(trainium())["launcher"]["containers"]
    assert container["command"] == [
        *("python3", "-m", "ultrafleet.acceptance.neuron_run"),
        *("--run", "x1", "--nodes", "a,b", "--instance-type", "trn2u.48xlarge", "--gpus", "64"),
        *("--paths", "neuronlink,efa", "--floor=neuronlink=60", "--floor=efa=20"),
        *("--logical-core-size=2", "--joined=4"),
    ]
    assert {"neuron_run.py", "nccom_log.py", "neuron_ultraserver.py"} <= set(package_files())


def test_single_instances_are_joined_by_nothing() -> None:
    (container,) = pods(single())["launcher"]["containers"]
    assert not any(word.startswith("--joined") for word in container["command"])


def test_workers_have_every_chip_and_read_the_launcher_s_environment() -> None:
    worker = pods(trainium())["node"]
    (container,) = worker["containers"]
    assert container["resources"]["limits"]["aws.amazon.com/neuron"] == "16"
    assert container["resources"]["limits"]["vpc.amazonaws.com/efa"] == "16"
    assert "-o PermitUserEnvironment=yes" in container["command"][2]
    assert "schedulerName" not in worker
    assert UNPROVEN_TAINT.toleration in worker["tolerations"]


@pytest.mark.parametrize("path", ["neuronlink", "efa"])
def test_fails_without_a_floor(path: str) -> None:
    floors = {name: value for name, value in FLOORS.items() if name != path}
    with pytest.raises(
        UnknownFactError, match=f"no floor is published for trn2u.48xlarge over {path}, .* pass the GB/s"
    ):
        acceptance_template(trainium(), image=IMAGE, floors=floors)


def written(folder: Path, acceptance: dict[str, Any]) -> Path:
    file = folder / "trainium.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(TRAINIUM), "kubernetes": {"acceptance": acceptance}}))
    return file


class TestImages:
    def test_trainium_is_tested_where_it_has_its_own(self) -> None:
        assert not AcceptanceImages("a").cover(trainium())
        both = AcceptanceImages("a", {"trn": "b"})
        assert [both.of(pool) for pool in (trainium(), b300()) if both.cover(pool)] == ["b", "a"]

    def test_gpus_are_tested_and_fail_without_one(self) -> None:
        only = AcceptanceImages(own={"trn": "b"})
        assert only.cover(b300())
        with pytest.raises(FleetError, match=r"image of pool b300 is not stated, .* in images, by pool \('b300'"):
            only.of(b300())

    @pytest.mark.parametrize(
        ("acceptance", "tested"), [({"images": {"trn2u": IMAGE}}, {"trn2u"}), ({"image": IMAGE}, set())]
    )
    def test_new_nodes_of_tested_pools_take_no_jobs(
        self, acceptance: dict[str, Any], tested: set[str], tmp_path: Path
    ) -> None:
        found = environment_pool_nodes(load_environment(written(tmp_path, acceptance)))
        assert {pool.pool_name for pool in found if UNPROVEN_TAINT in pool.startup_taints} == tested

    def test_an_environment_states_one(self, tmp_path: Path) -> None:
        with pytest.raises(FleetError, match="image is not stated, expected the image that nodes are tested with"):
            load_environment(written(tmp_path, {}))
