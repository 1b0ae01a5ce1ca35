"""Whole lives of environments on the virtual clock: what `ultrafleet rehearse` reports."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from helpers import aws_state
from helpers.rehearsal_site import (
    ENVIRONMENTS,
    FIXTURES,
    Content,
    deployed,
    pool_of,
    remove_pool,
    site,
    synthesised,
    text_of,
    without_workloads,
)
from ultrafleet.catalog.capacity_blocks import CapacityBlockRules
from ultrafleet.cli import app
from ultrafleet.rehearsal.ec2.state.instances import Lifetimes
from ultrafleet.rehearsal.scenarios.outcome import BlockOutcome, block_outcomes, hand_overs
from ultrafleet.rehearsal.scenarios.scenario import run_scenario, scenarios_of
from ultrafleet.rehearsal.scenarios.worst_timing import LATENESS, WorstTiming
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT
from ultrafleet.rehearsal.stepfunctions.clock import Schedules
from ultrafleet.rules.block_clock import TICK_MINUTES, lead_or_default

pytestmark = pytest.mark.slow

CAPACITY = {"rack-a": 18, "rack-b": 18, "rack-c": 9, "h200": 4, "rack": 18}
THROTTLED = timedelta(seconds=2)
"""The machine's first pause before it tries a call again."""
LATEST = timedelta(minutes=TICK_MINUTES) + LATENESS + THROTTLED - timedelta(seconds=1)
"""From a second after an execution to the end of the next, which is late and throttled once."""


@cache
def lived(environment: str, life: str) -> list[BlockOutcome]:
    loaded, stacks = synthesised(text_of(environment), environment)
    (wanted,) = [item for item in scenarios_of(loaded) if item.name == life]
    return run_scenario(loaded, stacks, wanted)


@pytest.mark.parametrize("life", ["planned", "extended", "mid-block"])
@pytest.mark.parametrize("environment", ["training", "inference", "overlap", "self-managed"])
def test_no_node_is_left_when_ec2_begins_to_reclaim(environment: str, life: str) -> None:
    blocks = lived(environment, life)
    assert {block.pool for block in blocks} <= set(CAPACITY)
    for block in blocks:
        assert block.reclaimed == 0
        assert block.up is not None
        # Node groups are sized one after the other here, each at a second try.
        assert block.up - block.begins <= LATEST + len(CAPACITY) * THROTTLED
        assert block.gone is not None
        assert block.gone <= block.reclaim
        # Both leads are 30 minutes more than the reclaim, of which eviction takes 15.
        assert block.minutes_before_reclaim == (timedelta(minutes=15) - LATEST) / timedelta(minutes=1)
        assert block.used_node_hours / block.paid_node_hours > 0.99


def test_an_extension_is_followed_without_a_deployment() -> None:
    planned, extended = lived("training", "planned"), lived("training", "extended")
    moved = {block.reservation_id: block.end for block in extended}
    for block in planned:
        last = block.reservation_id != "cr-0aaaaaaaaaaaaaaa1"
        assert moved[block.reservation_id] - block.end == timedelta(days=7 if last else 0)
        assert block.short_minutes == 0
    # EKS's own scale-down keeps the old end: what is extended is emptied once, and filled again by the schedule.
    emptied = {block.reservation_id: block.short_minutes for block in extended if block.short_minutes}
    assert set(emptied) == set(moved) - {"cr-0aaaaaaaaaaaaaaa1"}
    assert max(emptied.values()) <= 30
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


def test_an_extension_of_self_managed_nodes_is_followed_and_nothing_else_empties_them() -> None:
    planned, extended = lived("self-managed", "planned"), lived("self-managed", "extended")
    assert [(block.end - before.end).days for before, block in zip(planned, extended, strict=True)] == [0, 7, 7]
    # EKS makes no scheduled action for an Auto Scaling group that isn't its own: nothing fires at the old end.
    assert {(block.short_minutes, block.taken_by_eks) for block in (*planned, *extended)} == {(0, 0)}


def test_self_managed_blocks_that_overlap_are_handed_over_without_a_gap() -> None:
    (over,) = hand_overs(lived("self-managed", "planned"))
    assert (over.old, over.new) == ("cr-0aaaaaaaaaaaaaaa1", "cr-0aaaaaaaaaaaaaaa2")
    assert over.neither_minutes == 0
    assert over.both_minutes >= 50


def test_blocks_that_overlap_are_handed_over_without_a_gap() -> None:
    (over,) = hand_overs(lived("overlap", "planned"))
    assert (over.old, over.new) == ("cr-0fffffffffffffff1", "cr-0fffffffffffffff2")
    assert over.neither_minutes == 0
    assert over.both_minutes >= 22 * 60


