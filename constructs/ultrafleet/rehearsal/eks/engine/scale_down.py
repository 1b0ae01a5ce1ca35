"""EKS's own scale-down: a scheduled action of the Auto Scaling group of a node group on one reservation."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.rehearsal.assumptions import SCALE_DOWN_KEEPS_ITS_TIME
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.eks.rules.node_group_facts import reservation_target
from ultrafleet.rehearsal.eks.state import NodeGroupRecord, ScheduledScaleDown
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

OWN_SCALE_DOWN: Final = CapacityBlockRules.EKS_SCALE_DOWN
"""Time before a block's end at which EKS scales a node group down to 0."""
ACTION_NAME: Final = "Amazon EKS Node Group Capacity Scaledown Before Reservation End"
"""Name of the scheduled action (EKS user guide, managed node groups with Capacity Blocks, high)."""


def plan_scale_down(group: NodeGroupRecord, template: Mapping[str, Any], reservations: Reservations) -> None:
    """Make the scheduled action of a group on a block; one for the same reservation stays as it is.

    Args:
        group: the node group.
        template: LaunchTemplateData of its nodes.
        reservations: of its account and region.
    """
    reservation_id = reservation_target(template).get("CapacityReservationId")
    if not group.is_on_blocks or (group.scale_down is not None and group.scale_down.reservation_id == reservation_id):
        return
    reservation = reservations.by_id.get(reservation_id or "")
    end = None if reservation is None else reservation.end
    group.scale_down = (
        None if reservation is None or end is None else ScheduledScaleDown(reservation_id=reservation.id, made_for=end)
    )


def scale_down_moment(group: NodeGroupRecord, reservations: Reservations) -> datetime | None:
    """Moment of EKS's own scale-down; None where there is none, or it has happened."""
    if group.scale_down is None:
        return None
    end = group.scale_down.made_for
    reservation = reservations.by_id.get(group.scale_down.reservation_id)
    if SCALE_DOWN_KEEPS_ITS_TIME.fault in SIMULATED_ACCOUNT.readings and reservation is not None:
        end = reservation.end or end
    return end - OWN_SCALE_DOWN
