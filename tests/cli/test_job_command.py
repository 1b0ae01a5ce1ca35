"""`ultrafleet job`: what it prints is what Kubernetes takes, and fits the environment's pools."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from helpers.manifests import check_object, needs_crds
from ultrafleet.cli import app
from ultrafleet.consistency import inconsistencies
from ultrafleet.environment import load_environment
from ultrafleet.environment.pool_nodes import environment_pool_nodes
from ultrafleet.queueing import TeamShare, fleet_flavors, queue_manifests
from ultrafleet.training.team_manifests import lustre_volume, team_manifests

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENTS = ROOT / "stacks" / "environments"
EXAMPLE = ROOT / "docs" / "examples" / "train" / "job.yaml"
GUIDE = ROOT / "docs" / "guides" / "first-training-job.md"
TRAIN = "train training pretraining llama --image registry.example/train:1"


def run(command: str) -> Any:
    before, dashes, script = command.partition(" -- ")
    arguments = ["job", *shlex.split(before), "--environments", str(ENVIRONMENTS)]
    return CliRunner().invoke(app, [*arguments, *(["--", *shlex.split(script)] if dashes else [])])


def printed(command: str) -> list[dict[str, Any]]:
    result = run(command)
    assert result.exit_code == 0, result.output
    return list(yaml.safe_load_all(result.stdout))


def refused(command: str) -> str:
    result = run(command)
    assert result.exit_code != 0
    return str(result.exception or result.output)


RACK = "--capacity u-p6e-gb200x72"
JOBS = {
    "a rack": f"{TRAIN} {RACK} --ultraservers 1 -- train.py",
    "two racks": f"{TRAIN} {RACK} --ultraservers 2 --lustre-path /lustre -- train.py --steps 5",
    "a few nodes of a rack": f"{TRAIN} {RACK} --nodes 4 -- train.py",
    "single instances": f"{TRAIN} --capacity p6-b300.48xlarge --nodes 2 --env A=b=c -- train.py",
    "a TrainJob": f"{TRAIN} {RACK} --ultraservers 1 --kind trainjob -- train.py",
}


@pytest.mark.parametrize("command", JOBS.values(), ids=JOBS)
def test_a_job_fits_the_fleet_that_it_is_for(command: str) -> None:
    pools = environment_pool_nodes(load_environment(ENVIRONMENTS / "training.yaml"))
    flavors = fleet_flavors(pools, spare_nodes_per_ultraserver=2)
    around = [
        *queue_manifests(flavors, [TeamShare(team_name="pretraining")]),
        *team_manifests("pretraining", "training", flavors=flavors),
        *lustre_volume("pretraining", file_system_id="fs-1", dns_name="fs-1", mount_name="a", capacity_gib=4800),
    ]
    assert inconsistencies(pools=pools, manifests=[*around, *printed(command)]) == []


@needs_crds
@pytest.mark.parametrize("command", JOBS.values(), ids=JOBS)
def test_a_job_is_what_its_schema_says(command: str) -> None:
    for manifest in printed(command):
        check_object(manifest, "1.35")


def test_spare_nodes_are_left_out() -> None:
    jobset = printed(JOBS["two racks"])[-1]
    assert jobset["spec"]["replicatedJobs"][0]["template"]["spec"]["parallelism"] == 32


def test_torchrun_gets_the_script_and_the_environment() -> None:
    jobset = printed(JOBS["single instances"])[-1]
    container = jobset["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]["containers"][0]
    assert container["command"][-1] == "train.py"
    assert {"name": "A", "value": "b=c"} in container["env"]


def test_what_an_acceptance_job_needs_in_a_cluster_without_acceptance() -> None:
    told = run("accept training rack-a --image registry.example/nccl-tests:1").stderr
    assert "job accept training rack-a --prerequisites | kubectl apply --server-side -f -` does" in told
    kinds = [item["kind"] for item in printed("accept training rack-a --prerequisites")]
    assert {"Namespace", "ServiceAccount", "Role", "ConfigMap"} <= set(kinds)
    assert "TrainJob" not in kinds


def test_an_acceptance_job_for_a_pool() -> None:
    kinds = [item["kind"] for item in printed("accept training rack-a --image registry.example/nccl-tests:1")]
    assert "TrainJob" in kinds
    assert "ComputeDomain" in kinds


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            f"{TRAIN} --ultraservers 1 -- train.py",
            "capacity is not stated, expected one of p6-b300.48xlarge, u-p6e-gb200x72",
        ),
        (
            f"{TRAIN} --capacity u-trn2x64 --ultraservers 1 -- train.py",
            "u-trn2x64, expected one of p6-b300.48xlarge, u-p6e-gb200x72, which the queue training has",
        ),
        (f"{TRAIN} {RACK} -- train.py", "size is not stated, expected one of --ultraservers and --nodes"),
        (
            f"{TRAIN} {RACK} --nodes 1 --ultraservers 1 -- train.py",
            "size is both stated, --ultraservers 1 and --nodes 1, expected one of",
        ),
        (
            f"{TRAIN} {RACK} --nodes 1 --priority high -- train.py",
            "priority is 'high', expected one of training-urgent, training, opportunistic",
        ),
        (f"{TRAIN} {RACK} --ultraservers 3 -- train.py", "ultraservers is 3, expected 1 to 2"),
        (f"{TRAIN} {RACK} --nodes 17 -- train.py", "nodes is 17, expected 1 to 16"),
        (f"{TRAIN} {RACK} --nodes 1 --env nothing -- train.py", "env is 'nothing', expected NAME=VALUE"),
        ("train training nobody x --image i --nodes 1 -- t.py", "team is 'nobody', expected one of pretraining"),
        ("train dev pretraining x --image i --nodes 1 -- t.py", r"expected one of \(none\) in dev"),
        ("accept training rack-a", "image is not stated, expected --image"),
        ("accept training rack-z --image i", "pool is 'rack-z', expected one of b300, rack-a, rack-b"),
        ("accept training b300 --image i", "no floor is published for p6-b300.48xlarge over efa"),
        ("accept dev h100 --image i", "has no NVLink, NeuronLink or EFA between nodes"),
    ],
)
def test_fails_on(command: str, message: str) -> None:
    assert re.search(message, refused(command)), refused(command)


def test_a_priority_that_the_team_may_not_use_is_refused(tmp_path: Path) -> None:
    content = yaml.safe_load((ENVIRONMENTS / "training.yaml").read_text(encoding="utf-8"))
    content["teams"][0]["priorities"] = ["training"]
    (tmp_path / "training.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    arguments = shlex.split(f"{TRAIN} {RACK} --nodes 1 --priority training-urgent --environments {tmp_path} -- a.py")
    result = CliRunner().invoke(app, ["job", *arguments])
    assert "priority is 'training-urgent', expected one of training" in str(result.exception)


def test_a_part_of_a_node_is_on_one_node() -> None:
    single = f"{TRAIN} --capacity p6-b300.48xlarge --accelerators 4"
    assert printed(f"{single} -- train.py") == printed(f"{single} --nodes 1 -- train.py")


def test_the_example_is_what_the_guide_says() -> None:
    (command,) = [
        block.replace("\\\n", " ").strip()
        for block in GUIDE.read_text().split("    .venv/bin/ultrafleet job ")[1:]
        if block.startswith("train")
    ]
    command = command.split(" > ")[0]
    assert list(yaml.safe_load_all(EXAMPLE.read_text())) == printed(command), "run the guide's command again"


@pytest.mark.parametrize(
    ("guaranteed", "others", "note"),
    [
        (32, True, ""),
        (16, True, "note: nodes: 32, pretraining is guaranteed 16 u-p6e-gb200x72: .* from evals"),
        (0, False, ""),
    ],
)
def test_a_job_beyond_its_team_s_guarantee_says_so(tmp_path: Path, guaranteed: int, others: bool, note: str) -> None:
    content = yaml.safe_load((ENVIRONMENTS / "training.yaml").read_text(encoding="utf-8"))
    content["teams"][0]["guaranteed_nodes"] = {"u-p6e-gb200x72": guaranteed}
    if others:
        content["teams"].append({"name": "evals"})
    (tmp_path / "training.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    arguments = ["job", *shlex.split(f"{TRAIN} {RACK} --ultraservers 2"), "--environments", str(tmp_path), "--", "a.py"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert re.search(note, result.stderr) if note else not result.stderr