def test_the_command_shows_hand_overs(tmp_path: Path) -> None:
    with site("overlap") as made:
        made.write_assembly(tmp_path)
    told = rehearse("overlap", "--environments", str(FIXTURES), "--assembly", str(tmp_path), "--scenario", "planned")
    assert told.exit_code == 0
    (row,) = [line for line in told.output.splitlines() if "cr-0fffffffffffffff1   cr-0fffffffffffffff2" in line]
    assert row.split()[-4:] == ["1,350", "min", "0", "min"]


def test_blocks_that_follow_one_another_leave_a_gap_of_the_lead() -> None:
    (over,) = hand_overs(lived("training", "planned"))
    assert over.both_minutes == 0
    assert 90 <= over.neither_minutes <= 90 + LATEST / timedelta(minutes=1)


def test_at_every_moment_one_whole_rack_is_ready() -> None:
    """From the first rack's start to the drain of the last, by the life of each instance."""
    with deployed("overlap") as made:
        WorstTiming(made.environment)
        SIMULATED_ACCOUNT.advance(datetime(2026, 12, 14, 12, tzinfo=UTC))
        account, region = made.environment.account, made.environment.region
        lives = SIMULATED_ACCOUNT.part(Lifetimes, account, region).by_id.values()
        first, last = block_outcomes(made.environment, deployed=datetime(2026, 12, 1, 10, 30, tzinfo=UTC))
    assert first.up is not None
    assert last.ready_until is not None
    ready = [
        (life.reservation_id, life.launched, life.terminated - CapacityBlockRules.EKS_EVICTION)
        for life in lives
        if life.reservation_id in {first.reservation_id, last.reservation_id} and life.terminated is not None
    ]
    moments = sorted({moment for _, *both in ready for moment in both if first.up <= moment < last.ready_until})
    for moment in moments:
        racks = [block for block, launched, until in ready if launched <= moment < until]
        assert 18 in {racks.count(block) for block in set(racks)}, moment
    assert first.reclaimed == last.reclaimed == 0
    assert first.minutes_before_reclaim == last.minutes_before_reclaim == 9


def one_block(days: int) -> Callable[[Content], None]:
    """One block of four instances, and nothing in the cluster."""

    def edit(content: Content) -> None:
        without_workloads(content)
        content["pools"] = [pool_of(content, "h200")]
        start = datetime(2026, 12, 3, 11, 30, tzinfo=UTC)
        content["pools"][0]["blocks"][0].update(start=start, end=start + timedelta(days=days))
        content["network"]["subnets"] = [item for item in content["network"]["subnets"] if item["name"] != "dallas"]

    return edit


def test_no_phase_of_the_schedule_is_worse_than_what_is_reported() -> None:
    """The drain moves with the phase, so every minute and the seconds before the drain are enough."""
    with deployed("inference", one_block(1), up=True) as made:
        (block,) = made.environment.pools[0].capacity_blocks
        drain = block.end - timedelta(minutes=lead_or_default(None, ultraserver=False))
        SIMULATED_ACCOUNT.advance(drain - timedelta(minutes=21))
        state = aws_state.save()

        def minutes(phase: timedelta | None) -> float:
            aws_state.restore(state)
            schedules = SIMULATED_ACCOUNT.part(Schedules, made.environment.account, made.environment.region)
            if phase is None:
                WorstTiming(made.environment)
            else:
                schedules.lateness = LATENESS
                schedules.align(drain - timedelta(minutes=10) + phase)
            SIMULATED_ACCOUNT.advance(block.end)
            (outcome,) = block_outcomes(made.environment, deployed=block.start)
            assert outcome.reclaimed == 0
            assert outcome.minutes_before_reclaim is not None
            return outcome.minutes_before_reclaim

        swept = [minutes(timedelta(seconds=seconds)) for seconds in [*range(0, 600, 60), 299, 599]]
        reported = minutes(None)
    assert max(swept) == 15
    assert reported <= min(swept)
    assert min(swept) - reported == pytest.approx(THROTTLED / timedelta(minutes=1))


def test_a_block_that_is_over_when_the_environment_is_deployed_is_left_out() -> None:
    def follow(content: Content) -> None:
        one_block(1)(content)
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
    with site("inference", one_block(1)) as made:
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
    assert "9 min" in told.output
    # Nodes that take an hour to evict are still there when EC2 comes.
    monkeypatch.setattr("ultrafleet.rehearsal.eks.clock.EVICTION", timedelta(minutes=60))
    lost = rehearse(*arguments, "--json")
    assert lost.exit_code == 1
    assert "EC2 reclaimed 13 nodes of pools that the schedule should have emptied" in lost.output
