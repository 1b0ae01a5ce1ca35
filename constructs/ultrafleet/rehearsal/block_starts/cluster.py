"""Cluster of a rehearsed block: nodes with taints and annotations, and the runs of the acceptance gate."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ultrafleet.acceptance.gate_state import (
    Action,
    Delete,
    FreeDomain,
    GateNode,
    GateState,
    Hold,
    PoolFacts,
    PutTaint,
    Record,
    Release,
    Run,
    Standing,
    Start,
    read_result,
)


@dataclass(kw_only=True)
class RehearsedNode:
    """A node as it really is.

    Attributes:
        name: its name.
        instance: its EC2 instance.
        created: when it registered, in seconds.
        ready_at: when it becomes Ready.
        bad: its own test finds a fault.
        tainted: it has the taint of unproven nodes.
        leaving: it is cordoned or being deleted.
        record: what is written on it.
        proven: a run that tested this instance passed it: the truth that the record has to follow.
    """

    name: str
    instance: str
    created: float
    ready_at: float
    bad: bool = False
    tainted: bool = True
    leaving: bool = False
    record: Record | None = None
    proven: bool = False

    def is_ready(self, now: float) -> bool:
        """True once it is Ready."""
        return now >= self.ready_at


@dataclass(frozen=True, kw_only=True)
class Ending:
    """End of a run.

    Attributes:
        minutes: after how long; None: it hangs.
        succeeded: how its TrainJob ends.
        result: what its launcher writes.
    """

    minutes: float | None
    succeeded: bool = False
    result: str | None = None


@dataclass(kw_only=True)
class _RehearsedRun:
    start: Start
    created: float
    ending: Ending
    domain: bool = True

    def ended_at(self) -> float | None:
        return None if self.ending.minutes is None else self.created + self.ending.minutes * 60


Launcher = Callable[[Mapping[str, RehearsedNode], str], Ending]
"""Tests nodes, by name, in the run of that name."""


@dataclass(kw_only=True)
class RehearsedCluster:
    """Cluster with one pool and one block of it.

    Attributes:
        pool: name of the pool.
        node_group: name of the block's node group.
        facts: what the gate knows of the pool.
        launcher: tests nodes.
        wait_minutes: how long the gate waits for the last nodes of a block.
        run_minutes: how long a run may take.
        nodes: nodes by name.
        actions: every action that was taken, with its time.
    """

    pool: str
    node_group: str
    facts: PoolFacts
    launcher: Launcher
    wait_minutes: float = 15
    run_minutes: float = 60
    nodes: dict[str, RehearsedNode] = field(default_factory=dict)
    actions: list[tuple[float, Action]] = field(default_factory=list)
    _runs: dict[str, _RehearsedRun] = field(default_factory=dict)

    def look(self, now: float) -> GateState:
        """State that the gate sees.

        Args:
            now: seconds since 1970.
        """
        return GateState(
            now=now,
            installed=0,
            pools={self.pool: self.facts},
            nodes=[self._node(node, now) for node in self.nodes.values()],
            runs=[self._run(run, now) for run in self._runs.values()],
            wait_minutes=self.wait_minutes,
            run_minutes=self.run_minutes,
        )

    def take(self, action: Action, now: float) -> None:
        """Do what the gate asks for, as the API would: what is gone is left alone, what exists isn't made twice.

        Args:
            action: the action.
            now: seconds since 1970.
        """
        self.actions.append((now, action))
        match action:
            case Start():
                tested = {name: self.nodes[name] for name in action.nodes if name in self.nodes}
                self._runs.setdefault(
                    action.run,
                    _RehearsedRun(start=action, created=now, ending=self.launcher(tested, action.run)),
                )
            case Release() | Hold():
                node = self.nodes.get(action.node)
                if node is not None:
                    node.tainted = not isinstance(action, Release)
                    node.record = Record(standing=action.standing, run=action.run, instance=node.instance)
            case PutTaint():
                if action.node in self.nodes:
                    self.nodes[action.node].tainted = True
            case FreeDomain():
                if action.run in self._runs:
                    self._runs[action.run].domain = False
            case Delete():
                self._runs.pop(action.run, None)

    def ask_again(self, name: str) -> None:
        """A person's `ultrafleet/acceptance=again` on a node.

        Args:
            name: the node.
        """
        node = self.nodes[name]
        old = node.record or Record(standing=Standing.AGAIN)
        node.record = Record(standing=Standing.AGAIN, run=old.run, instance=old.instance)

    def _node(self, node: RehearsedNode, now: float) -> GateNode:
        return GateNode(
            name=node.name,
            instance=node.instance,
            node_group=self.node_group,
            pool=self.pool,
            created=node.created,
            ready=node.is_ready(now),
            tainted=node.tainted,
            leaving=node.leaving,
            record=node.record,
        )

    def _run(self, run: _RehearsedRun, now: float) -> Run:
        ended = run.ended_at()
        over = ended is not None and now >= ended
        ending = run.ending
        here = {node.name: node for node in self.nodes.values()}
        whole = all(name in here and here[name].instance == one for name, (one, _) in run.start.nodes.items())
        result = read_result(ending.result, run.start.run) if over and whole else None
        if over and whole and result is not None:
            for name, tested in result.nodes.items():
                here[name].proven = here[name].proven or (tested.passed and result.rack.passed)
        return Run(
            name=run.start.run,
            node_group=run.start.node_group,
            created=run.created,
            nodes=run.start.nodes,
            succeeded=(ending.succeeded and whole) if over else None,
            finished=ended if over else None,
            result=result,
            has_domain=run.domain,
        )
