"""Synthesis of the library beside its rivals: time, memory, requests to Node, bytes -> docs/benchmarks/README.md.

    python benchmarks/run.py [--repeats N] [--sizes 1,10,100,1000,6945] [--only NAME,…]

Every number is the median of several runs of a whole process (of one run from 2,000 pools). CPU time is that of the
whole tree: a busy machine changes it less than wall time. A pool's cost is the difference to the empty app, divided by
the pools. Rivals that aren't installed are left out and named: Terraform needs `terraform` on the path and
TERRAFORM_PLUGINS, a folder with its AWS provider.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from measuring import Sample, timed
from report import Key, Measured, Results, costs_picture, memory_picture, report
from rivals import BARE, FLOOR, LIBRARY, RIVALS, SINGLE, Rival, environment

HERE = Path(__file__).parent
OUT = HERE.parent / "docs" / "benchmarks"
COMPARED = ("AWS::EC2::LaunchTemplate", "AWS::EKS::Nodegroup")
ONE_RUN_FROM = 2000


def named(name: str) -> Rival:
    return next(rival for rival in RIVALS if rival.name == name)


def measure(rival: Rival, pools: int, *, validation: bool) -> Measured | None:
    """One run; None where the rival can't be run here."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        command = rival.command(pools, folder / "own")
        if command is None:
            return None
        outdir = folder / "cdk.out"
        sample = timed(command, environment(outdir, validation=validation))
        size = sum(path.stat().st_size for path in outdir.glob("*.template.json")) if outdir.exists() else 0
        return Measured(sample, size)


def requests(rival: Rival, pools: int) -> int:
    """Requests to Node of a CDK program."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        command = rival.command(pools, folder) or []
        counted = [sys.executable, str(HERE / "requests.py"), str(folder / "requests"), *command[1:]]
        timed(counted, environment(folder / "cdk.out", validation=False))
        return int((folder / "requests").read_text())


def check_equal(pools: int) -> int:
    """The bare program and the library emit equal launch templates and node groups; the number compared."""
    found = []
    for name in (BARE, LIBRARY, SINGLE):
        with tempfile.TemporaryDirectory() as made:
            command = named(name).command(pools, Path(made)) or []
            timed(command, environment(Path(made) / "cdk.out", validation=False))
            found.append(compared_resources(Path(made) / "cdk.out"))
    if not found[0] or any(other != found[0] for other in found):
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


def run(sizes: list[int], repeats: int, only: Collection[str]) -> tuple[Results, list[str]]:
    """Medians, and the rivals that can't be run. Programs take turns: what else the machine does meets all of them."""
    taken: dict[Key, list[Measured]] = {}
    missing: list[str] = []
    for repeat in range(repeats):
        for pools in sizes:
            if repeat and pools >= ONE_RUN_FROM:
                continue
            for rival in RIVALS:
                if rival.name not in only or pools > rival.most or rival.name in missing:
                    continue
                for validation in (True, False) if rival.validates else (False,):
                    found = measure(rival, pools, validation=validation)
                    if found is None:
                        missing.append(rival.name)
                        break
                    taken.setdefault((rival.name, pools, validation), []).append(found)
            print(f"run {repeat + 1} of {repeats}: {pools} pools", flush=True)
    results: Results = {}
    floors = {
        on: [
            one
            for (name, _, validation), all_of in taken.items()
            if (name, validation) == (FLOOR, on)
            for one in all_of
        ]
        for on in (True, False)
    }
    for (name, pools, validation), found in taken.items():
        # An empty app is the same for each size: its runs count together.
        results[name, pools, validation] = median(floors[validation] if name == FLOOR else found)
    return results, missing


def median(found: list[Measured]) -> Measured:
    samples = [one.sample for one in found]
    return Measured(
        Sample(
            statistics.median(sample.seconds for sample in samples),
            statistics.median(sample.peak_mib for sample in samples),
            statistics.median(sample.cpu_seconds for sample in samples),
        ),
        found[0].template_bytes,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sizes", default="1,10,100,1000,6945")
    parser.add_argument("--only", default=",".join(rival.name for rival in RIVALS))
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.sizes.split(",")]
    only = arguments.only.split(",")
    compared = check_equal(min(max(sizes), 400))
    counts = {
        rival.name: (requests(rival, 125) - requests(rival, 25)) / 100
        for rival in RIVALS
        if rival.validates and rival.name != FLOOR and rival.name in only
    }
    results, missing = run(sizes, arguments.repeats, only)
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = report(results, repeats=arguments.repeats, compared=compared, counts=counts, missing=missing)
    (arguments.out / "README.md").write_text(text)
    costs_picture(results, arguments.out / "synth.svg")
    memory_picture(results, arguments.out / "memory.svg")


if __name__ == "__main__":
    main()
