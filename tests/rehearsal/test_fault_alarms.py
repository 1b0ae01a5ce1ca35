"""Planted faults: which alarm rings, after how many minutes, and off again, as docs/guides/a-rack-fails.md says."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from helpers.rehearsal_site import ENVIRONMENTS, DeployedEnvironment, deployed, synthesised, text_of
from ultrafleet.catalog.eks import AmiType
from ultrafleet.cli import app
from ultrafleet.cli._fault_table import COLUMNS, rows
from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.cloudwatch.figures import Figures
from ultrafleet.rehearsal.scenarios import fault_alarms
from ultrafleet.rehearsal.scenarios.fault_alarms import PLANTED, Outcome, Planted, plant, pools_by_architecture

pytestmark = pytest.mark.slow

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "a-rack-fails.md"
ARCHITECTURES = ("arm64", "x86_64")


def outcome(planted: Planted, architecture: str) -> Outcome:
    with deployed("inference", up=True) as made:
        pool = pools_by_architecture(made.environment)[architecture]
        return plant(made.environment, planted, architecture, pool)


def test_the_environment_has_a_pool_of_each_architecture() -> None:
    with deployed("inference", up=True) as made:
        found = pools_by_architecture(made.environment)
        assert {name: pool.name for name, pool in found.items()} == {"arm64": "rack-c", "x86_64": "h200"}
        assert set(found) == {kind.architecture for kind in AmiType}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.fault)
def test_the_guide_says_what_rings(planted: Planted, architecture: str) -> None:
    found = outcome(planted, architecture)
    assert found.rings, "no alarm sees it"
    assert all(ring.off is not None for ring in found.rings), "one stays on"
    told = GUIDE.read_text(encoding="utf-8")
    for row in rows(found):
        assert f"| {' | '.join(row)} |" in told


def test_the_guide_has_the_columns_of_the_command() -> None:
    assert f"| {' | '.join(COLUMNS)} |" in GUIDE.read_text(encoding="utf-8")


def test_a_fault_that_no_alarm_sees_is_told_so() -> None:
    unseen = Planted(fault="eks-scale-down-moves", title="nothing", minutes=15)
    found = outcome(unseen, "arm64")
    assert found.rings == ()
    assert rows(found) == [("nothing", "rack-c (arm64)", "no alarm", "-", "-", "no")]


def test_without_the_add_on_no_line_leaves_the_node() -> None:
    with deployed("inference", up=True) as made:
        made.call("eks", "delete_addon", clusterName="inference", addonName="amazon-cloudwatch-observability")
        pool = pools_by_architecture(made.environment)["arm64"]
        assert plant(made.environment, PLANTED[0], "arm64", pool).rings == ()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_next_dead_gpu_rings_again(architecture: str) -> None:
    with deployed("inference", up=True) as made:
        pool = pools_by_architecture(made.environment)[architecture]
        found = [plant(made.environment, PLANTED[0], architecture, pool) for _ in range(2)]
    assert [[(ring.alarm, ring.on, ring.off) for ring in item.rings] for item in found] == [[("DeadGpu", 1, 6)]] * 2


def test_fails_with_an_alarm_whose_figures_nobody_makes() -> None:
    alarm = {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Period": 300, "Statistic": "Average"}
    with deployed("inference") as made, pytest.raises(FleetError, match="CPUUtilization"):
        Figures(made.environment.account, made.environment.region, {"hot": alarm})


def _with_acceptance(content: dict[str, Any]) -> None:
    content["kubernetes"] = {"acceptance": {"image": "registry.example/nccl-tests:1"}}


def test_a_gate_that_holds_nothing_rings_no_alarm() -> None:
    with deployed("inference", _with_acceptance, up=True) as made:
        pool = pools_by_architecture(made.environment)["arm64"]
        rings = plant(made.environment, PLANTED[0], "arm64", pool).rings
    assert [ring.alarm for ring in rings] == ["DeadGpu"]


def test_a_filter_pattern_that_is_not_valid_is_refused() -> None:
    text = text_of("inference")
    _, stacks = synthesised(text, "inference")
    broken = [stack.template.replace("NVRM: Xid (PCI:*", "NVRM: * Xid") for stack in stacks if "system" in stack.name]
    with deployed("inference") as made:
        given = {"TemplateBody": broken[0], "Capabilities": ["CAPABILITY_IAM"]}
        made.call("cloudformation", "update_stack", StackName="inference-system", **given)
        (stack,) = made.call("cloudformation", "describe_stacks", StackName="inference-system")["Stacks"]
        assert "ROLLBACK" in stack["StackStatus"]


def test_the_command_plants_in_copies_and_prints_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault_alarms, "PLANTED", PLANTED[:1])
    DeployedEnvironment("inference").write_assembly(tmp_path)
    arguments = ["rehearse", "inference", "--environments", str(ENVIRONMENTS), "--faults"]
    told = CliRunner().invoke(app, [*arguments, "--assembly", str(tmp_path)])
    assert told.exit_code == 0, told.output
    lines = [" ".join(line.split()) for line in told.stdout.splitlines()]
    assert "dead GPU rack-c (arm64) DeadGpu 1 min 6 min no" in lines
    assert "dead GPU h200 (x86_64) DeadGpu 1 min 6 min after 10 min" in lines
    with pytest.raises(FleetError, match="--faults and --scenario are given, expected one of them"):
        CliRunner().invoke(app, [*arguments, "--scenario", "planned"], catch_exceptions=False)
