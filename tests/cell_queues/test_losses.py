"""A cell that is lost: every job is admitted again or explained, by priority, in order, in seconds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.cell_queues import Cell, CellTimes, Job, Loss, largest_cell, lose_cell
from ultrafleet.errors import FleetError


def cell(name: str, ultraservers: int, *jobs: Job) -> Cell:
    return Cell(name=name, ultraservers=ultraservers, nodes_per_ultraserver=18, jobs=jobs)


def job(name: str, nodes: int, priority: int = 0) -> Job:
    return Job(name=name, nodes=nodes, priority=priority)


def moves(loss: Loss) -> dict[str, tuple[str | None, int]]:
    return {outcome.job.name: (outcome.cell, outcome.seconds) for outcome in loss.outcomes}


def test_the_largest_cell_is_lost_and_its_jobs_move_to_the_first_cell_with_room() -> None:
    cells = [cell("a", 4, job("one", 18), job("two", 36)), cell("b", 2), cell("c", 3)]
    loss = lose_cell(cells)
    assert loss.lost == "a"
    assert moves(loss) == {"one": ("b", 900), "two": ("c", 900)}


def test_a_job_that_fits_nowhere_is_explained_by_the_largest_cell_that_is_left() -> None:
    loss = lose_cell([cell("a", 4, job("big", 72)), cell("b", 2), cell("c", 3)])
    assert [outcome.job.name for outcome in loss.waiting] == ["big"]
    assert loss.outcomes[0].why == "it needs 72 nodes at once, and the largest cell that is left, c, has 54"


def test_a_job_that_waits_is_told_what_is_free() -> None:
    loss = lose_cell([cell("a", 2, job("x", 36)), cell("b", 2, job("other", 18))])
    assert loss.outcomes[0].why.startswith("it waits for 36 nodes: b has 18 of 36 free")


def test_with_one_worker_at_once_the_order_is_strict_and_the_lost_cell_costs_a_round() -> None:
    times = CellTimes(worker_lost_seconds=60, workers_at_once=1)
    loss = lose_cell([cell("a", 2, job("x", 18)), cell("b", 1, job("full", 18)), cell("c", 1)], times=times)
    assert moves(loss) == {"x": ("c", 60 + 2 * 300)}


def test_a_job_of_more_priority_evicts_before_the_next_round_and_the_evicted_job_moves_on() -> None:
    times = CellTimes(worker_lost_seconds=60, workers_at_once=2)
    cells = [cell("a", 2, job("urgent", 18, 10)), cell("b", 1, job("slow", 18)), cell("c", 1)]
    loss = lose_cell(cells, times=times)
    assert moves(loss) == {"urgent": ("b", 60), "slow": ("c", 60 + 300)}
    assert loss.outcomes[1].why == "urgent of more priority has its nodes in b"


def test_jobs_of_one_ultraserver_stay_within_one() -> None:
    loss = lose_cell([cell("a", 1, job("x", 12)), cell("b", 2, job("y", 9), job("z", 9), job("w", 9))], lost="a")
    assert loss.outcomes[0].cell is None
    assert "9 of 36 free" in loss.outcomes[0].why


def test_fails_without_the_cell_or_with_jobs_that_do_not_fit() -> None:
    with pytest.raises(FleetError, match=r"lost is 'x', expected one of a"):
        lose_cell([cell("a", 1)], lost="x")
    with pytest.raises(FleetError, match="jobs of a is 36 nodes"):
        lose_cell([cell("a", 1, job("x", 36))])
    with pytest.raises(FleetError, match="cells is none"):
        largest_cell([])


def test_fails_with_times_that_would_move_jobs_at_a_hiccup() -> None:
    with pytest.raises(FleetError, match="worker_lost_seconds is 5, expected 30 or more"):
        CellTimes(worker_lost_seconds=5)


def test_the_model_says_what_a_real_kueue_did_and_where_it_differs_is_stated() -> None:
    cells = [
        cell("a", 6, job("big", 54, 1000), job("pair", 36, 2000), job("half", 9, 1000), job("one", 1, 1000)),
        cell("b", 2, job("bulk", 18), job("mid", 9, 1000)),
        cell("c", 1, job("last", 8, 1000)),
    ]
    loss = lose_cell(cells, times=CellTimes(worker_lost_seconds=60))
    seen = {"half": "c", "one": "c", "big": None}  # docs/decisions/0045-real-kueue-over-cells.md
    evicted_after = 60.5
    found = moves(loss)
    assert {name: found[name][0] for name in seen} == seen
    assert all(0 <= evicted_after - found[name][1] < 1 for name in ("half", "one"))
    differ = {"pair": "b", "bulk": None, "mid": None}  # Kueue: pair waits, and bulk and mid run on in b
    assert {name: found[name][0] for name in differ} == differ


@st.composite
def fleets(draw: st.DrawFn) -> list[Cell]:
    found = []
    for number in range(draw(st.integers(1, 5))):
        made = cell(f"c{number}", draw(st.integers(1, 4)))
        for index, nodes in enumerate(draw(st.lists(st.integers(1, 40), max_size=5))):
            one = job(f"c{number}-{index}", nodes, draw(st.integers(0, 2)))
            if made.takes(one):
                made = cell(made.name, made.ultraservers, *made.jobs, one)
        found.append(made)
    return found


@given(fleets(), st.integers(1, 4))
def test_no_job_is_lost_twice_or_forgotten_and_no_cell_is_overfull(cells: list[Cell], at_once: int) -> None:
    loss = lose_cell(cells, times=CellTimes(workers_at_once=at_once))
    before = {item.name for one in cells for item in one.jobs}
    running = [item.name for one in loss.cells for item in one.jobs]
    last = {outcome.job.name: outcome for outcome in loss.outcomes}
    waiting = {name for name, outcome in last.items() if outcome.cell is None}
    assert len(running) == len(set(running))
    assert {*running, *waiting} == before
    assert not waiting & set(running)
    assert all(one.free() is not None for one in loss.cells)
    assert all(outcome.why for outcome in loss.outcomes)
    assert {item.name for one in cells if one.name == loss.lost for item in one.jobs} <= set(last)
