"""Capacity block as an environment file has it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ultrafleet.environment import Environment, UltraServerPoolSettings
from ultrafleet.rules.block_clock import lead_or_default


@dataclass(frozen=True, kw_only=True)
class FiledBlock:
    """Block of a pool in an environment file.

    Attributes:
        environment: name of the environment.
        pool: name of the pool.
        reservation_id: `cr-…`.
        start: start by the file.
        end: end by the file.
        instance_count: instances by the file.
        lead_minutes: time before the end at which the schedule drains its nodes.
        hold: the pool is kept empty.
        followed_by: reservation of a block of the pool that ends later and begins by this one's end, or None.
    """

    environment: str
    pool: str
    reservation_id: str
    start: datetime
    end: datetime
    instance_count: int
    lead_minutes: int
    hold: bool
    followed_by: str | None


def filed_blocks(environment: Environment) -> Iterator[FiledBlock]:
    """Blocks of an environment's pools, in the order of the file."""
    for pool in environment.pools:
        blocks = pool.capacity_blocks
        whole = isinstance(pool, UltraServerPoolSettings)
        for block in blocks:
            later = [other for other in blocks if other.end > block.end and other.start <= block.end]
            yield FiledBlock(
                environment=environment.name,
                pool=pool.name,
                reservation_id=block.capacity_reservation_id,
                start=block.start,
                end=block.end,
                instance_count=block.instance_count,
                lead_minutes=lead_or_default(pool.drain_lead_minutes, ultraserver=whole),
                hold=pool.hold,
                followed_by=later[0].capacity_reservation_id if later else None,
            )
