"""State that the acceptance gate decides from, and the actions that it may take. Standard library only."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

_MOST_TEXT = 200_000
_MOST_FINDINGS = 10
_MOST_FINDING_CHARACTERS = 200


class Standing(StrEnum):
    """Value of a node's annotation `ultrafleet/acceptance`."""

    PASSED = "passed"
    """A run passed it."""
    BEFORE_GATE = "before-gate"
    """It ran before the gate was there, and is taken as it is."""
    WAIVED = "waived"
    """A person lets jobs onto it, whatever its tests say."""
    FAILED = "failed"
    """Its own test failed."""
    HELD = "held"
    """Its rack's test failed, or two runs in succession ended without a result."""
    RETRY = "retry"
    """Its run ended without a result: it is tested once more."""
    AGAIN = "again"
    """A person asks for another test."""


RELEASED = frozenset({Standing.PASSED, Standing.BEFORE_GATE, Standing.WAIVED})
"""Standings of nodes that take jobs."""
OUT_OF_ACTION = frozenset({Standing.FAILED, Standing.HELD})
"""Standings of nodes that cost and take no jobs until a person or a repair acts."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """Annotations of a node about its acceptance.

    Attributes:
        standing: what it is.
        run: the last run that was recorded on it; "" for none.
        instance: the EC2 instance that it was recorded of; "" where a person wrote it.
    """

    standing: Standing
    run: str = ""
    instance: str = ""


@dataclass(frozen=True, kw_only=True)
class GateNode:
    """A node of a tested pool.

    Attributes:
        name: its name.
        instance: its EC2 instance: a node of the same name on another one is another node.
        node_group: its node group, which is one block.
        pool: its pool.
        created: when it registered, in seconds since 1970.
        ready: it is Ready.
        tainted: it has the taint of unproven nodes.
        leaving: it is cordoned or being deleted.
        record: what was recorded on it, by the gate or a person.
    """

    name: str
    instance: str
    node_group: str
    pool: str
    created: float
    ready: bool = True
    tainted: bool = True
    leaving: bool = False
    record: Record | None = None

    @property
    def standing(self) -> Standing | None:
        """Its standing; None where none is written of this very instance."""
        record = self.record
        if record is None:
            return None
        by_a_person = record.standing in {Standing.AGAIN, Standing.WAIVED} and not record.instance
        return record.standing if by_a_person or record.instance == self.instance else None

    @property
    def last_run(self) -> str:
        """Last run that was recorded on this instance."""
        return self.record.run if self.record is not None and self.record.instance == self.instance else ""

    @property
    def released(self) -> bool:
        """True if it may take jobs."""
        return self.standing in RELEASED


@dataclass(frozen=True, kw_only=True)
class TestResult:
    """Result of one test.

    Attributes:
        passed: it passed.
        findings: what failed.
    """

    __test__ = False
    passed: bool
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """Result of a run, as its launcher wrote it.

    Attributes:
        nodes: result of each node by name.
        rack: result of the test of them together.
    """

    nodes: Mapping[str, TestResult]
    rack: TestResult

    @property
    def passed(self) -> bool:
        """True if all of it passed."""
        return self.rack.passed and all(node.passed for node in self.nodes.values())


@dataclass(frozen=True, kw_only=True)
class Run:
    """An acceptance run in the cluster.

    Attributes:
        name: its name.
        node_group: node group of its nodes.
        created: when its first object was made, in seconds since 1970.
        nodes: instance and last recorded run of each of its nodes, at its start.
        started: its TrainJob is there.
        succeeded: how the TrainJob ended; None while it runs.
        finished: when it ended.
        result: what its launcher wrote; None where it wrote nothing, or nothing that can be read.
        has_domain: its ComputeDomain is there.
        deleted: since when it is being deleted.
    """

    name: str
    node_group: str
    created: float
    nodes: Mapping[str, tuple[str, str]]
    started: bool = True
    succeeded: bool | None = None
    finished: float | None = None
    result: RunResult | None = None
    has_domain: bool = False
    deleted: float | None = None

    def is_of(self, node: GateNode) -> bool:
        """True if the node, as it is now, waits for this run's result."""
        return self.nodes.get(node.name) == (node.instance, node.last_run) and not node.released


@dataclass(frozen=True, kw_only=True)
class PoolFacts:
    """Facts of a tested pool.

    Attributes:
        node_group_sizes: nodes at full size by node group.
        nodes_per_group: nodes of a node group that isn't among them.
        usd_per_node_hour: public price of a node, or None where there is none.
    """

    node_group_sizes: Mapping[str, int]
    nodes_per_group: int
    usd_per_node_hour: float | None = None


@dataclass(frozen=True, kw_only=True)
class GateState:
    """Cluster as a decision sees it.

    Attributes:
        now: seconds since 1970.
        installed: when the gate was installed.
        pools: the tested pools by name.
        nodes: their nodes.
        runs: runs in the cluster.
        wait_minutes: how long after the first node of a block the others are waited for.
        run_minutes: how long a run may take.
        keep_hours: how long finished runs are kept.
    """

    now: float
    installed: float
    pools: Mapping[str, PoolFacts]
    nodes: Sequence[GateNode] = ()
    runs: Sequence[Run] = ()
    wait_minutes: float = 15
    run_minutes: float = 90
    keep_hours: float = 24


@dataclass(frozen=True, kw_only=True)
class Start:
    """Creates the objects of a run that aren't there yet."""

    run: str
    pool: str
    node_group: str
    nodes: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Release:
    """Takes the taint off a node, and writes why, in one request."""

    node: str
    standing: Standing
    run: str = ""


@dataclass(frozen=True, kw_only=True)
class Hold:
    """Writes on a node, which keeps the taint, what failed."""

    node: str
    standing: Standing
    run: str
    findings: tuple[str, ...]
    usd_per_hour: float | None = None


@dataclass(frozen=True, kw_only=True)
class PutTaint:
    """Puts the taint on an unproven node that lacks it."""

    node: str


@dataclass(frozen=True, kw_only=True)
class FreeDomain:
    """Deletes the ComputeDomain of a run that is over: a node is in one at a time."""

    run: str


@dataclass(frozen=True, kw_only=True)
class Delete:
    """Deletes all objects of a run."""

    run: str
    why: str = field(compare=False)


Action = Start | Release | Hold | PutTaint | FreeDomain | Delete


def read_result(text: str | None, run: str) -> RunResult | None:
    """Result of a run from the JSON that its launcher wrote; None for everything that isn't exactly one.

    Args:
        text: the JSON.
        run: name of the run.
    """
    if text is None or len(text) > _MOST_TEXT:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("run") != run or not isinstance(found.get("nodes"), dict):
        return None
    rack = _test_result(found.get("rack"))
    nodes = {name: _test_result(value) for name, value in found["nodes"].items()}
    read = {name: value for name, value in nodes.items() if value is not None}
    return None if rack is None or not nodes or len(read) < len(nodes) else RunResult(nodes=read, rack=rack)


def _test_result(value: Any) -> TestResult | None:  # noqa: ANN401 - any JSON
    if not isinstance(value, dict) or not isinstance(value.get("passed"), bool):
        return None
    findings = value.get("findings", [])
    if not isinstance(findings, list):
        return None
    texts = tuple(_finding(item)[:_MOST_FINDING_CHARACTERS] for item in findings[:_MOST_FINDINGS])
    return TestResult(passed=value["passed"], findings=texts)


def _finding(value: Any) -> str:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return f"{value.get('code', 'failed')}: {value.get('message', '')}"
    return str(value)
