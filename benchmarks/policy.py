"""`ultrafleet check` and `ultrafleet review` on 1,000 pools, with cfn-lint beside them -> docs/benchmarks/policy.md.

`make bench`, or `python benchmarks/policy.py [--repeats N] [--pools N]`. The templates are those of the bare program;
the second fleet has another label on each tenth pool, another size on each hundredth, and other user data on each
hundredth.
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

import yaml
from measuring import Sample, timed

HERE = Path(__file__).parent
OUT = HERE.parent / "docs" / "benchmarks" / "policy.md"
BIN = Path(sys.executable).parent


def fleets(folder: Path, pools: int) -> None:
    """Write `a` as the bare program makes it, `b` with changes, and `yaml`, which is `a` in YAML."""
    environment = {"CDK_OUTDIR": str(folder / "cdk.out"), "CDK_VALIDATION": "false"}
    timed([sys.executable, str(HERE / "bare.py"), str(pools)], environment)
    for name in ("a", "b", "yaml"):
        (folder / name).mkdir()
    number = 0
    for path in sorted((folder / "cdk.out").glob("*.template.json")):
        template = json.loads(path.read_text())
        (folder / "a" / path.name).write_text(json.dumps(template, indent=1))
        (folder / "yaml" / f"{path.stem}.yaml").write_text(yaml.safe_dump(template, sort_keys=False))
        for resource in template["Resources"].values():
            properties = resource["Properties"]
            if resource["Type"] == "AWS::EKS::Nodegroup":
                number += 1
                if number % 10 == 0:
                    properties["Labels"] = {**properties.get("Labels", {}), "changed": "true"}
                if number % 100 == 1:
                    properties["ScalingConfig"]["MaxSize"] = 9
            elif number % 100 == 2:
                properties["LaunchTemplateData"]["UserData"] = {"Fn::Base64": "MIME-Version: 1.0\n"}
        (folder / "b" / path.name).write_text(json.dumps(template, indent=1))


def commands(folder: Path) -> dict[str, tuple[list[str], range]]:
    """Commands with the exit codes that say that they ran: cfn-lint's is a mask of what it found."""
    ultrafleet = str(BIN / "ultrafleet")
    templates = [str(path) for path in sorted((folder / "a").iterdir())]
    sides = [str(folder / "a"), str(folder / "b")]
    return {
        "`ultrafleet check`, JSON": ([ultrafleet, "check", sides[0]], range(1)),
        "`ultrafleet check`, YAML": ([ultrafleet, "check", str(folder / "yaml")], range(1)),
        "`cfn-lint`": ([str(BIN / "cfn-lint"), "--regions", "us-east-1", "--", *templates], range(16)),
        "`ultrafleet review`": ([ultrafleet, "review", *sides, "--out", str(folder / "r.md")], range(1)),
        "`ultrafleet check` of one template": ([ultrafleet, "check", templates[0]], range(1)),
    }


def report(results: dict[str, list[Sample]], pools: int, repeats: int) -> str:
    lines = [
        "# What a check and a review cost",
        "",
        "Made by `make bench`; do not edit.",
        "",
        f"{pools:,} pools (a launch template and a node group each) in templates of 25 pools. `review` compares them",
        "with a fleet in which a tenth of the pools has another label, and two hundredths another size or user data.",
        f"Median of {repeats} runs of a whole process on {os.cpu_count()} cores.",
        f"Python {platform.python_version()}, cfn-lint {version('cfn-lint')}.",
        "",
        "| command | seconds | peak MiB |",
        "|---|--:|--:|",
    ]
    for name, samples in results.items():
        seconds = statistics.median(sample.seconds for sample in samples)
        peak = statistics.median(sample.peak_mib for sample in samples)
        lines.append(f"| {name} | {seconds:.2f} | {peak:.0f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pools", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        fleets(folder, arguments.pools)
        results: dict[str, list[Sample]] = {}
        for repeat in range(arguments.repeats):
            for name, (command, accepts) in commands(folder).items():
                results.setdefault(name, []).append(timed(command, accepts=accepts))
            print(f"run {repeat + 1} of {arguments.repeats}", flush=True)
    arguments.out.write_text(report(results, arguments.pools, arguments.repeats))


if __name__ == "__main__":
    main()
