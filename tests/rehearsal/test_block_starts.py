"""Block starts with planted faults: no job on an unproven node, no good node held, whatever happens."""

import json
import re
from pathlib import Path

import pytest

from helpers.command import run
from ultrafleet.acceptance.gate import decide
from ultrafleet.acceptance.gate_state import Action, GateState, Release, Standing
from ultrafleet.rehearsal.block_starts import starts
from ultrafleet.rehearsal.block_starts.logs import LogFault, findings_of
from ultrafleet.rehearsal.block_starts.starts import BlockStarts, rehearse_block_starts

PAGE = Path(__file__).parents[2] / "docs" / "acceptance.md"


@pytest.fixture(scope="module")
def fifty() -> BlockStarts:
    return rehearse_block_starts(50, usd_per_hour=761.0)


def test_no_job_is_on_an_unproven_node_and_no_good_node_is_held(fifty: BlockStarts) -> None:
    assert fifty.unproven_jobs == 0
    assert fifty.held_good == 0
    assert fifty.good_racks_held == 0
    assert all(outcome.first_job is not None for outcome in fifty.outcomes)


def test_enough_is_planted_to_say_so(fifty: BlockStarts) -> None:
    assert {"bad node", "NVLink", "EFA", "late node", "node replaced", "gate crashes"} <= set(fifty.planted)
    assert fifty.bad_without > 5
    assert max(outcome.runs for outcome in fifty.outcomes) > 1


def test_a_test_takes_minutes_and_a_repair_hours(fifty: BlockStarts) -> None:
    good, without = fifty.minutes(good=True), fifty.minutes(good=True, accepted=False)
    assert good is not None
    assert without is not None
    assert without[0] < good[0] < 60


def test_the_same_seed_gives_the_same_starts() -> None:
    assert rehearse_block_starts(3, seed=7) == rehearse_block_starts(3, seed=7)
    assert rehearse_block_starts(3, seed=7) != rehearse_block_starts(3, seed=8)


def test_a_gate_that_releases_too_early_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def early(state: GateState) -> list[Action]:
        return [
            Release(node=node.name, standing=Standing.PASSED) for node in state.nodes if node.tainted and node.ready
        ]

    monkeypatch.setattr(starts, "decide", early)
    assert rehearse_block_starts(2).unproven_jobs > 0


def test_a_gate_that_never_releases_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(state: GateState) -> list[Action]:
        return [action for action in decide(state) if not isinstance(action, Release)]

    monkeypatch.setattr(starts, "decide", never)
    found = rehearse_block_starts(2)
    assert found.held_good > 0
    assert all(outcome.first_job is None for outcome in found.outcomes)


@pytest.mark.parametrize(
    ("path", "fault", "code"),
    [
        ("node", LogFault.NONE, None),
        ("nvlink", LogFault.NONE, None),
        ("efa", LogFault.NONE, None),
        ("node", LogFault.WRONG_VALUES, "wrong-results"),
        ("node", LogFault.CUT, "truncated"),
        ("nvlink", LogFault.SLOW, "bandwidth"),
        ("nvlink", LogFault.NO_NVLINK, "not-nvlink"),
        ("efa", LogFault.SOCKETS, "not-efa"),
    ],
)
def test_the_judge_finds_what_is_planted_and_nothing_else(path: str, fault: LogFault, code: str | None) -> None:
    codes = {finding.split(":")[0] for finding in findings_of(path, 1 if path == "node" else 18, fault)}
    assert codes - {"bandwidth"} == ({code} if code else set()) - {"bandwidth"}
    assert bool(codes) is (code is not None)


def test_the_command_says_what_came_of_it() -> None:
    done = run("rehearse", "training", "--acceptance", "5")
    assert done.returncode == 0
    assert "jobs on unproven nodes: 0" in done.stdout
    assert "for each hour until a person notices" in done.stdout
    found = json.loads(run("rehearse", "training", "--acceptance", "5", "--json").stdout)
    assert found["starts"] == 5
    assert found["jobs_on_unproven_nodes"] == 0


def test_fails_an_environment_without_such_racks() -> None:
    done = run("rehearse", "dev", "--acceptance", "5")
    assert done.returncode == 2
    assert "a pool of u-p6e-gb200x72" in done.stderr


@pytest.mark.slow
def test_the_page_has_the_figures_of_a_thousand_starts() -> None:
    found = rehearse_block_starts(1000)
    assert (found.unproven_jobs, found.held_good, found.good_racks_held) == (0, 0, 0)
    page = PAGE.read_text()
    for good in (None, True, False):
        for accepted in (True, False):
            minutes = found.minutes(good=good, accepted=accepted)
            assert minutes is not None
            row = " | ".join(str(minute) for minute in minutes)
            assert row in page, row
    assert re.search(rf"\b{found.bad_without} of 1,000", page)
