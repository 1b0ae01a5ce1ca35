"""Many block starts of GB200 racks with planted faults, with the acceptance gate and without it."""

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import quantiles

from ultrafleet.acceptance.gate import decide
from ultrafleet.acceptance.gate_state import OUT_OF_ACTION, Hold, PoolFacts, Standing, Start
from ultrafleet.rehearsal.block_starts.cluster import Ending, RehearsedCluster, RehearsedNode
from ultrafleet.rehearsal.block_starts.logs import LogFault, findings_of
from ultrafleet.rehearsal.block_starts.plan import NODES, StartPlan, plan_start

_JOB_NODES = 16
_HOURS = 8
_REPAIR_MINUTES = 120
"""Time after which what is held is repaired, and a person asks for another test. Our choice."""
_GROUP = "rack-a-cr-0aaaaaaaaaaaaaaa1"


@dataclass(frozen=True, kw_only=True)
class StartOutcome:
    """Outcome of one block.

    Attributes:
        faults: what was planted.
        good: nothing was wrong with the rack when its block started.
        first_job: minutes from the block's start to the first job of 16 nodes; None: none came.
        first_job_without: the same in a fleet without acceptance.
        on_bad_without: that job is on a rack, or a node, with a fault.
        unproven_jobs: times that a node could take a job before a passing result named it: none may be.
        held_good: nodes without any fault that take no job at the end: none may be.
        marked_good: it was held, at some time, though it is good.
        runs: runs that were started.
    """

    faults: frozenset[str]
    good: bool
    first_job: int | None
    first_job_without: int | None
    on_bad_without: bool
    unproven_jobs: int
    held_good: int
    marked_good: bool
    runs: int


@dataclass(kw_only=True)
class _Block:
    """One block, minute by minute."""

    plan: StartPlan
    draw: random.Random
    cluster: RehearsedCluster = field(init=False)
    instances: int = 0
    hangs: int = field(init=False)
    rack_faults: dict[str, LogFault] = field(init=False)
    since_held: int | None = None

    def __post_init__(self) -> None:
        self.hangs = self.plan.hangs
        self.rack_faults = {"nvlink": self.plan.nvlink, "efa": self.plan.efa}
        facts = PoolFacts(node_group_sizes={_GROUP: NODES}, nodes_per_group=NODES)
        self.cluster = RehearsedCluster(
            pool="rack-a", node_group=_GROUP, facts=facts, launcher=self.test, run_minutes=90
        )

    def join(self, number: int, minute: float, *, bad: bool) -> None:
        self.instances += 1
        name = f"node-{number:02}"
        self.cluster.nodes[name] = RehearsedNode(
            name=name,
            instance=f"i-{self.instances:017}",
            created=minute * 60,
            ready_at=(minute + self.plan.ready_after[number]) * 60,
            bad=bad,
            tainted=number not in self.plan.untainted,
        )

    def test(self, nodes: Mapping[str, RehearsedNode], run: str) -> Ending:
        """The launcher's tests, whose logs the judge judges: each node alone, then the good ones together."""
        if self.hangs:
            self.hangs -= 1
            return Ending(minutes=None)
        parts = {name: self._node_findings(name, node) for name, node in nodes.items()}
        good = sum(not found for found in parts.values())
        rack = [
            finding
            for path, fault in self.rack_faults.items()
            if good > 1
            for finding in findings_of(path, good, fault)
        ]
        result = {
            "run": run,
            "nodes": {name: {"passed": not found, "findings": found} for name, found in parts.items()},
            "rack": {"passed": not rack, "findings": rack},
        }
        passed = not rack and good == len(nodes)
        minutes = self.plan.pull_minutes + self.plan.test_minutes
        return Ending(minutes=minutes, succeeded=passed, result=json.dumps(result))

    def _node_findings(self, name: str, node: RehearsedNode) -> tuple[str, ...]:
        fault = self.plan.bad_nodes.get(int(name[-2:]), LogFault.CUT) if node.bad else LogFault.NONE
        return findings_of("node", 1, fault)

    def happen(self, minute: int) -> None:
        """Events of this minute: what EC2, EKS and people do."""
        plan, nodes = self.plan, self.cluster.nodes
        for number, registers in enumerate(plan.registers):
            if int(registers) == minute:
                self.join(number, registers, bad=number in plan.bad_nodes)
        for at, number, bad in plan.replaced:
            if at == minute and f"node-{number:02}" in nodes:
                self.join(number, minute, bad=bad)
        for name, node in nodes.items():
            comes_late = int(name[-2:]) in plan.untainted and int(node.created / 60) + 1 == minute
            if comes_late or minute in plan.taint_back:
                node.tainted = True
        self._repair(minute)

    def _repair(self, minute: int) -> None:
        held = [n for n in self.cluster.nodes.values() if n.record is not None and n.record.standing in OUT_OF_ACTION]
        if not held:
            self.since_held = None
        elif self.since_held is None:
            self.since_held = minute
        elif minute - self.since_held >= _REPAIR_MINUTES:
            self.since_held, self.hangs = None, 0
            self.rack_faults = {"nvlink": LogFault.NONE, "efa": LogFault.NONE}
            for node in held:
                if node.bad:
                    self.join(int(node.name[-2:]), minute, bad=False)
                else:
                    self.cluster.ask_again(node.name)
                    node.proven = False

    def look(self, minute: int) -> None:
        """One look of the gate, which may stop between two actions."""
        begin, end = self.plan.stands_still
        if begin <= minute < end or self._is_settled(minute):
            return
        now = minute * 60 + 30.0
        actions = decide(self.cluster.look(now))
        if actions and self.draw.random() < self.plan.crashes:
            actions = actions[: self.draw.randrange(len(actions) + 1)]
        for action in actions:
            self.cluster.take(action, now)

    def _is_settled(self, minute: int) -> bool:
        """True if every node takes jobs or is held: the gate has nothing to do until something happens."""
        return all(
            node.is_ready(minute * 60.0)
            and node.record is not None
            and node.record.instance == node.instance
            and node.record.standing in ({*OUT_OF_ACTION} if node.tainted else {Standing.PASSED})
            for node in self.cluster.nodes.values()
        )

    def usable(self, minute: int) -> list[RehearsedNode]:
        """Nodes that the scheduler places jobs on."""
        return [node for node in self.cluster.nodes.values() if not node.tainted and node.is_ready(minute * 60.0)]


