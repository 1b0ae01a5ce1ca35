"""Alarms that ring for a fault: which, after how many minutes, and off again, over the simulated clock."""

import multiprocessing
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ultrafleet.catalog.eks import AmiType
from ultrafleet.environment import AcceleratorPoolSettings, Environment, UltraServerPoolSettings
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.state import Stacks
from ultrafleet.rehearsal.cloudwatch.alarm_states import Alarm, period_of, states
from ultrafleet.rehearsal.cloudwatch.figures import STEP, Figures
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.eks.state import Eks
from ultrafleet.rehearsal.scenarios.assembly import deploy_assembly
from ultrafleet.rehearsal.scenarios.embedded import embedded_aws
from ultrafleet.rehearsal.scenarios.simulation import Simulation
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT
from ultrafleet.rehearsal.stepfunctions.clock import Schedules
from ultrafleet.rules.block_clock import lead_or_default
from ultrafleet.templates.assembly import AssemblyStack

_BEFORE: Final = timedelta(hours=1)
_WARM_UP: Final = timedelta(minutes=30)
_JUST_BEFORE: Final = timedelta(seconds=1)
_AFTER: Final = timedelta(minutes=45)
_ALARM: Final = "AWS::CloudWatch::Alarm"
_NAME: Final = re.compile(r"Alarms((?:NotEmpty|BelowSize|NoSuccessor|Unused)(?=[a-z])|.+(?=[0-9A-F]{8}$))")
_ORDINARY: Final = frozenset({"NoSuccessor", "PoolsSized"})
"""Alarms that tell of a drain as it should be, and of an end that the file states."""

Pool = UltraServerPoolSettings | AcceleratorPoolSettings


@dataclass(frozen=True, kw_only=True)
class Planted:
    """Fault as it is planted.

    Attributes:
        fault: name of the fault.
        title: what people call it.
        at_drain: planted when the pool's drain begins; False: an hour after its nodes came up.
        minutes: duration of the fault, in minutes, where AWS doesn't repair it earlier.
    """

    fault: str
    title: str
    at_drain: bool = False
    minutes: int = 60


PLANTED: Final = (
    Planted(fault="gpu-dies", title="dead GPU"),
    Planted(fault="node-lost", title="dead node"),
    Planted(fault="block-impaired", title="impaired block"),
    Planted(fault="schedule-denied", title="failed drain", at_drain=True),
    Planted(fault="update-stuck", title="stuck EKS update", at_drain=True),
    Planted(fault="tick-lost", title="lost tick", at_drain=True),
    Planted(fault="schedule-off", title="schedule off", at_drain=True),
)
"""Faults that are planted, in the order in which they are shown."""


