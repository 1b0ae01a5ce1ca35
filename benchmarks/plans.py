"""Plan of 2,000 UltraServers over seven years with 200 futures, by HiGHS and by OR-Tools: docs/benchmarks/plans.md.

`make bench`, or `python benchmarks/plans.py [--ultraservers N] [--scenarios N] [--seconds N]`. Each solver runs in a
process of its own, from the programme file to the finished plan; memory is the peak of that process.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from ortools.linear_solver import pywraplp

from ultrafleet.planning.given import Given
from ultrafleet.planning.linear_model import INFINITY, LinearModel
from ultrafleet.planning.planner import Options, make_plan
from ultrafleet.planning.problem import problem_of
from ultrafleet.planning.solver import Highs, Solution, Solver
from ultrafleet.programme import load_programme

OUT = Path(__file__).parent.parent / "docs" / "benchmarks" / "plans.md"
START, YEARS, QUARTER_DAYS = date(2026, 12, 1), 7, 91
NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
SOLVERS = ("HiGHS", "OR-Tools SCIP", "OR-Tools CP-SAT")
CASES = {
    "deliveries that slip": {"limit": 60_000, "no_gap": 0},
    "blocks are scarce": {"limit": 3_600, "no_gap": 0},
    "serving without a gap": {"limit": 60_000, "no_gap": 12},
}
"""Instances on blocks on a date, and UltraServers that may have no gap, by case."""


class OrTools:
    """OR-Tools by its linear solver's interface."""

    def __init__(self, engine: str) -> None:
        self._engine = engine

    @property
    def name(self) -> str:
        return f"OR-Tools {version('ortools')} {self._engine}"

    def solve(self, model: LinearModel, *, gap: float, seconds: float) -> Solution:
        solver = pywraplp.Solver.CreateSolver({"SCIP": "SCIP", "CP-SAT": "SAT"}[self._engine])
        infinity = 1e6 if self._engine == "CP-SAT" else solver.infinity()  # CP-SAT takes bounded variables alone
        whole = self._engine == "CP-SAT"  # every column is whole in some best solution
        columns = []
        for low, high, is_integer in zip(model.lower, model.upper, model.integer, strict=True):
            upper = infinity if high == INFINITY else high
            columns.append(solver.IntVar(low, upper, "") if is_integer or whole else solver.NumVar(low, upper, ""))
        for entries, low, high in zip(model.rows, model.row_lower, model.row_upper, strict=True):
            row = solver.Constraint(
                -solver.infinity() if low == -INFINITY else low, solver.infinity() if high == INFINITY else high
            )
            summed: dict[int, float] = {}
            for column, value in entries:
                summed[column] = summed.get(column, 0.0) + value
            for column, value in summed.items():
                row.SetCoefficient(columns[column], value)
        for column, cost in zip(columns, model.cost, strict=True):
            if cost:
                solver.Objective().SetCoefficient(column, cost)
        solver.Objective().SetMinimization()
        solver.SetTimeLimit(int(max(0.1, seconds) * 1000))
        parameters = pywraplp.MPSolverParameters()
        parameters.SetDoubleParam(pywraplp.MPSolverParameters.RELATIVE_MIP_GAP, gap)
        if self._engine == "CP-SAT":
            solver.SetSolverSpecificParametersAsString(f"num_workers:2 relative_gap_limit:{gap}")
        status = solver.Solve(parameters)
        if status == pywraplp.Solver.INFEASIBLE:
            return Solution(None, INFINITY, INFINITY, is_infeasible=True)
        bound = solver.Objective().BestBound()
        if status not in (pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE):
            return Solution(None, INFINITY, bound, is_infeasible=False)
        values = [column.solution_value() for column in columns]
        return Solution(values, solver.Objective().Value(), bound, is_infeasible=False)


