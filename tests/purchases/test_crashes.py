"""A sample of the crash runs, and that they find an unsafe order; all of them: tests/tools/purchase_crashes.py."""

import json
import os
import random
import signal
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers.block_shop import FAULTS, open_shop
from helpers.purchase_picture import picture
from helpers.purchase_runs import Bench, Case, Tally, run, stops
from helpers.tracing import UNEXPECTED
from ultrafleet.purchases import State
from ultrafleet.purchases.journal import OpenJournal
from ultrafleet.purchases.records import Outcome, Purchase, line_of
from ultrafleet.purchases.settling import exit_code, settle

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs" / "benchmarks" / "purchases.json"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ptrace")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    before = dict(os.environ)
    with open_shop() as shop:
        yield Bench(shop, tmp_path)
    os.environ.clear()
    os.environ.update(before)


def runs(bench: Bench, *cases: Case, naive: bool = False) -> Tally:
    sums = Tally()
    for case in cases:
        sums.add(run(bench, case, naive=naive))
    return sums


def assert_safe(sums: Tally) -> None:
    assert (sums.doubles, sums.lost, sums.unfulfilled) == (0, 0, 0), "\n".join(sums.broken)
    assert not sums.codes[UNEXPECTED], "\n".join(sums.broken)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["block", "extension"])
def test_killed_anywhere_nothing_is_bought_twice_or_lost(bench: Bench, kind: str) -> None:
    points = stops(bench, kind)
    assert points > 100
    chosen = random.Random(7)
    killed = [Case(kind=kind, at=at) for at in chosen.sample(range(1, points), 20)]
    late = [Case(kind=kind, at=chosen.randint(points // 2, points), fault="drop after") for _ in range(10)]
    stopped = [
        Case(kind=kind, at=at, signal=number)
        for number in (signal.SIGINT, signal.SIGTERM)
        for at in chosen.sample(range(1, points), 5)
    ]
    sums = runs(bench, *killed, *late, *stopped)
    assert_safe(sums)
    assert sums.killed >= 20


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["block", "extension"])
def test_whatever_the_answer_nothing_is_bought_twice_or_lost(bench: Bench, kind: str) -> None:
    assert_safe(runs(bench, *(Case(kind=kind, fault=fault) for fault in FAULTS)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["block", "extension"])
def test_two_at_once_buy_one(bench: Bench, kind: str) -> None:
    points = stops(bench, kind)
    chosen = random.Random(8)
    assert_safe(
        runs(
            bench,
            Case(kind=kind, rivals=2),
            *(Case(kind=kind, at=chosen.randint(1, points), rivals=1) for _ in range(8)),
        )
    )


@pytest.mark.slow
def test_an_extension_belongs_to_the_purchase_that_is_open(bench: Bench) -> None:
    """Of two purchases of the same dates, the first of which bought nothing, the second has what the history has."""
    bench.clear(Case(kind="extension"))
    bench.shop.reset("drop before", "half after")
    for state in (State.ABSENT, State.WRITTEN):
        assert bench.command("extension") == 6
        assert exit_code(bench.desk, settle(bench.desk, absent_after=timedelta())) == 0
        assert list(bench.journal.read().values())[-1].state is state
    assert bench.command("extension") == 0
    assert len(bench.shop.state()[1]) == 1


@pytest.mark.slow
def test_the_order_of_a_purchase(bench: Bench) -> None:
    """The offering is asked for again right before the purchase, which is sent once."""
    runs(bench, Case(kind="block", fault="500 before"))
    bench.clear(Case(kind="block", fault="500 after"))
    assert bench.command("block") == 6
    bench.market.close()
    _, _, calls = bench.shop.state()
    assert calls[-2:] == ["DescribeCapacityBlockOfferings", "PurchaseCapacityBlock"]
    assert calls.count("PurchaseCapacityBlock") == 1


@pytest.mark.slow
def test_the_runs_find_a_purchase_that_is_recorded_after_the_call(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bytes] = []
    add = OpenJournal.add

    def begin_later(book: OpenJournal, intent: Any) -> Purchase:
        held.append(line_of(intent))
        book.purchases[intent.intent] = found = Purchase(intent)
        return found

    def add_both(book: OpenJournal, outcome: Outcome) -> None:
        while held:
            book._append(held.pop())
        add(book, outcome)

    monkeypatch.setattr(OpenJournal, "begin", begin_later)
    monkeypatch.setattr(OpenJournal, "add", add_both)
    points = stops(bench, "extension")
    cases = [Case(kind="extension", at=at) for at in range(points * 6 // 10, points * 9 // 10, 5)]
    sums = runs(bench, *cases)
    assert sums.lost or sums.unfulfilled or sums.doubles


@pytest.mark.slow
def test_the_model_that_buys_and_then_records_pays_twice(bench: Bench) -> None:
    points = stops(bench, "block", naive=True)
    killed = [Case(kind="block", at=at) for at in range(points - 12, points)]
    sums = runs(bench, Case(kind="block", fault="drop after"), *killed, naive=True)
    assert sums.doubles > 1


def test_the_picture_is_of_the_figures() -> None:
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    total = figures["journal_first"]["total"]
    assert (total["doubles"], total["lost"], total["unfulfilled"]) == (0, 0, 0)
    assert total["runs"] >= 10_000
    assert FIGURES.with_suffix(".svg").read_text(encoding="utf-8") == picture(figures)
