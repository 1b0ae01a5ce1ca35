"""Whole lives of environments on the virtual clock: what `ultrafleet rehearse` reports."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from helpers.rehearsal_site import ENVIRONMENTS, Content, pool_of, remove_pool, site, synthesised, without_workloads
from ultrafleet.cli import app
from ultrafleet.rehearsal.scenarios.scenario import BlockOutcome, run_scenario, scenarios_of
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT
from ultrafleet.rehearsal.stepfunctions.clock import Schedules
from ultrafleet.rules.block_clock import TICK_MINUTES

pytestmark = pytest.mark.slow

CAPACITY = {"rack-a": 18, "rack-b": 18, "rack-c": 9, "h200": 4}


@cache
def lived(environment: str, life: str) -> list[BlockOutcome]:
    loaded, stacks = synthesised((ENVIRONMENTS / f"{environment}.yaml").read_text(), environment)
    (wanted,) = [item for item in scenarios_of(loaded) if item.name == life]
    return run_scenario(loaded, stacks, wanted)


@pytest.mark.parametrize("life", ["planned", "extended", "mid-block"])
@pytest.mark.parametrize("environment", ["training", "inference"])
def test_no_node_is_left_when_ec2_begins_to_reclaim(environment: str, life: str) -> None:
    blocks = lived(environment, life)
    assert {block.pool for block in blocks} <= set(CAPACITY)
    for block in blocks:
        assert block.reclaimed == 0
        assert block.up is not None
        assert block.up - block.begins <= timedelta(minutes=TICK_MINUTES)
        assert block.gone is not None
        assert block.gone <= block.reclaim
        assert block.minutes_before_reclaim == 15
        assert block.used_node_hours / block.paid_node_hours > 0.99


def test_an_extension_is_followed_without_a_deployment() -> None:
    planned, extended = lived("training", "planned"), lived("training", "extended")
    moved = {block.reservation_id: block.end for block in extended}
    for block in planned:
        last = block.reservation_id != "cr-0aaaaaaaaaaaaaaa1"
        assert moved[block.reservation_id] - block.end == timedelta(days=7 if last else 0)
    # EKS's own scale-down stays where the end was, and the schedule brings the nodes back.
    taken = {block.reservation_id: block.taken_by_eks for block in extended}
    assert taken == {
        block.reservation_id: 0 if block.reservation_id == "cr-0aaaaaaaaaaaaaaa1" else 18 for block in extended
    }
    assert {block.taken_by_eks for block in planned} == {0}


@pytest.mark.parametrize("environment", ["training", "inference"])
def test_without_the_schedule_eks_comes_too_late(environment: str) -> None:
    for block in lived(environment, "eks"):
        assert block.reclaimed == CAPACITY[block.pool]
        assert block.minutes_before_reclaim == 0
        # An UltraServer is gone before EKS begins; single instances are still being evicted when EC2 comes.
        assert block.taken_by_eks == (0 if block.pool.startswith("rack-") else block.nodes)


def one_day(content: Content) -> None:
    without_workloads(content)
    content["pools"] = [pool_of(content, "h200")]
    start, end = datetime(2026, 12, 3, 11, 30, tzinfo=UTC), datetime(2026, 12, 4, 11, 30, tzinfo=UTC)
    content["pools"][0]["blocks"][0].update(start=start, end=end)
    content["network"]["subnets"] = [item for item in content["network"]["subnets"] if item["name"] != "dallas"]


def test_a_block_that_is_over_when_the_environment_is_deployed_is_left_out() -> None:
    def follow(content: Content) -> None:
        one_day(content)
        (first,) = content["pools"][0]["blocks"]
        start, end = datetime(2026, 12, 4, 11, 30, tzinfo=UTC), datetime(2026, 12, 5, 11, 30, tzinfo=UTC)
        second = {**first, "capacity_reservation_id": "cr-0cccccccccccccc03", "start": start, "end": end}
        content["pools"][0]["blocks"].append(second)

    with site("inference", follow) as made:
        loaded, stacks = made.environment, made.stacks
    (late,) = [life for life in scenarios_of(loaded) if life.name == "mid-block"]
    (block,) = run_scenario(loaded, stacks, late)
    assert block.reservation_id == "cr-0cccccccccccccc03"
    assert block.reclaimed == 0


@pytest.mark.parametrize("skip", [True, False])
def test_runs_that_are_left_out_change_nothing(monkeypatch: pytest.MonkeyPatch, skip: bool) -> None:
    monkeypatch.setattr(Schedules, "skip_quiet", skip)
    with site("inference", one_day) as made:
        made.deploy()
        SIMULATED_ACCOUNT.advance(datetime(2026, 12, 4, 12, tzinfo=UTC))
        runs = SIMULATED_ACCOUNT.part(Schedules, made.environment.account, made.environment.region).runs
    assert (len(runs) < 100) == skip
    writes = [(run.moment, write) for run in runs for write in run.writes]
    start, stop = [(moment, write[1]["ScalingConfig"]["DesiredSize"]) for moment, write in writes]
    assert start == (datetime(2026, 12, 3, 11, 30, tzinfo=UTC), 4)
    assert stop == (datetime(2026, 12, 4, 10, 30, tzinfo=UTC), 0)


def rehearse(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["rehearse", *arguments])


def test_fails_an_environment_without_blocks() -> None:
    told = rehearse("dev", "--environments", str(ENVIRONMENTS))
    assert "dev has no capacity block, expected one" in str(told.exception)


def test_fails_a_life_that_is_not_known() -> None:
    told = rehearse("training", "--environments", str(ENVIRONMENTS), "--scenario", "nine")
    assert "scenario is 'nine', expected one of planned, extended, mid-block, eks" in str(told.exception)


def test_fails_an_assembly_of_another_file(tmp_path: Path) -> None:
    with site("inference", lambda content: remove_pool(content, "h200")) as made:
        made.write_assembly(tmp_path)
    told = rehearse("inference", "--environments", str(ENVIRONMENTS), "--assembly", str(tmp_path))
    assert "expected inference-pool-h200, inference-pool-rack-c: the file was edited since" in str(told.exception)


def test_fails_where_there_is_no_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = rehearse("inference", "--environments", str(ENVIRONMENTS))
    assert "there is no cdk.json here, expected an app to synthesise" in str(told.exception)


def test_the_command_reports_and_fails_when_nodes_are_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with site("inference") as made:
        made.write_assembly(tmp_path)
    arguments = ("inference", "--environments", str(ENVIRONMENTS), "--assembly", str(tmp_path), "--scenario", "planned")
    told = rehearse(*arguments)
    assert told.exit_code == 0
    assert "cr-0cccccccccccccc01" in told.output
    assert "15 min" in told.output
    # Nodes that take an hour to evict are still there when EC2 comes.
    monkeypatch.setattr("ultrafleet.rehearsal.eks.clock.EVICTION", timedelta(minutes=60))
    lost = rehearse(*arguments, "--json")
    assert lost.exit_code == 1
    assert "EC2 reclaimed 13 nodes of pools that the schedule should have emptied" in lost.output
