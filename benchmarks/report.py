"""Page and pictures of what a synth costs."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import matplotlib as mpl
from measuring import Sample
from rivals import BARE, FLOOR, IDIOMATIC, LIBRARY, RIVALS, SINGLE

mpl.use("svg")
import matplotlib.pyplot as plt


@dataclass(frozen=True)
class Measured:
    """A sample, and the bytes of the templates that came out."""

    sample: Sample
    template_bytes: int


Key: TypeAlias = tuple[str, int, bool]
"""Name of a rival, pools, validation on or off."""
Results: TypeAlias = dict[Key, Measured]
GOALS = (
    (LIBRARY, BARE, "at most 1"),
    (LIBRARY, IDIOMATIC, "at most 0.25"),
    (SINGLE, BARE, ""),
    (SINGLE, IDIOMATIC, ""),
)
SMALLEST_RATIO = 100


def sizes_of(results: Results) -> list[int]:
    return sorted({pools for _, pools, _ in results})


def pool_cost(results: Results, name: str, pools: int, *, validation: bool, cpu: bool = False) -> float | None:
    """Milliseconds of a pool; None where it wasn't measured."""
    found, floor = results.get((name, pools, validation)), results.get((FLOOR, pools, validation))
    if found is None or floor is None:
        return None
    if cpu:
        return (found.sample.cpu_seconds - floor.sample.cpu_seconds) / pools * 1000
    return (found.sample.seconds - floor.sample.seconds) / pools * 1000


def ratio(results: Results, one: str, other: str, pools: int, *, validation: bool, cpu: bool) -> float | None:
    costs = [pool_cost(results, name, pools, validation=validation, cpu=cpu) for name in (one, other)]
    return costs[0] / costs[1] if costs[0] is not None and costs[1] else None


def report(
    results: Results, *, repeats: int, compared: int, counts: Mapping[str, float], missing: Sequence[str]
) -> str:
    lines = [
        "# What a synth costs",
        "",
        "Made by `make bench`; do not edit.",
        "",
        f"Median of {repeats} runs of a whole process (one run from 2,000 pools), without the CDK CLI, on",
        f"{os.cpu_count()} cores. Python {platform.python_version()}, aws-cdk-lib {version('aws-cdk-lib')}.",
        "CPU and memory are those of Python and Node together.",
        "A pool's cost is the difference to the empty app, divided by the pools.",
        "",
        *(f"- **{rival.name}**: {rival.says}." for rival in RIVALS),
        "",
        "All but the empty app put 25 pools into a stack. The bare program and the library's two emit equal launch",
        f"templates and node groups: {compared} resources were compared in this run.",
        *(f"{name} wasn't installed where this run was made." for name in missing),
        "AWS ParallelCluster (3.16, on CDK 1) isn't in the run: its generator asks AWS while it renders, and a cluster",
        "has at most 50 compute resources. It was installed beside the project and read, not run.",
        "",
        "![milliseconds a pool](synth.svg)",
        "",
        "## Ratios of a pool's cost",
        "",
        "| | pools | validation on: wall | CPU | off: wall | CPU | goal |",
        "|---|--:|--:|--:|--:|--:|---|",
    ]
    for one, other, goal in GOALS:
        for pools in (size for size in sizes_of(results) if size >= SMALLEST_RATIO):
            cells = [
                _number(ratio(results, one, other, pools, validation=validation, cpu=cpu), 2)
                for validation in (True, False)
                for cpu in (False, True)
            ]
            if any(cells):
                lines.append(f"| {one} / {other} | {pools:,} | {' | '.join(cells)} | {goal} |")
    lines += ["", "## Requests to Node", "", "| program | requests a pool |", "|---|--:|"]
    lines += [f"| {name} | {count:.1f} |" for name, count in counts.items()]
    for validation in (True, False):
        lines += _table(results, validation=validation)
    lines += ["", "![peak memory](memory.svg)", ""]
    return "\n".join(lines)


def _table(results: Results, *, validation: bool) -> list[str]:
    lines = [
        "",
        f"## Template validation {'on' if validation else 'off'}",
        "",
        "| program | pools | seconds | CPU seconds | peak MiB | ms a pool | CPU ms a pool | MB of templates |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for rival in RIVALS:
        for pools in sizes_of(results):
            found = results.get((rival.name, pools, validation))
            if found is None or (rival.name == FLOOR and pools != sizes_of(results)[0]):
                continue
            costs = ["", ""]
            if rival.validates and rival.name != FLOOR:
                costs = [
                    _number(pool_cost(results, rival.name, pools, validation=validation, cpu=cpu), 2)
                    for cpu in (False, True)
                ]
            sample = found.sample
            size = f"{found.template_bytes / 1e6:.2f}" if found.template_bytes else ""
            count = "" if rival.name == FLOOR else f"{pools:,}"
            lines.append(
                f"| {rival.name} | {count} | {sample.seconds:.2f} | {sample.cpu_seconds:.2f} | {sample.peak_mib:.0f} | "
                f"{costs[0]} | {costs[1]} | {size} |"
            )
    return lines


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def costs_picture(results: Results, path: Path) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    for axis, validation in zip(axes, (True, False), strict=True):
        for rival in RIVALS:
            if rival.name != FLOOR and rival.validates:
                costs = {
                    pools: cost
                    for pools in sizes_of(results)
                    if (cost := pool_cost(results, rival.name, pools, validation=validation)) is not None and cost > 0
                }
                axis.plot(list(costs), list(costs.values()), marker="o", label=rival.name)
        _prepare(axis, results, f"validation {'on' if validation else 'off'}")
        axis.set(yscale="log")
    axes[0].set_ylabel("milliseconds a pool")
    axes[0].legend()
    _save(figure, path)


def memory_picture(results: Results, path: Path) -> None:
    figure, axis = plt.subplots(figsize=(6, 3.4))
    for rival in RIVALS:
        peaks = {
            pools: found.sample.peak_mib
            for pools in sizes_of(results)
            if (found := results.get((rival.name, pools, False))) is not None
        }
        axis.plot(list(peaks), list(peaks.values()), marker="o", label=rival.name)
    _prepare(axis, results, "peak memory of the whole tree, validation off")
    axis.set(ylabel="MiB", ylim=(0, None))
    axis.legend(fontsize=7)
    _save(figure, path)


def _prepare(axis: plt.Axes, results: Results, title: str) -> None:
    axis.set(title=title, xlabel="pools", xscale="log")
    axis.set_xticks(sizes_of(results), [f"{size:,}" for size in sizes_of(results)])
    axis.grid(visible=True, which="both", alpha=0.3)


def _save(figure: plt.Figure, path: Path) -> None:
    plt.rcParams["svg.hashsalt"] = "ultrafleet"  # the same ids in every run
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