def rehearse_start(plan: StartPlan, draw: random.Random) -> StartOutcome:
    """Play one block, with the gate's decision, the judge, and a scheduler that knows taints.

    Args:
        plan: what is planted.
        draw: source of chance.
    """
    block = _Block(plan=plan, draw=draw)
    first_job, unproven = None, 0
    for minute in range(_HOURS * 60):
        block.happen(minute)
        unproven += sum(not node.proven for node in block.usable(minute))
        block.look(minute)
        usable = block.usable(minute)
        unproven += sum(not node.proven for node in usable)
        if first_job is None and len(usable) >= _JOB_NODES:
            first_job = minute
    held = [node for node in block.cluster.nodes.values() if node.tainted and not node.bad]
    marks = [action for _, action in block.cluster.actions if isinstance(action, Hold)]
    there = sorted(registers + ready for registers, ready in zip(plan.registers, plan.ready_after, strict=True))
    first_without = int(there[_JOB_NODES - 1]) + 1
    taken = sorted(range(NODES), key=lambda number: plan.registers[number] + plan.ready_after[number])[:_JOB_NODES]
    rack_fault = plan.nvlink is not LogFault.NONE or plan.efa is not LogFault.NONE or plan.hangs > 1
    return StartOutcome(
        faults=frozenset(plan.faults),
        good=plan.is_good,
        first_job=first_job,
        first_job_without=first_without if first_without < _HOURS * 60 else None,
        on_bad_without=rack_fault or any(number in plan.bad_nodes for number in taken),
        unproven_jobs=unproven,
        held_good=len(held),
        marked_good=plan.is_good and any(mark.standing is Standing.HELD for mark in marks),
        runs=len({action.run for _, action in block.cluster.actions if isinstance(action, Start)}),
    )


@dataclass(frozen=True, kw_only=True)
class BlockStarts:
    """Outcomes of many block starts.

    Attributes:
        outcomes: each of them.
        usd_per_hour: public price of a rack; None where there is none.
    """

    outcomes: Sequence[StartOutcome]
    usd_per_hour: float | None

    @property
    def unproven_jobs(self) -> int:
        """Times that a node took a job before a passing result named it."""
        return sum(outcome.unproven_jobs for outcome in self.outcomes)

    @property
    def held_good(self) -> int:
        """Good nodes that took no job at the end of their block."""
        return sum(outcome.held_good for outcome in self.outcomes)

    @property
    def good_racks_held(self) -> int:
        """Good racks that were held at some time."""
        return sum(outcome.marked_good for outcome in self.outcomes)

    @property
    def bad_without(self) -> int:
        """First jobs of a fleet without acceptance that were on something bad."""
        return sum(outcome.on_bad_without for outcome in self.outcomes)

    @property
    def planted(self) -> dict[str, int]:
        """Starts with each fault."""
        return dict(sorted(Counter(fault for outcome in self.outcomes for fault in outcome.faults).items()))

    def minutes(self, *, good: bool | None = None, accepted: bool = True) -> tuple[int, int, int, int] | None:
        """Minutes to the first job: median, 90th and 99th percentile, most; None where there was none.

        Args:
            good: of good racks, or of bad ones alone. Default: of all.
            accepted: with the gate, or without it.
        """
        chosen = [outcome for outcome in self.outcomes if good in {None, outcome.good}]
        found = [outcome.first_job if accepted else outcome.first_job_without for outcome in chosen]
        minutes = sorted(minute for minute in found if minute is not None)
        if not minutes[1:]:
            return None
        cuts = quantiles(minutes, n=100, method="inclusive")
        return round(cuts[49]), round(cuts[89]), round(cuts[98]), minutes[-1]


def rehearse_block_starts(count: int, *, seed: int = 0, usd_per_hour: float | None = None) -> BlockStarts:
    """Block starts with planted faults, each from its start for eight hours.

    Args:
        count: how many.
        seed: the same seed gives the same starts.
        usd_per_hour: public price of a rack. Default: none known.
    """
    outcomes = []
    for number in range(count):
        draw = random.Random(f"{seed}/{number}")  # noqa: S311 - no secret
        outcomes.append(rehearse_start(plan_start(draw), draw))
    return BlockStarts(outcomes=outcomes, usd_per_hour=usd_per_hour)
