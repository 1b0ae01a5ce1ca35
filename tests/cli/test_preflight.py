"""Preflight: effects of a deployment on running nodes, and the command that asks AWS."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from helpers.rehearsal_site import DeployedEnvironment, site
from ultrafleet.cli import app
from ultrafleet.templates.preflight import LivePool, preflight_problems

ROOT = Path(__file__).parent.parent.parent


def synthesised(**changed: Any) -> dict[str, Any]:
    return {
        "AmiType": "AL2023_ARM_64_NVIDIA",
        "CapacityType": "CAPACITY_BLOCK",
        "LaunchTemplate": {"Version": "1"},
        "ScalingConfig": {"MinSize": 0, "MaxSize": 18, "DesiredSize": 0},
        **changed,
    }


def live(running: int = 18, version: str = "1", latest: int = 1, **changed: Any) -> LivePool:
    return LivePool(
        node_group={
            "amiType": "AL2023_ARM_64_NVIDIA",
            "capacityType": "CAPACITY_BLOCK",
            "launchTemplate": {"version": version},
            "scalingConfig": {"minSize": 0, "maxSize": 18, "desiredSize": running},
            **changed,
        },
        latest_version=latest,
    )


NEW = LivePool(node_group=None, latest_version=None)
NEXT = synthesised(LaunchTemplate={"Version": "2"})


def hazards(template: dict[str, Any], pool: LivePool, *, roll: bool = False) -> list[str]:
    return preflight_problems("rack-a", template, pool, roll_running_nodes=roll)


def test_nothing_changed_is_no_hazard() -> None:
    assert hazards(synthesised(), live()) == []
    assert hazards(synthesised(), live(latest=3)) == []


def test_a_new_pool_begins_at_generation_1() -> None:
    assert hazards(synthesised(), NEW) == []
    (hazard,) = hazards(NEXT, NEW)
    assert "has launch_template_version 2, expected 1: it doesn't exist yet" in hazard


def test_a_generation_on_running_nodes() -> None:
    (hazard,) = hazards(NEXT, live())
    assert "runs 18 nodes of launch template version 1, expected none while launch_template_version becomes 2" in hazard
    assert hazards(NEXT, live(running=0)) == []
    assert hazards(NEXT, live(), roll=True) == []


def test_a_generation_that_no_deployment_makes() -> None:
    (hazard,) = hazards(synthesised(LaunchTemplate={"Version": "4"}), live(running=0, latest=2))
    assert "has launch_template_version 4, expected at most 3" in hazard


def test_other_sizes_on_running_nodes() -> None:
    template = synthesised(ScalingConfig={"MinSize": 0, "MaxSize": 9, "DesiredSize": 0})
    (hazard,) = hazards(template, live())
    assert "would send the desired size 0" in hazard
    assert hazards(template, live(running=0)) == []


@pytest.mark.parametrize("name", ["AmiType", "CapacityType"])
def test_create_only_properties_even_when_empty(name: str) -> None:
    (hazard,) = hazards(synthesised(**{name: "OTHER"}), live(running=0), roll=True)
    assert f"has {name} " in hazard
    assert "expected OTHER as synthesised" in hazard
    assert "make a pool with a new name" in hazard


@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [
        ("Subnets", ["subnet-1"], ["subnet-2"]),
        ("InstanceTypes", ["p5.48xlarge"], ["p5en.48xlarge"]),
        ("DiskSize", 200, 100),
    ],
)
def test_every_property_that_the_classification_calls_create_only(name: str, ours: Any, theirs: Any) -> None:
    answer = f"{name[0].lower()}{name[1:]}"
    (hazard,) = hazards(synthesised(**{name: ours}), live(running=0, **{answer: theirs}))
    assert f"has {name} {theirs}, expected {ours} as synthesised" in hazard
    assert hazards(synthesised(**{name: ours}), live(**{answer: ours})) == []


def test_a_release_that_rolls_running_nodes() -> None:
    template = synthesised(ReleaseVersion="1.35.2-20261101")
    (hazard,) = hazards(template, live(releaseVersion="1.35.1-20261001"))
    assert "runs 18 nodes with ReleaseVersion 1.35.1-20261001, expected none while it becomes 1.35.2-20261101" in hazard
    assert hazards(template, live(running=0, releaseVersion="1.35.1-20261001")) == []


def test_what_only_a_deployment_can_compare_is_not_compared() -> None:
    template = synthesised(
        LaunchTemplate={"Id": {"Ref": "Launch"}, "Version": "1"},
        NodeRole={"Fn::ImportValue": "role"},
        Subnets=[{"Fn::ImportValue": "subnet"}],
        Tags={"team": "ml"},
    )
    described = {
        "launchTemplate": {"id": "lt-1", "name": "dev-rack-a", "version": "1"},
        "nodeRole": "arn:aws:iam::111122223333:role/nodes",
        "subnets": ["subnet-1"],
        "tags": {"team": "ml", "aws:cloudformation:stack-name": "dev-pool-rack-a"},
        "version": "1.35",
        "releaseVersion": "1.35.1-20261001",
    }
    assert hazards(template, live(**described)) == []
    (hazard,) = hazards({**template, "LaunchTemplate": {"Id": {"Ref": "Launch"}, "Version": "2"}}, live(**described))
    assert "of launch template version 1" in hazard


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[DeployedEnvironment]:
    """An embedded AWS; whatever credentials there are do."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with site("dev") as made:
        yield made


