"""Outcome of capacity blocks in a scenario: their use, when they were empty, and hand-overs from one to the next."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ultrafleet.catalog.capacity_blocks import CapacityBlockRules
from ultrafleet.environment import Environment
from ultrafleet.rehearsal.ec2.state.instances import Lifetime, Lifetimes
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.eks.state import Eks
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT
from ultrafleet.rules.capacity_block import CapacityBlock

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class BlockOutcome:
    """Outcome of one capacity block.

    Attributes:
        pool: its pool.
        node_group: the node group that runs it.
        reservation_id: `cr-…`.
        nodes: instances that it holds.
        begins: when it, or the rehearsal, began.
        end: when it ended, extensions included.
        up: when all of its instances ran at once; None: never.
        ready_until: when the eviction of its nodes began; None: none ever ran.
        gone: when the last of them was gone; None: none ever ran.
        reclaim: when EC2 begins to take instances back.
        paid_node_hours: from `begins` to `end`.
        used_node_hours: of its instances.
        short_minutes: minutes from `up` to `ready_until` in which not all of its instances were ready.
        reclaimed: instances that EC2 reclaimed before they were drained.
        taken_by_eks: instances that EKS's own scale-down took.
    """

    pool: str
    node_group: str
    reservation_id: str
    nodes: int
    begins: datetime
    end: datetime
    up: datetime | None
    ready_until: datetime | None
    gone: datetime | None
    reclaim: datetime
    paid_node_hours: float
    used_node_hours: float
    short_minutes: float
    reclaimed: int
    taken_by_eks: int

    @property
    def minutes_before_reclaim(self) -> float | None:
        """Minutes from the last node's termination to the start of EC2's reclaim; negative: after it."""
        return None if self.gone is None else (self.reclaim - self.gone) / _MINUTE


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """Hand-over from one block of a pool to the next.

    Attributes:
        pool: the pool.
        old: reservation id of the earlier block.
        new: reservation id of the later one.
        both_minutes: minutes in which all nodes of both are ready.
        neither_minutes: minutes without all nodes of either.
    """

    pool: str
    old: str
    new: str
    both_minutes: float
    neither_minutes: float


def block_outcomes(environment: Environment, *, deployed: datetime) -> list[BlockOutcome]:
    """Outcomes of an environment's blocks, but of those that were over when it was deployed.

    Args:
        environment: the environment, after its last block.
        deployed: when it was deployed for the first time.
    """
    return [
        _outcome(environment, pool.name, block, deployed)
        for pool in environment.pools
        for block in pool.capacity_blocks
        if block.end > deployed
    ]


def hand_overs(blocks: Sequence[BlockOutcome]) -> list[HandOver]:
    """Hand-overs between the blocks of each pool, in their order."""
    return [
        HandOver(
            pool=old.pool,
            old=old.reservation_id,
            new=new.reservation_id,
            both_minutes=max(0.0, (old.ready_until - new.up) / _MINUTE),
            neither_minutes=max(0.0, (new.up - old.ready_until) / _MINUTE),
        )
        for old, new in itertools.pairwise(blocks)
        if old.pool == new.pool and old.ready_until is not None and new.up is not None
    ]


def _outcome(environment: Environment, pool: str, block: CapacityBlock, deployed: datetime) -> BlockOutcome:
    account, region, block_id = environment.account, environment.region, block.capacity_reservation_id
    reservations = SIMULATED_ACCOUNT.part(Reservations, account, region)
    reservation = reservations.by_id[block_id]
    end, reclaim = reservation.end, reservation.reclaim_start
    if end is None or reclaim is None:
        raise AssertionError(f"{block_id} is a block and has no end")
    mine = [
        item
        for item in SIMULATED_ACCOUNT.part(Lifetimes, account, region).by_id.values()
        if item.reservation_id == block_id
    ]
    begins = max(block.start, deployed)
    reclaimed = len({instance for _, instance, block in reservations.reclaimed if block == block_id})
    gone = max((item.terminated or end for item in mine), default=None)
    evicted = None if gone is None else gone - CapacityBlockRules.EKS_EVICTION
    up = _up(mine, block.instance_count)
    return BlockOutcome(
        pool=pool,
        node_group=block.node_group(pool),
        reservation_id=block_id,
        nodes=block.instance_count,
        begins=begins,
        end=end,
        up=up,
        ready_until=gone if reclaimed else evicted,
        gone=gone,
        reclaim=reclaim,
        paid_node_hours=block.instance_count * max(timedelta(0), end - begins) / timedelta(hours=1),
        used_node_hours=sum(((item.terminated or end) - item.launched) / timedelta(hours=1) for item in mine),
        short_minutes=0.0 if up is None or evicted is None else _short(mine, block.instance_count, up, evicted),
        reclaimed=reclaimed,
        taken_by_eks=len(
            {item.instance_id for item in mine}
            & {
                instance
                for group in SIMULATED_ACCOUNT.part(Eks, account, region).node_groups()
                for _, instance in group.taken_by_eks
            }
        ),
    )


def _counts(changes: Iterable[tuple[datetime, int]]) -> Iterator[tuple[datetime, int]]:
    """Instances from each moment at which their number changes."""
    count = 0
    for moment, group in itertools.groupby(sorted(changes), key=lambda change: change[0]):
        count += sum(change for _, change in group)
        yield moment, count


def _up(lifetimes: Sequence[Lifetime], nodes: int) -> datetime | None:
    """First moment at which that many instances run at once."""
    changes = [(item.launched, 1) for item in lifetimes]
    changes += [(item.terminated, -1) for item in lifetimes if item.terminated is not None]
    return next((moment for moment, count in _counts(changes) if count == nodes), None)


def _short(lifetimes: Sequence[Lifetime], nodes: int, up: datetime, until: datetime) -> float:
    """Minutes between two moments in which fewer instances are ready: one that is evicted isn't."""
    changes = [(item.launched, 1) for item in lifetimes]
    changes += [(item.terminated - CapacityBlockRules.EKS_EVICTION, -1) for item in lifetimes if item.terminated]
    moments = [*_counts(changes), (until, 0)]
    short = (
        max(timedelta(0), min(end, until) - max(moment, up))
        for (moment, count), (end, _) in itertools.pairwise(moments)
        if count < nodes
    )
    return sum(short, timedelta(0)) / _MINUTE
