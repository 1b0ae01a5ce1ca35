"""Faults that are planted in a rehearsed block start, and when what happens."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ultrafleet.rehearsal.block_starts.logs import LogFault

NODES = 18


@dataclass(kw_only=True)
class StartPlan:
    """One block start.

    Attributes:
        faults: names of what is planted, by which outcomes are counted.
        registers: minute at which each node registers.
        ready_after: minutes from then until it is Ready.
        pull_minutes: time until a run's pods are ready, images pulled.
        test_minutes: time that the tests take.
        bad_nodes: what the own test of each bad node prints, by number.
        nvlink: what the rack's test over NVLink prints.
        efa: what its test over EFA prints.
        hangs: runs that hang, from the first; a large number: all, until the rack is repaired.
        replaced: minutes at which a node gets a new instance, with its number and whether the new one is bad.
        taint_back: minutes at which the taint is put on every node of the block.
        untainted: numbers of nodes that register without the taint, which EKS puts on within a minute.
        crashes: likelihood that the gate stops between two actions of a look.
        stands_still: minutes from which and until which the gate doesn't run.
    """

    faults: set[str] = field(default_factory=set)
    registers: list[float] = field(default_factory=list)
    ready_after: list[float] = field(default_factory=list)
    pull_minutes: float = 5
    test_minutes: float = 15
    bad_nodes: dict[int, LogFault] = field(default_factory=dict)
    nvlink: LogFault = LogFault.NONE
    efa: LogFault = LogFault.NONE
    hangs: int = 0
    replaced: list[tuple[int, int, bool]] = field(default_factory=list)
    taint_back: list[int] = field(default_factory=list)
    untainted: set[int] = field(default_factory=set)
    crashes: float = 0
    stands_still: tuple[int, int] = (0, 0)

    @property
    def is_good(self) -> bool:
        """True if nothing is wrong with the rack when the block starts."""
        return not self.bad_nodes and self.nvlink is self.efa is LogFault.NONE and self.hangs <= 1


def plan_start(draw: random.Random) -> StartPlan:
    """Draw one block start.

    Nodes register 4 to 9 minutes after the block's start and are Ready 1 to 3 minutes later; a run's pods take 3 to 8
    minutes, its tests 10 to 25. None was measured on a rack: they are assumptions.

    Args:
        draw: source of chance.
    """
    plan = StartPlan(
        registers=[draw.uniform(4, 9) for _ in range(NODES)],
        ready_after=[draw.uniform(1, 3) for _ in range(NODES)],
        pull_minutes=draw.uniform(3, 8),
        test_minutes=draw.uniform(10, 25),
    )

    for fault, (likelihood, plant) in _FAULTS.items():
        if draw.random() < likelihood:
            plan.faults.add(fault)
            plant(plan, draw)
    return plan


def _bad_node(plan: StartPlan, draw: random.Random) -> None:
    for number in draw.sample(range(NODES), draw.choice([1, 1, 1, 2])):
        plan.bad_nodes[number] = draw.choice([LogFault.WRONG_VALUES, LogFault.CUT])


def _nvlink(plan: StartPlan, draw: random.Random) -> None:
    plan.nvlink = draw.choice([LogFault.SLOW, LogFault.NO_NVLINK, LogFault.WRONG_VALUES])


def _efa(plan: StartPlan, draw: random.Random) -> None:
    plan.efa = draw.choice([LogFault.SOCKETS, LogFault.SLOW])


def _hang_once(plan: StartPlan, draw: random.Random) -> None:
    del draw
    plan.hangs = 1


def _hang(plan: StartPlan, draw: random.Random) -> None:
    del draw
    plan.hangs = 1_000_000


def _late_node(plan: StartPlan, draw: random.Random) -> None:
    for number in draw.sample(range(NODES), draw.randint(1, 3)):
        plan.registers[number] += draw.uniform(12, 40)


def _missing_node(plan: StartPlan, draw: random.Random) -> None:
    plan.registers[draw.randrange(NODES)] = 1_000_000


def _replaced(plan: StartPlan, draw: random.Random) -> None:
    bad = draw.choice([True, *[False] * 9])
    plan.replaced.append((draw.randint(180, 300), draw.randrange(NODES), bad))


def _replaced_in_the_test(plan: StartPlan, draw: random.Random) -> None:
    plan.replaced.append((draw.randint(13, 25), draw.randrange(NODES), False))


def _taint_back(plan: StartPlan, draw: random.Random) -> None:
    plan.taint_back.append(draw.randint(60, 300))


def _taint_late(plan: StartPlan, draw: random.Random) -> None:
    plan.untainted = set(draw.sample(range(NODES), draw.randint(1, NODES)))


def _crashes(plan: StartPlan, draw: random.Random) -> None:
    del draw
    plan.crashes = 0.5


def _stands_still(plan: StartPlan, draw: random.Random) -> None:
    begin = draw.randint(5, 40)
    plan.stands_still = (begin, begin + draw.randint(3, 20))


_FAULTS: Final[Mapping[str, tuple[float, Callable[[StartPlan, random.Random], None]]]] = {
    "bad node": (0.15, _bad_node),
    "NVLink": (0.03, _nvlink),
    "EFA": (0.03, _efa),
    "hang once": (0.03, _hang_once),
    "hang": (0.01, _hang),
    "late node": (0.08, _late_node),
    "missing node": (0.02, _missing_node),
    "node replaced": (0.10, _replaced),
    "node replaced in the test": (0.02, _replaced_in_the_test),
    "taint comes back": (0.05, _taint_back),
    "taint comes late": (0.10, _taint_late),
    "gate crashes": (0.10, _crashes),
    "gate stands still": (0.05, _stands_still),
}
"""Faults: the part of the starts that have each, and how it is planted. Our choice: often enough that each is met."""