def programme_of(ultraservers: int, *, limit: int, no_gap: int) -> dict[str, Any]:
    """Programme that grows each quarter; deliveries are contracted five weeks before they are wanted, and slip."""
    end = START + timedelta(days=QUARTER_DAYS * 4 * YEARS)
    sites = [
        {"name": "dallas", "region": "us-east-1", "zone": "us-east-1-dfw-2a"},
        {"name": "ohio", "region": "us-east-2"},
        {"name": "oregon", "region": "us-west-2"},
    ]
    slips = [
        {"triangular_weeks": [0, 3, 26]},
        {"weeks": {0: 0.55, 2: 0.2, 6: 0.15, 13: 0.08, 30: 0.02}},
        {"uniform_weeks": [0, 12]},
        {"exponential_weeks": {"mean": 5, "most": 40}},
    ]
    targets, tranches = [], []
    for workload, share, level in (("training", 0.7, 0.9), ("inference", 0.3, 0.95)):
        steps, delivered = [], 0
        for quarter in range(4 * YEARS):
            start = START + timedelta(days=QUARTER_DAYS * quarter + 30)
            wanted = round(ultraservers * share * (quarter + 1) / (4 * YEARS))
            steps.append({"start": start, "ultraservers": wanted})
            parts = 3 if workload == "training" else 1
            for part in range(parts):
                count = (wanted - delivered) // (parts - part)
                delivered += count
                tranches.append(
                    {
                        "name": f"{workload}-{quarter}-{part}",
                        "site": sites[(quarter + part) % 3]["name"],
                        "workload": workload,
                        "type": "u-p6e-gb200x72",
                        "ultraservers": count,
                        "delivery": start - timedelta(days=35 + (quarter * 3 + part) % 14),
                        "usd_per_hour": 400.0,
                        "slip": slips[(quarter * 2 + part) % len(slips)],
                        "assumption": "a benchmark",
                    }
                )
        targets.append(
            {
                "name": workload,
                "workload": workload,
                "type": "u-p6e-gb200x72",
                "service_level": level,
                "steps": steps,
                "end": end,
            }
        )
    if no_gap:
        steps = [
            {"start": START + timedelta(days=7 + 365 * year), "ultraservers": no_gap * (year + 1) // YEARS}
            for year in range(YEARS)
        ]
        targets.append(
            {
                "name": "serving",
                "workload": "inference",
                "type": "u-p6e-gb200x36",
                "service_level": 1.0,
                "steps": steps,
                "end": end,
            }
        )
    return {
        "start": START,
        "end": end,
        "sites": sites,
        "targets": targets,
        "tranches": tranches,
        "later_blocks": [
            {"type": name, "ultraservers": 600, "usd_per_hour": usd, "assumption": "a benchmark"}
            for name, usd in (("u-p6e-gb200x72", 761.904), ("u-p6e-gb200x36", 380.952))
        ],
        "limits": {"block_instances_on_a_date": limit, "reason": "a benchmark"},
    }


def measure(path: Path, solver: Solver, scenarios: int, seconds: float) -> dict[str, Any]:
    """Plan a programme file in this process."""
    started, used = time.perf_counter(), time.process_time()
    problem = problem_of(Given(environments=[], programme=load_programme(path), now=NOW))
    plan = make_plan(problem, solver, name="benchmark", options=Options(scenarios=scenarios, seconds=seconds))
    return {
        "solver": solver.name,
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - used,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "usd": plan.usd,
        "bound_usd": plan.solving.lower_bound_usd,
        "gap": plan.solving.gap,
        "met": sum(step.is_met for step in plan.steps),
        "steps": len(plan.steps),
        "without_slip": plan.slip_value.without_slip.steps_met if plan.slip_value else None,
        "purchases": len(plan.purchases),
        "tranches": len(problem.deliveries),
    }


def run(path: Path, solver: str, scenarios: int, seconds: float) -> dict[str, Any]:
    """Plan a programme file in a process of its own."""
    command = [sys.executable, __file__, "--child", str(path), solver, str(scenarios), str(seconds)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds * 3 + 60, check=False)
    except subprocess.TimeoutExpired:
        return {"solver": solver, "failed": f"stopped after {seconds * 3 + 60:.0f} s"}
    if done.returncode:
        return {"solver": solver, "failed": done.stderr.strip().splitlines()[-1]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def report(
    results: dict[str, list[dict[str, Any]]], ultraservers: int, scenarios: int, seconds: float, load: float
) -> str:
    lines = [
        "# What a plan costs",
        "",
        "Made by `make bench`; do not edit.",
        "",
        f"`ultrafleet capacity plan` of {ultraservers:,} UltraServers over {YEARS} years in quarterly steps for",
        f"training (level 90 %) and inference (95 %), with deliveries that slip in {scenarios} futures: the plan",
        "without slip, the one with slip, and its check on 5,000 further futures, from the file on. Each solver in a",
        f"process of its own, which stops at a gap of 0.1 % or after {seconds:.0f} s.",
        f"{os.cpu_count()} cores, {cpu()}, Python {platform.python_version()}; mean load of the machine",
        f"meanwhile {load:.1f}: wall time counts what else ran, CPU time doesn't.",
    ]
    for case, found in results.items():
        settings = CASES[case]
        lines += [
            "",
            f"## {case[:1].upper()}{case[1:]}",
            "",
            f"{settings['limit']:,} instances on blocks on a date"
            + (f"; {settings['no_gap']} x36 more, which may have no gap, day by day." if settings["no_gap"] else "."),
            "",
            "| solver | wall s | CPU s | peak MiB | million USD | proven gap | steps met | met without slip |",
            "|---|--:|--:|--:|--:|--:|--:|--:|",
        ]
        for item in found:
            if "failed" in item:
                lines.append(f"| {item['solver']} | {item['failed']} | | | | | | |")
                continue
            lines.append(
                f"| {item['solver']} | {item['seconds']:.1f} | {item['cpu_seconds']:.1f} | {item['peak_mib']:.0f} "
                f"| {item['usd'] / 1e6:,.1f} | {item['gap']:.2%} | {item['met']} of {item['steps']} "
                f"| {item['without_slip']} |"
            )
    return "\n".join(lines) + "\n"


def cpu() -> str:
    """Name of the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def child(path: str, solver: str, scenarios: str, seconds: str) -> None:
    chosen: Solver = Highs() if solver == "HiGHS" else OrTools(solver.removeprefix("OR-Tools "))
    print(json.dumps(measure(Path(path), chosen, int(scenarios), float(seconds))))


def main(arguments: Sequence[str]) -> None:
    if arguments[:1] == ["--child"]:
        child(*arguments[1:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ultraservers", type=int, default=2000)
    parser.add_argument("--scenarios", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--solvers", nargs="*", default=list(SOLVERS))
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args(arguments)
    results: dict[str, list[dict[str, Any]]] = {}
    loads = []
    with tempfile.TemporaryDirectory() as folder:
        for case in chosen.cases:
            path = Path(folder) / f"{case.replace(' ', '-')}.yaml"
            path.write_text(yaml.safe_dump(programme_of(chosen.ultraservers, **CASES[case]), sort_keys=False))
            for solver in chosen.solvers:
                results.setdefault(case, []).append(run(path, solver, chosen.scenarios, chosen.seconds))
                loads.append(os.getloadavg()[0])
                print(case, results[case][-1], flush=True)
    chosen.out.write_text(
        report(results, chosen.ultraservers, chosen.scenarios, chosen.seconds, sum(loads) / len(loads))
    )


if __name__ == "__main__":
    main(sys.argv[1:])
