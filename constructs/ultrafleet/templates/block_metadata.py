"""Block metadata: when a pool's blocks run, for readers of the template. CloudFormation ignores it.

    Metadata:
      ultrafleet:rack-a:
        blocks:
          - id: cr-0aaaaaaaaaaaaaaa1
            instances: 18
            start: "2026-12-01T11:30:00Z"
            end: "2026-12-15T11:30:00Z"

Any template may have it; the pool is named as its node group, or else by its logical id.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

BLOCKS_PREFIX: Final = "ultrafleet:"
"""Begins the keys of metadata about blocks."""


@dataclass(frozen=True, kw_only=True)
class BlockWindow:
    """Window in which a block runs.

    Attributes:
        capacity_reservation_id: its reservation.
        start: when it becomes active.
        end: when it is over.
        instances: how many it holds. Default: as many as the pool is large.
    """

    capacity_reservation_id: str
    start: datetime
    end: datetime
    instances: int | None = None


def block_metadata_key(pool_name: str) -> str:
    """Key of a pool in a template's metadata."""
    return f"{BLOCKS_PREFIX}{pool_name}"


def read_block_windows(metadata: object, pool_name: str) -> tuple[BlockWindow, ...]:
    """Blocks of a pool in a template's metadata, in their order; what isn't readable is left out."""
    entry = metadata.get(block_metadata_key(pool_name)) if isinstance(metadata, Mapping) else None
    blocks = entry.get("blocks") if isinstance(entry, Mapping) else None
    found = []
    for block in blocks if isinstance(blocks, list) else ():
        window = _read(block)
        if window is not None:
            found.append(window)
    return tuple(found)


def _read(block: Any) -> BlockWindow | None:  # noqa: ANN401 - JSON
    try:
        start, end = (datetime.fromisoformat(str(block[key])) for key in ("start", "end"))
        instances = block.get("instances")
        return BlockWindow(
            capacity_reservation_id=str(block["id"]),
            start=start.astimezone(UTC),
            end=end.astimezone(UTC),
            instances=int(instances) if instances is not None else None,
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