@pytest.fixture
def assembly(tmp_path: Path) -> Path:
    folder = tmp_path / "assembly-dev"
    folder.mkdir()
    template = {
        "Resources": {
            "R": {
                "Type": "AWS::EKS::Nodegroup",
                "Properties": synthesised(
                    AmiType="AL2023_x86_64_NVIDIA",
                    CapacityType="ON_DEMAND",
                    LaunchTemplate={"Version": "2"},
                    ScalingConfig={"MinSize": 0, "MaxSize": 1, "DesiredSize": 1},
                ),
            }
        }
    }
    (folder / "pool.template.json").write_text(json.dumps(template))
    artifact = {
        "type": "aws:cloudformation:stack",
        "properties": {"templateFile": "pool.template.json", "stackName": "dev-pool-h100"},
    }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {"a": artifact}}))
    return tmp_path


def preflight(assembly: Path, environment: str = "dev") -> Any:
    arguments = ["preflight", environment, "--assembly", str(assembly)]
    return CliRunner().invoke(app, [*arguments, "--environments", str(ROOT / "stacks" / "environments")])


@pytest.mark.slow
def test_the_command_refuses_to_roll_running_nodes(aws: DeployedEnvironment, assembly: Path) -> None:
    aws.deploy()
    result = preflight(assembly)
    assert result.exit_code == 1
    assert "pool h100 runs 1 nodes of launch template version 1" in result.output


@pytest.mark.slow
def test_the_command_passes_an_empty_pool(aws: DeployedEnvironment, assembly: Path) -> None:
    aws.deploy()
    scaling = {"minSize": 0, "maxSize": 1, "desiredSize": 0}
    aws.call("eks", "update_nodegroup_config", clusterName="dev", nodegroupName="h100", scalingConfig=scaling)
    result = preflight(assembly)
    assert result.exit_code == 0, result.output
    assert "dev: 1 pools, a deployment takes no running node away" in result.output


@pytest.mark.usefixtures("aws")
def test_the_command_wants_generation_1_of_a_pool_that_is_not_there(assembly: Path) -> None:
    result = preflight(assembly)
    assert result.exit_code == 1
    assert "has launch_template_version 2, expected 1" in result.output


def test_fails_without_templates(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("ultrafleet")), "preflight", "dev", "--assembly", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "run `make synth ENV=dev` first" in result.stderr
