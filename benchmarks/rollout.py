"""Rollouts of small cells on the embedded AWS, first and again -> docs/benchmarks/rollout.md.

`python benchmarks/rollout.py [--cells 10 70] [--at-once 4]`. Cells of two stacks each (a pool and its schedule on an
existing cluster) in seven accounts and two regions; what is measured is the engine: make, CDK CLI, preflight, gates.
"""

import argparse
import json
import os
import platform
import resource
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import psutil
from measuring import timed

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from helpers.tiny_cells import STACKS, write_programme  # noqa: E402
from ultrafleet.programme.rollout_settings import RolloutSettings  # noqa: E402
from ultrafleet.rehearsal.scenarios.remote import EmbeddedAws  # noqa: E402

OUT = HERE.parent / "docs" / "benchmarks" / "rollout.md"
ACCOUNTS, REGIONS = [f"{digit}" * 12 for digit in range(1, 8)], ["us-east-1", "us-west-2"]
PROGRAM = str(Path(sys.executable).with_name("ultrafleet"))


def measure(cells: int, at_once: int) -> str:
    """Row of the table."""
    names = {
        f"cell-t{number:03}": (ACCOUNTS[number % len(ACCOUNTS)], REGIONS[number // len(ACCOUNTS) % len(REGIONS)])
        for number in range(1, cells + 1)
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_programme(folder, "bench", names, RolloutSettings(cells_per_wave=10, cells_at_once=at_once))
        first = EmbeddedAws(next(iter(names)), folder=folder / "state")
        known = folder / "state" / f"{next(iter(names))}.json"
        before = _cpu_seconds(known)
        os.chdir(folder)
        (folder / "node_modules").symlink_to(HERE.parent.resolve() / "node_modules")
        command = [
            PROGRAM, "local", "rollout", "bench", "--programmes", ".", "--assembly", "assembly", "--state", "state",
        ]  # fmt: skip
        try:
            made, made_cpu = timed(command), _cpu_seconds(known)
            again, again_cpu = timed(command), _cpu_seconds(known)
        finally:
            first.stop()
            os.chdir(HERE.parent)
    columns = [
        cells,
        cells * len(STACKS),
        len(set(names.values())),
        1 + -(-(cells - 1) // 10),
        f"{made.seconds:.0f}",
        f"{(made_cpu - before) / cells:.1f}",
        f"{made.peak_mib:.0f}",
        f"{again.seconds:.0f}",
        f"{(again_cpu - made_cpu) / cells:.1f}",
    ]
    return f"| {' | '.join(map(str, columns))} |"


def _cpu_seconds(known: Path) -> float:
    """CPU time of everything that was run and of the embedded AWS, which runs on."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        times = psutil.Process(int(json.loads(known.read_text())["pid"])).cpu_times()
    except (OSError, psutil.Error):
        return used.ru_utime + used.ru_stime
    return used.ru_utime + used.ru_stime + times.user + times.system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=[10, 70])
    parser.add_argument("--at-once", type=int, default=4)
    given = parser.parse_args()
    rows = [measure(cells, given.at_once) for cells in given.cells]
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    text = f"""# Rollout

`python benchmarks/rollout.py`, {datetime.now(UTC):%Y-%m-%d}, on {machine}.

Small cells of {len(STACKS)} stacks on the embedded AWS, {given.at_once} at once, in waves of ten after the canary. A
place is an account and region, whose bootstrap is part of the first rollout. Resources are there at once, so it is what
make, the CDK CLI, preflight and gates take, and the embedded AWS on the same cores. CPU time is of all of that, too.
Peak memory is of all processes, the embedded AWS among them.

| cells | stacks | places | waves | first, s | CPU s a cell | peak MiB | again, s | CPU s a cell |
|---|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}

On AWS a cell takes as long as its resources: EKS makes a cluster and node groups in tens of minutes, and the gate waits
`bake_minutes` after each wave.
"""
    OUT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
