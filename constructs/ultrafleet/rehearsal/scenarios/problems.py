"""Problems of an environment on the embedded AWS, a line each: its blocks, its nodes, its schedule, its events."""

import json
from collections import Counter
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from ultrafleet.catalog.capacity_blocks import in_minutes
from ultrafleet.environment import Environment
from ultrafleet.rehearsal.ec2.state.instances import Lifetimes
from ultrafleet.rehearsal.ec2.state.reservations import CapacityReservation, Reservations
from ultrafleet.rehearsal.eks.engine.scale_down import OWN_SCALE_DOWN
from ultrafleet.rehearsal.eks.state import Eks
from ultrafleet.rehearsal.events.clock import EventDeliveries
from ultrafleet.rehearsal.scenarios.pool_view import own_groups
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT
from ultrafleet.rehearsal.stepfunctions.clock import Schedules
from ultrafleet.rules.capacity_block import CapacityBlock

_LATELY: Final = timedelta(days=1)


def problems_of(environment: Environment) -> list[str]:
    """Problems of an environment at this moment."""
    return [
        *_block_problems(environment),
        *_node_problems(environment),
        *_schedule_problems(environment),
        *SIMULATED_ACCOUNT.part(EventDeliveries, environment.account, environment.region).problems,
    ]


def _block_problems(environment: Environment) -> list[str]:
    reservations = SIMULATED_ACCOUNT.part(Reservations, environment.account, environment.region)
    problems = []
    for pool in environment.pools:
        for block in pool.capacity_blocks:
            name = f"pool {pool.name}: block {block.capacity_reservation_id}"
            reservation = reservations.by_id.get(block.capacity_reservation_id)
            wrong = ["does not exist in this account"] if reservation is None else _differences(reservation, block)
            problems += [f"{name} {text}" for text in wrong]
    return problems


def _differences(reservation: CapacityReservation, block: CapacityBlock) -> list[str]:
    """Differences of a reservation from a sound one that is as the file says."""
    problems = []
    state = reservation.state(SIMULATED_ACCOUNT.now)
    if state not in {"scheduled", "active", "expired"}:
        problems.append(f"is {state}")
    if reservation.interconnect != "ok":
        problems.append(f"has an interconnect that is {reservation.interconnect}")
    if not reservation.launchable:
        problems.append("is unlaunchable")
    if reservation.instance_count != block.instance_count:
        problems.append(f"holds {reservation.instance_count} instances, the file says {block.instance_count}")
    if reservation.availability_zone != block.availability_zone:
        problems.append(
            f"is in Availability Zone {reservation.availability_zone}, the file says {block.availability_zone}"
        )
    if reservation.end is not None and reservation.end > block.end:
        problems.append(f"ends at {reservation.end:%Y-%m-%dT%H:%MZ}, the file says {block.end:%Y-%m-%dT%H:%MZ}")
    return problems


def _node_problems(environment: Environment) -> list[str]:
    """Nodes that AWS took in the last day: EC2's reclaim, EKS's own scale-down, updates of a node group's version."""
    lifetimes = SIMULATED_ACCOUNT.part(Lifetimes, environment.account, environment.region).by_id
    reservations = SIMULATED_ACCOUNT.part(Reservations, environment.account, environment.region)
    recently = [item for item in reservations.reclaimed if item[0] > SIMULATED_ACCOUNT.now - _LATELY]
    problems = [
        f"block {block}: EC2 reclaimed {count} nodes at {moment:%Y-%m-%dT%H:%MZ} that were not drained before"
        for (moment, block), count in Counter((moment, block) for moment, _, block in recently).items()
    ]
    for group in SIMULATED_ACCOUNT.part(Eks, environment.account, environment.region).node_groups():
        for moment, items in groupby(_lately(group.taken_by_eks), lambda item: item[0]):
            taken = [instance for _, instance in items]
            problems.append(
                f"node group {group.name}: EKS's own scale-down took {len(taken)} nodes of "
                f"{lifetimes[taken[0]].reservation_id} at {moment:%Y-%m-%dT%H:%MZ}, {in_minutes(OWN_SCALE_DOWN)} "
                "minutes before the end that the block had when the node group was made"
            )
        rolled = _lately(group.rolled)
        if rolled:
            problems.append(
                f"node group {group.name}: an update of its version replaced {len(rolled)} nodes, the first at "
                f"{rolled[0][0]:%Y-%m-%dT%H:%MZ}, the last at {rolled[-1][0]:%Y-%m-%dT%H:%MZ}"
            )
    for name, own in own_groups(environment).items():
        undrained = _lately(own.undrained)
        if undrained:
            problems.append(
                f"Auto Scaling group of {name}: {len(undrained)} nodes were terminated with what ran on them, the "
                f"first at {undrained[0][0]:%Y-%m-%dT%H:%MZ}: nothing in the cluster drains nodes that leave"
            )
    return problems


def _lately(events: list[tuple[datetime, str]]) -> list[tuple[datetime, str]]:
    return [event for event in events if event[0] > SIMULATED_ACCOUNT.now - _LATELY]


def _schedule_problems(environment: Environment) -> list[str]:
    """Problems of the schedule's last execution: its reports to the dead-letter queue, or its own failure."""
    runs = SIMULATED_ACCOUNT.part(Schedules, environment.account, environment.region).runs
    if not runs:
        return []
    last = runs[-1]
    problems = [f"schedule: {last.error}: {last.cause}"] if last.status != "SUCCEEDED" else []
    letters = [json.loads(given["MessageBody"]) for action, given in last.writes if action == "SendMessage"]
    return problems + [f"schedule: pool {item['pool']}: {item['error']}: {item['cause']}" for item in letters]
