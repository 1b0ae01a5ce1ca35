"""Block metadata: when the block of a node group runs, for readers of the template. CloudFormation ignores it.

    Metadata:
      ultrafleet:rack-a-cr-0aaaaaaaaaaaaaaa1:
        blocks:
          - id: cr-0aaaaaaaaaaaaaaa1
            instances: 18
            start: "2026-12-01T11:30:00Z"
            end: "2026-12-15T11:30:00Z"

Any template may have it; the key names the node group, or else its logical id. A block with `existing_node_group: true`
is run by a node group that no template makes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

_MOST_INSTANCES: Final = 100_000
"""Ours: far beyond the instances of any block."""
BLOCKS_PREFIX: Final = "ultrafleet:"
"""Begins the keys of metadata about blocks."""


@dataclass(frozen=True, kw_only=True)
class BlockWindow:
    """Window in which a block runs.

    Attributes:
        capacity_reservation_id: its reservation.
        start: when it becomes active.
        end: when it is over.
        instances: how many it holds. Default: as many as the node group is large.
        existing_node_group: whether a node group runs it that no template makes. Default: the template makes it.
    """

    capacity_reservation_id: str
    start: datetime
    end: datetime
    instances: int | None = None
    existing_node_group: bool = False


def block_metadata_key(node_group_name: str) -> str:
    """Key of a node group in a template's metadata."""
    return f"{BLOCKS_PREFIX}{node_group_name}"


def read_block_windows(metadata: object, node_group_name: str) -> tuple[BlockWindow, ...]:
    """Blocks of a node group in a template's metadata, in their order; what isn't readable is left out."""
    entry = metadata.get(block_metadata_key(node_group_name)) if isinstance(metadata, Mapping) else None
    blocks = entry.get("blocks") if isinstance(entry, Mapping) else None
    found = []
    for block in blocks if isinstance(blocks, list) else ():
        window = _read(block)
        if window is not None:
            found.append(window)
    return tuple(found)


def _read(block: Any) -> BlockWindow | None:  # noqa: ANN401 - JSON
    # Constructs write metadata and read none: they need no parser of templates.
    from ultrafleet.templates.launch import as_int  # noqa: PLC0415

    try:
        start, end = (datetime.fromisoformat(str(block[key])).astimezone(UTC) for key in ("start", "end"))
        stated = block.get("instances")
        instances = as_int(stated)
        if end <= start or (stated is not None and (instances is None or not 0 < instances <= _MOST_INSTANCES)):
            return None
        return BlockWindow(
            capacity_reservation_id=str(block["id"]),
            start=start,
            end=end,
            instances=instances,
            existing_node_group=block.get("existing_node_group") is True,
        )
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return None
