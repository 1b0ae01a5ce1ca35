"""Thousands of purchases and extensions that are killed, raced or left without an answer: doubles and lost records.

    python tests/tools/purchase_crashes.py --runs 10000 --model-runs 2000 --out docs/benchmarks/purchases.json
    python tests/tools/purchase_crashes.py --picture        # of the figures that are there

Every system call of the command is a point before and one after which it may be killed. Afterwards the user settles and
runs the same command again. The model does it in the other order, buys and then records, with boto3 as it is made.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import platform
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from helpers.block_shop import FAULTS, open_shop  # noqa: E402
from helpers.purchase_picture import WORDS, picture  # noqa: E402
from helpers.purchase_runs import Bench, Case, Tally, run, stops  # noqa: E402
from helpers.today import today  # noqa: E402

FIGURES = ROOT / "docs" / "benchmarks" / "purchases.json"
PICTURE = ROOT / "docs" / "benchmarks" / "purchases.svg"
KINDS = ("block", "extension")
CHUNK = 25


def cases(points: dict[str, int], count: int, *, seed: int = 1) -> list[tuple[str, Case]]:
    """Cases of a run with their groups: every point of every kind, then a fixed mix.

    Args:
        points: stops of an undisturbed run, by kind.
        count: how many; fewer than the points are a sample of them.
        seed: of the choice.
    """
    chosen = random.Random(seed)
    every = [("killed", Case(kind=kind, at=at)) for kind in KINDS for at in range(1, points[kind] + 1)]
    if count < 2 * len(every):
        every = chosen.sample(every, count // 3)
    return every + [_case(chosen, points) for _ in range(count - len(every))]


def _case(chosen: random.Random, points: dict[str, int]) -> tuple[str, Case]:
    kind = chosen.choice(KINDS)
    # From a third of the way on the purchase is near: that is where most of the points are taken.
    at = chosen.randint(1 if chosen.random() < 0.2 else points[kind] // 3, points[kind])
    fault = chosen.choice(list(FAULTS))
    match chosen.random():
        case luck if luck < 0.05:
            return "no answer", Case(kind=kind, fault=fault)
        case luck if luck < 0.50:
            return "killed, no answer", Case(kind=kind, at=at, fault=fault)
        case luck if luck < 0.65:
            return "interrupted", Case(kind=kind, at=at, signal=chosen.choice([signal.SIGINT, signal.SIGTERM]))
        case luck if luck < 0.70:
            return "at once", Case(kind=kind, rivals=1)
        case luck if luck < 0.75:
            return "at once", Case(kind=kind, at=at, rivals=1, fault="drop after")
    return "at once", Case(kind=kind, at=at, rivals=1)


_BENCH: list[Bench] = []
_OPEN = contextlib.ExitStack()


@contextlib.contextmanager
def bench() -> Iterator[Bench]:
    """A shop and the folder of its runs, in memory where there is such a place."""
    with open_shop() as shop, TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:  # noqa: S108
        yield Bench(shop, Path(folder))


def _work(job: tuple[bool, list[tuple[str, Case]]]) -> tuple[bool, dict[str, Tally]]:
    if not _BENCH:
        _BENCH.append(_OPEN.enter_context(bench()))  # until this process ends
    naive, chunk = job
    tallies: dict[str, Tally] = {}
    for group, case in chunk:
        tallies.setdefault(group, Tally()).add(run(_BENCH[0], case, naive=naive))
    return naive, tallies


def _points(*, naive: bool) -> dict[str, int]:
    with bench() as made:
        return {kind: stops(made, kind, naive=naive) for kind in KINDS}


def measure(runs: int, model_runs: int, *, workers: int, out: Path) -> dict[str, Any]:
    """Run both, and write the figures after every part."""
    began = time.monotonic()
    points, model_points = _points(naive=False), _points(naive=True)
    jobs = [(True, item) for item in _chunks(cases(model_points, model_runs))]
    jobs += [(False, item) for item in _chunks(cases(points, runs))]
    sums: dict[bool, dict[str, Tally]] = {False: {}, True: {}}
    figures: dict[str, Any] = {}
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for naive, tallies in pool.imap_unordered(_work, jobs):
            for group, tally in tallies.items():
                sums[naive].setdefault(group, Tally()).add(tally)
                if not naive:
                    print(*tally.broken, sep="\n", end="\n" if tally.broken else "", file=sys.stderr, flush=True)
            figures = {
                "date": f"{today()}",
                "seconds": round(time.monotonic() - began),
                "cores": os.cpu_count(),
                "machine": platform.machine(),
                "stops": points,
                "model_stops": model_points,
                "journal_first": _figures(sums[False]),
                "buy_then_record": _figures(sums[True]),
            }
            out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return figures


def _chunks(found: list[tuple[str, Case]]) -> Iterator[list[tuple[str, Case]]]:
    for start in range(0, len(found), CHUNK):
        yield found[start : start + CHUNK]


def _figures(tallies: dict[str, Tally]) -> dict[str, Any]:
    total = Tally()
    for tally in tallies.values():
        total.add(tally)
    groups = {group: _numbers(tallies[group]) for group in WORDS if group in tallies}
    return {"total": _numbers(total), "groups": groups}


def _numbers(tally: Tally) -> dict[str, int]:
    return {name: getattr(tally, name) for name in ("runs", "killed", "after_paying", "doubles", "lost", "unfulfilled")}


def main() -> int:
    """Run, or draw; exit code 1 where the journal's order has a double or a lost record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--model-runs", type=int, default=2_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=FIGURES)
    parser.add_argument("--picture", action="store_true", help="draw the figures that are there, and run nothing")
    options = parser.parse_args()
    if options.picture:
        PICTURE.write_text(picture(json.loads(FIGURES.read_text(encoding="utf-8"))), encoding="utf-8")
        return 0
    figures = measure(options.runs, options.model_runs, workers=options.workers, out=options.out)
    print(json.dumps(figures, indent=2))
    total = figures["journal_first"]["total"]
    return int(total["doubles"] + total["lost"] + total["unfulfilled"] > 0)


if __name__ == "__main__":
    sys.exit(main())
