"""Subject and results of an acceptance run. Standard library only."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ultrafleet.acceptance import image
from ultrafleet.acceptance.mpi import Cluster

_MOST_FINDINGS = 10
_MOST_FINDING_CHARACTERS = 300
_MOST_NOTES = 5
_MOST_NOTE_CHARACTERS = 300


@dataclass
class Part:
    """Result of a node, or of the good nodes together.

    Attributes:
        findings: why it doesn't pass: code and message.
        notes: what couldn't be determined.
        bandwidths: GB/s of bus bandwidth, by path.
    """

    findings: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bandwidths: dict[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """True if nothing speaks against it."""
        return not self.findings

    def fail(self, code: str, message: str) -> None:
        """Adds a finding, unless there are many already."""
        if len(self.findings) < _MOST_FINDINGS:
            self.findings.append({"code": code, "message": message[:_MOST_FINDING_CHARACTERS]})

    def add(self, other: "Part") -> None:
        """Adds what another part has."""
        for finding in other.findings:
            self.fail(finding["code"], finding["message"])
        self.notes += other.notes
        self.bandwidths.update(other.bandwidths)

    def as_json(self) -> dict[str, Any]:
        """The part in the form of the result."""
        return {
            "passed": self.passed,
            "findings": self.findings,
            "notes": [note[:_MOST_NOTE_CHARACTERS] for note in self.notes[:_MOST_NOTES]],
            "bus_bandwidth_gbs": self.bandwidths,
        }


@dataclass(frozen=True)
class Plan:
    """Subject of a run: its nodes, paths and programs.

    Attributes:
        run: name of the run.
        nodes: names of the nodes; empty: those that the workers are on.
        instance_type: type of the nodes.
        paths: "nvlink", and "efa" or "roce".
        floors: floors of the caller's own in GB/s, by path.
        cluster: the workers.
        all_reduce: nccl-tests' program.
        nvbandwidth: nvbandwidth's program.
        dcgmi: DCGM's program.
        judge: command that judges a log.
    """

    run: str
    nodes: Sequence[str]
    instance_type: str
    paths: Sequence[str]
    floors: Mapping[str, float]
    cluster: Cluster
    all_reduce: str = image.ALL_REDUCE
    nvbandwidth: str = image.NVBANDWIDTH
    dcgmi: str = image.DCGMI
    judge: Sequence[str] = (sys.executable, "-m", "ultrafleet.acceptance")
