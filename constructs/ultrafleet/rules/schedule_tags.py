"""Orders of a pool to the block schedule, as tags of its node group: see docs/architecture.md."""

from typing import Final

SCHEDULE_TAG: Final = "ultrafleet:schedule"
GROUP_TAG: Final = "ultrafleet:capacity-block-group"
RESERVATION_TAG: Final = "ultrafleet:capacity-reservation"
LEAD_TAG: Final = "ultrafleet:drain-lead-minutes"

FOLLOW_BLOCKS: Final = "capacity-blocks"
"""Value of the schedule tag: sized by the pool's blocks."""
HOLD: Final = "hold"
"""Value of the schedule tag: kept empty."""


def schedule_tags(*, capacity_reservation_id: str, drain_lead_minutes: int, hold: bool = False) -> dict[str, str]:
    """Tags that put a node group under the schedule, by its block.

    Args:
        capacity_reservation_id: reservation of the block.
        drain_lead_minutes: how long before the block's end the node group is emptied.
        hold: keep the node group empty, whatever its block does. Default: it follows its block.
    """
    return {
        SCHEDULE_TAG: HOLD if hold else FOLLOW_BLOCKS,
        RESERVATION_TAG: capacity_reservation_id,
        LEAD_TAG: str(drain_lead_minutes),
    }
