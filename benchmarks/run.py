"""Synthesis of the library beside its rivals: wall time, peak memory, milliseconds a pool.

`make bench`, or `python benchmarks/run.py [--repeats N] [--sizes 1,25,100,400]`. Writes docs/benchmarks/README.md and a
picture beside it. Every number is the median of several runs of a whole process; memory is the peak of the process
tree, Python and Node together. A pool's cost is the difference to the floor, divided by the pools.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib as mpl
from measuring import Sample, timed

mpl.use("svg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
OUT = HERE.parent / "docs" / "benchmarks"
PROGRAMS = {
    "floor": ["empty.py"],
    "bare CfnResource": ["bare.py"],
    "ultrafleet": ["library.py"],
    "idiomatic L2": ["idiomatic.py"],
}
COMPARED = ("AWS::EC2::LaunchTemplate", "AWS::EKS::Nodegroup")


def measure(program: list[str], pools: int, *, validation: bool, outdir: str) -> Sample:
    script, *rest = program
    environment = {"CDK_OUTDIR": outdir, "CDK_VALIDATION": "true" if validation else "false"}
    return timed([sys.executable, str(HERE / script), str(pools), *rest], environment)


def check_equal(pools: int) -> int:
    """The bare program and the library emit equal launch templates and node groups; the number compared."""
    found = []
    for program in (["bare.py"], ["library.py"]):
        with tempfile.TemporaryDirectory() as outdir:
            measure(program, pools, validation=False, outdir=outdir)
            found.append(compared_resources(Path(outdir)))
    if found[0] != found[1]:
        raise SystemExit("the bare program and the library emit different launch templates or node groups")
    return len(found[0])


def compared_resources(outdir: Path) -> dict[str, Any]:
    """Properties by physical name; a launch template's logical id, which programs choose, is replaced by its name."""
    resources: dict[str, Any] = {}
    for path in sorted(outdir.glob("*.template.json")):
        template = json.loads(path.read_text())["Resources"]
        for resource in template.values():
            if resource["Type"] not in COMPARED:
                continue
            properties = resource["Properties"]
            name = properties.get("LaunchTemplateName") or properties["NodegroupName"]
            if "LaunchTemplate" in properties:
                logical_id = properties["LaunchTemplate"]["Id"]["Ref"]
                properties["LaunchTemplate"]["Id"] = template[logical_id]["Properties"]["LaunchTemplateName"]
            resources[f"{resource['Type']} {name}"] = properties
    return resources


def run(sizes: list[int], repeats: int) -> dict[tuple[str, int, bool], Sample]:
    """Medians. The programs take turns, so that whatever else the machine does meets all of them."""
    samples: dict[tuple[str, int, bool], list[Sample]] = {}
    for repeat in range(repeats):
        for validation in (True, False):
            for name, program in PROGRAMS.items():
                for pools in [0] if name == "floor" else sizes:
                    with tempfile.TemporaryDirectory() as outdir:
                        sample = measure(program, pools, validation=validation, outdir=outdir)
                    samples.setdefault((name, pools, validation), []).append(sample)
        print(f"run {repeat + 1} of {repeats}", flush=True)
    return {
        key: Sample(
            statistics.median(sample.seconds for sample in found),
            statistics.median(sample.peak_mib for sample in found),
        )
        for key, found in samples.items()
    }


def pool_cost(results: dict[tuple[str, int, bool], Sample], name: str, pools: int, *, validation: bool) -> float:
    floor = results["floor", 0, validation].seconds
    return (results[name, pools, validation].seconds - floor) / pools * 1000


def report(results: dict[tuple[str, int, bool], Sample], sizes: list[int], repeats: int, compared: int) -> str:
    lines = [
        "# What a synth costs",
        "",
        "Made by `make bench`; do not edit.",
        "",
        f"Median of {repeats} runs of a whole process, without the CDK CLI, on {os.cpu_count()} cores.",
        f"Python {platform.python_version()}, aws-cdk-lib {version('aws-cdk-lib')}.",
        "Memory is the peak of Python and Node together.",
        "",
        "- **floor**: an empty CDK app.",
        "- **bare CfnResource**: launch template and node group of each pool from literals; no checks.",
        "- **ultrafleet**: `UltraServerPool` on one block: the same two resources, derived.",
        "- **idiomatic L2**: `eks_v2.Cluster` and `add_nodegroup_capacity`, a cluster for every 25 pools.",
        "",
        "All but the floor put 25 pools into a stack. The bare program and the library emit equal launch templates and",
        f"node groups: {compared} resources were compared in this run.",
        "",
        "![milliseconds a pool](synth.svg)",
    ]
    for validation in (True, False):
        lines += [
            "",
            f"## Template validation {'on' if validation else 'off'}",
            "",
            "| program | pools | seconds | peak MiB | ms a pool |",
            "|---|--:|--:|--:|--:|",
        ]
        for (name, pools, on), sample in results.items():
            if on is not validation:
                continue
            cost = "" if name == "floor" else f"{pool_cost(results, name, pools, validation=on):.1f}"
            lines.append(f"| {name} | {pools or ''} | {sample.seconds:.2f} | {sample.peak_mib:.0f} | {cost} |")
    largest = max(sizes)
    lines += ["", f"## Ratios at {largest} pools", "", "| | validation on | off | goal |", "|---|--:|--:|--:|"]
    for rival, goal in (("bare CfnResource", "at most 2"), ("idiomatic L2", "at most 0.33")):
        ratios = [
            pool_cost(results, "ultrafleet", largest, validation=on) / pool_cost(results, rival, largest, validation=on)
            for on in (True, False)
        ]
        lines.append(f"| a pool of ultrafleet / {rival} | {ratios[0]:.2f} | {ratios[1]:.2f} | {goal} |")
    return "\n".join(lines) + "\n"


def picture(results: dict[tuple[str, int, bool], Sample], sizes: list[int], path: Path) -> None:
    plt.rcParams["svg.hashsalt"] = "ultrafleet"  # the same ids in every run
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True)
    for axis, validation in zip(axes, (True, False), strict=True):
        for name in PROGRAMS:
            if name != "floor":
                costs = [pool_cost(results, name, pools, validation=validation) for pools in sizes]
                axis.plot(sizes, costs, marker="o", label=name)
        axis.set(title=f"validation {'on' if validation else 'off'}", xlabel="pools", xscale="log", yscale="log")
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.grid(visible=True, which="both", alpha=0.3)
    axes[0].set_ylabel("milliseconds a pool")
    axes[0].legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sizes", default="1,25,100,400")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.sizes.split(",")]
    compared = check_equal(max(sizes))
    results = run(sizes, arguments.repeats)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "README.md").write_text(report(results, sizes, arguments.repeats, compared))
    picture(results, sizes, arguments.out / "synth.svg")


if __name__ == "__main__":
    main()
