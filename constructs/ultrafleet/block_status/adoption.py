"""Blocks of an account that no environment file has, and the pools that they fit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ultrafleet.block_status.live_block import LiveBlock
from ultrafleet.environment import Environment, UltraServerPoolSettings
from ultrafleet.environment.pool_settings import PoolSettings

HAND_OVER: Final = timedelta(days=1)
"""Longest time for which two blocks of a pool are taken to hand over; longer ones are two pools' (ours)."""
_POOL_TAG: Final = "ultrafleet:pool"
_ENVIRONMENT_TAG: Final = "ultrafleet:environment"
_ADOPTED: Final = ("scheduled", "active", "payment-pending")


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """Block to adopt.

    Attributes:
        block: the block.
        pool: name of the pool that gets it; None where it has to be said.
        is_new: the file has no such pool yet.
        fitting: pools of the file that it fits.
    """

    block: LiveBlock
    pool: str | None
    is_new: bool
    fitting: tuple[str, ...]


def lacking(live: Iterable[LiveBlock], *, known: frozenset[str], now: datetime) -> list[LiveBlock]:
    """Blocks that are paid for, not over, and in no file.

    Args:
        live: blocks of the account.
        known: reservations of the files.
        now: AWS's time.
    """
    return [
        block for block in live if block.reservation_id not in known and block.state in _ADOPTED and block.end > now
    ]


def moved_ends(environment: Environment, live: Iterable[LiveBlock]) -> dict[str, datetime]:
    """Ends that differ from the file's, by reservation: of blocks that were extended elsewhere.

    Args:
        environment: content of the file.
        live: blocks of the account.
    """
    filed = {block.capacity_reservation_id: block.end for pool in environment.pools for block in pool.capacity_blocks}
    return {
        block.reservation_id: block.end
        for block in live
        if block.reservation_id in filed and filed[block.reservation_id] != block.end
    }


def adoptions(environment: Environment, blocks: Sequence[LiveBlock], chosen: Mapping[str, str]) -> list[Adoption]:
    """Pool of each block: the chosen one, the one of its tags, or the only one that it fits.

    Args:
        environment: content of the file.
        blocks: blocks to adopt, in the order of their starts.
        chosen: pools by reservation; "" for every other one.
    """
    names = {pool.name for pool in environment.pools}
    given: dict[str, list[LiveBlock]] = {}
    found = []
    for block in blocks:
        fitting = tuple(pool.name for pool in environment.pools if _fits(environment, pool, block, given))
        name = chosen.get(block.reservation_id) or chosen.get("") or _tagged(environment, block)
        if name is None and len(fitting) == 1:
            name = fitting[0]
        if name is not None:
            given.setdefault(name, []).append(block)
        found.append(Adoption(block=block, pool=name, is_new=name is not None and name not in names, fitting=fitting))
    return found


def _tagged(environment: Environment, block: LiveBlock) -> str | None:
    tags = block.tags or {}
    return tags.get(_POOL_TAG) if tags.get(_ENVIRONMENT_TAG) == environment.name else None


def _fits(
    environment: Environment, pool: PoolSettings, block: LiveBlock, given: Mapping[str, Sequence[LiveBlock]]
) -> bool:
    whole = pool.ultraserver_type if isinstance(pool, UltraServerPoolSettings) else None
    if whole != block.ultraserver_type or str(pool.instance) != block.instance_type:
        return False
    zones = {item.name: item.availability_zone for item in environment.network.subnets}
    if zones.get(pool.subnet) != block.zone or (whole is None and not pool.blocks):
        return False
    spans = [(item.start, item.end) for item in pool.capacity_blocks]
    spans += [(item.start, item.end) for item in given.get(pool.name, ())]
    return all(min(end, block.end) - max(start, block.start) <= HAND_OVER for start, end in spans)
