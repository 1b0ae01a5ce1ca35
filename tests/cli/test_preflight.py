"""What a deployment would do to running nodes, and the command that asks."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from helpers.rehearsal_site import Site, site
from ultrafleet.cli import app
from ultrafleet.rules.deployment_hazards import LivePool, pool_hazards

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
    return pool_hazards("rack-a", template, pool, roll_running_nodes=roll)


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


@pytest.mark.parametrize(("ours", "theirs"), [("AmiType", "amiType"), ("CapacityType", "capacityType")])
def test_create_only_properties_even_when_empty(ours: str, theirs: str) -> None:
    (hazard,) = hazards(synthesised(**{ours: "OTHER"}), live(running=0), roll=True)
    assert f"has {theirs}" in hazard
    assert "make a pool with a new name" in hazard


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
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


def test_the_command_refuses_to_roll_running_nodes(aws: Site, assembly: Path) -> None:
    aws.deploy()
    result = preflight(assembly)
    assert result.exit_code == 1
    assert "pool h100 runs 1 nodes of launch template version 1" in result.output


def test_the_command_passes_an_empty_pool(aws: Site, assembly: Path) -> None:
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
