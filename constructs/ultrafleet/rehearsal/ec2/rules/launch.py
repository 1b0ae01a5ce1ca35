"""Launch rules of EC2: the check of each rule in `rehearsal/refusals/ec2.py`, by its id."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from ultrafleet.rehearsal.ec2.rules import launch_capacity as reservation
from ultrafleet.rehearsal.ec2.rules import launch_instance as shape
from ultrafleet.rehearsal.ec2.rules.launch_request import LaunchFacts
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.refusals import LAUNCH_REFUSALS, RESERVATION_REFUSALS, RefusalRule
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, refuse_first

LAUNCH_RULES: Final[list[RefusalRule]] = [*LAUNCH_REFUSALS]
"""Every reason to refuse, in the order in which they are asked."""

REASONS: Final[Mapping[str, Callable[[LaunchFacts], str | None]]] = {
    "type-unknown": shape.type_unknown,
    "subnet-unknown": shape.subnet_unknown,
    "type-not-in-zone": shape.type_not_in_zone,
    "efa-unsupported": shape.efa_unsupported,
    "interface-limit": shape.interface_limit,
    "interface-layout": shape.interface_layout,
    "public-ip-with-many-interfaces": shape.public_ip_with_many_interfaces,
    "groups-beside-interfaces": shape.groups_beside_interfaces,
    "security-group-unknown": shape.security_group_unknown,
    "security-group-of-another-vpc": shape.security_group_of_another_vpc,
    "efa-security-group": shape.efa_security_group,
    "user-data-too-long": shape.user_data_too_long,
    "ami-architecture": shape.ami_architecture,
    "subnet-full": shape.subnet_full,
    "secondary-subnet-unknown": shape.secondary_subnet_unknown,
    "secondary-subnet-zone": shape.secondary_subnet_of_another_zone,
    "secondary-subnet-full": shape.secondary_subnet_full,
    "placement-group-unknown": shape.placement_group_unknown,
    "block-without-target": reservation.block_without_target,
    "reservation-unknown": reservation.unknown,
    "reservation-group-unknown": reservation.group_unknown,
    "reservation-group-local-zone": reservation.group_in_local_zone,
    "block-market-missing": reservation.block_market_missing,
    "block-market-without-block": reservation.block_market_without_block,
    "sold-in-blocks-only": reservation.sold_in_blocks_only,
    "placement-group-with-block": reservation.placement_group_with_block,
    "placement-group-without-reservation": reservation.placement_group_outside_reservation,
    "no-reservation-left": reservation.none_left,
    "reservation-pending": reservation.pending,
    "reservation-over": reservation.over,
    "reservation-unlaunchable": reservation.unlaunchable,
    "reservation-reclaim": reservation.reclaimed,
    "reservation-zone": reservation.other_zone,
    "reservation-type": reservation.other_type,
    "reservation-platform": reservation.other_platform,
    "reservation-tenancy": reservation.other_tenancy,
    "reservation-full": reservation.full,
    "reservation-placement-group": reservation.not_its_placement_group,
}
"""AWS's message where the rule of that id refuses a launch, else None."""


def settled(facts: LaunchFacts) -> LaunchFacts:
    """Facts with the reservation that EC2 picks where the request names none: the first that no rule refuses.

    A group without any leaves an on-demand launch on demand (EC2 user guide, Capacity Reservation groups, high).
    """
    if facts.reservation is not None:
        return facts
    reservations = SIMULATED_ACCOUNT.part(Reservations, facts.request.account_id, facts.request.region)
    for candidate in facts.candidates:
        with_it = replace(facts, reservation=candidate, reservation_room=reservations.available(candidate))
        if all(REASONS[rule.id](with_it) is None for rule in RESERVATION_REFUSALS):
            return with_it
    return facts


def check(facts: LaunchFacts) -> None:
    """Raise the Refusal of the first launch rule that refuses.

    Raises:
        Refusal: of the first rule that refuses.
    """
    refuse_first(LAUNCH_RULES, REASONS, facts)
