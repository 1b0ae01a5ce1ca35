"""Launch rules on capacity: markets, reservations, blocks and placement groups."""

from typing import Final

from ultrafleet.catalog.capacity_blocks import NO_PLACEMENT_GROUP
from ultrafleet.rehearsal.assumptions import GROUPS_WORK
from ultrafleet.rehearsal.ec2.rules.launch_request import CAPACITY_BLOCK, LaunchFacts
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT
from ultrafleet.rules.zones import is_local_zone

_PENDING: Final = ("scheduled", "payment-pending", "pending", "assessing", "delayed")
_MARKET: Final = "The market type (purchasing) option is not valid. Choose a different market type and try again"
_NO_ROOM: Final = (
    "The requested reservation does not have sufficient compatible and available capacity for this request."
)


def block_without_target(facts: LaunchFacts) -> str | None:
    """The market of capacity blocks, and no reservation named."""
    if facts.market == CAPACITY_BLOCK and not facts.target_id and not facts.target_group_arn:
        return "You must specify a Capacity Reservation target when the market type is capacity-block."
    return None


def unknown(facts: LaunchFacts) -> str | None:
    """There is no such reservation."""
    if facts.target_id and facts.reservation is None:
        return f"The capacity reservation ID '{facts.target_id}' does not exist"
    return None


def group_unknown(facts: LaunchFacts) -> str | None:
    """There is no such resource group."""
    if facts.target_group_arn and not facts.target_group_exists:
        return f"The Capacity Reservation resource group '{facts.target_group_arn}' does not exist."
    return None


def group_in_local_zone(facts: LaunchFacts) -> str | None:
    """The target is a resource group, and the subnet is in a Local Zone."""
    in_local_zone = facts.target_group_arn and facts.zone is not None and is_local_zone(facts.zone)
    wrong = in_local_zone and GROUPS_WORK not in SIMULATED_ACCOUNT.readings
    return f"Capacity Reservation groups are not supported in the Local Zone {facts.zone}." if wrong else None


def block_market_missing(facts: LaunchFacts) -> str | None:
    """A capacity block is named without the capacity-block market."""
    is_block = facts.reservation is not None and facts.reservation.is_block
    return _MARKET if is_block and facts.market != CAPACITY_BLOCK else None


def block_market_without_block(facts: LaunchFacts) -> str | None:
    """The capacity-block market is named with an on-demand reservation."""
    on_demand = facts.reservation is not None and not facts.reservation.is_block
    return _MARKET if on_demand and facts.market == CAPACITY_BLOCK else None


def sold_in_blocks_only(facts: LaunchFacts) -> str | None:
    """The type isn't sold on demand."""
    options = facts.catalog_type.purchase_options if facts.catalog_type is not None else None
    named = facts.target_id or facts.reservation is not None or facts.market == CAPACITY_BLOCK
    if options is None or "on-demand" in options or named:
        return None
    return _MARKET


def placement_group_with_block(facts: LaunchFacts) -> str | None:
    """The placement rule of capacity blocks."""
    if facts.placement_group_name and facts.market == CAPACITY_BLOCK:
        return f"{NO_PLACEMENT_GROUP.value}."
    return None


def placement_group_outside_reservation(facts: LaunchFacts) -> str | None:
    """A cluster placement group is named with a reservation outside of it."""
    group, reservation = facts.placement_group, facts.reservation
    if group is None or group.strategy != "cluster" or reservation is None or reservation.is_block:
        return None
    if reservation.placement_group_arn is not None:
        return None
    return (
        f"We currently do not have sufficient {facts.request.instance_type} capacity in the placement group "
        f"'{group.name}': the targeted Capacity Reservation was not created in it."
    )


def none_left(facts: LaunchFacts) -> str | None:
    """No reservation of the group fits, and the request excludes on-demand capacity."""
    searched = facts.target_group_arn is not None and facts.target_group_exists
    bound = facts.market == CAPACITY_BLOCK or facts.preference == "capacity-reservations-only"
    return _NO_ROOM if searched and bound and facts.reservation is None else None


def pending(facts: LaunchFacts) -> str | None:
    """The reservation isn't active yet."""
    return "Your Capacity Block is not active yet." if _state(facts) in _PENDING else None


def over(facts: LaunchFacts) -> str | None:
    """The reservation is over or failed."""
    state = _state(facts)
    if state is None or state == "active" or state in _PENDING:
        return None
    return f"The Capacity Reservation is in the '{state}' state. Instances can be launched into active ones only."


def unlaunchable(facts: LaunchFacts) -> str | None:
    """The reservation is active and unlaunchable."""
    broken = facts.reservation is not None and not facts.reservation.launchable
    return "The Capacity Reservation is unlaunchable." if broken else None


def reclaimed(facts: LaunchFacts) -> str | None:
    """The block is about to end."""
    reservation = facts.reservation
    if reservation is None or reservation.reclaim_start is None or reservation.state(SIMULATED_ACCOUNT.now) != "active":
        return None
    late = SIMULATED_ACCOUNT.now >= reservation.reclaim_start
    return f"The Capacity Block ends at {reservation.end:%Y-%m-%dT%H:%M:%SZ}." if late else None


def other_zone(facts: LaunchFacts) -> str | None:
    """The subnet is in another zone."""
    reservation = facts.reservation
    if reservation is None or facts.zone is None or facts.zone == reservation.availability_zone:
        return None
    return _NO_ROOM


def other_type(facts: LaunchFacts) -> str | None:
    """The reservation holds another type."""
    reservation = facts.reservation
    return None if reservation is None or reservation.instance_type == facts.request.instance_type else _NO_ROOM


def other_platform(facts: LaunchFacts) -> str | None:
    """The image is of another platform."""
    return None if facts.reservation is None or facts.reservation.platform == facts.platform else _NO_ROOM


def other_tenancy(facts: LaunchFacts) -> str | None:
    """The reservation has another tenancy."""
    return None if facts.reservation is None or facts.reservation.tenancy == facts.tenancy else _NO_ROOM


def full(facts: LaunchFacts) -> str | None:
    """Every instance of the reservation is in use."""
    return _NO_ROOM if _state(facts) == "active" and facts.reservation_room < 1 else None


def not_its_placement_group(facts: LaunchFacts) -> str | None:
    """The reservation is in a placement group that the request doesn't name."""
    reservation = facts.reservation
    if reservation is None or reservation.placement_group_arn is None:
        return None
    group = facts.placement_group
    same = group is not None and group.arn == reservation.placement_group_arn
    # An unknown group is refused for being unknown.
    return None if same or (facts.placement_group_name and group is None) else _NO_ROOM


def _state(facts: LaunchFacts) -> str | None:
    return None if facts.reservation is None else facts.reservation.state(SIMULATED_ACCOUNT.now)
