"""What a person waits for: `make synth ENV=dev` and a programme of 6,945 UltraServers -> docs/benchmarks/commands.md.

    python benchmarks/commands.py [--repeats N]

In a copy of the environments and programmes, with a memory of its own. The empty app is the measure: by the CDK CLI, as
a person starts an app, and without it, as the others here start theirs.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from measuring import Sample, timed

HERE = Path(__file__).parent
ROOT = HERE.parent
OUT = ROOT / "docs" / "benchmarks" / "commands.md"
COPIED = ("app.py", "cdk.json", "Makefile", "package.json", "package-lock.json", "pyproject.toml", "requirements.lock")
LINKED = (".venv", "constructs", "node_modules")
ENVIRONMENT, PROGRAMME = "dev", "half-a-million"
BY_CLI, EMPTY = "empty app by the CDK CLI", "empty app"


@dataclass(frozen=True)
class Step:
    """A command, after an edit of the copy; `goals` are ratios to the empty app by the CLI and without it."""

    name: str
    command: list[str]
    before: Callable[[Path], None] = lambda _: None
    goal: str = ""
    apart: bool = False
    """Whether it runs beside the copy, without its `cdk.json`, by which an empty template is an error."""


def _forget(folder: Path) -> None:
    for made in (".cache", "cdk.out"):
        shutil.rmtree(folder / made, ignore_errors=True)


def _edit_environment(folder: Path) -> None:
    path = folder / "stacks" / "environments" / f"{ENVIRONMENT}.yaml"
    text = path.read_text()
    edited = text.replace("    nodes: 1\n", "    nodes: 2\n", 1)
    if edited == text:
        raise SystemExit(f"{path} has no `nodes: 1` to edit")
    path.write_text(edited)


def _add_rack(folder: Path) -> None:
    """One UltraServer more in the first tranche."""
    path = folder / "stacks" / "programmes" / f"{PROGRAMME}.yaml"
    text = path.read_text()
    edited = text.replace("    ultraservers: 1176\n", "    ultraservers: 1177\n", 1)
    if edited == text:
        raise SystemExit(f"{path} has no tranche of 1176 UltraServers")
    path.write_text(edited)


def steps() -> list[Step]:
    app = [sys.executable, "app.py", "synth", ENVIRONMENT]
    programme = [str(Path(sys.executable).with_name("ultrafleet")), "programme", "synth", PROGRAMME]
    empty = [sys.executable, str(HERE / "empty.py")]
    cli = [
        str(ROOT / "node_modules" / ".bin" / "cdk"),
        "synth",
        "--quiet",
        "--app",
        " ".join(empty),
        "--output",
        "e.out",
    ]
    return [
        Step(BY_CLI, cli, apart=True),
        Step(EMPTY, empty, apart=True),
        Step(f"`make synth ENV={ENVIRONMENT}`, the first", app, _forget),
        Step(f"`make synth ENV={ENVIRONMENT}`, nothing changed", app, goal="at most 1 times the empty app"),
        Step(
            f"`make synth ENV={ENVIRONMENT}`, after an edit", app, _edit_environment, "at most 1.5 times the empty app"
        ),
        Step(f"`ultrafleet programme synth {PROGRAMME}`, the first", programme, _forget, "at most 20 times, 700 MB"),
        Step(f"`ultrafleet programme synth {PROGRAMME}`, nothing changed", programme),
        Step(f"`ultrafleet programme synth {PROGRAMME}`, a rack more", programme, _add_rack, "at most 3 times"),
    ]


def copy(folder: Path) -> None:
    for name in COPIED:
        shutil.copy(ROOT / name, folder / name)
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "stacks", folder / "stacks")


def run(repeats: int) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for repeat in range(repeats):
        with tempfile.TemporaryDirectory() as made:
            folder, apart = Path(made) / "copy", Path(made) / "apart"
            folder.mkdir()
            apart.mkdir()
            copy(folder)
            for step in steps():
                step.before(folder)
                sample = timed(step.command, {}, folder=apart if step.apart else folder)
                found.setdefault(step.name, []).append(sample)
                print(f"run {repeat + 1} of {repeats}: {step.name}", flush=True)
    return found


def report(found: dict[str, list[Sample]], repeats: int) -> str:
    medians = {
        name: Sample(
            statistics.median(sample.seconds for sample in samples),
            statistics.median(sample.peak_mib for sample in samples),
            statistics.median(sample.cpu_seconds for sample in samples),
            statistics.median(sample.peak_shared_once_mib for sample in samples),
        )
        for name, samples in found.items()
    }
    lines = [
        "# What a person waits for",
        "",
        "Made by `make bench`; do not edit.",
        "",
        f"Median of {repeats} runs of a whole process on {os.cpu_count()} cores, in a copy of the environments with a",
        "memory of its own. CPU and memory are those of the whole process tree: memory is the sum of what its",
        "processes have, then the same with pages that several share counted once. 700 MB are 667 MiB. Ratios are of",
        "wall time, and of CPU time in brackets; validation is as the command has it: the empty app validates its",
        "template, the others each that isn't remembered.",
        "",
        "| command | seconds | CPU seconds | peak MiB | shared once | to that of the CLI | to the empty app | goal |",
        "|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    goals = {step.name: step.goal for step in steps()}
    for name, sample in medians.items():
        ratios = " | ".join(
            f"{sample.seconds / medians[base].seconds:.2f} ({sample.cpu_seconds / medians[base].cpu_seconds:.2f})"
            for base in (BY_CLI, EMPTY)
        )
        memory = f"{sample.peak_mib:.0f} | {sample.peak_shared_once_mib:.0f}"
        numbers = f"{sample.seconds:.2f} | {sample.cpu_seconds:.2f} | {memory}"
        lines.append(f"| {name} | {numbers} | {ratios} | {goals[name]} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    arguments.out.write_text(report(run(arguments.repeats), arguments.repeats))


if __name__ == "__main__":
    main()