@dataclass(frozen=True, kw_only=True)
class Ring:
    """Ring of an alarm.

    Attributes:
        alarm: the alarm, as the documents call it.
        on: minutes from the fault to the alarm.
        off: minutes from the fault to the alarm's end; None: it was on when the watch ended.
    """

    alarm: str
    on: int
    off: int | None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Outcome of a planted fault.

    Attributes:
        title: what people call the fault.
        fault: its name.
        architecture: `arm64` or `x86_64`.
        pool: the pool that it is planted in.
        rings: alarms that rang, in the order in which they did; empty: no alarm sees it.
        replaced: minutes after which EKS replaced the node; None: it replaced none.
        cleared: minutes after which the fault was cleared.
    """

    title: str
    fault: str
    architecture: str
    pool: str
    rings: tuple[Ring, ...]
    replaced: int | None
    cleared: int


def fault_alarms(environment: Environment, stacks: Sequence[AssemblyStack]) -> Iterator[Outcome]:
    """Outcomes of every planted fault on each architecture that has a pool on capacity blocks.

    Each fault is planted in a copy of one deployment, in a process of its own.

    Args:
        environment: the environment.
        stacks: its synthesised stacks.

    Raises:
        StackFailedError: a stack could not be deployed.
    """
    first = min(block.start for pool in environment.pools for block in pool.capacity_blocks)
    with embedded_aws(environment, now=first - _BEFORE):
        deploy_assembly(list(stacks), Calls(account_id=environment.account, region=environment.region))
        Simulation(environment).bring_up()
        for planted in PLANTED:
            for architecture, pool in pools_by_architecture(environment).items():
                yield _in_a_copy(lambda p=planted, a=architecture, o=pool: plant(environment, p, a, o))  # type: ignore[misc]


def pools_by_architecture(environment: Environment) -> dict[str, Pool]:
    """First pool on capacity blocks of each architecture, `arm64` first; deployed pools alone."""
    eks = SIMULATED_ACCOUNT.part(Eks, environment.account, environment.region)
    found: dict[str, Pool] = {}
    for pool in environment.pools:
        if pool.capacity_blocks:
            group = eks.node_group(environment.cluster_name, pool.capacity_blocks[0].node_group(pool.name))
            found.setdefault(AmiType(group.described["amiType"]).architecture, pool)
    return dict(sorted(found.items()))


def plant(environment: Environment, planted: Planted, architecture: str, pool: Pool) -> Outcome:
    """Outcome of a fault in the embedded AWS of this process, whose nodes are up.

    Args:
        environment: the environment, deployed.
        planted: the fault.
        architecture: of the pool.
        pool: the pool, on capacity blocks.
    """
    simulation = Simulation(environment)
    moment = _drain(environment, pool) if planted.at_drain else SIMULATED_ACCOUNT.now + _BEFORE
    watch = _Watch(environment, begin=moment - _WARM_UP)
    SIMULATED_ACCOUNT.part(Schedules, environment.account, environment.region).skip_quiet = False
    # A drain begins with the tick of its moment.
    watch.until(moment - STEP if planted.at_drain else moment)
    simulation.inject(name=planted.fault, pool=pool.name)
    watch.until(moment + timedelta(minutes=planted.minutes))
    simulation.clear()
    watch.until(moment + timedelta(minutes=planted.minutes) + _AFTER)
    return Outcome(
        title=planted.title,
        fault=planted.fault,
        architecture=architecture,
        pool=pool.name,
        rings=watch.rings(moment),
        replaced=_replaced(environment, moment),
        cleared=planted.minutes,
    )


class _Watch:
    """Watch over the deployed alarms of an environment, minute by minute."""

    def __init__(self, environment: Environment, *, begin: datetime) -> None:
        self._begin = self._seen = datetime.fromtimestamp(begin.timestamp() // 300 * 300, tz=begin.tzinfo)
        SIMULATED_ACCOUNT.advance(self._begin)
        self._alarms = dict(_alarms(environment))
        self._figures = Figures(environment.account, environment.region, self._alarms)

    def until(self, moment: datetime) -> None:
        while self._seen < moment:
            # What happens when a period ends is the next one's.
            SIMULATED_ACCOUNT.advance(self._seen + STEP - _JUST_BEFORE)
            self._figures.look(self._seen)
            self._seen += STEP
        SIMULATED_ACCOUNT.advance(self._seen)

    def rings(self, moment: datetime) -> tuple[Ring, ...]:
        """Rings of alarms after a moment."""
        found = [ring for name, alarm in self._alarms.items() for ring in self._of(name, alarm, moment)]
        return tuple(sorted(found, key=lambda ring: (ring.on, ring.alarm)))

    def _of(self, name: str, alarm: Alarm, moment: datetime) -> Iterator[Ring]:
        period, kind = period_of(alarm), _kind(name)
        seen = states(alarm, self._begin, self._figures.of(name))
        on: int | None = None
        for index, state in enumerate(seen):
            minutes = (self._begin + (index + 1) * period - moment) // timedelta(minutes=1)
            if state == "ALARM" and on is None and minutes >= 0:
                on = minutes
            elif state == "OK" and on is not None:
                if kind not in _ORDINARY:
                    yield Ring(alarm=kind, on=on, off=minutes)
                on = None
        if on is not None and kind not in _ORDINARY:
            yield Ring(alarm=kind, on=on, off=None)


def _alarms(environment: Environment) -> Iterator[tuple[str, Alarm]]:
    for stack in SIMULATED_ACCOUNT.part(Stacks, environment.account, environment.region).live:
        for logical_id, resource in stack.resources.items():
            if resource.type == _ALARM:
                yield f"{stack.name} {logical_id}", resource.properties


def _kind(name: str) -> str:
    """Name of an alarm in the documents, from its stack and logical id."""
    match = _NAME.search(name)
    return name if match is None else match[1]


def _drain(environment: Environment, pool: Pool) -> datetime:
    """Moment at which the drain of the pool's first block begins."""
    block = pool.capacity_blocks[0]
    reservations = SIMULATED_ACCOUNT.part(Reservations, environment.account, environment.region)
    end = reservations.get(block.capacity_reservation_id).end or block.end
    lead = lead_or_default(pool.drain_lead_minutes, ultraserver=block.ultraserver_type is not None)
    return end - timedelta(minutes=lead)


def _replaced(environment: Environment, moment: datetime) -> int | None:
    """Minutes from a moment to the first node that EKS replaced after it."""
    groups = SIMULATED_ACCOUNT.part(Eks, environment.account, environment.region).node_groups()
    found = [when for group in groups for when, _ in group.repaired if when >= moment - STEP]
    return (min(found) - moment) // timedelta(minutes=1) if found else None


def _in_a_copy(run: Callable[[], Outcome]) -> Outcome:
    """Result of a function in a copy of this process, which is left as it is."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sending.send(run()))
    process.start()
    sending.close()
    try:
        result: Any = receiving.recv()
    finally:
        process.join()
    found: Outcome = result
    return found
