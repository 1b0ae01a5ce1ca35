"""Scenarios of an environment on a virtual clock, and the outcome of its capacity blocks."""

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from multiprocessing import get_context
from typing import Final

from ultrafleet.catalog.capacity_blocks import CapacityBlockRules, in_minutes
from ultrafleet.environment import Environment
from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.scenarios.assembly import StackFailedError, deploy_assembly
from ultrafleet.rehearsal.scenarios.embedded import embedded_aws
from ultrafleet.rehearsal.scenarios.faults.actions import schedule_is_off
from ultrafleet.rehearsal.scenarios.faults.fault import FaultTarget
from ultrafleet.rehearsal.scenarios.outcome import BlockOutcome, block_outcomes
from ultrafleet.rehearsal.scenarios.pool_view import own_groups
from ultrafleet.rehearsal.scenarios.worst_timing import WorstTiming
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal
from ultrafleet.rules.capacity_block import CapacityBlock
from ultrafleet.templates.assembly import AssemblyStack

_BEFORE: Final = timedelta(hours=1)
_AFTER: Final = timedelta(hours=1)
_MID_BLOCK: Final = timedelta(days=1, hours=5, minutes=17)
_EXTENSION_DAYS: Final = 7
_EXTENDED_BEFORE_END: Final = timedelta(days=1)

Event = tuple[datetime, Callable[[], None]]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One scenario: when the environment is deployed and who sizes its pools.

    Attributes:
        name: how the command calls it.
        summary: what happens.
        scheduled: False: the schedule is removed, people set the sizes when a block begins, and EKS's own scale-down
            is all that empties a pool.
        deployed: when the environment is deployed for the first time.
        extended: blocks without a successor are extended by a week, a day before their end.
    """

    name: str
    summary: str
    scheduled: bool
    deployed: datetime
    extended: bool = False


def scenarios_of(environment: Environment) -> list[Scenario]:
    """Scenarios of an environment with blocks."""
    first = min(block.start for pool in environment.pools for block in pool.capacity_blocks)
    return [
        Scenario(
            name="planned",
            summary="deployed an hour before the first block; blocks follow one another as the file says",
            scheduled=True,
            deployed=first - _BEFORE,
        ),
        Scenario(
            name="extended",
            summary="the last block of each pool is extended by a week, a day before its end; the environment file "
            "stays, and so does EKS's own scale-down before the old end",
            scheduled=True,
            deployed=first - _BEFORE,
            extended=True,
        ),
        Scenario(
            name="mid-block",
            summary="deployed for the first time when the first block is a day old",
            scheduled=True,
            deployed=first + _MID_BLOCK,
        ),
        Scenario(
            name="eks",
            summary="the schedule removed: sizes set by hand when a block begins, and EKS's own scale-down "
            f"{in_minutes(CapacityBlockRules.EKS_SCALE_DOWN)} minutes before its end",
            scheduled=False,
            deployed=first - _BEFORE,
        ),
    ]


def run_scenario(environment: Environment, stacks: Sequence[AssemblyStack], scenario: Scenario) -> list[BlockOutcome]:
    """Outcomes of an environment's blocks in a scenario, run from its deployment to the end of the last block.

    The schedule has its worst timing: see `WorstTiming`.

    Raises:
        StackFailedError: a stack could not be deployed.
    """
    with embedded_aws(environment, now=scenario.deployed):
        call = Calls(account_id=environment.account, region=environment.region)
        deploy_assembly(list(stacks), call)
        events: list[Event] = []
        if scenario.extended:
            events += [_extension(call, pool.capacity_blocks[-1]) for pool in environment.pools if pool.capacity_blocks]
        if scenario.scheduled:
            WorstTiming(environment)
        else:
            schedule_is_off(FaultTarget(environment=environment))
            events += _sizes_by_hand(environment, call)
        for moment, happen in sorted(events, key=lambda event: event[0]):
            SIMULATED_ACCOUNT.advance(moment)
            happen()
        # An extension that is paid meanwhile moves the last end.
        while SIMULATED_ACCOUNT.now < (over := _last_end(environment) + _AFTER):
            SIMULATED_ACCOUNT.advance(over)
        return block_outcomes(environment, deployed=scenario.deployed)


def _last_end(environment: Environment) -> datetime:
    reservations = SIMULATED_ACCOUNT.part(Reservations, environment.account, environment.region)
    return max(item.end for item in reservations.by_id.values() if item.end is not None)


def run_scenarios(
    environment: Environment, stacks: Sequence[AssemblyStack], scenarios: Sequence[Scenario]
) -> Generator[list[BlockOutcome]]:
    """Outcomes of several scenarios in their order; each runs in a process of its own.

    Raises:
        FleetError: a stack could not be deployed.
    """
    if len(scenarios) == 1:
        yield _outcomes(environment, stacks, scenarios[0])
        return
    workers = min(len(scenarios), os.cpu_count() or 1)
    # Spawned, not forked: what this process holds of botocore and its threads isn't for others.
    with ProcessPoolExecutor(max_workers=workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(_outcomes, environment, stacks), scenarios)


def _outcomes(environment: Environment, stacks: Sequence[AssemblyStack], scenario: Scenario) -> list[BlockOutcome]:
    try:
        return run_scenario(environment, stacks, scenario)
    except StackFailedError as error:
        remedy = f"`make deploy ENV={environment.name}` shows it"
        raise FleetError(
            f"{error}, expected it to deploy: {remedy}",
            path=f"environment {environment.name}",
            got=error,
            expected="stacks that deploy",
            remedy=remedy,
        ) from error


def _extension(call: Calls, block: CapacityBlock) -> Event:
    def extend() -> None:
        offerings = call(
            "ec2",
            "describe_capacity_block_extension_offerings",
            CapacityReservationId=block.capacity_reservation_id,
            CapacityBlockExtensionDurationHours=_EXTENSION_DAYS * 24,
        )["CapacityBlockExtensionOfferings"]
        call(
            "ec2",
            "purchase_capacity_block_extension",
            CapacityReservationId=block.capacity_reservation_id,
            CapacityBlockExtensionOfferingId=offerings[0]["CapacityBlockExtensionOfferingId"],
        )

    return block.end - _EXTENDED_BEFORE_END, extend


def _sizes_by_hand(environment: Environment, call: Calls) -> list[Event]:
    """Manual size updates at the start of each block, for scenarios without a schedule."""

    def size(node_group: str, nodes: int) -> Callable[[], None]:
        def update() -> None:
            if node_group in own_groups(environment):
                name = f"{environment.cluster_name}-{node_group}"
                call("autoscaling", "set_desired_capacity", AutoScalingGroupName=name, DesiredCapacity=nodes)
                return
            scaling = {"minSize": 0, "maxSize": nodes, "desiredSize": nodes}
            call(
                "eks",
                "update_nodegroup_config",
                clusterName=environment.cluster_name,
                nodegroupName=node_group,
                scalingConfig=scaling,
            )

        def patiently() -> None:
            for _ in range(12):
                try:
                    update()
                except Refusal:  # another update is under way
                    SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + timedelta(minutes=5))
                else:
                    return

        return patiently

    return [
        (block.start, size(block.node_group(pool.name), block.instance_count))
        for pool in environment.pools
        for block in pool.capacity_blocks
    ]
