"""The acceptance command, for people and for the job. Standard library only."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

from ultrafleet.acceptance.nccom_log import NEURON_PATHS, judge_nccom, nccom_threshold
from ultrafleet.acceptance.thresholds import PATHS, threshold
from ultrafleet.acceptance.verdict import Verdict, judge

PASSED, FAILED, UNUSABLE = 0, 1, 2

_MOST_BYTES = 64 << 20
"""Most that is read of a log of nccom-test; that of a run has a few KiB."""


def judge_file(
    log: str,
    *,
    path: str,
    instance_type: str | None,
    min_bus_bandwidth_gbs: float | None = None,
    ranks: int | None = None,
) -> Verdict:
    """Judge a log by its file's name, or "-" for standard input. It is read in bounded memory.

    It is nccom-test's where the path is "neuronlink" or the nodes are Trainium, else that of nccl-tests.

    Raises:
        ValueError: no floor is known, or an argument is out of range.
        OSError: the file can't be read.
    """
    of_neuron = path == "neuronlink" or (instance_type or "").startswith("trn")
    floor_of = nccom_threshold if of_neuron else threshold
    floor = floor_of(instance_type, path, min_bus_bandwidth_gbs=min_bus_bandwidth_gbs)
    if ranks is not None and ranks < 1:
        raise ValueError(f"ranks is {ranks}, expected 1 or more: pass the accelerators that had to take part")
    with nullcontext(sys.stdin.buffer) if log == "-" else Path(log).open("rb") as stream:
        if not of_neuron:
            return judge(stream, path=path, floor=floor, expected_ranks=ranks)
        text = stream.read(_MOST_BYTES).decode("utf-8", "replace")
        return judge_nccom(text, path=path, floor=floor, expected_ranks=ranks)


def verdict_text(verdict: Verdict, path: str) -> str:
    """Verdict as text: the result, then a line for each finding and note."""
    what = "passed" if verdict.passed else "failed"
    size = f" at {verdict.size_bytes} bytes" if verdict.size_bytes is not None else ""
    figure = f": {verdict.bus_bandwidth_gbs} GB/s{size}" if verdict.bus_bandwidth_gbs is not None else ""
    lines = [f"all-reduce over {path} {what}{figure}"]
    lines += [f"  {finding.code}: {finding.message}" for finding in verdict.findings]
    lines += [f"  note: {note}" for note in verdict.notes]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m ultrafleet.acceptance LOG --path nvlink ...`; 0 passed, 1 failed, 2 unusable input."""
    parser = argparse.ArgumentParser(
        prog="ultrafleet acceptance", description="judge a log of nccl-tests or nccom-test"
    )
    parser.add_argument("log", help="file, or - for standard input")
    parser.add_argument("--path", required=True, choices=tuple(dict.fromkeys((*PATHS, *NEURON_PATHS))))
    parser.add_argument("--instance-type")
    parser.add_argument("--min-bus-bandwidth-gbs", type=float)
    parser.add_argument("--ranks", type=int)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    try:
        verdict = judge_file(
            given.log,
            path=given.path,
            instance_type=given.instance_type,
            min_bus_bandwidth_gbs=given.min_bus_bandwidth_gbs,
            ranks=given.ranks,
        )
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a command prints
        return UNUSABLE
    print(json.dumps(asdict(verdict)) if given.json else verdict_text(verdict, given.path))  # noqa: T201 - a command prints
    return PASSED if verdict.passed else FAILED
